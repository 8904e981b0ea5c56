"""Areas on the globe, for filters: polygons with holes, and circles. Any may cross the antimeridian or hold a pole.

A ring is read as RFC 7946 reads it, straight from corner to corner in longitude and latitude, with one addition: a side takes the
shorter way round, so that 179 -> -179 crosses the antimeridian. A side wider than 180 degrees needs a corner in between. A ring
that goes once around the globe holds the pole that is nearer to it on average. A point is inside a ring that crosses itself if a
ray from it leaves the ring an odd number of times. The edge of a polygon belongs to it, that of a hole to the hole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import KM_PER_DEG, SPHERE_ERROR, geodesic_km, great_circle_km
from index.records import Place

Ring = tuple[tuple[float, float], ...]  # (lat, lon) of the corners; the last is joined to the first
Degrees = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MAX_CORNERS = 100_000  # laid out in a tenth of a second; a finer outline than that is a file taken by mistake
_FAR_KM = 20_040.0  # more than any two places are apart


@dataclass(frozen=True)
class Region:
    """Polygons, each a tuple of rings: the outer one and its holes. Raises ``InputError`` for invalid rings."""

    polygons: tuple[tuple[Ring, ...], ...]

    def __post_init__(self) -> None:
        if not self.polygons or not all(self.polygons):
            raise InputError("a region needs at least one polygon with an outer ring, got none")
        if self.corners > MAX_CORNERS:
            raise InputError(f"a region may have {MAX_CORNERS:,} corners, this one has {self.corners:,}; simplify it")
        self._outlines  # noqa: B018  refused here, not at its first use

    @property
    def corners(self) -> int:
        return sum(len(ring) for polygon in self.polygons for ring in polygon)

    @cached_property
    def _outlines(self) -> list[list["_Outline"]]:
        return [[_Outline(ring) for ring in polygon] for polygon in self.polygons]

    @property
    def spans(self) -> list[tuple[float, float, float, float]]:
        """South, west, north, east of each polygon; longitudes continue beyond 180 if it crosses the antimeridian."""
        return [outer.box for outer, *_ in self._outlines]

    def contains(self, lat: Degrees, lon: Degrees) -> Mask:
        """Which points [N] lie inside or on the edge."""
        inside = np.zeros(len(lat), dtype=bool)
        for outer, *holes in self._outlines:
            rows = outer.rows(lat, lon)
            for hole in holes:
                rows = np.delete(rows, hole.rows(lat[rows], lon[rows]))
            inside[rows] = True
        return inside


@dataclass(frozen=True, kw_only=True)
class Circle:
    """All places within ``radius_km`` (0 < r <= 20,040) of a place, on the ellipsoid."""

    place: Place
    radius_km: float

    def __post_init__(self) -> None:
        if not 0 < self.radius_km <= _FAR_KM:
            raise InputError(f"a radius must be above 0 and at most {_FAR_KM:,.0f} km, got {self.radius_km}")

    def contains(self, lat: Degrees, lon: Degrees) -> Mask:
        """Which points [N] lie inside or on the edge: by latitude, then by the chord, and in close cases by the geodesic."""
        inside = np.zeros(len(lat), dtype=bool)
        reach_deg = self.radius_km / KM_PER_DEG * (1 + SPHERE_ERROR)
        rows = np.flatnonzero(np.abs(lat - self.place.lat) <= reach_deg)
        away_km = great_circle_km(lat[rows], lon[rows], [self.place.lat], [self.place.lon])[:, 0]
        inside[rows[away_km <= self.radius_km * (1 - SPHERE_ERROR)]] = True
        close = rows[np.abs(away_km - self.radius_km) <= self.radius_km * SPHERE_ERROR]
        inside[close] = geodesic_km(lat[close], lon[close], self.place.lat, self.place.lon) <= self.radius_km
        return inside


class _Outline:
    """One ring laid out in the plane, with longitudes continuing past 180, so that plane geometry is right for it."""

    def __init__(self, ring: Ring) -> None:
        import shapely  # type: ignore[import-untyped]

        lat, lon = _checked(ring)
        path_lat, path_lon = _unwrapped(lat, lon)
        if not _area(path_lat, path_lon):  # from -180 to 180: a band all around the globe, whose width the shorter way is not
            path_lat, path_lon = np.append(lat, lat[0]), np.append(lon, lon[0])
        if not _area(path_lat, path_lon):
            raise InputError(f"the ring of {len(ring)} corners from {ring[0]} (lat, lon) on has no area")
        self.poles = np.intersect1d(path_lat, [-90, 90])
        self.box = (float(path_lat.min()), float(path_lon.min()), float(path_lat.max()), float(path_lon.max()))
        self.shape = shapely.polygons(np.column_stack([path_lon, path_lat]))
        shapely.prepare(self.shape)

    def rows(self, lat: Degrees, lon: Degrees) -> npt.NDArray[np.int64]:
        """Which of the points [N] lie inside or on the edge, sorted. A pole is one point, whatever its longitude."""
        import shapely

        south, west, north, east = self.box
        near = np.flatnonzero((lat >= south) & (lat <= north))
        lon_near = lon[near]
        found = [near[np.isin(lat[near], self.poles)]] if len(self.poles) else []
        for shift in _turns(west, east):
            held = (lon_near + shift >= west) & (lon_near + shift <= east)
            rows = near[held]
            found.append(rows[shapely.intersects_xy(self.shape, lon[rows] + shift, lat[rows])])
        return np.unique(np.concatenate(found))


def _turns(west: float, east: float) -> Iterator[float]:
    """By how many degrees longitudes in [-180, 180] have to be moved to fall between ``west`` and ``east``."""
    yield from np.arange(np.ceil((west - 180) / 360), np.floor((east + 180) / 360) + 1) * 360


def _checked(ring: Ring) -> tuple[Degrees, Degrees]:
    """Latitudes and longitudes of a ring's corners, without the repeated last one."""
    corners = np.asarray(ring, dtype=np.float64)
    if corners.ndim == 2 and len(corners) > 1 and (corners[0] == corners[-1]).all():
        corners = corners[:-1]
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise InputError(f"a ring needs at least 3 different corners, each a latitude and a longitude, got {str(ring)[:80]}")
    lat, lon = corners.T
    bad = np.flatnonzero(~((np.abs(lat) <= 90) & (np.abs(lon) <= 360)))  # NaN is not <= 90
    if len(bad):
        raise InputError(_not_wgs84(float(lat[bad[0]]), float(lon[bad[0]])))
    return lat, lon


