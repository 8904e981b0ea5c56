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
        best = (
            np.argpartition(-cosines, k - 1, axis=1)[:, :k]
            if 0 < k < len(vectors)
            else np.tile(np.arange(len(vectors)), (len(queries), 1))
        )
        found = np.take_along_axis(cosines, best, axis=1)
        order = np.lexsort((best, -found), axis=1)
        return np.take_along_axis(best, order, axis=1), np.take_along_axis(found, order, axis=1)
