"""Queries ranked against a gallery: which row is best, how far off it is, and at what rank the first near row comes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.geo import chord_of_km, geodesic_km, unit_xyz
from retrieval.ranking.gap import Side

CHUNK = 64  # queries at once: against a million rows 256 MB of cosines
SPHERE_IS_OFF = 1.01  # great circles differ from geodesics by up to 0.6 %
Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Placed:
    """For each query [N]: ``errors_km`` from its place to that of the best row, and the rank (from 1) of the first row that is near
    enough: infinite where the gallery has none; ties count against it. ``ranks`` is None where nothing was ranked.
    """

    errors_km: Floats
    ranks: Floats | None


def place(asking: Side, answering: Side, radius_km: float, advance: Callable[[int], None] = lambda n: None) -> Placed:
    """Rank all rows by cosine for every query."""
    queries, rows = asking.vectors.astype(np.float32), answering.vectors.astype(np.float32)

    def cosines() -> Iterator[Scores]:
        for start in range(0, len(queries), CHUNK):
            yield from queries[start : start + CHUNK] @ rows.T
            advance(len(queries[start : start + CHUNK]))

    return place_by(cosines(), asking.places, answering.places, radius_km)


def place_by(scores: Iterable[Scores], places: Floats, gallery: Floats, radius_km: float) -> Placed:
    """Rank the gallery [G, 2] for queries at ``places`` [N, 2] by the ``scores`` [G] of each in turn; the highest is best."""
    best: list[int] = []
    ranks: list[float] = []
    for each, near in zip(scores, rows_within(places, gallery, radius_km), strict=True):
        best.append(int(each.argmax()))
        ranks.append(first_rank(each, near))
    return Placed(errors_km(gallery[best], places), np.array(ranks))


def errors_km(said: Floats, true: Floats) -> Floats:
    """Geodesic distance of places [N, 2], lat and lon, row by row."""
    return geodesic_km(said[:, 0], said[:, 1], true[:, 0], true[:, 1])


def first_rank(scores: Scores, right: Rows) -> float:
    """The rank (from 1) of the best of the rows ``right``; every other row with the same score comes before it."""
    if not len(right):
        return np.inf
    ahead = scores >= scores[right].max()
    return 1.0 + float(ahead.sum() - ahead[right].sum())


def rows_within(places: Floats, gallery: Floats, radius_km: float) -> Iterator[Rows]:
    """For each place [N, 2] the rows of the gallery [G, 2] at most so far away, by geodesic distance."""
    from scipy.spatial import cKDTree

    tree = cKDTree(unit_xyz(gallery[:, 0], gallery[:, 1]))
    for lat, lon in places:
        rows = np.array(tree.query_ball_point(unit_xyz(lat, lon), chord_of_km(SPHERE_IS_OFF * radius_km)), dtype=np.int64)
        yield rows[geodesic_km(lat, lon, gallery[rows, 0], gallery[rows, 1]) <= radius_km]
