"""Why a hit is one: what each part of the query adds to its score, and which named place lies next to it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import geodesic_km, unit_xyz
from index.records import Place
from index.search.snapshot import Snapshot
from retrieval.asking.query import QueryVectors

CANDIDATES = 8  # nearest on the sphere, of which the nearest on the ellipsoid is chosen: the two differ by 0.6 % at most


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one part adds to a score: ``share`` = weight / length of the sum * ``cosine`` of this part with the hit.

    Shares of all parts add up to the score. A ``weight`` of 0 marks a part of a "max" query that another part surpassed.
    """

    label: str
    weight: float
    cosine: float
    share: float


def contributions(query: QueryVectors, cosines: npt.ArrayLike, lengths: npt.ArrayLike | None = None) -> list[Contribution]:
    """In the order of the query's parts, for their ``cosines`` [n] with a hit, both centred or neither; ``lengths`` [P]: the
    divisors of the sums, where they are not their lengths (``retrieval.ranking.bridge``).

    Exact, since the cosine with a sum is a sum: with q = sum(w_i p_i) / |sum(w_i p_i)|, q . r = sum(w_i p_i . r) / |sum(w_i p_i)|.
    """
    cosines = np.asarray(cosines, dtype=np.float64)
    lengths = query.lengths if lengths is None else np.asarray(lengths, dtype=np.float64)
    best = int(np.argmax(query.weights @ cosines / lengths))
    weights = query.weights[best]
    shares = weights * cosines / lengths[best]
    columns = zip(query.labels, weights.tolist(), cosines.tolist(), shares.tolist(), strict=True)
    return [Contribution(label, weight, cosine, share) for label, weight, cosine, share in columns]


@dataclass(frozen=True, slots=True)
class Prototype:
    """A named record near a hit: ``distance_km`` from it on the globe, ``cosine`` with its vector in the shared space."""

    id: str
    title: str
    place: Place
    distance_km: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one hit: what each part of the query adds to its score, and the nearest named place (None where the hit is that place)."""

    parts: tuple[Contribution, ...]
    near: Prototype | None

    def as_dict(self) -> dict[str, Any]:
        near = None
        if self.near:
            near = asdict(self.near) | {"lat": self.near.place.lat, "lon": self.near.place.lon}
            del near["place"]
        return {"parts": [asdict(part) for part in self.parts], "near": near}


class NamedPlaces:
    """The records of a snapshot (of locations or articles) that have a title, ready to find the nearest to a place."""

    def __init__(self, snapshot: Snapshot) -> None:
        from scipy.spatial import cKDTree

        self._snapshot = snapshot
        self._rows = snapshot.rows_where("title != ''")
        self._tree = cKDTree(unit_xyz(*snapshot.places[self._rows].T)) if len(self._rows) else None

    def nearest(self, place: Place, vector: npt.NDArray[np.floating]) -> Prototype | None:
        """The record nearest to ``place``, compared with ``vector`` [D] (of the hit, or of the query); None if none has a name."""
        if self._tree is None:
            return None
        _, near = self._tree.query(unit_xyz(place.lat, place.lon), k=min(CANDIDATES, len(self._rows)))
        rows = np.sort(self._rows[np.atleast_1d(near)])
        lat, lon = self._snapshot.places[rows].T
        distances_km = geodesic_km(place.lat, place.lon, lat, lon)
        first = int(np.argmin(distances_km))
        record = self._snapshot.take(rows[first : first + 1], ["id", "title"]).to_pylist()[0]
        cosine = float(self._snapshot.vectors[rows[first]].astype(np.float64) @ np.asarray(vector, dtype=np.float64))
        where = Place(lat=float(lat[first]), lon=float(lon[first]))
        return Prototype(record["id"], record["title"], where, float(distances_km[first]), cosine)
