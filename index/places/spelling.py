"""The words of a text as names are compared: without case, accents or genitives, in every script, with their offsets.

    words_of("Saint-Malo, 維也納") -> saint, malo, 維, 也, 納

Scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer) are read character by character; ``joined``
puts neighbours together again.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise

_GLUED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# Marks that belong to letters although Python counts them as none: vowel signs of India's scripts, Hebrew and Arabic points.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0dff\u0f00-\u0fff\u200c\u200d"
)
_LETTER = rf"(?:(?![{_GLUED}])(?:[^\W_]|[{_MARKS}]))"
_WORD = re.compile(rf"[{_GLUED}]|{_LETTER}+(?:['’ʼ`]{_LETTER}+)*")
_IS_GLUED = re.compile(rf"[{_GLUED}]")
_GENITIVE = re.compile(r"['’](?:s|S)$")
_APOSTROPHES = str.maketrans("", "", "'’ʼ`\u200c\u200d")
_SHORT = {"st": "saint", "ste": "sainte", "mt": "mount", "ft": "fort"}  # as names are abbreviated, on both sides of a comparison


@dataclass(frozen=True, slots=True)
class Word:
    """``text[start:end]`` is a word; ``plain`` is how it is compared, ``glued`` whether its script has no spaces."""

    start: int
    end: int
    plain: str
    glued: bool


def words_of(text: str) -> list[Word]:
    """All words in order; a genitive ending belongs to no word."""
    words = []
    for match in _WORD.finditer(text):
        found = _GENITIVE.sub("", match[0])
        words.append(Word(match.start(), match.start() + len(found), plain_word(found), bool(_IS_GLUED.match(found))))
    return words


@lru_cache(50_000)
def plain_word(word: str) -> str:
    """One word as it is compared: 'Zürich' is 'zurich', 'St' is 'saint'."""
    if word.isascii():
        plain = word.lower()
    else:
        plain = "".join(each for each in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(each))
    plain = plain.translate(_APOSTROPHES)
    return _SHORT.get(plain, plain)


def joined(words: Sequence[Word]) -> str:
    """Neighbouring words as one name."""
    name = words[0].plain
    for before, word in pairwise(words):
        name += word.plain if before.glued and word.glued and before.end == word.start else f" {word.plain}"
    return name


def plain_name(name: str) -> str:
    """A whole name as it is compared; '' if it has no letters."""
    if name.isascii() and name.isalpha():  # most are
        return plain_word(name)
    words = words_of(name)
    return joined(words) if words else ""


def sounded(plain: str) -> str:
    """A plain name with one letter for one sound: 'filadelfia' for 'philadelphia'. More such rules (th, y, double letters) found
    more wrong places than right ones."""
    return plain.replace("ph", "f")


def key_of(plain: str) -> int:
    """64 bits that stand for a plain name: among two million names no two are expected to share them."""
    return int.from_bytes(blake2b(plain.encode(), digest_size=8).digest(), "little")
