"""What all backends share: the check of queries, and the order of hits: best first, equal cosines by row."""

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.search.snapshot import Rows, Snapshot

Vectors = npt.NDArray[np.float32]
ROUNDING = 4e-6  # a generous bound on the difference of two float32 sums of the same 512 products


def check_queries(queries: Vectors, dim: int) -> Vectors:
    """The queries [Q, dim] as contiguous float32. Raises ``InputError`` for another shape, and for NaN or infinite values."""
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise InputError(f"queries must be [Q, {dim}], got {queries.shape}")
    if not np.isfinite(queries).all():
        raise InputError("a query holds NaN or infinite values; it has no cosine")
    return np.ascontiguousarray(queries, dtype=np.float32)


def best(cosines: Vectors, k: int) -> Rows:
    """The ``k`` places with the highest cosine [N], ties by place; a partition alone would pick any of the equals at the cut."""
    candidates = near_best(cosines, k, 0.0)
    return candidates[np.lexsort((candidates, -cosines[candidates]))][:k]


def near_best(cosines: Vectors, k: int, slack: float) -> Rows:
    """All places, ascending, whose cosine [N] is at most ``slack`` below the k-th best: ``k`` or more."""
    if k == 0:
        return np.empty(0, dtype=np.int64)
    worst = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
    return np.flatnonzero(cosines >= worst - np.float32(slack))


def rank(snapshot: Snapshot, queries: Vectors, candidates: Rows, k: int) -> tuple[Rows, Vectors]:
    """The best ``k`` of each query's candidate rows [Q, C] by their exact cosines: (rows [Q, k'], cosines [Q, k']).

    A candidate of -1 stands for none: it comes last, with cosine -inf. k' = min(k, C). Each cosine is summed in the same order, so
    that equal vectors get equal cosines in any row and from any backend. In a matrix product the last bit differs.
    """
    shape = (len(queries), min(k, candidates.shape[1]))
    found, cosines = np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32)
    for number, query in enumerate(queries):
        rows = candidates[number][candidates[number] >= 0]
        values = np.vecdot(snapshot.vectors[rows].astype(np.float32, copy=False), query)
        order = np.lexsort((rows, -values))[: shape[1]]
        found[number, : len(order)] = rows[order]
        cosines[number, : len(order)] = values[order]
    return found, cosines
