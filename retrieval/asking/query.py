"""What is asked: weighted parts of any kind (texts, images, places, stored records) that become one or several vectors.

"mean" asks with the direction of the weighted sum of all parts; a negative weight pushes away. "max" asks with every positive part
by itself (each with all negatives), and a row counts as much as for the part it fits best: "a glacier, or else a geyser".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.records import Modality, Place, check_unit_vectors
from retrieval.asking.parts import Encoders, Part, Vectors

CANCELLED = 1e-3  # a sum shorter than this share of its weights is noise: the parts have cancelled out


@dataclass(frozen=True)
class QueryVectors:
    """A query in the shared space: ``parts`` [n, D] of unit norm, summed up with ``weights`` [P, n] into P vectors to search with.

    ``origin`` is the place of the first positive part that has one. Raises ``InputError`` where parts cancel each other out, and
    for one that is zero or no number (the encoder is at fault).
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
        """[P]: what the sums are divided by."""
        return np.asarray(np.linalg.norm(self.sums, axis=1))

    @cached_property
    def vectors(self) -> Vectors:
        """[P, D] of unit norm. The score of a row is the greatest of its P cosines."""
        return (self.sums / self.lengths[:, None]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Query:
    """Raises ``InputError`` without parts, and for a "max" whose positive parts are missing or of unlike weights: as each asks by
    itself, their weights count only against the negatives."""

    parts: tuple[Part, ...]
    combine: Literal["mean", "max"] = "mean"

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("the query is empty; give a text, an image, a place or a stored item")
        if self.combine not in ("mean", "max"):
            raise InputError(f"parts are combined by 'mean' or 'max', got '{self.combine}'")
        if self.combine == "max" and len({part.weight for part in self.parts if part.weight > 0}) != 1:
            raise InputError("'max' needs positive parts, all of one weight; combine by 'mean' to weigh them")

    @property
    def label(self) -> str:
        """All parts in one line, as 'snow + place 1.0000, 2.0000 − city'."""
        signs = ["" if part.weight > 0 else "− " for part in self.parts[:1]]
        signs += [" + " if part.weight > 0 else " − " for part in self.parts[1:]]
        return "".join(sign + part.label for sign, part in zip(signs, self.parts, strict=True))

    def embed(self, space: Encoders) -> QueryVectors:
        """Raises ``InputError`` for what the encoders refuse and for parts that cancel each other out."""
        read = [part.read() for part in self.parts]
        return QueryVectors(
            labels=tuple(part.label for part in self.parts),
            modalities=tuple(part.modality for part in self.parts),
            parts=np.stack([part.embed(space) for part in read]),
            weights=self._weights(),
            origin=next((part.place for part in read if part.place and part.weight > 0), None),
        )

    def _weights(self) -> npt.NDArray[np.float64]:
        """[P, n], the largest being 1."""
        weights = np.array([part.weight for part in self.parts], dtype=np.float64)
        weights /= np.abs(weights).max()
        if self.combine == "mean":
            return weights[None]
        positive = np.array([row for row, part in enumerate(self.parts) if part.weight > 0])
        return np.where(np.arange(len(weights)) == positive[:, None], weights, np.minimum(weights, 0))


def best_of(
    rows: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32], k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """One answer from those of P vectors: rows and cosines [P, K] -> ([k'], [k']), best first, each row once with its best cosine.

    As exact as what it is given if K >= k: a row among the k best of all is among the k best of the part that it fits best. Row -1
    is none. Equal cosines are ordered by row.
    """
    flat, scores = rows.ravel(), cosines.ravel()
    order = np.lexsort((flat, -scores))
    order = order[flat[order] >= 0]
    _, first = np.unique(flat[order], return_index=True)
    chosen = order[np.sort(first)[:k]]
    return flat[chosen], scores[chosen]
