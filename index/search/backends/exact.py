"""Exact cosine search: one matrix product over all vectors. Slow for millions, never wrong: the oracle of every other backend."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.records import Embeddings
from index.search.backends._ranking import ROUNDING, Vectors, best, check_queries, near_best, rank
from index.search.snapshot import Rows, Snapshot
from index.settings import Settings

_CHUNK_ROWS = 32768  # of vectors converted or gathered at once: 64 MiB of 512 float32
_COSINES = 64 * 2**20  # held at once, for a group of queries: 256 MiB; one query over 1e9 rows takes more, and may
_GATHER_BELOW = 0.15  # share of the rows below which gathering them beats the product with all; measured: .1 to .25 (100k x 512)
_RANKED_ROWS = 16384  # at most this many are gathered for ranking


class Options(Settings):
    pass


def build(*, snapshot: Snapshot | None = None, embeddings: Embeddings | None = None, **options: Any) -> "ExactSearch":
    """Over a snapshot, or over embeddings that are not stored anywhere."""
    Options.parse(options, where="exact")
    if (snapshot is None) == (embeddings is None):
        raise InputError("the exact search needs either a snapshot or embeddings")
    if snapshot is None:
        assert embeddings is not None
        snapshot = Snapshot.in_memory(embeddings)
    return ExactSearch(snapshot, embeddings)


class ExactSearch:
    def __init__(self, snapshot: Snapshot, embeddings: Embeddings | None = None) -> None:
        self.snapshot = snapshot
        self.embeddings = embeddings  # where it was built from them

    def search(self, queries: Vectors, k: int, rows: Rows | None = None) -> tuple[Rows, Vectors]:
        """The ``k`` best rows for each query [Q, D] of unit norm, best first: (rows [Q, k], cosines [Q, k]).

        ``rows`` [n], ascending, restrict the search; None: all rows. If there are fewer rows than ``k``, there are fewer columns.
        Equal cosines are ordered by row, so that an answer can be repeated.
        """
        queries = check_queries(queries, self.snapshot.dim)
        count = len(self.snapshot) if rows is None else len(rows)
        k = min(k, count)
        found, cosines = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        group = max(1, _COSINES // max(1, len(self.snapshot)))
        for start in range(0, len(queries), group):
            scores = self._cosines(queries[start : start + group], rows)
            for query, row_scores in enumerate(scores, start):
                found[query], cosines[query] = self._ordered(queries[query], row_scores, k, rows)
        return found, cosines

    def _ordered(self, query: Vectors, scores: Vectors, k: int, rows: Rows | None) -> tuple[Rows, Vectors]:
        """The best ``k`` rows [k] and their cosines. A matrix product chooses the candidates, ``rank`` their order: see there."""
        at = near_best(scores, k, ROUNDING)
        if len(at) > _RANKED_ROWS:  # very many hits, or equals: then the product decides
            at = best(scores, k)
            return at if rows is None else rows[at], scores[at]
        found, cosines = rank(self.snapshot, query[None], (at if rows is None else rows[at])[None], k)
        return found[0], cosines[0]

    def _cosines(self, queries: Vectors, rows: Rows | None) -> Vectors:
        """The cosines [Q, n] of all rows, or of these."""
        vectors = self.snapshot.vectors
        chunks: Iterable[npt.NDArray[Any]]
        of_all = rows is None or len(rows) > _GATHER_BELOW * len(vectors)
        if of_all and len(queries) == 1:
            cosines = self.snapshot.cosines.of(queries[0])[None]
            return cosines if rows is None else cosines[:, rows]
        if of_all:
            chunks, count = [vectors] if vectors.dtype == np.float32 else _slices(vectors), len(vectors)
        else:
            assert rows is not None
            chunks, count = (vectors[part] for part in _slices(rows)), len(rows)
        scores = np.empty((len(queries), count), np.float32)
        start = 0
        for chunk in chunks:
            np.matmul(queries, chunk.astype(np.float32, copy=False).T, out=scores[:, start : start + len(chunk)])
            start += len(chunk)
        return scores if rows is None or count == len(rows) else scores[:, rows]


def _slices(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    return (array[start : start + _CHUNK_ROWS] for start in range(0, len(array), _CHUNK_ROWS))