def _not_wgs84(lat: float, lon: float) -> str:
    swapped = abs(lon) <= 90 < abs(lat) <= 360
    remedy = "are they swapped? GeoJSON has the longitude first" if swapped else "convert other coordinate systems to EPSG:4326"
    return (
        f"corners must be WGS84 degrees, latitudes in [-90, 90] and longitudes in [-360, 360], got lat {lat}, lon {lon}; {remedy}"
    )


def _unwrapped(lat: Degrees, lon: Degrees) -> tuple[Degrees, Degrees]:
    """The closed path of a ring with continuing longitudes; one that goes around the globe is closed along the pole it holds."""
    turns = _turns_taken(lon)
    if turns[-1] == 0:
        return np.append(lat, lat[0]), np.append(lon, lon[0]) + 360 * turns
    if abs(turns[-1]) > 1:
        raise InputError(f"a ring goes at most once around the globe, this one {abs(int(turns[-1]))} times; correct its longitudes")
    path = np.append(lon, lon[0]) + 360 * turns
    middle = (np.append(lat, lat[0])[1:] + lat) / 2
    pole = 90.0 if (middle * np.diff(path)).sum() * turns[-1] >= 0 else -90.0
    # Cut where the ring is nearest to the pole: the straight way from there to the pole crosses no other side.
    first = int(np.argmax(lat * np.sign(pole)))
    lat, lon = np.roll(lat, -first), np.roll(lon, -first)
    path = np.append(lon, lon[0]) + 360 * _turns_taken(lon)
    return np.array([*lat, lat[0], pole, pole, lat[0]]), np.array([*path, path[-1], path[0], path[0]])


def _turns_taken(lon: Degrees) -> Degrees:
    """How often the path has gone around the globe at each corner and back at the first, when sides take the shorter way."""
    step = np.diff(lon, append=lon[0])
    back = np.where(np.abs(step) > 180, -np.rint(step / 360), 0)
    return np.concatenate([[0.0], np.cumsum(back)])


def _area(lat: Degrees, lon: Degrees) -> Any:
    """Twice the area of a closed path in square degrees, 0 if it is nothing but rounding."""
    east, north = lon - lon[0], lat - lat[0]
    doubled = abs(float((east[:-1] * north[1:] - east[1:] * north[:-1]).sum()))
    return doubled if doubled > 1e-12 else 0.0
