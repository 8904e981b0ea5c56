"""Three ways to rank the rows of a snapshot by the meaning of a query: directly, with the modality gap removed, or by position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from index.search.snapshot import Rows
from retrieval.asking.query import QueryVectors, best_of
from retrieval.ranking.bridge import FEW_ROWS, Crossing, Positions, Records
from retrieval.ranking.centring import Centring
from retrieval.ranking.plan import Planner

Floats = npt.NDArray[np.float32]
# Records compared by position: so many, or so many for each hit. For 30,000 places recall@10 is 1.00, with 500 it is .98.
SHORTLIST, SHORTLIST_TIMES = 2_000, 2
LONGEST_SHORTLIST = FEW_ROWS


class Meaning(Protocol):
    """One query on one snapshot, of which at most ``reach`` rows can be ranked; None: all."""

    @property
    def reach(self) -> int | None: ...

    def best(self, k: int, allowed: Rows | None) -> tuple[Rows, Floats, str]:
        """The ``k`` best of all or of the ``allowed`` rows with their scores, and a phrase that says how they were found."""

    def scores(self, records: Records) -> Floats:
        """[n]: the best over the query's vectors."""


@dataclass(frozen=True)
class Direct:
    """By the cosines of the query's vectors with those of the rows."""

    query: QueryVectors
    planner: Planner
    reach: ClassVar[int | None] = None

    def best(self, k: int, allowed: Rows | None) -> tuple[Rows, Floats, str]:
        found = self.planner.search(self.query.vectors, k, allowed)
        return *best_of(found.rows, found.cosines, k), found.how

    def scores(self, records: Records) -> Floats:
        best: Floats = (self.query.vectors @ records.vectors.T).max(axis=0)
        return best


@dataclass(frozen=True)
class Centred:
    """By the cosines as seen from the means of the modalities; the query is already centred."""

    query: QueryVectors
    planner: Planner
    centring: Centring
    reach: ClassVar[int | None] = None

    def best(self, k: int, allowed: Rows | None) -> tuple[Rows, Floats, str]:
        most, ways = len(self.planner.snapshot) if allowed is None else len(allowed), [""]

        def plain(vectors: Floats, wanted: int) -> tuple[Rows, Floats]:
            found = self.planner.search(vectors, wanted, allowed)
            ways.append(found.how)
            return found.rows, found.cosines

        answers = [self.centring.search(plain, vector, k, most) for vector in self.query.vectors]
        rows, cosines = _stacked([rows for rows, _ in answers]), _stacked([cosines for _, cosines in answers])
        return *best_of(rows, cosines, k), f"{ways[-1]}, centred"

    def scores(self, records: Records) -> Floats:
        products = self.query.vectors @ records.vectors.T
        pairs = zip(self.query.vectors, products, strict=True)
        return np.stack([self.centring.correct(vector, records.rows, each) for vector, each in pairs]).max(axis=0)


@dataclass
class ByPosition:
    """By the cosines of the query's parts with the positions of the rows."""

    crossing: Crossing
    planner: Planner
    where: Positions
    reach: ClassVar[int | None] = LONGEST_SHORTLIST
    _ranked: tuple[int, Rows, Floats] | None = None  # the last shortlist, and its requested length

    def best(self, k: int, allowed: Rows | None) -> tuple[Rows, Floats, str]:
        wanted = min(max(SHORTLIST, SHORTLIST_TIMES * k), LONGEST_SHORTLIST)
        if self._ranked is None or self._ranked[0] != wanted:
            rows = self._shortlist(wanted, allowed)
            self._ranked = wanted, rows, self.scores(Records(rows, self.planner.snapshot, self.where))
        _, rows, scores = self._ranked
        count = len(self.planner.snapshot) if allowed is None else len(allowed)
        of = f"the likeliest {len(rows):,} of {count:,}" if len(rows) < count else f"{count:,}"
        return *best_of(rows[None], scores[None], k), f"by position, {of} rows"

    def scores(self, records: Records) -> Floats:
        return self.crossing.scores(records)

    def _shortlist(self, wanted: int, allowed: Rows | None) -> Rows:
        """Where some parts are compared with the rows' vectors, this adds the rows that these parts find."""
        rows = self.where.likeliest(self.crossing, wanted, allowed)
        by_vector = self.crossing.by_vector
        if len(by_vector):
            found = self.planner.search(by_vector, wanted, allowed).rows
            rows = np.union1d(rows, found[found >= 0])
        return rows


def _stacked(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """[P, K] of answers that may differ in length: gaps are row -1, which means no row."""
    width = max(len(each) for each in arrays)
    return np.stack([np.pad(each, (0, width - len(each)), constant_values=-1) for each in arrays])
