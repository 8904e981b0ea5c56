"""The cosines of a query with all vectors of a table: one pass over memory, which ranking, confidence and heat map then share.

The pass is bound by memory: 250,000 vectors of 256 dimensions take 20 ms, whoever asks, and one text is asked by three. So those of
the last queries are kept, as far as there is room. Searches that look at a part of the vectors only compute nothing here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from index.threads import thread_count

KEPT_BYTES = 32 * 2**20  # 32 queries of 250,000 rows; at least one of any number of rows
CHUNK = 4096  # rows: float16 ones are widened and used while in the cache
Floats = npt.NDArray[np.float32]


class Cosines:
    """Of any unit vectors with the ``vectors`` [N, D] of unit norm, float32 or float16."""

    def __init__(self, vectors: npt.NDArray[Any]) -> None:
        self.vectors = vectors
        self._most = max(1, KEPT_BYTES // (4 * max(1, len(vectors))))
        self._kept, self._lock = OrderedDict[bytes, Floats](), threading.Lock()

    def of(self, query: Floats) -> Floats:
        """[N], of one query [D] with all vectors. Shared with others: do not write into it."""
        found = self.known(query)
        if found is None:
            found = product(self.vectors, query)
            found.setflags(write=False)
            with self._lock:
                self._kept[query.tobytes()] = found
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return found

    def known(self, query: Floats) -> Floats | None:
        """The same if it is at hand. None where it would have to be computed."""
        with self._lock:
            found = self._kept.get(query.tobytes())
            if found is not None:
                self._kept.move_to_end(query.tobytes())
            return found


def product(vectors: npt.NDArray[Any], query: Floats) -> Floats:
    """The inner product [N] of each vector [N, D] with the query [D]."""
    if vectors.dtype == np.float32:  # BLAS is as fast as memory, with as many threads as it was given
        whole: Floats = vectors @ query
        return whole
    found = np.empty(len(vectors), dtype=np.float32)

    def score(start: int) -> None:
        chunk = vectors[start : start + CHUNK].astype(np.float32)
        # Not BLAS: its own threads would compete with ours for the cores.
        np.einsum("nd,d->n", chunk, query, out=found[start : start + CHUNK])

    with ThreadPoolExecutor(thread_count()) as pool:
        list(pool.map(score, range(0, len(vectors), CHUNK)))
    return found
