"""From texts to tiles and from pictures to articles through position, which binds the space together.

Texts learn to lie where positions lie, and so do tiles. Texts and tiles seldom learn from each other, so a cosine between the two
says little. But every record has a position. A part of a query that is a text is therefore compared with the positions of tiles,
cos(text, location encoder(lat, lon of the tile)), and a picture with those of articles. docs/evaluation.md says how much this
improves.

Up to 10,000 records that may answer are all compared by position. For more that takes long, so a grid over the whole Earth is
encoded once, and only records in the cells that fit best are then compared by their own positions. Each position is encoded
once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.files import cache_folder
from index.geo import fibonacci_sphere, nearest_of_even
from index.records import Modality
from index.search.snapshot import Rows, Snapshot
from index.store.derived import array_at
from index.threads import once
from retrieval.asking.query import QueryVectors

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.float64]
Locate = Callable[[npt.ArrayLike, npt.ArrayLike], Floats]  # lat [N], lon [N] -> unit vectors [N, D]
FEW_ROWS = 10_000  # one second on one core, once
MOST_KNOWN = 2_000_000  # rows, 4 GiB if all are read: in larger tables each question encodes positions again
FINEST_SPOT_DEG = 0.02  # 2 km
GRID_POINTS = 32_768  # 125 km apart; the shipped model encodes them in a second on two cores


class Bridge:
    """``locate`` gives the vectors of any places; nothing is encoded before it is needed. ``name`` is that of its encoder, under
    which the vectors of fixed places are written to files; without one they are made by each process."""

    def __init__(self, locate: Locate, name: str = "") -> None:
        self.locate, self.name = locate, name

    @once
    def grid(self) -> Floats:
        """Unit vectors [G, D] of points spread evenly over the Earth."""
        folder = cache_folder() / "encoders" if self.name else None
        if folder:
            with suppress(OSError):  # a cache that cannot be written costs time only
                folder.mkdir(parents=True, exist_ok=True)
        return array_at(folder and folder / f"grid-{self.name}.npy", lambda: self.locate(*fibonacci_sphere(GRID_POINTS)))


class Positions:
    """The vectors of the ``places`` [N, 2] of a snapshot's rows: encoded when first needed, then remembered; those of few rows in a
    file of the snapshot's ``folder``."""

    def __init__(self, bridge: Bridge, places: Places, folder: Path | None = None) -> None:
        self.bridge, self.places, self._folder = bridge, places, folder
        self._known = np.zeros(len(places), dtype=bool)
        self._vectors: Floats | None = None

    def of(self, rows: Rows) -> Floats:
        """[n, D]."""
        if self._folder is not None and 0 < len(self.places) <= FEW_ROWS:
            return self._all[rows]
        if len(self.places) > MOST_KNOWN:
            return self.bridge.locate(*self.places[rows].T)
        unknown = np.unique(rows[~self._known[rows]])
        if len(unknown) or self._vectors is None:
            found = self.bridge.locate(*self.places[unknown].T)
            if self._vectors is None:  # memory that is never written to takes no space
                self._vectors = np.zeros((len(self.places), found.shape[1]), np.float32)
            self._vectors[unknown] = found
            self._known[unknown] = True
        return self._vectors[rows]

    @once
    def _all(self) -> Floats:
        path = self._folder / f"positions-{self.bridge.name}.npy" if self._folder and self.bridge.name else None
        return array_at(path, lambda: self.bridge.locate(*self.places.T))

    def likeliest(self, crossing: Crossing, count: int, allowed: Rows | None) -> Rows:
        """All, or all ``allowed`` rows, where these are few; else at least ``count``, those in the places that fit best.

        Cells come whole, because a cell cannot tell its rows apart. Where a cell holds more than can be compared, as around a
        city, one record of each spot in it tells the spots apart.
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
                return _best_groups(chosen, fit, count)[:FEW_ROWS]  # any row of a spot is as good as another
            spot_deg *= 2
        return chosen

    @once
    def cells(self) -> npt.NDArray[np.int32]:
        """The nearest point of the bridge's grid to each row: [N]."""
        return nearest_of_even(self.places[:, 0], self.places[:, 1], GRID_POINTS).astype(np.int32)


def _best_groups(rows: Rows, fit: Floats, count: int) -> Rows:
    """At least ``count`` of the rows [n], those that ``fit`` [n] best, with all ties of the last one."""
    if count >= len(rows):
        return rows
    return rows[fit >= np.partition(fit, -count)[-count]]


@dataclass(frozen=True)
class Records:
    """Some ``rows`` [n] of a snapshot with the vectors that they are compared by, read on demand. ``where`` is for positions only;
    ``known`` holds their vectors if they are at hand."""

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
        """[n, D]: the vectors of their places."""
        assert self.where
        return self.where.of(self.rows)


@dataclass(frozen=True)
class Crossing:
    """A query to records of one modality: the parts ``by_position`` [n] are compared with the records' places, others with
    their vectors. A score is the weighted sum of cosines / (|sum of the former| + |sum of the latter|), so it lies in [-1, 1]; if
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
        """Unit vectors [P', D] to search the records' own vectors with: from the other parts, if any."""
        sums = self._sums(~self.by_position)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.where(lengths > 0, lengths, 1), np.float32)[lengths[:, 0] > 0]

    @cached_property
    def lengths(self) -> npt.NDArray[np.float64]:
        """[P]: the divisors of the sums of the query's vectors."""
        sorts = (self.by_position, ~self.by_position)
        return np.asarray(sum(np.linalg.norm(self._sums(sort), axis=1) for sort in sorts))

    def cosines(self, records: Records) -> Floats:
        """[n, N]: of each part with the records; vectors that no part is compared with are not read."""
        parts, found = self.query.parts, np.empty((len(self.by_position), len(records.rows)), np.float32)
        found[self.by_position] = parts[self.by_position] @ records.positions.T
        if not self.by_position.all():
            found[~self.by_position] = parts[~self.by_position] @ records.vectors.T
        return found

    def scores(self, records: Records) -> Floats:
        """[N]: for each record, the greatest over the query's vectors."""
        return self._best(self.query.weights @ self.cosines(records))

    def fit(self, positions: Floats) -> Floats:
        """[G]: the score of the parts by position for the vectors of any places [G, D]."""
        return self._best(self._sums(self.by_position).astype(np.float32) @ positions.T)

    def _sums(self, sort: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.where(sort, self.query.weights, 0) @ self.query.parts.astype(np.float64)

    def _best(self, sums: npt.NDArray[np.floating]) -> Floats:
        return np.asarray((sums / self.lengths[:, None]).max(axis=0), np.float32)
