"""From texts to tiles and from tiles to articles by way of position, which is what binds the space.

Texts learn to lie where positions lie, and so do tiles; texts and tiles seldom learn from each other, so that a cosine between the
two says little. But every record has a position. A part of a query that is a text is therefore compared with the positions of
tiles, cos(text, location encoder(lat, lon of the tile)), and a tile with those of articles. Candidates are found by the records'
own vectors, so any backend and any filter will do: they are asked with the mean of the locations where the part fits, as RANGE
(Dhakal et al. 2025, arXiv:2502.19781) makes up what a place looks like from similar places. docs/evaluation.md: what it is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from index.records import Modality
from index.snapshot import Snapshot
from retrieval.query import QueryVectors

Floats = npt.NDArray[np.float32]
Locate = Callable[[npt.ArrayLike, npt.ArrayLike], Floats]  # lat [N], lon [N] -> unit vectors [N, D]
LOCATIONS = 32_768  # 67 km apart on land; four times as many find the same
TEMPERATURE = 0.02  # of .005 to .07 the one that finds most tiles within 200 km among ten articles


class Bridge:
    """``locations`` [L, D] are the unit vectors of places all over the Earth, ``locate`` gives those of any others."""

    def __init__(self, locations: Floats, locate: Locate) -> None:
        self.locations, self.locate = locations, locate

    @classmethod
    def over(cls, snapshot: Snapshot, locate: Locate) -> Bridge:
        """The bridge over some of the indexed locations."""
        return cls(snapshot.vectors[snapshot.spread(LOCATIONS)].astype(np.float32), locate)

    def crossing(self, query: QueryVectors, modality: Modality) -> Crossing | None:
        """None where every part of the query can be compared with records of this modality as it is."""
        across = np.array([modality != "locations" and part not in (modality, "locations") for part in query.modalities])
        return Crossing(query, across, self) if across.any() else None

    def where(self, vectors: Floats) -> Floats:
        """The direction of the locations that unit vectors [n, D] fit best: [n, D] of unit norm."""
        fit = vectors @ self.locations.T / TEMPERATURE
        fit = np.exp(fit - fit.max(axis=1, keepdims=True))
        mean = (fit / fit.sum(axis=1, keepdims=True)) @ self.locations
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Crossing:
    """A query on its way to records of one modality; ``across`` [n] are the parts that are compared with their positions."""

    query: QueryVectors
    across: npt.NDArray[np.bool_]
    bridge: Bridge

    def candidates(self) -> Floats:
        """Unit vectors [P, D] to ask the records' own vectors with. Raises ``InputError`` for parts that cancel each other out."""
        parts = np.where(self.across[:, None], self.bridge.where(self.query.parts), self.query.parts)
        return replace(self.query, parts=parts).vectors

    def seen(self, vectors: Floats, positions: Floats) -> Floats:
        """[N, n, D]: what each part of the query is compared with, of records with ``vectors`` [N, D] and ``positions`` [N, D]."""
        return np.where(self.across[None, :, None], positions[:, None], vectors[:, None])

    def scores(self, vectors: Floats, positions: Floats) -> Floats:
        """[N]: the score of such records, the greatest over the query's vectors of the weighed sum of cosines with ``seen``."""
        cosines = np.einsum("nd,rnd->nr", self.query.parts, self.seen(vectors, positions))
        return np.asarray((self.query.weights @ cosines / self.query.lengths[:, None]).max(axis=0), np.float32)
