"""Near-duplicates among many texts: a sketch of each, candidates by banding, the exact Jaccard similarity of each candidate.

Similarity is that of the sets of 8-character shingles of the lower-case text (Broder 1997, doi:10.1109/SEQUEN.1997.666900), so it
needs no word boundaries and works for every script. Sketches are one-permutation MinHashes with the empty bins filled by universal
hashing (Shrivastava 2017, arXiv 1703.04664): each shingle is hashed once, so that 100,000 articles take seconds in numpy. A library
such as datasketch hashes each shingle 128 times and calls Python for each text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

SHINGLE = 8
BANDS, ROWS = 20, 6  # a pair of similarity 0.8 shares a band with probability 0.998, one of 0.5 with 0.27
BINS = BANDS * ROWS
EMPTY = 0x10000  # one more than any value of a bin
MAX_CHARACTERS = 10_000  # of a text: more would not change the answer, only the memory
ESTIMATE_SLACK = 0.12  # 3 standard deviations of the estimate from 120 bins at 0.8
NEIGHBOURS = 4  # each text of a band's bucket is compared with this many after it and with the bucket's first ...
MAX_PAIRS = 5  # ... and this many of the likeliest pairs remain over all bands: work grows with the texts, not with their square
VERIFY_AT_ONCE = 2048  # pairs
HASH_AT_ONCE = 1_000_000  # characters: 8 bytes each, in some five arrays

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Rows ``first`` < ``second`` hold texts of Jaccard similarity ``similarity`` (1: equal except for case and white space)."""

    first: int
    second: int
    similarity: float


def normalise(text: str) -> str:
    """What is compared: lower case, single spaces, the first 10,000 characters, padded to one shingle."""
    return " ".join(text[: 2 * MAX_CHARACTERS].lower().split())[:MAX_CHARACTERS].ljust(SHINGLE)


def sketch(texts: Sequence[str]) -> npt.NDArray[np.uint16]:
    """Sketches [N, BINS] of normalised texts; the share of equal bins of two estimates their similarity."""
    parts = [_fill_empty_bins(_minima(part)).astype(np.uint16) for part in _portions(texts)]
    return np.concatenate([np.empty((0, BINS), dtype=np.uint16), *parts])


def similar_pairs(
    sketches: npt.NDArray[np.uint16],
    fetch: Callable[[Rows], Sequence[str]],
    threshold: float = 0.8,
    advance: Callable[[int], None] = lambda n: None,
) -> list[SimilarPair]:
    """Pairs whose exact similarity reaches ``threshold``. ``fetch`` gives the normalised texts of rows, a few thousand at a time.

    Among many similar texts not every pair is compared. Each is compared with its likeliest earlier ones, which connects the group.
    """
    first, second = _candidates(sketches, threshold - ESTIMATE_SLACK)
    found = []
    for start in range(0, len(first), VERIFY_AT_ONCE):
        a, b = first[start : start + VERIFY_AT_ONCE], second[start : start + VERIFY_AT_ONCE]
        rows = np.unique(np.concatenate([a, b]))
        sets = dict(zip(rows.tolist(), shingle_sets(fetch(rows)), strict=True))
        for left, right in zip(a.tolist(), b.tolist(), strict=True):
            similarity = jaccard(sets[left], sets[right])
            if similarity >= threshold:
                found.append(SimilarPair(left, right, similarity))
        advance(len(a))
    return found


def shingle_sets(texts: Sequence[str]) -> list[Hashes]:
    """The sorted distinct shingle hashes of each normalised text."""
    sets: list[Hashes] = []
    for part in _portions(texts):
        hashes, owner = _shingles(part)
        sets += [np.unique(own) for own in np.split(hashes, np.searchsorted(owner, np.arange(1, len(part))))]
    return sets


