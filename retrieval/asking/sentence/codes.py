"""Places in codes: geohash, Open Location Code (plus codes), MGRS and UTM.

A code is read where nothing else can be meant. A geohash looks like any word, so it has to be written ``geohash:ezs42``. A short
plus code needs a place to start from, which nobody states; UTM's '33 S' may be a band or the south.
"""

import re
from collections.abc import Iterator

from index.records import Place
from retrieval.asking.sentence.taken import Taken, read_as, stays

_GEOHASH = re.compile(
    r"\b(?:geohash(?:\s*[:=]\s*|\s+(?=\S*\d))|(?:https?://)?(?:www\.)?geohash\.org/)([0-9b-hjkmnp-z]{1,12})\b", re.IGNORECASE
)
_LIKE_GEOHASH = re.compile(r"(?=(?:[a-z]*\d){2})(?=(?:\d*[a-z]){2})[0-9b-hjkmnp-z]{5,12}", re.IGNORECASE)
_DIGITS = "23456789CFGHJMPQRVWX"  # of plus codes
_PLUS = re.compile(
    rf"(?<![\w+])([{_DIGITS}]{{8}}\+(?:[{_DIGITS}]{{2,7}})?|[{_DIGITS}]{{2}}0{{6}}\+|[{_DIGITS}]{{4}}0{{4}}\+|[{_DIGITS}]{{6}}00\+)(?![\w+])",
    re.IGNORECASE,
)
_SHORT_PLUS = re.compile(rf"(?<![\w+])(?=\S*[A-Z])([{_DIGITS}]{{4}}|[{_DIGITS}]{{6}})\+[{_DIGITS}]{{2,3}}(?![\w+])")
_MGRS = re.compile(
    r"(?<![\w.])(?P<named>MGRS\s*[:=]?\s*)?(?P<code>(?P<zone>\d{1,2})\s?[C-HJ-NP-X]\s?[A-HJ-NP-Z][A-HJ-NP-V]\s?(?P<digits>\d{2,5}\s\d{2,5}|\d{4,10}))(?![\w.])"
)
_UTM = re.compile(
    r"(?<![\w.])(?:UTM\s*[:=]?\s*)?(?:zone\s*)?(?P<zone>[1-9]|[1-5]\d|60)\s?(?P<band>[C-HJ-NP-X]|north|south)[\s,]+"
    r"(?P<east>[1-9]\d{5}(?:\.\d+)?)\s?m?\s?E?[\s,]+(?P<north>\d{1,8}(?:\.\d+)?)\s?m?\s?N?(?![\w.])",
)


def codes(text: str) -> Iterator[Taken]:
    """Every code in the text, and notes on those that only may be one."""
    yield from _geohashes(text)
    yield from _plus_codes(text)
    yield from _utm(text)
    yield from _mgrs(text)


def _geohashes(text: str) -> Iterator[Taken]:
    for match in _GEOHASH.finditer(text):
        import pygeohash

        at = pygeohash.decode(match[1].lower())
        yield read_as(text, match.start(), match.end(), Place(lat=at.latitude, lon=at.longitude), "geohash")
    if _LIKE_GEOHASH.fullmatch(text.strip()):
        start = text.index(text.strip())
        yield stays(text, start, start + len(text.strip()), f"write geohash:{text.strip()} if it is a geohash")


def _plus_codes(text: str) -> Iterator[Taken]:
    for match in _PLUS.finditer(text):
        from openlocationcode import openlocationcode

        if openlocationcode.isFull(match[1]):
            area = openlocationcode.decode(match[1])
            yield read_as(text, match.start(), match.end(), Place(lat=area.latitudeCenter, lon=area.longitudeCenter), "plus code")
    for match in _SHORT_PLUS.finditer(text):
        why = "a short plus code needs a place to start from; give the full one, with 8 characters before the +"
        yield stays(text, match.start(), match.end(), why)


def _utm(text: str) -> Iterator[Taken]:
    for match in _UTM.finditer(text):
        band, zone, start, stop = match["band"], int(match["zone"]), match.start(), match.end()
        if band == "S":
            why = f"S may be the band of 32 to 40 degrees north or the south; write '{zone} north' or '{zone} south'"
            yield stays(text, start, stop, why)
            continue
        south = band == "south" or band < "N"
        place = _of_utm(zone, float(match["east"]), float(match["north"]), south=south)
        if place is not None and (len(band) > 1 or band == "N" or _in_band(place.lat, band)):
            yield read_as(text, start, stop, place, f"UTM zone {zone} {'south' if south else 'north'}")
        else:
            yield stays(text, start, stop, f"no place in band {band} has these UTM coordinates; correct the band or the numbers")


def _of_utm(zone: int, east_m: float, north_m: float, *, south: bool) -> Place | None:
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(32700 + zone if south else 32600 + zone, 4326, always_xy=True).transform(east_m, north_m)
    return Place(lat=lat, lon=lon) if abs(lat) <= 84.5 and abs(lon) <= 180 else None


def _in_band(lat: float, band: str) -> bool:
    """Whether a latitude is in a band of 8 degrees, X of 12, or within half a degree of it."""
    south = -80 + 8 * "CDEFGHJKLMNPQRSTUVWX".index(band)
    return south - 0.5 <= lat <= south + (12 if band == "X" else 8) + 0.5


def _mgrs(text: str) -> Iterator[Taken]:
    """With fewer than 8 digits only alone or after 'MGRS': '22TKR4455' may be a number plate."""
    for match in _MGRS.finditer(text):
        first, _, second = match["digits"].partition(" ")
        even = len(first) == len(second) if second else len(first) % 2 == 0
        alone = not (text[: match.start()] + text[match.end() :]).strip(" \t\n.,;()")
        if not even or not 1 <= int(match["zone"]) <= 60 or not (match["named"] or alone or len(first + second) >= 8):
            continue
        place = _of_mgrs(re.sub(r"\s", "", match["code"]))
        if place is not None:
            yield read_as(text, match.start(), match.end(), place, "MGRS")


def _of_mgrs(code: str) -> Place | None:
    """The corner in the south-west, as the code has it; None where there is no such square."""
    from mgrs import MGRS
    from mgrs.core import MGRSError

    try:
        lat, lon = MGRS().toLatLon(code)
    except MGRSError:
        return None
    return Place(lat=float(lat), lon=float(lon))
