"""How far apart two modalities lie in the shared space, and whether removing the gap helps to find one from the other."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import geodesic_km
from retrieval.ranking.centring import centred

Floats = npt.NDArray[np.float32]
CHUNK = 64  # queries at once: against a million rows 256 MB of cosines


@dataclass(frozen=True)
class Side:
    """One modality: ``vectors`` [N, D] of unit norm and ``places`` [N, 2], lat and lon in degrees."""

    vectors: npt.NDArray[np.floating]
    places: npt.NDArray[np.float64]

    def mean(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.vectors.mean(axis=0, dtype=np.float64))


@dataclass(frozen=True)
class Gap:
    """``distance``: between the centroids of the two modalities (the gap of Liang et al. 2022, arXiv 2203.02053); 0 is none, 2 all.

    ``found``: share of the queries with at least one of their ``k`` best rows within ``radius_km``; both also after centring.
    """

    distance: float
    distance_centred: float
    found: float
    found_centred: float
    k: int
    radius_km: float
    queries: int

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def centroid_distance(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Between the means of [N, D] and [M, D]."""
    return float(np.linalg.norm(one.mean(axis=0, dtype=np.float64) - other.mean(axis=0, dtype=np.float64)))


def measure_gap(
    asking: Side, answering: Side, rng: np.random.Generator, *, k: int = 10, radius_km: float = 200.0, sample: int = 1000
) -> Gap:
    """Records of one modality (``sample`` of them at random) search for records of another that lie near them on the globe.

    Records need not be paired: their places decide what belongs together. Raises ``InputError`` for an empty side or ``k`` below 1.
    """
    if not len(asking.vectors) or not len(answering.vectors) or k < 1:
        raise InputError(f"a gap needs vectors of two modalities and k >= 1, got none on a side or k = {k}")
    chosen = np.sort(rng.choice(len(asking.vectors), size=min(sample, len(asking.vectors)), replace=False))
    queries, rows = asking.vectors[chosen].astype(np.float32), answering.vectors.astype(np.float32)
    queries_centred, rows_centred = centred(queries, asking.mean()), centred(rows, answering.mean())
    places = asking.places[chosen]
    return Gap(
        distance=centroid_distance(asking.vectors, answering.vectors),
        distance_centred=centroid_distance(queries_centred, rows_centred),
        found=_found(queries, places, rows, answering.places, k, radius_km),
        found_centred=_found(queries_centred, places, rows_centred, answering.places, k, radius_km),
        k=k,
        radius_km=radius_km,
        queries=len(chosen),
    )


def _found(
    queries: Floats, places: npt.NDArray[np.float64], rows: Floats, row_places: npt.NDArray[np.float64], k: int, radius_km: float
) -> float:
    """Share of the queries that have one of their ``k`` best rows within the radius."""
    near = []
    for start in range(0, len(queries), CHUNK):
        cosines = queries[start : start + CHUNK] @ rows.T
        best = (
            np.argpartition(-cosines, k - 1, axis=1)[:, :k] if k < len(rows) else np.tile(np.arange(len(rows)), (len(cosines), 1))
        )
        lat, lon = places[start : start + CHUNK, :1], places[start : start + CHUNK, 1:]
        near.append((geodesic_km(lat, lon, row_places[best, 0], row_places[best, 1]) <= radius_km).any(axis=1))
    return float(np.concatenate(near).mean())
