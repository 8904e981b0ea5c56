"""Coordinates in an infobox from before {{coord}}: latd, latm, lats, latNS, longd, …, in the many spellings of their time.

Also what de.wikipedia's infoboxes have to this day: BREITENGRAD and LÄNGENGRAD, as in its Vorlage:Coordinate.
"""

import re
from collections.abc import Mapping

from index.errors import InputError
from index.records import Place
from index.wikimedia.angles import check_globe, degrees, place_from_axes, place_from_text

_AXES = {"lat": "lat|latitude|breitengrad", "lon": "lon|long|lng|longitude|längengrad"}
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
    if re.search(r"[°NSEW]", said["lat"]["whole"] + said["lon"]["whole"]):
        return place_from_text(f"{said['lat']['whole']} {said['lon']['whole']}")
    for axis, letters in (("lat", "NS"), ("lon", "EW")):
        letter = said[axis]["letter"] = said[axis].get("letter", "")[:1].upper()
        if letter and letter not in letters:
            raise InputError(f"malformed coordinate in the infobox: expected {letters[0]} or {letters[1]}, got '{letter}'")
    lat, lon = (
        degrees([parts["whole"], parts.get("minutes", ""), parts.get("seconds", "")], parts["letter"]) for parts in said.values()
    )
    return Place(lat=lat, lon=lon)
