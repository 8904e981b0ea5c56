"""One search from a query's vectors to ranked rows: filter, planner, calibration, words, diversity, in this order.

``Space.search`` -> here -> ``retrieval.plan`` and the steps around it, each a file. Every step that drops or reorders hits
is asked for more until enough are left, so no answer is short while records are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from index.filters import Filter
from index.registry import load
from index.settings import Settings
from index.snapshot import Rows, Snapshot
from retrieval.calibrate import Calibration
from retrieval.diversify import Diversity
from retrieval.fulltext import text_hits
from retrieval.fuse import reciprocal_rank_fusion
from retrieval.percentile import percentiles
from retrieval.plan import Planner
from retrieval.query import QueryVectors, best_of
from retrieval.widen import widen

Floats = npt.NDArray[np.float32]
EXACT_UP_TO_ROWS = 300_000  # one matrix product of these takes some 30 ms, to learn an index first some 20 s of the demo's minute
WORD_CANDIDATES = 10  # ranks of each list for every hit that the fusion of meaning and words is to give


class How(Settings):
    """How an answer is made: ``filter`` says what may answer, ``diversity`` how hits must differ; ``words`` adds full text to a
    query in words; ``calibrated`` takes the modality gap out of the scores."""

    filter: Filter = Field(default_factory=lambda: Filter.parse({}))
    diversity: Diversity = Field(default_factory=Diversity)
    words: bool = False
    calibrated: bool = False


@dataclass(frozen=True)
class Ranked:
    """``rows`` [n] of a snapshot, best first, with their ``scores`` and the ``percentiles`` [n] these have among all rows; ``way``
    says in words how they were found."""

    rows: Rows
    scores: Floats
    percentiles: npt.NDArray[np.float64]
    way: str


class Searcher:
    """One modality, ready to be searched."""

    def __init__(self, snapshot: Snapshot, backend: str = "auto") -> None:
        self.snapshot = snapshot
        exact = load("index.backends", "exact").build(snapshot=snapshot)
        chosen = backend if backend != "auto" else "exact" if len(snapshot) <= EXACT_UP_TO_ROWS else "faiss"
        fast = exact if chosen == "exact" else load("index.backends", chosen).build(snapshot=snapshot)
        self.planner = Planner(snapshot, fast, exact)

    def search(self, query: QueryVectors, k: int, how: How, words: str = "") -> Ranked:
        """The ``k`` best rows; ``query`` is centred already if ``how`` asks for calibration, ``words`` are those in it, if any."""
        allowed = how.filter.rows(self.snapshot)
        most = len(self.snapshot) if allowed is None else len(allowed)
        if not most:
            return Ranked(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0), "no row fulfils the filter")

        def find(wanted: int) -> tuple[Rows, Floats, str]:
            rows, scores, way = self._ranked(query, wanted, how, allowed, words if how.words else "")
            kept = how.diversity.choose(scores, self._vectors(rows), self.snapshot.places[rows], k)
            return rows[kept], scores[kept], way

        rows, scores, way = widen(find, k, most, lambda found: len(found[0]) == k)
        sample, vectors = self.planner.sample
        return Ranked(rows, scores, percentiles(scores, self._scores(query, sample, vectors, how)), way)

    @cached_property
    def calibration(self) -> Calibration:
        return Calibration.of(self.snapshot.vectors, self.snapshot.manifest.mean)

    def _ranked(self, query: QueryVectors, k: int, how: How, allowed: Rows | None, words: str) -> tuple[Rows, Floats, str]:
        """By meaning alone, or fused with the words; the scores stay those of meaning, which compare with other queries."""
        by_meaning = self._calibrated if how.calibrated else self._plain
        if not words:
            return by_meaning(query, k, allowed)
        rows, _, way = by_meaning(query, WORD_CANDIDATES * k, allowed)
        hits, _ = text_hits(self.snapshot, words, WORD_CANDIDATES * k, allowed)
        fused = reciprocal_rank_fusion([rows.tolist(), hits.tolist()])
        rows = np.array([each.key for each in fused[:k]], dtype=np.int64)
        return rows, self._scores(query, rows, self._vectors(rows), how), f"{way}, and full text"

    def _plain(self, query: QueryVectors, k: int, allowed: Rows | None) -> tuple[Rows, Floats, str]:
        found = self.planner.search(query.vectors, k, allowed)
        return *best_of(found.rows, found.cosines, k), found.how

    def _calibrated(self, query: QueryVectors, k: int, allowed: Rows | None) -> tuple[Rows, Floats, str]:
        most, ways = len(self.snapshot) if allowed is None else len(allowed), [""]

        def plain(vectors: Floats, wanted: int) -> tuple[Rows, Floats]:
            found = self.planner.search(vectors, wanted, allowed)
            ways.append(found.how)
            return found.rows, found.cosines

        answers = [self.calibration.search(plain, vector, k, most) for vector in query.vectors]
        rows, cosines = _stacked([rows for rows, _ in answers]), _stacked([cosines for _, cosines in answers])
        return *best_of(rows, cosines, k), f"{ways[-1]}, calibrated"

    def _scores(self, query: QueryVectors, rows: Rows, vectors: Floats, how: How) -> Floats:
        """The score [n] of each row with its vector [n, D]: its best over the query's vectors."""
        products = query.vectors @ vectors.T
        if how.calibrated:
            pairs = zip(query.vectors, products, strict=True)
            products = np.stack([self.calibration.correct(vector, rows, each) for vector, each in pairs])
        best: Floats = products.max(axis=0)
        return best

    def _vectors(self, rows: Rows) -> Floats:
        return self.snapshot.vectors[rows].astype(np.float32, copy=False)


def _stacked(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """[P, K] of answers that may be of unlike length: what is missing is row -1, which is none."""
    width = max(len(each) for each in arrays)
    return np.stack([np.pad(each, (0, width - len(each)), constant_values=-1) for each in arrays])
