"""Exact cosine search: one matrix product over all vectors. Slow for millions, never wrong: the oracle of every other backend."""

from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.records import Embeddings
from index.settings import Settings


class Options(Settings):
    pass


def build(*, embeddings: Embeddings, **options: Any) -> "ExactSearch":
    Options.parse(options, where="exact")
    return ExactSearch(embeddings)


class ExactSearch:
    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings

    def search(self, queries: npt.NDArray[np.float32], k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The ``k`` best rows for each query [Q, D] of unit norm, best first: (rows [Q, k], cosines [Q, k]).

        Fewer columns if there are fewer vectors. Equal cosines are ordered by row, so that an answer can be repeated.
        """
        vectors = self.embeddings.vectors
        if queries.ndim != 2 or queries.shape[1] != vectors.shape[1]:
            raise InputError(f"queries must be [Q, {vectors.shape[1]}], got {queries.shape}")
        k = min(k, len(vectors))
        cosines = queries @ vectors.T
        rows = np.stack([_best(row, k) for row in cosines]) if len(queries) else np.empty((0, k), dtype=np.int64)
        return rows, np.take_along_axis(cosines, rows, axis=1)


def _best(cosines: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """The ``k`` rows with the highest cosine [N], ties by row; a partition alone would pick any of the equal ones at the cut."""
    if k == 0:
        return np.empty(0, dtype=np.int64)
    worst = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
    candidates = np.flatnonzero(cosines >= worst)
    return candidates[np.lexsort((candidates, -cosines[candidates]))][:k]
