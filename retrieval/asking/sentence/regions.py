"""Names of continents and countries inside a sentence: the longest one at a position, and lists of them.

A name is one only where nothing says that it is part of another: 'Mexico City', 'Niger Delta' and 'Peru's' are none. Other
languages' names begin with a capital, and codes of countries are no words here (but US, UK, USA and UAE).
"""

import re
from dataclasses import dataclass

from index.places.country_names import OTHER_NAMES, code_of_name, codes_of, folded, name_of
from index.places.regions import continent_named

MOST_WORDS = 6
_TOKEN = re.compile(r"[^\W_](?:[\w.'’&-]*[^\W_]|\.(?=\w)|[.](?=\s*$))*\.?|&")
# After a name they make it the name of something else.
_NOT_BEFORE = re.compile(
    r"['’\-–]\w|\s+(?:[A-Z]\w|(?:city|river|sea|street|county|bay|islands?|state|province|valley|creek|lake|gulf|delta|strait|beach|hall"
    r"|town|falls|peninsula|plate|basin|trench|ridge|mountains|hills|desert)\b)"
)
_NEXT = re.compile(r"\s*(?:,\s*(?:and|or|nor)\b|,|/|\band\b|\bor\b|\bnor\b)\s*(?:in\s+)?(?:the\s+)?")
_FOREIGN = ("de", "fr", "es", "it", "pt", "nl")  # languages whose names are read beside English ones
_WORDS = {"island", "chili"}  # names of a country in one of them, words in English
_ABBREVIATIONS = {name for name in OTHER_NAMES if name.replace(".", "").isupper()}


@dataclass(frozen=True)
class Named:
    """``names`` in English, as ``region_named`` has them; ``stop`` is where the last one ends; ``unclear`` says of a name that
    several share which they are."""

    names: tuple[str, ...]
    stop: int
    unclear: tuple[str, ...] = ()


def regions_at(text: str, start: int) -> Named | None:
    """The continents and countries that are listed from ``start`` on ('Peru, Bolivia or Chile'); None where there is none."""
    first = _region_at(text, start)
    if first is None or first.unclear:
        return first
    names, stop = list(first.names), first.stop
    while (gap := _NEXT.match(text, stop)) and (following := _region_at(text, gap.end())) and not following.unclear:
        names, stop = [*names, *following.names], following.stop
    if re.match(r",\s*[A-Z]\w", text[stop:]):  # 'Holland, Michigan', 'Peru, Indiana'
        return None
    return Named(tuple(dict.fromkeys(names)), stop)


def _region_at(text: str, start: int) -> Named | None:
    the = re.match(r"the\s+", text[start : start + 8], re.IGNORECASE)
    begin = start + the.end() if the else start
    ends = [match.end() for match in _tokens(text, begin)]
    for end in reversed(ends):
        for stop in (end, end - 1) if text[end - 1] == "." else (end,):
            name = text[begin:stop]
            found = _meaning(name)
            if found and not _NOT_BEFORE.match(text, stop):
                return Named((found,), stop) if isinstance(found, str) else Named((), stop, found)
    return None


def _tokens(text: str, begin: int) -> list[re.Match[str]]:
    """The words from ``begin`` on, up to anything but a single blank between two."""
    tokens: list[re.Match[str]] = []
    while len(tokens) < MOST_WORDS and (match := _TOKEN.match(text, begin)):
        tokens.append(match)
        begin = match.end() + 1
        if text[match.end() : begin] != " ":
            break
    return tokens


def _meaning(name: str) -> str | tuple[str, ...] | None:
    """The region, or those that may be meant."""
    key = folded(name)
    if continent := continent_named(name):
        return continent if name[0].isupper() or key == folded(continent) else None
    if name.isupper() and len(key) <= 3:
        return name_of(OTHER_NAMES[name]) if name in _ABBREVIATIONS else None
    if len(key) <= 3 or key in _WORDS:  # 'us', 'man'
        return None
    english, foreign = code_of_name(name, ("en",)), code_of_name(name, _FOREIGN) if name[0].isupper() else None
    shared = codes_of(name)
    if len(shared) > 1 and (english is None or key == "georgia"):
        return ("the country Georgia", "the state of the United States") if english else tuple(name_of(code) for code in shared)
    code = english or foreign
    return name_of(code) if code else None
