"""A stretch of a text and what it was taken for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from index.records import Place

GAP = "\ufffc"  # stands for a character that is taken already; no sign that people type

_LEADING = (
    r"(?:\b(?:near|close\s+to|next\s+to|around|at|from|by|in|of|to|via|between|and|location|located\s+at|position|positions?|coordinates?|coords?|gps|point"
    r"|the|is|are|latitude|longitude|lat|long|lon|lng)\b\s*:?\s*|@\s*)+$"
)


@dataclass(frozen=True)
class Taken:
    """The characters from ``start`` to ``stop``, read as a place or as fields of a filter. With neither they stay words, and the
    note says why. Words that only lead to a place come before ``begin``."""

    start: int
    stop: int
    note: str
    place: Place | None = None
    filter: Mapping[str, Any] = field(default_factory=dict)
    begin: int = -1

    def __post_init__(self) -> None:
        if self.begin < 0:
            object.__setattr__(self, "begin", self.start)

    @property
    def is_read(self) -> bool:
        return self.place is not None or bool(self.filter)


def read_as(text: str, start: int, stop: int, place: Place, how: str) -> Taken:
    """``text[start:stop]`` taken for a place, along with the words that lead to it."""
    note = f"'{shown(text[start:stop])}' was read as {as_degrees(place)} ({how})"
    return Taken(_leading(text, start), stop, note, place, begin=start)


def stays(text: str, start: int, stop: int, why: str) -> Taken:
    return Taken(start, stop, f"'{shown(text[start:stop])}' stays words: {why}")


def masked(text: str, taken: Iterable[Taken]) -> str:
    """The text with gaps for what was read, as long as before."""
    for each in taken:
        if each.is_read:
            text = text[: each.begin] + GAP * (each.stop - each.begin) + text[each.stop :]
    return text


def as_degrees(place: Place) -> str:
    """'33.92 S, 18.42 E', with up to five decimals: a metre."""
    return f"{_number(place.lat)} {'S' if place.lat < 0 else 'N'}, {_number(place.lon)} {'W' if place.lon < 0 else 'E'}"


def shown(text: str, most: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def _leading(text: str, start: int) -> int:
    """Where the words begin that lead to a place at ``start``: of 'volcano near (12.5 N, …' the 'near ('."""
    opened = len(text[:start].rstrip("([ \t\"'"))
    opened += len(text[opened:start]) - len(text[opened:start].lstrip(" "))
    match = re.search(_LEADING, text[:opened], re.IGNORECASE)
    return match.start() if match else min(opened, start)


def _number(degrees: float) -> str:
    return f"{abs(degrees):.5f}".rstrip("0").rstrip(".")
