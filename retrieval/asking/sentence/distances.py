"""Distances in a sentence: 'within 200 km of Lima', 'near the coast of Chile'."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from index.places.country_names import code_of_name
from index.places.regions import continent_named
from index.records import Place
from index.search.filters import listed
from retrieval.asking.sentence.regions import regions_at
from retrieval.asking.sentence.rules import Rule, missing
from retrieval.asking.sentence.taken import GAP, as_degrees
from retrieval.asking.sentence.towns import MOST_WORDS, town_named

COAST_KM = 50.0  # 'near the coast'
FARTHEST_KM = 20_000.0
_KM_OF = {"k": 1.0, "mi": 1.609344, "n": 1.852, "m": 0.001}
_NUMBER = r"(?P<number>\d{1,3}(?:[,  ]\d{3})+(?!\d)|\d+(?:\.\d+)?)"
_LENGTH = rf"{_NUMBER}\s*-?(?P<unit>km|kms|kilomet(?:er|re)s?|mi|miles?|nautical\s+miles?|nmi|m|met(?:er|re)s?)\b"
# What may stand after a constraint; any other word makes it part of a longer phrase ('near the sea wall').
_END = (
    rf"(?=\s*(?:$|[.,;:!?)/\x00{GAP}]|\b(?:and|or|but|in|on|at|of|with|without|where|not|within|near|outside|inside|except|between|above|below"
    r"|north|south|east|west)\b))"
)
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


def distances(text: str, places: Mapping[int, Place]) -> Iterator[Rule]:
    """From a town, from a place that was read already (by where it begins), and from the sea."""
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
                yield Rule(start, at, {}, "", problem=label)
        elif not 0 < km <= FARTHEST_KM:
            yield Rule(start, at, {}, "", problem=f"a distance is above 0 and at most {FARTHEST_KM:,.0f} km")
        else:
            means = f"within {km:,.4g} km of {label}" if km < 1000 else f"within {km:,.0f} km of {label}"
            yield Rule(start, at, {"near": f"{place.lat},{place.lon},{km:.7g}"}, means, place)


def _center(text: str, start: int, places: Mapping[int, Place]) -> tuple[int, Place | None, str]:
    """Where the place that a distance is from ends, the place, and how to name it; without a place why there is none, or ''."""
    if text[start : start + 1] == GAP:
        end = len(text) - len(text[start:].lstrip(GAP))
        place = places.get(start)
        return end, place, as_degrees(place) if place else ""
    words = re.match(rf"[^\W\d_][\w.'’-]*(?:[ ][^\W\d_][\w.'’-]*){{0,{MOST_WORDS - 1}}}", text[start:])
    if not words:
        return start, None, ""
    if problem := missing():
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


def coasts(text: str) -> Iterator[Rule]:
    for match in _COAST.finditer(text):
        yield from _by_the_sea(text, match.start(), match.end(), match[0], COAST_KM)


def _by_the_sea(text: str, start: int, stop: int, phrase: str, km: float) -> Iterator[Rule]:
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
    yield Rule(start, stop, fields, means, problem=missing())
