"""Heights of the ground in a sentence: 'above 2,000 m', 'below 300 ft above sea level', 'between 1,000 and 2,000 m'.

A height without a word for the sea or the ground is one of something else as often: trees over 30 m, towers over 200 m. It is read
as the ground's from ``CLEAR_M`` on, and below ``SMALL_M`` not even asked about.
"""

import re
from collections.abc import Iterator

from index.search.filter_text import MAX_METRES, heights_as_text, heights_as_value
from retrieval.asking.sentence.rules import Rule, missing

CLEAR_M, SMALL_M = 500.0, 100.0
HIGHEST_M = 6000.0  # hardly any ground is so high in the mean of 9 km that the map of heights has
BELOW_SEA_M = -10.0  # the map has steps of 28 m
_FOOT_M = 0.3048
_NUMBER = r"(-?\d{1,3}(?:[,   ]\d{3})+(?!\d)|-?\d+(?:\.\d+)?)"
_UNIT = r"\s*-?(m|masl|met(?:er|re)s?|ft|feet)\b"
_GROUND = r"(\s*,?\s*(?:above\s+(?:the\s+)?sea(?:\s+level)?|a\.?s\.?l\b\.?|(?:in\s+|of\s+)?(?:elevation|altitude)))?"
# What makes it the height, or a length, of something else: 'over 3,000 m tall', 'below 1,000 m of ice'.
_ELSE = (
    r"(?!\s+(?:of|tall|long|wide|deep|from|away|apart|thick|high|to|in\s+(?:diameter|length|depth)|underground|underwater"
    r"|below|the)\b)"
)
_BOUND = re.compile(
    rf"\b(?:(above|over|higher\s+than|at\s+least)|(below|under|lower\s+than|at\s+most|up\s+to))\s+{_NUMBER}{_UNIT}{_GROUND}{_ELSE}",
    re.IGNORECASE,
)
_BAND = re.compile(rf"\bbetween\s+{_NUMBER}(?:{_UNIT})?\s*(?:and|to)\s+{_NUMBER}{_UNIT}{_GROUND}{_ELSE}", re.IGNORECASE)
_BELOW_SEA = re.compile(r"\bbelow\s+(?:the\s+)?sea\s+level\b", re.IGNORECASE)


def heights(text: str) -> Iterator[Rule]:
    for match in _BAND.finditer(text):
        low, low_unit, high, unit, ground = match.groups()
        yield from _rule(match, _metres(low, low_unit or unit), _metres(high, unit), ground)
    for match in _BOUND.finditer(text):
        above, _, number, unit, ground = match.groups()
        metres = _metres(number, unit)
        yield from _rule(match, metres if above else None, None if above else metres, ground)
    for match in _BELOW_SEA.finditer(text):
        yield from _rule(match, None, BELOW_SEA_M, match[0])


def _rule(match: re.Match[str], least: float | None, most: float | None, ground: str | None) -> Iterator[Rule]:
    bounds = [each for each in (least, most) if each is not None]
    if max(map(abs, bounds)) > MAX_METRES or bounds != sorted(bounds):
        return
    if not ground and max(bounds) < CLEAR_M:
        if max(bounds) < SMALL_M:
            return
        problem = "it may be the height of something else; write 'above sea level' behind it if the ground is meant"
        yield Rule(*match.span(), {}, "", problem=problem)
        return
    if least is not None and least > HIGHEST_M:
        yield Rule(*match.span(), {}, "", problem="heights are known as means of 9 km, which are nowhere so high")
        return
    fields = {"elevation_m": heights_as_value((least, most))}
    yield Rule(*match.span(), fields, f"ground {heights_as_text((least, most))}", problem=missing("pvlib"))


def _metres(number: str, unit: str) -> float:
    metres = float(re.sub(r"[^\d.-]", "", number))
    return round(metres * _FOOT_M) if unit.lower().startswith("f") else metres