def jaccard(a: Hashes, b: Hashes) -> float:
    """Size of the intersection over size of the union of two sorted sets."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


def _shingles(texts: Sequence[str]) -> tuple[Hashes, Rows]:
    """64-bit hashes of all shingles of all texts, and the row of the text that each is from (ascending)."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    count = max(0, len(points) - SHINGLE + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for offset in range(SHINGLE):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + points[offset : offset + count]
    owner = np.repeat(np.arange(len(texts)), lengths)[:count]
    end = np.cumsum(lengths)
    inside = np.arange(count) + SHINGLE <= end[owner]  # a window across the boundary of two texts belongs to neither
    return _mixed(hashes[inside]), owner[inside]


def _mixed(value: Hashes) -> Hashes:
    """One round of splitmix64 (Steele et al. 2014), elementwise modulo 2^64."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in order, in portions of at most a million characters or one text."""
    portion = np.cumsum([len(text) for text in texts], dtype=np.int64) // HASH_AT_ONCE
    starts = np.flatnonzero(np.diff(portion, prepend=-1)).tolist()
    for start, end in pairwise([*starts, len(texts)]):
        yield texts[start:end]


def _minima(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """The smallest 16-bit hash in each bin [N, BINS]; ``EMPTY`` where no shingle fell."""
    hashes, owner = _shingles(texts)
    bins = ((hashes >> np.uint64(32)) * np.uint64(BINS)) >> np.uint64(32)
    minima = np.full(len(texts) * BINS, EMPTY, dtype=np.uint32)
    np.minimum.at(minima, owner * BINS + bins.astype(np.int64), (hashes & np.uint64(0xFFFF)).astype(np.uint32))
    return minima.reshape(len(texts), BINS)


def _fill_empty_bins(minima: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Each empty bin takes the value of a full one, tried in an order that is random but the same for all texts."""
    filled, order = minima.copy(), np.random.default_rng(0)
    open_rows = np.flatnonzero((minima == EMPTY).any(axis=1))
    while len(open_rows):
        offered = minima[open_rows][:, order.integers(BINS, size=BINS)]
        now = np.where(filled[open_rows] == EMPTY, offered, filled[open_rows])
        filled[open_rows] = now
        open_rows = open_rows[(now == EMPTY).any(axis=1)]
    return filled


def _candidates(sketches: npt.NDArray[np.uint16], least: float) -> tuple[Rows, Rows]:
    """Pairs of rows that share a band and are similar by ``least`` as estimated, at most ``MAX_PAIRS`` for each later row."""
    pairs = [_bucket_pairs(sketches[:, band * ROWS : (band + 1) * ROWS]) for band in range(BANDS)]
    packed = np.unique(np.concatenate(pairs))
    first, second = packed // len(sketches), packed % len(sketches)
    estimate = np.empty(len(packed), dtype=np.float32)
    for start in range(0, len(packed), 65536):
        part = slice(start, start + 65536)
        estimate[part] = (sketches[first[part]] == sketches[second[part]]).mean(axis=1)
    order = np.lexsort((-estimate, second))
    rank = np.arange(len(order)) - np.searchsorted(second[order], second[order])
    kept = np.sort(order[(estimate[order] >= least) & (rank < MAX_PAIRS)])
    return first[kept], second[kept]


def _bucket_pairs(band: npt.NDArray[np.uint16]) -> Rows:
    """Pairs of rows (smaller * N + larger) with equal values in one band [N, ROWS]."""
    keys = np.zeros(len(band), dtype=np.uint64)
    for column in band.T:
        keys = _mixed(keys ^ column.astype(np.uint64))
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    pairs = [np.empty(0, dtype=np.int64)]
    for offset in range(1, NEIGHBOURS + 1):
        same = np.flatnonzero(keys[offset:] == keys[:-offset])
        pairs.append(order[same] * len(band) + order[same + offset])
    leader = np.searchsorted(keys, keys)
    far = np.flatnonzero(np.arange(len(keys)) - leader > NEIGHBOURS)
    pairs.append(order[leader[far]] * len(band) + order[far])
    return np.concatenate(pairs)
