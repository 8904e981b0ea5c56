"""Coordinates in an infobox from before {{coord}}: latd, latm, lats, latNS, longd, …, in the many spellings of their time.

Also the fields that de.wikipedia's infoboxes still have: BREITENGRAD and LÄNGENGRAD, as in its Vorlage:Coordinate.
"""

import re
from collections.abc import Mapping

from index.errors import InputError
from index.records import Place
from index.wikimedia.angles import angle_from_text, check_globe, degrees, place_from_axes
from index.wikimedia.hemispheres import hemisphere

_AXES = {"lat": "lat|latitude|breitengrad", "lon": "lon|long|lng|longitude|längengrad"}
_LETTERS_OF = {"lat": ("N", "S"), "lon": ("E", "W")}
_PARTS = {
    "whole": "|d|deg|degrees|dd",
    "minutes": "m|min|minutes",
    "seconds": "s|sec|seconds",
    "letter": "ns|ew|dir|direction|hem|h",
}
_OLD_FIELDS = {
    f"{axis_name}{joint}{part_name}": (axis, part)
    for axis, axis_names in _AXES.items()
    for axis_name in axis_names.split("|")
    for part, part_names in _PARTS.items()
    for part_name in part_names.split("|")
    for joint in ("", "_")
}
# Fields of any other name that may hold a hemisphere: lat_ref, latitude_hemisphere, NS, E_or_W; not latin_name and long_name.
_MAY_BE_LETTER = re.compile(
    r"(?!latin|\w{0,20}(?:name|label|caption))(?:lat|lon|lng|breite|länge)\w{0,20}|n_?(?:or_?)?s|e_?(?:or_?)?w"
)


def place_of_old_fields(values: Mapping[str, str]) -> Place | None:
    """latd/latm/lats/latNS and longd/… in any of their spellings, or latitude= and longitude= (decimals, or text with °)."""
    said: dict[str, dict[str, str]] = {"lat": {}, "lon": {}}
    for name, value in values.items():
        if value and name in _OLD_FIELDS:
            axis, part = _OLD_FIELDS[name]
            said[axis].setdefault(part, value)
    there = [axis for axis in said if re.search(r"\d", said[axis].get("whole", ""))]
    if len(there) < 2:
        if there:
            raise InputError(f"the infobox has a {'latitude' if 'lat' in there else 'longitude'} only; it needs both")
        return None
    check_globe(values.get("globe", ""))
    if "/" in said["lat"]["whole"] + said["lon"]["whole"]:
        return place_from_axes(said["lat"]["whole"], said["lon"]["whole"])
    letters = _letters(values)
    return Place(lat=_degrees(said["lat"], letters, "NS"), lon=_degrees(said["lon"], letters, "EW"))


def _letters(values: Mapping[str, str]) -> set[str]:
    """The hemispheres named by fields next to the numbers. Raises ``InputError`` if such a field names none."""
    letters = set()
    for name, value in values.items():
        axis, part = _OLD_FIELDS.get(name, ("", ""))
        if not value or not (part == "letter" or (not axis and _MAY_BE_LETTER.fullmatch(name))):
            continue
        letter = hemisphere(value)
        if part == "letter" and letter not in _LETTERS_OF[axis]:
            expected = " or ".join(_LETTERS_OF[axis])
            raise InputError(f"malformed coordinate in the infobox: expected {expected}, got '{value[:20]}'")
        letters |= {letter} - {""}
    return letters


def _degrees(parts: Mapping[str, str], letters: set[str], axis: str) -> float:
    """The degrees of one axis. Its hemisphere may be in the number's field, in its own, in both (then they agree) or in none."""
    whole = angle_from_text(parts["whole"])
    named = {*(letters & set(axis)), *({whole.hemisphere} - {""})}
    minutes, seconds = parts.get("minutes", ""), parts.get("seconds", "")
    if len(named) > 1 or not named <= set(axis) or (any(whole.parts[1:]) and (minutes or seconds)):
        said = ", ".join(filter(None, [*parts.values(), *sorted(letters)]))
        raise InputError(f"malformed coordinate in the infobox: its fields contradict each other ({said[:80]})")
    return degrees(whole.parts if any(whole.parts[1:]) else [whole.parts[0], minutes, seconds], next(iter(named), ""))
