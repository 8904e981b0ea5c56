"""Angles as people write them: decimals, degrees-minutes-seconds, hemisphere letters. Text and template fields -> ``Place``.

One rule everywhere: latitude comes first unless the letters say otherwise, a letter and a minus sign never go together, minutes and
seconds lie in [0, 60). What breaks a rule is refused (``InputError`` with the text as it stood), never guessed.
"""

import re
from collections.abc import Sequence

from index.errors import InputError
from index.records import Place

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_SIGNS = str.maketrans({"−": "-", "°": " ", "′": " ", "″": " ", "º": " ", "'": " ", '"': " ", "’": " ", "”": " "})
_IN_TEXT = re.compile(r"[+-]?\d+(?:\.\d+)?|\b[NSEW]\b|(?<=\d)[NSEW]", re.IGNORECASE)


def degrees(parts: Sequence[str], hemisphere: str = "") -> float:
    """Signed decimal degrees of [degrees, minutes, seconds] (the latter may be empty or absent) and 'N', 'S', 'E', 'W' or ''."""
    shown = "|".join([*parts, hemisphere] if hemisphere else parts)
    texts = [part.translate(_SIGNS).strip() for part in parts]
    if not all(_NUMBER.fullmatch(text) for text in texts if text) or not texts or not texts[0]:
        raise InputError(f"malformed coordinate '{shown}'; expected numbers for degrees, minutes and seconds")
    whole, minutes, seconds = (float(text or 0) for text in [*texts, "", ""][:3])
    negative = texts[0].startswith("-")
    if not (0 <= minutes < 60 and 0 <= seconds < 60):
        raise InputError(f"malformed coordinate '{shown}'; minutes and seconds must lie in [0, 60)")
    if negative and hemisphere and whole:
        raise InputError(f"malformed coordinate '{shown}'; a minus sign and a hemisphere letter contradict each other")
    size = abs(whole) + minutes / 60 + seconds / 3600
    return -size if hemisphere.upper() in ("S", "W") or (negative and not hemisphere) else size


def place_from_fields(fields: Sequence[str]) -> Place | None:
    """A place from the fields of a coordinate in order: '51', '30', 'N', '0', '7', 'W' or '51.5', '-0.12', then anything.

    None where there is no digit (an empty form). The rules are those of Wikipedia's Module:Coordinates, longitude first included.
    Raises ``InputError``: malformed or out of range.
    """
    fields = [field.strip() for field in fields]
    ends = [position for position, field in enumerate(fields[:8]) if field.upper() in ("N", "S", "E", "W")]
    numbers = fields[: ends[-1]] if ends else fields[:2]
    if not any(character.isdigit() for field in numbers for character in field):
        return None
    shown = "|".join(fields[:9])
    if not ends:
        if len(fields) < 2 or not fields[1] or (len(fields) > 2 and _NUMBER.fullmatch(fields[2].translate(_SIGNS).strip())):
            raise InputError(f"malformed coordinate '{shown}'; expected two decimal numbers, or letters N/S and E/W")
        return Place(lat=degrees(fields[:1]), lon=degrees(fields[1:2]))
    if len(ends) != 2 or not 1 <= ends[0] <= 3 or not 2 <= ends[1] - ends[0] <= 4:
        raise InputError(f"malformed coordinate '{shown}'; expected one of N/S and one of E/W, each after its numbers")
    first, second = fields[ends[0]].upper(), fields[ends[1]].upper()
    if (first in "NS") == (second in "NS"):
        raise InputError(f"malformed coordinate '{shown}'; expected one of N/S and one of E/W")
    angles = degrees(fields[: ends[0]], first), degrees(fields[ends[0] + 1 : ends[1]], second)
    lat, lon = angles if first in "NS" else angles[::-1]
    return Place(lat=lat, lon=lon)


def place_from_axes(lat: str, lon: str) -> Place | None:
    """A place from one field for each axis, as de.wikipedia writes them: '52/31/12/N' (parts may be empty) or '-33.86'.

    None where neither has a digit. Raises ``InputError``: malformed, out of range, or only one of the two.
    """
    there = [any(character.isdigit() for character in field) for field in (lat, lon)]
    if not any(there):
        return None
    if not all(there):
        raise InputError(f"malformed coordinate '{lat}|{lon}'; expected a latitude and a longitude")
    return Place(lat=_axis(lat, "NS"), lon=_axis(lon, "EW"))


def _axis(field: str, letters: str) -> float:
    parts = [part.strip() for part in field.split("/")]
    hemisphere = parts.pop() if parts[-1].isalpha() else ""
    if hemisphere.upper() not in ("", *letters) or len(parts) > 3:
        raise InputError(
            f"malformed coordinate '{field}'; expected degrees/minutes/seconds/{letters[0]} or {letters[1]}, or a decimal"
        )
    return degrees(parts, hemisphere)


def place_from_text(text: str) -> Place | None:
    """A place from running text such as ``51°30′26″N 0°7′39″W`` or ``51.507, -0.128``; None where there is no digit.

    Wikipedia shows several notations in a row ("… / 51.5°N 0.13°W / 51.5; -0.13"): the first is taken.
    """
    first = text.replace("\ufeff", "").split("/")[0]
    fields = _IN_TEXT.findall(first.translate(_SIGNS))
    letters = [position for position, field in enumerate(fields) if field.isalpha()]
    if len(letters) > 1:
        fields = fields[: letters[1] + 1]
    return place_from_fields(fields)


def globe_in(fields: Sequence[str]) -> str:
    """The globe that one of the fields names ("globe:moon_type:landmark"), or ''."""
    return next((found[1] for each in fields if (found := re.search(r"globe:([a-z]+)", each, re.IGNORECASE))), "")


def check_globe(globe: str) -> None:
    """Raises ``InputError`` for the moon, Mars and all other globes than ours; '' is Earth."""
    name = globe.strip().lower()
    if name not in ("", "earth"):
        raise InputError(f"the coordinate is on another globe ({name[:20]}), not on Earth")
