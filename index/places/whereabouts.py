"""Where many points lie: near which places, and in which country, region and continent. Prepared once, asked many times.

A point belongs to the country, region and continent of its nearest town, as in ``index.places.countries``, which says how far a
country reaches; on the high seas it belongs to none, and south of 60° S to Antarctica.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import chord_km, chord_of_km, unit_xyz
from index.places.coast import sea_km
from index.places.continents import ANTARCTIC_LAT
from index.places.countries import LAND_REACH_KM, SEA_REACH_KM
from index.places.elevation import elevation_m
from index.places.name_index import NameIndex
from index.places.packaged import is_land
from index.places.regions import code_of_region
from index.places.world_names import world_names
from index.records import Place
from index.threads import once

Rows = npt.NDArray[np.int64]
ANTARCTICA = ("country", "AQ"), ("continent", "AN")


class Whereabouts:
    """Of ``places`` [N, 2], lat and lon; ``gazetteer`` has the towns: those of the world, if no other is given. What needs towns
    raises ``MissingExtraError`` without [demo]."""

    def __init__(self, places: npt.NDArray[np.float64], gazetteer: NameIndex | None = None) -> None:
        self.places, self._gazetteer = places, gazetteer

    @property
    def gazetteer(self) -> NameIndex:
        return world_names() if self._gazetteer is None else self._gazetteer

    def __len__(self) -> int:
        return len(self.places)

    def near(self, place: Place, within_km: float) -> tuple[Rows, npt.NDArray[np.float64]]:
        """The points within so many km of a place, and their distances."""
        centre = unit_xyz(place.lat, place.lon)
        rows = np.array(self._tree.query_ball_point(centre, chord_of_km(within_km)), dtype=np.int64)
        return rows, chord_km(np.linalg.norm(self._xyz[rows] - centre, axis=1))

    def inside(self, kind: str, code: str) -> Rows:
        """The points in a country ('AT'), a region ('US-VA') or a continent ('EU')."""
        if (kind, code) in ANTARCTICA:
            return np.flatnonzero(self._antarctic)
        gazetteer = self.gazetteer
        if code not in gazetteer.tables[kind]:
            return np.empty(0, np.int64)
        there = gazetteer.columns[kind][self._nearest_town] == gazetteer.tables[kind].index(code)
        return np.flatnonzero(there & (self._nearest_town >= 0) & ~self._antarctic)

    def within(self, regions: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which points lie in one of the continents and countries, named as by ``index.places.regions.region_named``."""
        inside = np.zeros(len(self), dtype=bool)
        for name in regions:
            inside[self.inside(*code_of_region(name))] = True
        return inside

    @once
    def sea_km(self) -> npt.NDArray[np.float64]:
        """[N]: how far the points are from the sea."""
        return sea_km(*self.places.T)

    @once
    def elevation_m(self) -> npt.NDArray[np.float64]:
        """[N]: how high the ground is, in metres above the sea; NaN where that is not known."""
        return elevation_m(*self.places.T)

    @once
    def _xyz(self) -> npt.NDArray[np.float64]:
        return unit_xyz(*self.places.T)

    @once
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self._xyz)

    @once
    def _antarctic(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.places[:, 0] < ANTARCTIC_LAT)

    @once
    def _nearest_town(self) -> Rows:
        """The row of the gazetteer of the town nearest to each point, -1 where none is in reach."""
        rows, towns = self.gazetteer.towns
        chord, nearest = towns.query(self._xyz, distance_upper_bound=chord_of_km(LAND_REACH_KM))
        reach_km = np.where(is_land(*self.places.T), LAND_REACH_KM, SEA_REACH_KM)
        return np.where(chord_km(chord) <= reach_km, rows[np.minimum(nearest, len(rows) - 1)], -1)
