"""Hits that differ: no near-duplicates, a least distance on the globe, or relevance weighed against what was already said (MMR).

All take candidates best first and return which to keep as positions [m]. The first two only drop: of more candidates they keep the
same first ones and more behind, so a search that came short can be asked for more (``retrieval.ranking.widen``).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import geodesic_km
from index.settings import Settings

Positions = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


class Diversity(Settings):
    """What a list of hits must fulfil; None asks for nothing. ``duplicate``: cosine above which two are the same;
    ``apart_km``: least geodesic distance of two hits; ``mmr``: share of relevance against novelty, 1 is relevance alone."""

    duplicate: float | None = None
    apart_km: float | None = None
    mmr: float | None = None

    def choose(self, scores: npt.ArrayLike, vectors: Floats, places: Floats, k: int) -> Positions:
        """At most ``k`` positions out of candidates with ``scores`` [n], ``vectors`` [n, D] and ``places`` [n, 2] (lat, lon)."""
        kept = np.arange(len(vectors))
        limit = k if self.mmr is None else len(kept)
        if self.duplicate is not None:
            kept = without_duplicates(vectors, self.duplicate, limit if self.apart_km is None else len(kept))
        if self.apart_km is not None:
            kept = kept[apart(places[kept, 0], places[kept, 1], self.apart_km, limit)]
        if self.mmr is not None:
            kept = kept[maximal_marginal_relevance(np.asarray(scores)[kept], vectors[kept], k, self.mmr)]
        return kept[:k]


def without_duplicates(vectors: Floats, threshold: float, k: int) -> Positions:
    """The first ``k`` of which none has a cosine above ``threshold`` with one kept before it; ``vectors`` [n, D] of unit norm."""
    if not -1 <= threshold <= 1:
        raise InputError(f"near-duplicates have a cosine above a number in [-1, 1], got {threshold}")
    return _greedy(len(vectors), k, lambda one, kept: bool((vectors[kept] @ vectors[one] <= threshold).all()))


def apart(lat: npt.ArrayLike, lon: npt.ArrayLike, min_km: float, k: int) -> Positions:
    """The first ``k`` of which none lies nearer than ``min_km`` (geodesic, WGS84) to one kept before it; ``lat``, ``lon`` [n]."""
    if not min_km >= 0:
        raise InputError(f"the least distance between hits is at least 0 km, got {min_km}")
    lats, lons = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
    return _greedy(
        len(lats), k, lambda one, kept: bool((geodesic_km(lats[one], lons[one], lats[kept], lons[kept]) >= min_km).all())
    )


def maximal_marginal_relevance(scores: npt.ArrayLike, vectors: Floats, k: int, relevance: float = 0.5) -> Positions:
    """``k`` positions, each the best of what is left by relevance * score - (1 - relevance) * greatest cosine with those before it.

    Carbonell and Goldstein 1998, doi:10.1145/290941.291025. ``scores`` [n] should be of the scale of cosines; of equal ones the
    first candidate wins.
    """
    if not 0 <= relevance <= 1:
        raise InputError(f"the share of relevance lies in [0, 1], got {relevance}")
    worth = np.asarray(scores, dtype=np.float64)
    alike = np.full(len(worth), -np.inf)
    left = np.ones(len(worth), dtype=bool)
    chosen: list[int] = []
    while left.any() and len(chosen) < k:
        said = np.where(np.isinf(alike), 0, alike)  # nothing was said before the first
        best = int(np.argmax(np.where(left, relevance * worth - (1 - relevance) * said, -np.inf)))
        chosen.append(best)
        left[best] = False
        alike = np.maximum(alike, vectors @ vectors[best])
    return np.array(chosen, dtype=np.int64)


def _greedy(count: int, k: int, differs: Callable[[int, list[int]], bool]) -> Positions:
    """In rank order, whatever differs from all kept before it."""
    kept: list[int] = []
    for one in range(count):
        if len(kept) >= k:
            break
        if differs(one, kept):
            kept.append(one)
    return np.array(kept, dtype=np.int64)
