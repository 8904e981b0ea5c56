"""How a search is answered: exactly where that is cheap, approximately where it is safe, and never short without saying so.

``Filter.rows`` -> here -> a backend of ``index.search.backends``. The filter is counted first. Few rows are searched exactly. Many
go to the approximate index, whose answer is then checked. Approximate indexes look only near the query. Where a filter removes just
that region, they return the little it left there, or less, without any warning (LanceDB: recall .58 in FACTS.md).
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from index.search.filters import Filter
from index.search.snapshot import Rows, Snapshot
from index.threads import once
from retrieval.ranking.percentile import sample_rows

Vectors = npt.NDArray[np.float32]

# Exact search of so many rows, gathered from 512 columns, takes 38 ms on one core (10,000: 7 ms): an approximate index would not
# save a noticeable time.
EXACT_ROWS = 50_000
# Under a filter, so many times as many candidates are requested and then compared exactly, not by their codes. In the world of
# tests/retrieval/ranking/test_plan.py, where 4-bit codes have recall@10 .67, 2 gave .92 to .99, 4 gave .98 and 8
# .998.
WIDER = 8
# A filter unrelated to the query should let so many of the nearest rows through (for k hits): twice the number needed, and some
# more for randomness where few are needed.
NEAREST_TIMES, NEAREST_MORE = 2, 8
ROUNDING = 1e-6  # of a cosine that was summed in another order
SAMPLE_SEED = 0


class Backend(Protocol):
    """``rows`` are ascending; an approximate backend may end an answer in rows of -1 with cosine -inf."""

    def search(self, queries: Vectors, k: int, rows: Rows | None = None) -> tuple[Rows, Vectors]: ...


@dataclass(frozen=True)
class Found:
    """Rows [Q, k] of the snapshot, best first, and their cosines; ``how`` names the way that was taken."""

    rows: Rows
    cosines: Vectors
    how: str


class Planner:
    """Chooses between an approximate ``backend`` and the ``exact`` one over the same snapshot; they may be the same."""

    def __init__(self, snapshot: Snapshot, backend: Backend, exact: Backend, *, exact_rows: int = EXACT_ROWS) -> None:
        self.snapshot = snapshot
        self.backend = backend
        self.exact = exact
        self.exact_rows = exact_rows

    @property
    def name(self) -> str:
        """The name of the backend, which is that of its module."""
        return type(self.backend).__module__.rpartition(".")[2]

    def search(self, queries: Vectors, k: int, filter: Filter | Rows | None = None) -> Found:
        """The ``k`` nearest rows of each query [Q, D] of unit norm that the filter (or ascending rows) lets through.

        There are fewer than ``k`` only if fewer are let through.
        """
        rows = filter.rows(self.snapshot) if isinstance(filter, Filter) else filter
        count = len(self.snapshot) if rows is None else len(rows)
        if not count:
            return self._nothing(len(queries), rows)
        if type(self.backend) is type(self.exact) or (rows is not None and count <= self.exact_rows):
            return Found(*self.exact.search(queries, k, rows), f"exact on {count:,} rows")
        return self._approximately(queries, min(k, count), rows)

    def _nothing(self, queries: int, rows: Rows | None) -> Found:
        why = "nothing is indexed" if rows is None else "no row passes the filter"
        return Found(np.empty((queries, 0), np.int64), np.empty((queries, 0), np.float32), why)

    def _approximately(self, queries: Vectors, k: int, rows: Rows | None) -> Found:
        """The backend's answers; answers that are short, or that a second check does not confirm, are computed exactly."""
        wanted = k if rows is None else min(WIDER * k, len(rows))
        found, cosines = (_of_width(k, each) for each in self.backend.search(queries, wanted, rows))
        doubtful = found[:, -1] < 0 if k else np.zeros(len(found), dtype=bool)
        if rows is not None:
            allowed = np.zeros(len(self.snapshot), dtype=bool)
            allowed[rows] = True
            doubtful |= ~allowed[found].all(axis=1)
            doubtful |= self._missed(queries, found, cosines, allowed) | self._disputed(queries, cosines, allowed)
        which = np.flatnonzero(doubtful)
        if len(which):
            found[which], cosines[which] = self.exact.search(queries[which], k, rows)
        return Found(found, cosines, self._how(len(queries), len(which), rows))

    def _disputed(self, queries: Vectors, cosines: Vectors, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which answers [Q], hits with ``cosines`` [Q, k], a second check of the nearest rows of all does not confirm.

        A filter unrelated to a query lets enough of these through, and the best of them are the hits. A filter that removes
        a query's surroundings does not. Or the hits are far away, among rows that are all about equally near, where an index
        finds only some of them, and others whenever it looks into more lists.
        """
        k = cosines.shape[1]
        nearest = math.ceil((NEAREST_TIMES * k + NEAREST_MORE) * len(allowed) / int(allowed.sum()))
        near, near_cosines = self.backend.search(queries, min(nearest, len(allowed)))
        let_through = np.where(allowed[near] & (near >= 0), near_cosines, -np.inf)
        if let_through.shape[1] < k:
            return np.ones(len(queries), dtype=bool)
        last = -np.partition(-let_through, k - 1, axis=1)[:, k - 1]
        confirmed = np.isclose(last, cosines[:, -1], rtol=0, atol=ROUNDING)
        equals = np.isclose(near_cosines[:, -1], cosines[:, -1], rtol=0, atol=ROUNDING)  # as near as the last, passing or not
        return ~(confirmed | equals)

    def _missed(self, queries: Vectors, found: Rows, cosines: Vectors, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """For which answers [Q] the sample holds a row that should have been among the hits."""
        sample, vectors = self.sample
        nearer = queries @ vectors.T > cosines[:, -1:] + ROUNDING
        missed = [bool(set(sample[row & allowed[sample]]) - set(hits)) for row, hits in zip(nearer, found, strict=True)]
        return np.array(missed, dtype=bool)

    @once
    def sample(self) -> tuple[Rows, Vectors]:
        """Rows that answers are compared with, always the same, and their vectors: for a million rows one in 244, enough to tell an
        answer whose last hit is among the nearest thousand of all rows from one whose is not."""
        rows = sample_rows(len(self.snapshot), np.random.default_rng(SAMPLE_SEED))
        return rows, self.snapshot.vectors[rows].astype(np.float32)

    def _how(self, queries: int, repeated: int, rows: Rows | None) -> str:
        count = f"{len(self.snapshot):,} rows" if rows is None else f"{len(rows):,} of {len(self.snapshot):,} rows"
        if not repeated:
            return f"{self.name}, {count}"
        which = "" if repeated == queries else f" for {repeated} of {queries} queries"
        return f"{self.name}, {count}; found too little, so exact{which}"


def _of_width(k: int, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[Q, k'] padded to [Q, k]: an answer that ends early gets rows that mean no hit."""
    if array.shape[1] >= k:  # nearly always; np.pad would take as long as FAISS itself
        return array[:, :k]
    nothing = -1 if array.dtype.kind == "i" else -math.inf
    return np.pad(array, ((0, 0), (0, k - array.shape[1])), constant_values=nothing)
