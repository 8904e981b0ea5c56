"""The gap between modalities in two numbers for each pair: how far apart their centroids are, and how mixed their clouds are.

``mixing`` takes equally many records of both modalities, and counts how many of the nearest neighbours of a record are of the
other: 0 means none, 1 as many as if modality did not matter. Both numbers are measured with the vectors as they are, and as seen
from the mean of their modality (``retrieval.ranking.centring``). Whether centring improves a search is another question, which
``retrieval.ranking.gap`` answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.records import Modality
from retrieval.atlas.components import some_rows
from retrieval.ranking.centring import centred
from retrieval.ranking.gap import centroid_distance

SAMPLE = 1500  # records of each: 9 million cosines for a pair
NEIGHBOURS = 10
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clouds:
    """Two modalities, plain and centred; ``distance`` of the centroids in [0, 2]."""

    one: Modality
    other: Modality
    distance: float
    distance_centred: float
    mixing: float
    mixing_centred: float


def measure_clouds(vectors: Mapping[Modality, npt.NDArray[Any]], *, seed: int = 0) -> list[Clouds]:
    """Of each pair of modalities; ``vectors`` [N, D] of unit norm."""
    rng = np.random.default_rng(seed)
    plain = {name: rows[some_rows(len(rows), SAMPLE, rng)].astype(np.float32) for name, rows in vectors.items()}
    moved = {name: centred(rows, rows.mean(axis=0, dtype=np.float64)) for name, rows in plain.items()}
    return [
        Clouds(
            one,
            other,
            centroid_distance(plain[one], plain[other]),
            centroid_distance(moved[one], moved[other]),
            mixing(plain[one], plain[other]),
            mixing(moved[one], moved[other]),
        )
        for one, other in combinations(vectors, 2)
    ]


def mixing(one: Floats, other: Floats) -> float:
    """The share of the other modality among the nearest neighbours of each record, over its expected share at random. Of [N, D] and
    [M, D], as many as the smaller has are compared. Raises ``InputError`` for fewer than 2 of either."""
    count = min(len(one), len(other))
    if count < 2:
        raise InputError(f"clouds are compared between 2 records or more of each modality, got {count}; index more")
    both = np.concatenate([one[_spread(len(one), count)], other[_spread(len(other), count)]])
    cosines = both @ both.T
    np.fill_diagonal(cosines, -np.inf)
    neighbours = min(NEIGHBOURS, count - 1)
    nearest = np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours]
    of_other = (nearest >= count) != (np.arange(2 * count) >= count)[:, None]
    return float(of_other.mean() / (count / (2 * count - 1)))


def _spread(size: int, count: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, size - 1, count).astype(np.int64)
