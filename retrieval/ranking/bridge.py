"""From texts to tiles and from pictures to articles by way of position, which is what binds the space.

Texts learn to lie where positions lie, and so do tiles; texts and tiles seldom learn from each other, so that a cosine between the
two says little. But every record has a position. A part of a query that is a text is therefore compared with the positions of
tiles, cos(text, location encoder(lat, lon of the tile)), and a picture with those of articles. docs/evaluation.md: what it is
worth.

Of up to 10,000 records that may answer all positions are compared. Of more that takes long, so a grid over the whole Earth is
encoded once, and the records in the cells that fit best are the ones whose own positions are then compared. A position is encoded
once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from index.geo import fibonacci_sphere, unit_xyz
from index.records import Modality
from index.search.snapshot import Rows, Snapshot
from index.threads import once
from retrieval.asking.query import QueryVectors

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.float64]
Locate = Callable[[npt.ArrayLike, npt.ArrayLike], Floats]  # lat [N], lon [N] -> unit vectors [N, D]
FEW_ROWS = 10_000  # a second of one core, once
MOST_KNOWN = 2_000_000  # rows, 4 GiB if all are asked for: of larger tables positions are encoded anew for each question
FINEST_SPOT_DEG = 0.02  # 2 km
GRID_POINTS = 32_768  # 125 km apart; the shipped model encodes them in a second of two cores


class Bridge:
    """``locate`` gives the vectors of any places; nothing is encoded before it is needed."""

    def __init__(self, locate: Locate) -> None:
        self.locate = locate

    @once
    def grid(self) -> Floats:
        """Unit vectors [G, D] of points spread evenly over the Earth."""
        return self.locate(*fibonacci_sphere(GRID_POINTS))


class Positions:
    """The vectors of the ``places`` [N, 2] that the rows of a snapshot are at: encoded when first asked for, then known."""

    def __init__(self, bridge: Bridge, places: Places) -> None:
        self.bridge, self.places = bridge, places
        self._known = np.zeros(len(places), dtype=bool)
        self._vectors: Floats | None = None

    def of(self, rows: Rows) -> Floats:
        """[n, D]."""
        if len(self.places) > MOST_KNOWN:
            return self.bridge.locate(*self.places[rows].T)
        unknown = np.unique(rows[~self._known[rows]])
        if len(unknown) or self._vectors is None:
            found = self.bridge.locate(*self.places[unknown].T)
            if self._vectors is None:  # memory that is never written to takes no room
                self._vectors = np.zeros((len(self.places), found.shape[1]), np.float32)
            self._vectors[unknown] = found
            self._known[unknown] = True
        return self._vectors[rows]

    def likeliest(self, crossing: Crossing, count: int, allowed: Rows | None) -> Rows:
        """All, or all ``allowed`` rows, where these are few; else at least so many of them, those in the places that fit best.

        Cells come whole: what lies in one cannot be told apart by it. Where a cell holds more than can be compared, as around a
        city, the spots in it are told apart by a record of each.
        """
        rows = np.arange(len(self.places)) if allowed is None else allowed
        if len(rows) <= FEW_ROWS:
            return rows
        chosen = _best_groups(rows, crossing.fit(self.bridge.grid)[self.cells[rows]], count)
        spot_deg = FINEST_SPOT_DEG
        while len(chosen) > FEW_ROWS:
            _, first, spot = np.unique(np.rint(self.places[chosen] / spot_deg), axis=0, return_index=True, return_inverse=True)
            if len(first) <= FEW_ROWS:
                fit = crossing.fit(self.of(chosen[first]))[spot.ravel()]
                return _best_groups(chosen, fit, count)[:FEW_ROWS]  # what is at one spot is as good as at another row of it
            spot_deg *= 2
        return chosen

    @once
    def cells(self) -> npt.NDArray[np.int32]:
        """The nearest point of the bridge's grid to each row: [N]."""
        from scipy.spatial import cKDTree

        tree = cKDTree(unit_xyz(*fibonacci_sphere(GRID_POINTS)))
        return np.asarray(tree.query(unit_xyz(self.places[:, 0], self.places[:, 1]), workers=-1)[1], np.int32)


def _best_groups(rows: Rows, fit: Floats, count: int) -> Rows:
    """At least ``count`` of the rows [n], those that ``fit`` [n] best, with all that fit as well as the last of them."""
    if count >= len(rows):
        return rows
    return rows[fit >= np.partition(fit, -count)[-count]]


@dataclass(frozen=True)
class Records:
    """Some ``rows`` [n] of a snapshot with what they are compared by, read when it is asked for; ``where`` for positions only, and
    ``known`` are their vectors if they are at hand."""

    rows: Rows
    snapshot: Snapshot
    where: Positions | None
    known: Floats | None = None

    @cached_property
    def vectors(self) -> Floats:
        """[n, D]."""
        return self.snapshot.vectors[self.rows].astype(np.float32, copy=False) if self.known is None else self.known

    @cached_property
    def positions(self) -> Floats:
        """[n, D]: the vectors of the places that they are at."""
        assert self.where
        return self.where.of(self.rows)


@dataclass(frozen=True)
class Crossing:
    """A query on its way to records of one modality: the parts ``by_position`` [n] are compared with where these are, others with
    their vectors. A score is the weighed sum of cosines / (|sum of the former| + |sum of the latter|), so it lies in [-1, 1]; if
    all parts are of one sort it is a cosine."""

    query: QueryVectors
    by_position: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, query: QueryVectors, modality: Modality) -> Crossing | None:
        """None where every part of the query can be compared with the vectors of records of this modality."""
        by_position = np.array([modality != "locations" and part not in (modality, "locations") for part in query.modalities])
        return cls(query, by_position) if by_position.any() else None

    @property
    def by_vector(self) -> Floats:
        """Unit vectors [P', D] to ask the records' own vectors with: of the other parts, if any."""
        sums = self._sums(~self.by_position)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.where(lengths > 0, lengths, 1), np.float32)[lengths[:, 0] > 0]

    @cached_property
    def lengths(self) -> npt.NDArray[np.float64]:
        """[P]: what the sums of the query's vectors are divided by."""
        sorts = (self.by_position, ~self.by_position)
        return np.asarray(sum(np.linalg.norm(self._sums(sort), axis=1) for sort in sorts))

    def cosines(self, records: Records) -> Floats:
        """[n, N]: of each part with the records; what no part is compared with is not read."""
        parts, found = self.query.parts, np.empty((len(self.by_position), len(records.rows)), np.float32)
        found[self.by_position] = parts[self.by_position] @ records.positions.T
        if not self.by_position.all():
            found[~self.by_position] = parts[~self.by_position] @ records.vectors.T
        return found

    def scores(self, records: Records) -> Floats:
        """[N]: of the records, the greatest over the query's vectors."""
        return self._best(self.query.weights @ self.cosines(records))

    def fit(self, positions: Floats) -> Floats:
        """[G]: what the parts by position say of the vectors of any places [G, D]."""
        return self._best(self._sums(self.by_position).astype(np.float32) @ positions.T)

    def _sums(self, sort: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.where(sort, self.query.weights, 0) @ self.query.parts.astype(np.float64)

    def _best(self, sums: npt.NDArray[np.floating]) -> Floats:
        return np.asarray((sums / self.lengths[:, None]).max(axis=0), np.float32)
