"""Latitude and longitude written as numbers: decimal degrees, degrees with minutes and seconds, hemispheres in letters and words.

What people type holds many pairs of numbers that are no place: scores, prices, versions, dates. So there are two ways in. *Marked*
pairs are read anywhere: each number has a hemisphere, a degree sign or a name ('lat', 'lon'), or stands in WKT or GeoJSON. *Bare*
pairs ('48.2082, 16.3738') are read where they are the whole text, where both have four decimals or more, where both have two and a
preposition of place stands before them, or where a distance is from them. The order of bare numbers is latitude, longitude. What
cannot be one is not turned round.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from index.records import Place
from retrieval.asking.sentence.hemispheres import PATTERN, UNCLEAR, hemisphere_of, is_word
from retrieval.asking.sentence.taken import GAP, Taken, masked, read_as, stays

_HEMISPHERE = rf"(?i:{PATTERN})"
_MINUS, _SIGNS = "-−–", r"\-−–"
_AXIS_NAME = r"(?:\b(?i:latitude|longitude|lat|long|lon|lng)\b\.?\s*:?\s*)"
_DECIMALS = r"\d{1,3}(?:[.,]\d{1,15})?"
_DEGREE = r"(?:°|º|˚|(?i:degrees?|degs?|grad|graus|grados|degrés|d)\b\.?|(?i:d)(?=\s*\d)|度)"
_MINUTE = r"(?:['’′ʹ]|(?i:minutes?|min|m)(?![^\W\d_])\.?|分)"
_SECOND = r"(?:[\"”″ʺ]|''|’’|′′|(?:(?i:seconds?|sec)\b|s(?=[\s,;]*[NSEWO]))\.?|秒)"


def _angle(name: str) -> str:
    """The pattern of one angle, its groups named with ``name`` before them: a hemisphere on either side, degrees with or without
    minutes and seconds."""
    return rf"""
    (?:(?P<{name}before>{_HEMISPHERE})[\s.:]*)?
    (?P<{name}sign>[-+−–])?
    (?:(?P<{name}deg>\d{{1,3}})\s*(?:{_DEGREE}|:)\s*(?P<{name}min>\d{{1,2}}(?:[.,]\d+)?)\s*(?:{_MINUTE}|:)?
         (?:\s*(?P<{name}sec>\d{{1,2}}(?:[.,]\d+)?)\s*{_SECOND}?)?
     |(?P<{name}deg2>\d{{1,3}})[ ](?P<{name}min2>\d{{1,2}}(?:[.,]\d+)?)(?:[ ](?P<{name}sec2>\d{{1,2}}(?:[.,]\d+)?))?
         (?=\s*(?:{_HEMISPHERE}|[,;]|$|\s))
     |(?P<{name}whole>{_DECIMALS})\s*(?P<{name}mark>{_DEGREE})?
    )
    (?({name}before)|(?:\s*(?P<{name}after>{_HEMISPHERE}))?)
    """


_BEFORE_NUMBER = r"(?<![\w.,:/°'’+\-−–])"
_MARKED = re.compile(
    rf"{_BEFORE_NUMBER}{_angle('a_')}\s*(?:[,;/|]|\band\b|\by\b|\bund\b|\bet\b)?\s*{_AXIS_NAME}?{_angle('b_')}(?![\w°'’]|[.,]?\d)",
    re.VERBOSE,
)
_NUMBER = r"[-+−–]?(?:\d{1,3}(?:\.\d+)?|\.\d+)"
_EITHER = r"[-+−–]?\d{1,3}(?:[.,]\d+)?"
_QUOTE = r"[\"']?"
_LAT = rf"{_QUOTE}\b(?i:latitude|lat)\b{_QUOTE}\.?\s*(?:[:=]|is\b)?\s*(?P<lat>{_EITHER})\s*°?"
_LON = rf"{_QUOTE}\b(?i:longitude|long|lon|lng)\b{_QUOTE}\.?\s*(?:[:=]|is\b)?\s*(?P<lon>{_EITHER})\s*°?"
_BETWEEN = r"\s*(?:[,;&]|\band\b)?\s*"
_AFTER_NUMBER = r"(?![.,]?\d|\s*(?i:[NSEW])\b)"
_NAMED = [re.compile(rf"\{{?{first}{_BETWEEN}{second}{_AFTER_NUMBER}\}}?") for first, second in ((_LAT, _LON), (_LON, _LAT))]
_LONGITUDE_FIRST = [
    re.compile(rf"\bPOINT\s*(?:Z\s*)?\(\s*(?P<lon>{_NUMBER})\s+(?P<lat>{_NUMBER})(?:\s+{_NUMBER})?\s*\)", re.IGNORECASE),
    re.compile(
        rf"\{{[^{{}}]*\"coordinates\"\s*:\s*\[\s*(?P<lon>{_NUMBER})\s*,\s*(?P<lat>{_NUMBER})\s*(?:,\s*{_NUMBER}\s*)?\][^{{}}]*\}}"
    ),
]
_PLACING = re.compile(
    r"(?:\b(?:near|close\s+to|next\s+to|around|location|position|coordinates?|coords?|gps)\b\s*:?\s*"
    r"|(?<!ed )(?<!ing )\bat\s+|@\s*)[(\[]?$",  # not 'priced at', 'starting at'
    re.IGNORECASE,
)
_DISTANCE = re.compile(
    r"\d\s*(?:km|mi|miles|kilomet(?:er|re)s|m|met(?:er|re)s)\s+(?:radius\s+)?(?:of|from|around)\s+[(\[]?$", re.IGNORECASE
)
_BARE = re.compile(
    rf"(?<![\w.,:/+\-−–$€£°#])(?<!\d\s)(?P<lat>{_NUMBER})(?P<between>\s*[,;/]\s*|\s+)(?P<lon>{_NUMBER})(?![\w°%$€£]|[.,:/]?\d|[\s,;/]+[-+]?\d)"
)
_COMMAS = re.compile(rf"(?P<lat>[+{_SIGNS}]?\d{{1,3}},\d+)(?:\s*;\s*|\s+|,\s+|\s+/\s+)(?P<lon>[+{_SIGNS}]?\d{{1,3}},\d+)")
_ONE_OR_TWO = re.compile(rf"[+{_SIGNS}]?\d{{1,2}},[+{_SIGNS}]?\d{{1,3}}")
_FRAME = f" \t\n\"'()[]{{}}<>.;,{GAP}"


def coordinates(text: str) -> Iterator[Taken]:
    """Every pair in the text, and notes on those that may be one."""
    found: list[Taken] = []
    for scan in (_longitude_first, _named, _marked, _bare):
        found += [each for each in scan(masked(text, found)) if not _overlaps(each, found)]
    yield from found


def _overlaps(one: Taken, others: list[Taken]) -> bool:
    return any(one.begin < each.stop and each.begin < one.stop for each in others)


@dataclass(frozen=True)
class _Angle:
    """``axis`` is 'lat', 'lon', or '' where no hemisphere says it; ``unclear`` a hemisphere that languages read differently."""

    degrees: float
    axis: str
    parts: int  # 1: decimal degrees, 2: with minutes, 3: with seconds
    is_marked: bool  # by a degree sign or minutes
    has_fraction: bool
    is_sound: bool  # minutes and seconds under 60, one sign, one hemisphere
    unclear: str = ""


def _read_angle(match: re.Match[str], name: str) -> _Angle:
    group = match.groupdict()
    before, after, sign = (group[name + each] for each in ("before", "after", "sign"))
    written = before or after or ""
    hemisphere = hemisphere_of(written) if written else None
    whole = group[name + "deg"] or group[name + "deg2"] or group[name + "whole"]
    minutes, seconds = (group[name + each] or group[f"{name}{each}2"] for each in ("min", "sec"))
    degrees, minute, second = (_as_number(each or "0") for each in (whole, minutes, seconds))
    turn = hemisphere[1] if hemisphere else -1 if sign and sign in _MINUS else 1
    marked = bool(group[name + "mark"] or group[name + "deg"])
    return _Angle(
        degrees=turn * (degrees + minute / 60 + second / 3600),
        axis=hemisphere[0] if hemisphere else "",
        parts=1 + bool(minutes) + bool(seconds),
        is_marked=marked or bool(minutes),
        has_fraction="." in whole or "," in whole or bool(minutes),
        is_sound=minute < 60 and second < 60 and not (before and after) and not (hemisphere and sign and sign in _MINUS),
        unclear=written if written.upper() == UNCLEAR else "",
    )


def _marked(text: str) -> Iterator[Taken]:
    alone = _core(text)
    for match in _MARKED.finditer(text):
        one, two = _read_angle(match, "a_"), _read_angle(match, "b_")
        start, stop = match.span()
        whole = (start, stop) == alone
        written = [match[name + side] for name in ("a_", "b_") for side in ("before", "after") if match[name + side]]
        small = any(not is_word(each) and each.islower() for each in written)
        letters = bool(written) and not any(is_word(each) or each.islower() for each in written)
        fractions = one.has_fraction + two.has_fraction
        placed = whole or fractions or _PLACING.search(text[:start]) or _DISTANCE.search(text[:start])
        evident = one.is_marked or two.is_marked or fractions == 2 or (letters and placed)
        if not evident or (small and not whole and not (one.is_marked or two.is_marked)):
            continue
        if one.unclear or two.unclear:
            if {one.axis, two.axis} & {"lat"} or (one.unclear and two.axis) or (two.unclear and one.axis):
                yield stays(text, start, stop, "O may be east (Ost) or west (oeste, ouest, ovest); write E or W")
            continue
        axes = (one.axis, two.axis)
        if axes == ("", "") and not (whole and one.is_marked and two.is_marked and {one.parts, two.parts} != {0}):
            continue  # '30°, 45°' in a sentence are angles
        if "" in axes and axes != ("", ""):
            continue  # half of it is no pair: '20 m N, 5'
        if axes[0] == axes[1] != "":
            continue  # two latitudes are no place
        lat, lon = (one, two) if axes[0] in ("lat", "") else (two, one)
        how = ("decimal degrees", "degrees and minutes", "degrees, minutes and seconds")[max(one.parts, two.parts) - 1]
        if not (one.is_sound and two.is_sound):
            yield stays(text, start, stop, "minutes and seconds are under 60, and a number has one sign or one hemisphere")
        elif place := _place(lat.degrees, lon.degrees):
            yield read_as(text, start, stop, place, how)
        else:
            yield stays(text, start, stop, "latitudes go to 90 degrees and longitudes to 180")


def _named(text: str) -> Iterator[Taken]:
    for pattern in _NAMED:
        for match in pattern.finditer(text):
            yield _pair(text, match, "decimal degrees")


def _longitude_first(text: str) -> Iterator[Taken]:
    for pattern, how in zip(_LONGITUDE_FIRST, ("WKT, longitude first", "GeoJSON, longitude first"), strict=True):
        for match in pattern.finditer(text):
            yield _pair(text, match, how)


def _pair(text: str, match: re.Match[str], how: str) -> Taken:
    place = _place(_as_number(match["lat"]), _as_number(match["lon"]))
    if place is None:
        return stays(text, *match.span(), "latitudes go to 90 degrees and longitudes to 180")
    return read_as(text, *match.span(), place, how)


def _bare(text: str) -> Iterator[Taken]:
    start, stop = _core(text)
    alone = text[start:stop]
    if match := _COMMAS.fullmatch(alone):
        yield _with_commas(text, start, stop, match)
        return
    if _ONE_OR_TWO.fullmatch(alone):
        yield stays(text, start, stop, f"it may be one number or two; write '{alone.replace(',', ', ')}' for a place")
        return
    for match in _BARE.finditer(text):
        lat, lon, whole = match["lat"], match["lon"], match.span() == (start, stop)
        decimals = min(len(each.partition(".")[2]) for each in (lat, lon))
        signed = decimals >= 1 and any(each[0] in f"+{_MINUS}" for each in (lat, lon))
        listed = bool(match["between"].strip())
        before = text[: match.start()]
        if not (
            (whole and (decimals >= 2 or signed or (listed and "/" not in match["between"])))
            or (listed and decimals >= 4)
            or (listed and decimals >= 2 and _PLACING.search(before))
            or (listed and decimals >= 1 and _DISTANCE.search(before))
        ):
            continue
        place = _place(_as_number(lat), _as_number(lon))
        if place is not None:
            yield read_as(text, *match.span(), place, "decimal degrees")
        elif abs(_as_number(lat)) <= 180 and abs(_as_number(lon)) <= 90:
            why = f"no latitude is {lat}; if the longitude comes first, write '{lon}, {lat}'"
            yield stays(text, *match.span(), why)
        elif whole:
            yield stays(text, *match.span(), "latitudes go to 90 degrees and longitudes to 180")


def _with_commas(text: str, start: int, stop: int, match: re.Match[str]) -> Taken:
    if all(len(match[axis].partition(",")[2]) == 3 for axis in ("lat", "lon")):
        return stays(text, start, stop, "its commas may be of decimals or of thousands; write points for a place")
    place = _place(_as_number(match["lat"]), _as_number(match["lon"]))
    if place is None:
        return stays(text, start, stop, "latitudes go to 90 degrees and longitudes to 180")
    return read_as(text, start, stop, place, "decimal degrees with commas")


def _core(text: str) -> tuple[int, int]:
    """Where the text begins and ends without brackets, quotes, a final stop and words that only lead to a place."""
    stop = len(text.rstrip(_FRAME)) if text.rstrip(_FRAME) else len(text)
    start = len(text) - len(text.lstrip(_FRAME))
    leading = re.match(
        r"(?:(?:my|the|location|position|coordinates?|coords?|gps|point|at|near|@)\b\s*:?\s*)+", text[start:], re.IGNORECASE
    )
    return (start + leading.end() if leading else start), stop


def _as_number(written: str) -> float:
    return float(written.replace(",", ".").translate({ord(each): "-" for each in _MINUS}))


def _place(lat: float, lon: float) -> Place | None:
    return Place(lat=lat, lon=lon) if abs(lat) <= 90 and abs(lon) <= 180 else None
