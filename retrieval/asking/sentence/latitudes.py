"""Latitudes and longitudes that bound what is asked for: 'north of 60°', 'between 10°S and 10°N', 'southern hemisphere'."""

import re
from collections.abc import Iterator

from retrieval.asking.sentence.rules import WORLD, Rule

ARCTIC, TROPIC = 66.56, 23.44  # degrees, in 2026
_DEGREES = r"(\d{1,3}(?:\.\d+)?)\s*(?:°|º|degrees?\b|deg\b)"
_NO_HEAT = r"(?!\s*(?:[CF]\b|celsius|fahrenheit|centigrade|\d))"
_NORTH_SOUTH = r"(N\b|S\b|north(?!\s+of)\b|south(?!\s+of)\b)"
_EAST_WEST = r"(E\b|W\b|east(?!\s+of)\b|west(?!\s+of)\b)"
_BEYOND_LAT = re.compile(
    rf"\b(north|south)\s+of\s+(?:latitude\s+)?(?:{_DEGREES}\s*{_NORTH_SOUTH}?|(\d{{1,2}}(?:\.\d+)?)\s?([NS])\b){_NO_HEAT}",
    re.IGNORECASE,
)
_BEYOND_LON = re.compile(
    rf"\b(east|west)\s+of\s+(?:longitude\s+)?(?:{_DEGREES}\s*{_EAST_WEST}?|(\d{{1,3}}(?:\.\d+)?)\s?([EW])\b){_NO_HEAT}",
    re.IGNORECASE,
)
_ABOVE_LAT = re.compile(rf"\b(?:(above)\s+{_DEGREES}\s*(N\b|north\b)|(below)\s+{_DEGREES}\s*(S\b|south\b))", re.IGNORECASE)
_LINES = {
    "equator": 0.0, "tropic of cancer": TROPIC, "tropic of capricorn": -TROPIC, "arctic circle": ARCTIC, "polar circle": ARCTIC,
    "antarctic circle": -ARCTIC,
}  # fmt: skip
_BEYOND_LINE = re.compile(rf"\b(north\s+of|south\s+of|above|below)\s+the\s+({'|'.join(_LINES)})\b", re.IGNORECASE)
_CIRCLE = re.compile(r"\b(?:in|inside|within)\s+the\s+(arctic|antarctic)\s+circle\b", re.IGNORECASE)
_HEMISPHERE = re.compile(
    r"\b(not\s+(?:in|on)\s+the\s+|outside\s+(?:of\s+)?the\s+|(?:in|on|of|from|within)\s+the\s+)?(northern|southern|eastern|western)\s+hemisphere\b",
    re.IGNORECASE,
)
_BAND = re.compile(
    r"\bbetween\s+(\d{1,3}(?:\.\d+)?)\s*(?:°|º|degrees?|deg)?\s*([NSEW]\b|(?:north|south|east|west)\b)?\s*(?:and|to)\s+"
    rf"(\d{{1,3}}(?:\.\d+)?)\s*(?:°|º|degrees?|deg)?\s*([NSEW]|(?:north|south|east|west))\b(?!\s+of\b)(?:\s+latitude|\s+longitude)?{_NO_HEAT}",
    re.IGNORECASE,
)


def latitudes(text: str) -> Iterator[Rule]:
    yield from _beyond(text, _BEYOND_LAT, 90)
    yield from _beyond(text, _BEYOND_LON, 180)
    for match in _ABOVE_LAT.finditer(text):
        lat = float(match[2]) if match[1] else -float(match[5])
        if abs(lat) < 90:
            yield _bound(match, "north" if match[1] else "south", lat)
    for match in _BEYOND_LINE.finditer(text):
        side = "north" if match[1].lower().startswith(("north", "above")) else "south"
        yield _bound(match, side, _LINES[match[2].lower()])
    for match in _CIRCLE.finditer(text):
        yield _bound(match, *(("north", ARCTIC) if match[1].lower() == "arctic" else ("south", -ARCTIC)))
    for match in _HEMISPHERE.finditer(text):
        side = match[2].lower().removesuffix("ern")
        if (match[1] or "").lower().startswith(("not", "outside")):
            side = {"north": "south", "south": "north", "east": "west", "west": "east"}[side]
        yield _bound(match, side, 0.0)
    yield from _bands(text)


def _beyond(text: str, pattern: re.Pattern[str], bound: int) -> Iterator[Rule]:
    """'North of 60°'. Without a hemisphere only a latitude that one goes north of is clear: south of 60° may be of either."""
    for match in pattern.finditer(text):
        side, degrees, letter = match[1].lower(), float(match[2] or match[4]), (match[3] or match[5] or "")[:1].upper()
        if degrees >= bound:
            continue
        if not letter and side != "north":
            options = "N or S" if bound == 90 else "E or W"
            yield Rule(*match.span(), {}, "", problem=f"it may be {degrees:g}° {options}; write which")
            continue
        yield _bound(match, side, -degrees if letter in ("S", "W") else degrees)


def _bands(text: str) -> Iterator[Rule]:
    for match in _BAND.finditer(text):
        low_side, high_side = (match[2] or match[4])[:1].upper(), match[4][:1].upper()
        marked = re.search(r"°|º|deg", match[0]) or match[2] or len(match[4]) == 1
        if not marked or (low_side in "NS") != (high_side in "NS"):
            continue
        one, two = (
            -float(number) if side in "SW" else float(number) for number, side in ((match[1], low_side), (match[3], high_side))
        )
        low, high = sorted((one, two))
        if high_side in "NS" and abs(low) <= 90 and abs(high) <= 90 and low < high:
            yield Rule(*match.span(), {"bbox": (low, -180.0, high, 180.0)}, f"between {_lat(low)} and {_lat(high)}")
        elif high_side in "EW" and abs(low) <= 180 and abs(high) <= 180 and low < high:
            yield Rule(*match.span(), {"bbox": (-90.0, low, 90.0, high)}, f"between {_lon(low)} and {_lon(high)}")


def _bound(match: re.Match[str], side: str, degrees: float) -> Rule:
    south, west, north, east = WORLD
    box = {
        "north": (degrees, west, north, east), "south": (south, west, degrees, east),
        "east": (south, degrees, north, east), "west": (south, west, north, degrees),
    }[side]  # fmt: skip
    return Rule(*match.span(), {"bbox": box}, f"{side} of {_lat(degrees) if side in ('north', 'south') else _lon(degrees)}")


def _lat(degrees: float) -> str:
    return "the equator" if degrees == 0 else f"{abs(degrees):g}° {'N' if degrees > 0 else 'S'}"


def _lon(degrees: float) -> str:
    return "0°" if degrees == 0 else f"{abs(degrees):g}° {'E' if degrees > 0 else 'W'}"
