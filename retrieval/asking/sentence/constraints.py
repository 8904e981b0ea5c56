"""Constraints in a sentence, read as filters by rules: regions, distances, the coast, latitudes, hemispheres and heights.

A rule is an English phrase with a number or a name of the gazetteer in it. A phrase that a rule cannot read to its end stays
words: 'near the coast of Dalmatia', 'in the north of the town'. What may mean two things stays words as well, with a note.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

from index.records import BBox, Place
from index.search.filter_text import area_as_value, heights_as_value, read_heights
from index.search.filters import listed
from retrieval.asking.sentence.distances import coasts, distances
from retrieval.asking.sentence.heights import heights
from retrieval.asking.sentence.latitudes import latitudes
from retrieval.asking.sentence.regions import regions_at
from retrieval.asking.sentence.rules import WORLD, Rule, missing
from retrieval.asking.sentence.taken import GAP, Taken, as_degrees, shown, stays

_OUTSIDE = re.compile(r"\b(?:outside(?:\s+of)?|not\s+(?:in|within|inside)|except(?:\s+for|\s+in)?|excluding)\s+", re.IGNORECASE)
_INSIDE = re.compile(r"\b(?:within|inside|in|throughout)\s+", re.IGNORECASE)
_EITHER = re.compile(r"\s*,?\s*\b(?:or|nor)\s+", re.IGNORECASE)
_NOT = re.compile(r"(?:\b(?:not|never|nowhere|neither|nor|no)|n['’]t)\s+\Z", re.IGNORECASE)


def constraints(text: str, places: Mapping[int, Place]) -> Iterator[Taken]:
    """Every constraint in the text, and notes on those that stay words. ``places`` are those that were read already, by where they
    begin; the text has gaps in their place. Fields of the filter are as ``Filter.parse`` takes them, one of each."""
    bbox, given = WORLD, dict[str, Any]()
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
            south, west, north, east = bbox
            fields["bbox"] = area_as_value(BBox(south=south, west=west, north=north, east=east))
        for name in ("inside", "outside"):
            if name in fields:
                fields[name] = tuple(dict.fromkeys([*given.get(name, ()), *fields[name]]))
        if "coast_km" in fields:
            fields["coast_km"] = min(fields["coast_km"], given.get("coast_km", math.inf))
        if "elevation_m" in fields:
            fields["elevation_m"] = _both_heights(fields["elevation_m"], given.get("elevation_m", ""))
            if not fields["elevation_m"]:
                yield stays(text, rule.start, rule.stop, "no height is in both this and what was said before")
                continue
        if "near" in fields and "near" in given:
            yield stays(text, rule.start, rule.stop, "a filter has one circle, and there is one already")
            continue
        given |= fields
        note = f"'{shown(_visible(text[rule.start : rule.stop], rule.place))}' was read as a filter: {rule.means}"
        yield Taken(rule.start, rule.stop, note, filter=fields)


def _joined(text: str, rules: list[Rule]) -> Iterator[Rule]:
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


def _rules(text: str, places: Mapping[int, Place]) -> Iterator[Rule]:
    """What the rules find, none over another: a distance before a coast before a region, which is only a name."""
    readers: tuple[Callable[[str], Iterator[Rule]], ...] = (
        partial(distances, places=places),
        coasts,
        latitudes,
        _regions,
        heights,
    )
    for reader in readers:
        rules = list(reader(text))
        yield from rules
        for rule in rules:
            text = text[: rule.start] + "\x00" * (rule.stop - rule.start) + text[rule.stop :]


def _regions(text: str) -> Iterator[Rule]:
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
                yield Rule(start, stop, {}, "", problem=problem)
            else:
                yield Rule(start, stop, {name: named.names}, f"{says} {listed(named.names)}", problem=missing())


def _both_heights(one: str, two: str) -> str:
    """The heights that are in two ranges, '' if none are. An empty range holds them all."""
    lows, highs = zip(*(read_heights(each) for each in (one, two)), strict=True)
    low = max((each for each in lows if each is not None), default=None)
    high = min((each for each in highs if each is not None), default=None)
    return "" if low is not None and high is not None and low > high else heights_as_value((low, high))


def _both(one: tuple[float, ...], two: tuple[float, ...]) -> tuple[float, float, float, float]:
    """The box that is in two boxes, neither across the antimeridian."""
    return max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3])
