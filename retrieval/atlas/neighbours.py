"""Whether two modalities find each other: mutual neighbours, and how far apart neighbours lie on the globe."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import geodesic_km
from index.records import Modality
from retrieval.atlas.components import some_rows
from retrieval.ranking.gap import Side

SAMPLE = 2000  # records of each modality: 4 million cosines for a pair
NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Mutual:
    """``mutual``: share of the records of ``one`` that are among the ``k`` nearest of ``one`` to their own nearest of ``other``;
    ``chance`` is the value for vectors without meaning. ``median_km``: from a record to its nearest, on the globe."""

    one: Modality
    other: Modality
    mutual: float
    chance: float
    median_km: float
    k: int
    records: int


def measure_mutual(sides: Mapping[Modality, Side], *, k: int = NEIGHBOURS, seed: int = 0) -> list[Mutual]:
    """From each modality to the other, in samples of at most 2,000. Raises ``InputError`` where one has no records."""
    rng = np.random.default_rng(seed)
    some = {name: _sample(side, rng) for name, side in sides.items()}
    return [mutual(one, some[one], other, some[other], k) for one, other in permutations(some, 2)]


def mutual(one: Modality, asking: Side, other: Modality, answering: Side, k: int) -> Mutual:
    if not len(asking.vectors) or not len(answering.vectors) or k < 1:
        raise InputError(f"neighbours need records of two modalities and k >= 1, got none of one or k = {k}")
    cosines = asking.vectors @ answering.vectors.T
    nearest = cosines.argmax(axis=1)
    back = cosines[:, nearest]  # [N, N]: of all queries with the nearest of each
    ahead = (back > np.diag(back)).sum(axis=0)  # how many queries are nearer to it
    here, there = asking.places, answering.places[nearest]
    return Mutual(
        one=one,
        other=other,
        mutual=float((ahead < k).mean()),
        chance=min(1.0, k / len(asking.vectors)),
        median_km=float(np.median(geodesic_km(here[:, 0], here[:, 1], there[:, 0], there[:, 1]))),
        k=k,
        records=len(asking.vectors),
    )


def _sample(side: Side, rng: np.random.Generator) -> Side:
    rows = some_rows(len(side.vectors), SAMPLE, rng)
    vectors: npt.NDArray[Any] = side.vectors[rows].astype(np.float32)
    return Side(vectors, side.places[rows])
