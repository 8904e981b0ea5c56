"""Queries ranked against a gallery: which row is best, how far off it is, at what rank the first near row comes, and what share of
the gallery the truth beats."""

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
NO_ROWS: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Placed:
    """For each query [N]: ``errors_km`` from its place to that of the best row, and the rank (from 1) of the first row that is near
    enough: infinite where the gallery has none; ties count against it. ``ranks`` is None where nothing was ranked.

    ``beats``: the share in [0, 1] of the other rows that score less than the row nearest to the true place; a tie is half a win, so
    that chance is a half; None where there is no gallery. ``answered``: 1 where a floor had an answer of its own, else 0; None
    where it always has one.
    """

    errors_km: Floats
    ranks: Floats | None
    beats: Floats | None = None
    answered: Floats | None = None

    def take(self, rows: npt.NDArray[np.bool_]) -> "Placed":
        """Of the queries of a mask [N]."""
        ranks, beats, answered = (None if each is None else each[rows] for each in (self.ranks, self.beats, self.answered))
        return Placed(self.errors_km[rows], ranks, beats, answered)


def place(
    asking: Side, answering: Side, radius_km: float, advance: Callable[[int], None] = lambda n: None, beyond_km: float = 0.0
) -> Placed:
    """Rank all rows by cosine for every query, or those that are at least ``beyond_km`` away."""
    queries, rows = asking.vectors.astype(np.float32), answering.vectors.astype(np.float32)

    def cosines() -> Iterator[Scores]:
        for start in range(0, len(queries), CHUNK):
            yield from queries[start : start + CHUNK] @ rows.T
            advance(len(queries[start : start + CHUNK]))

    return place_by(cosines(), asking.places, answering.places, radius_km, beyond_km)


def place_by(scores: Iterable[Scores], places: Floats, gallery: Floats, radius_km: float, beyond_km: float = 0.0) -> Placed:
    """Rank the gallery [G, 2] for queries at ``places`` [N, 2] by the ``scores`` [G] of each in turn; the highest is best. Rows
    nearer than ``beyond_km`` to a query are no answers to it."""
    best: list[int] = []
    ranks: list[float] = []
    beats: list[float] = []
    own = nearest_rows(places, gallery)
    too_near = rows_within(places, gallery, beyond_km) if beyond_km else iter([NO_ROWS] * len(places))
    for each, near, nearest, gone in zip(scores, rows_within(places, gallery, radius_km), own, too_near, strict=True):
        allowed = each if not len(gone) else each.copy()
        allowed[gone] = -np.inf
        best.append(int(allowed.argmax()))
        ranks.append(first_rank(allowed, np.setdiff1d(near, gone)))
        beats.append(share_beaten(each, int(nearest)))
    return Placed(errors_km(gallery[best], places), np.array(ranks), np.array(beats))


def place_at(said: Floats, places: Floats, gallery: Floats, answered: Floats | None = None) -> Placed:
    """For an answer that is one place ``said`` [N, 2] and no ranking: the nearer to it, the better a row of the gallery."""
    rows = unit_xyz(gallery[:, 0], gallery[:, 1])
    pairs = zip(unit_xyz(said[:, 0], said[:, 1]), nearest_rows(places, gallery), strict=True)
    beats = [share_beaten(rows @ answer, int(own)) for answer, own in pairs]
    return Placed(errors_km(said, places), None, np.array(beats), answered)


def nearest_rows(places: Floats, gallery: Floats) -> Rows:
    """For each place [N, 2] the nearest row of the gallery [G, 2]."""
    from scipy.spatial import cKDTree

    tree = cKDTree(unit_xyz(gallery[:, 0], gallery[:, 1]))
    return np.asarray(tree.query(unit_xyz(places[:, 0], places[:, 1]))[1], dtype=np.int64)


def share_beaten(scores: Scores, row: int) -> float:
    """The share of the other rows that score less than ``row``; a tie is half a win. A half where there is no other row."""
    if len(scores) == 1:
        return 0.5
    less, equal = np.count_nonzero(scores < scores[row]), np.count_nonzero(scores == scores[row]) - 1
    return float((less + equal / 2) / (len(scores) - 1))


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
