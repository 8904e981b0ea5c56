"""A question in the shared space: the vectors of its parts, and their sum or sums to search with.

"mean" searches with the direction of the weighted sum of all parts; a negative weight pushes away. "max" searches with every
positive part separately (each with all negatives), and a row has the score of the part that it fits best.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.records import Modality, Place, check_unit_vectors
from retrieval.asking.parts import Vectors

CANCELLED = 1e-3  # a sum shorter than this share of its weights is noise: the parts cancel each other out


@dataclass(frozen=True)
class QueryVectors:
    """A query in the shared space: ``parts`` [n, D] of unit norm, summed up with ``weights`` [P, n] into P vectors to search with.

    ``origin`` is the place of the first positive part that has one. Raises ``InputError`` where parts cancel each other out, and
    for a part that is zero or not finite (a fault of the encoder).
    """

    labels: tuple[str, ...]
    modalities: tuple[Modality, ...]
    parts: Vectors
    weights: npt.NDArray[np.float64]
    origin: Place | None = None

    def __post_init__(self) -> None:
        check_unit_vectors(self.parts)
        if not (self.lengths > CANCELLED * np.abs(self.weights).sum(axis=1)).all():
            raise InputError("the parts of the query cancel each other out; change their weights or leave one out")

    @cached_property
    def sums(self) -> npt.NDArray[np.float64]:
        """[P, D], not normalised."""
        return self.weights @ self.parts.astype(np.float64)

    @cached_property
    def lengths(self) -> npt.NDArray[np.float64]:
        """[P]: the divisors of the sums."""
        return np.asarray(np.linalg.norm(self.sums, axis=1))

    @cached_property
    def vectors(self) -> Vectors:
        """[P, D] of unit norm. The score of a row is the greatest of its P cosines."""
        return (self.sums / self.lengths[:, None]).astype(np.float32)


def best_of(
    rows: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32], k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """One answer from those of P vectors: rows and cosines [P, K] -> ([k'], [k']), best first, each row once with its best cosine.

    As exact as its input if K >= k: a row among the k best of all is among the k best of the part that it fits best. Row -1
    means no row. Equal cosines are ordered by row.
    """
    flat, scores = rows.ravel(), cosines.ravel()
    order = np.lexsort((flat, -scores))
    order = order[flat[order] >= 0]
    _, first = np.unique(flat[order], return_index=True)
    chosen = order[np.sort(first)[:k]]
    return flat[chosen], scores[chosen]
