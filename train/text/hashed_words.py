"""The words of a text as numbers of rows in a table (the hashing trick, Weinberger et al. 2009, arXiv:0902.2206). No torch here.

Words and numbers are those of scikit-learn's ``HashingVectorizer(strip_accents="unicode")``, which every model here was trained
with and which takes two seconds to import.
"""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

ABSENT = -1.0
_WORD = re.compile(r"(?u)\b\w\w+\b")
_32_BITS = 0xFFFFFFFF


class WordIds:
    """The ids of a text's first different words as features."""

    def __init__(self, bits: int, words: int) -> None:
        self.bits, self.feature_dim, self.feature_key = bits, words, f"words{bits}x{words}_in_order"

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return hashed_words(texts, self.bits, self.feature_dim)


def hashed_words(texts: Sequence[str], bits: int, most: int) -> npt.NDArray[np.float32]:
    """Ids [N, most] of the different words of each text, lower case, without accents, in reading order; the first ones if there are
    more: an article begins with the name of its place."""
    ids = np.full((len(texts), most), ABSENT, np.float32)  # whole numbers up to 2^24 are exact
    for row, text in enumerate(texts):
        different = dict.fromkeys(_row_of(word, bits) for word in _WORD.findall(_plain(text)))
        chosen = list(itertools.islice(different, most))
        ids[row, : len(chosen)] = chosen
    return ids


def _plain(text: str) -> str:
    """In lower case, then without accents."""
    text = text.lower()
    if text.isascii():
        return text
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


@lru_cache(maxsize=2**18)
def _row_of(word: str, bits: int) -> int:
    """As scikit-learn's FeatureHasher numbers it: the hash is taken as a signed number."""
    hashed = murmur3(word.encode())
    return (2**32 - hashed if hashed >= 2**31 else hashed) % 2**bits


def murmur3(key: bytes) -> int:
    """MurmurHash3_x86_32 (Appleby 2011, public domain) with seed 0."""
    hashed, whole = 0, len(key) // 4 * 4
    for start in range(0, whole, 4):
        hashed ^= _scrambled(int.from_bytes(key[start : start + 4], "little"))
        hashed = (hashed << 13 | hashed >> 19) & _32_BITS
        hashed = (hashed * 5 + 0xE6546B64) & _32_BITS
    hashed ^= _scrambled(int.from_bytes(key[whole:], "little")) ^ len(key)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashed = ((hashed ^ hashed >> shift) * factor) & _32_BITS
    return hashed ^ hashed >> 16


def _scrambled(part: int) -> int:
    part = (part * 0xCC9E2D51) & _32_BITS
    return ((part << 15 | part >> 17) & _32_BITS) * 0x1B873593 & _32_BITS
