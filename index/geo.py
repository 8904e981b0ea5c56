"""Geometry on the globe: distances, unit vectors, ranges. Every coordinate is WGS84 degrees, latitude before longitude."""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

MEAN_RADIUS_KM = 6371.0088  # IUGG mean radius R1: the sphere of great-circle approximations
KM_PER_DEG = 111.195  # of latitude on that sphere
SPHERE_ERROR = 0.007  # great circles on that sphere are at most 0.56 % off the geodesic
Degrees = npt.ArrayLike


@cache
def _wgs84() -> Any:
    from pyproj import Geod

    return Geod(ellps="WGS84")


def geodesic_km(lat_a: Degrees, lon_a: Degrees, lat_b: Degrees, lon_b: Degrees) -> npt.NDArray[np.float64]:
    """Distance on the WGS84 ellipsoid in km, elementwise with broadcasting (Karney's algorithm, through pyproj)."""
    lat_a, lon_a, lat_b, lon_b = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (lat_a, lon_a, lat_b, lon_b)))
    _, _, metres = _wgs84().inv(lon_a.ravel(), lat_a.ravel(), lon_b.ravel(), lat_b.ravel())
    return np.asarray(metres, dtype=np.float64).reshape(lat_a.shape) / 1000


def unit_xyz(lat: Degrees, lon: Degrees) -> npt.NDArray[np.float64]:
    """Points on the unit sphere, [..., 3]: x towards (0, 0), y towards (0, 90 E), z towards the north pole."""
    phi, theta = np.radians(np.asarray(lat, dtype=np.float64)), np.radians(np.asarray(lon, dtype=np.float64))
    return np.stack([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=-1)


def great_circle_km(lat_a: Degrees, lon_a: Degrees, lat_b: Degrees, lon_b: Degrees) -> npt.NDArray[np.float64]:
    """All pairwise great-circle distances [A, B] in km on the mean sphere: at most 0.6 % off the geodesic, and much faster.

    Computed through the chord, which stays precise for near points (an arc cosine would not).
    """
    from scipy.spatial.distance import cdist

    chord = cdist(unit_xyz(lat_a, lon_a), unit_xyz(lat_b, lon_b))
    return chord_km(chord)


def chord_km(chord: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Great-circle distance in km of points whose unit vectors are ``chord`` apart; infinite stays infinite (no neighbour)."""
    chord = np.asarray(chord, dtype=np.float64)
    return np.where(np.isinf(chord), np.inf, 2 * MEAN_RADIUS_KM * np.arcsin(np.minimum(1, chord / 2)))


def chord_of_km(distance_km: float) -> float:
    """The chord of the unit sphere under a great circle of this length. From halfway round the globe on it is 2, the diameter."""
    return 2 * math.sin(min(distance_km / MEAN_RADIUS_KM, math.pi) / 2)


def wrap_lon(lon: Degrees) -> npt.NDArray[np.float64]:
    """Longitude brought into [-180, 180)."""
    wrapped = (np.asarray(lon, dtype=np.float64) + 180) % 360 - 180
    return np.where(wrapped >= 180, -180.0, wrapped)  # rounding, just below -180


def fibonacci_sphere(n: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """``n`` points spread evenly over the sphere as (lat, lon), each [n] (Swinbank and Purser 2006, spiral lattice)."""
    golden_angle_deg = 180 * (3 - math.sqrt(5))
    step = np.arange(n, dtype=np.float64)
    lat = np.degrees(np.arcsin(1 - (2 * step + 1) / n))
    return lat, wrap_lon(step * golden_angle_deg)


def nearest_of_even(lat: Degrees, lon: Degrees, n: int) -> npt.NDArray[np.int64]:
    """For each point [N] the nearest of the ``n`` points of ``fibonacci_sphere``, as its row there."""
    from scipy.spatial import cKDTree

    tree = cKDTree(unit_xyz(*fibonacci_sphere(n)))
    return np.asarray(tree.query(unit_xyz(lat, lon), workers=-1)[1], dtype=np.int64)


def block_of(lat: Degrees, lon: Degrees, size_deg: float = 5.0) -> npt.NDArray[np.int64]:
    """Number of the latitude/longitude block of each point, used to balance and split geographically."""
    columns = math.ceil(360 / size_deg)
    row = np.floor((np.asarray(lat, dtype=np.float64) + 90) / size_deg).astype(np.int64)
    row = np.minimum(row, math.ceil(180 / size_deg) - 1)  # the north pole belongs to the last row
    column = np.floor((wrap_lon(lon) + 180) / size_deg).astype(np.int64)
    return row * columns + column


def cell_of(lat: Degrees, lon: Degrees, size_km: float) -> npt.NDArray[np.int64]:
    """Number of the cell each point lies in. All cells have the same area of about ``size_km`` squared, everywhere on the globe.

    Zonal equal-area partition (Leopardi 2006, ETNA 25:309): a round cap at either pole and rings of equal cells between, each about
    as high as wide. Near points may lie in neighbouring cells. Unlike ``block_of``, cells do not become slivers towards a pole.
    """
    in_ring = _cells_in_rings(size_km)
    first = np.cumsum(in_ring) - in_ring
    total = int(in_ring.sum())
    z = np.sin(np.radians(np.asarray(lat, dtype=np.float64)))  # the area north of a latitude is proportional to 1 - z
    ring = np.searchsorted(first[1:], (1 - z) / 2 * total, side="right")
    turn = (wrap_lon(lon) + 180) / 360
    return np.asarray(first[ring] + np.minimum((turn * in_ring[ring]).astype(np.int64), in_ring[ring] - 1))


def _cells_in_rings(size_km: float) -> npt.NDArray[np.int64]:
    """How many cells each ring has, from the north pole's cap (1) to the south pole's (1)."""
    total = max(2, round(4 * math.pi * (MEAN_RADIUS_KM / size_km) ** 2))
    side, cap = math.sqrt(4 * math.pi / total), math.acos(1 - 2 / total)
    rings = max(1, round((math.pi - 2 * cap) / side)) if total > 2 else 0
    borders = np.linspace(cap, math.pi - cap, rings + 1)  # colatitudes; the rounded sums below move them to where areas are equal
    until = np.rint((1 - np.cos(borders)) / 2 * total).astype(np.int64)
    return np.array([1, *np.diff(until).tolist(), 1])


def uniform_on_sphere(count: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """``count`` random points as (lat, lon), each [count]. Equal areas are equally likely, which is not uniform in degrees."""
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, size=count)))
    return lat, rng.uniform(-180, 180, size=count)


def moved(
    lat: Degrees, lon: Degrees, azimuth_deg: Degrees, distance_km: Degrees
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points moved along geodesics of WGS84, as (lat, lon), elementwise with broadcasting; azimuth 0 is north, 90 is east."""
    lat, lon, azimuth, km = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (lat, lon, azimuth_deg, distance_km)))
    to_lon, to_lat, _ = _wgs84().fwd(lon.ravel(), lat.ravel(), azimuth.ravel(), 1000 * km.ravel())
    return np.asarray(to_lat).reshape(lat.shape), wrap_lon(to_lon).reshape(lat.shape)


def jitter(
    lat: Degrees, lon: Degrees, sigma_km: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points moved along geodesics in random directions, as (lat, lon): normal with ``sigma_km`` both north-south and east-west."""
    lat, lon = np.broadcast_arrays(np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64))
    east_km, north_km = rng.normal(0, sigma_km, size=(2, *lat.shape))
    return moved(lat, lon, np.degrees(np.arctan2(east_km, north_km)), np.hypot(east_km, north_km))
