"""Geometries in a column of a table: WKB, WKT, GeoJSON, and what GeoParquet says of its own. All become points in WGS84."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import wrap_lon

WGS84 = "EPSG:4326"
USUAL_NAMES = ("geometry", "geom", "the_geom", "wkt", "wkb", "wkb_geometry", "geojson", "shape")
_SRID = re.compile(r"\s*SRID=(\d+);", re.IGNORECASE)
_POINT_FIELDS = {"x", "y"}

Axis = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GeoParquet:
    """What the metadata of a GeoParquet file says: its main geometry column and its coordinate system, '' if it is not known."""

    column: str
    crs: str


def geoparquet_of(metadata: Mapping[bytes, bytes], where: str) -> GeoParquet | None:
    """None for a file that is no GeoParquet. Raises ``InputError`` where its metadata or encoding cannot be read."""
    raw = metadata.get(b"geo")
    if raw is None:
        return None
    try:
        said = json.loads(raw)
        name = said["primary_column"]
        about = said["columns"][name]
        encoding, crs = about.get("encoding", "WKB"), about.get("crs", "OGC:CRS84")  # the default: longitude, latitude
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: its GeoParquet metadata cannot be read ({type(error).__name__}); export it again") from None
    if encoding not in ("WKB", "point"):
        raise InputError(f"{where}: its geometries are encoded as {str(encoding)[:20]}, expected WKB; export it as WKB")
    return GeoParquet(str(name), "" if crs is None else crs if isinstance(crs, str) else json.dumps(crs))


def checked_crs(crs: str, where: str) -> str:
    """``WGS84`` or WKT. Raises ``InputError`` for text that is not a coordinate system."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        known = CRS.from_user_input(crs)
        return WGS84 if known.equals(CRS.from_user_input(WGS84), ignore_axis_order=True) else known.to_wkt()
    except CRSError as error:
        raise InputError(
            f"{where}: '{crs[:60]}' is not a coordinate system ({str(error)[:100]}); state it with --crs EPSG:…"
        ) from None


def agreed_crs(stated: str, asked: str, where: str) -> str:
    """The system that the file states, else the one that --crs names. Raises ``InputError`` where both are there and differ."""
    from pyproj import CRS

    if not (stated or asked):
        raise InputError(f"{where}: it names no coordinate system (CRS); state it with --crs EPSG:…")
    crs = checked_crs(stated or asked, where)
    if stated and asked and crs != checked_crs(asked, where) and not CRS(crs).equals(CRS(asked), ignore_axis_order=True):
        raise InputError(
            f"{where}: the file says {CRS(stated).name}, --crs says {asked[:60]}; leave --crs out, or correct what the file says"
        )
    return crs


def points_of(shapes: Any) -> tuple[Axis, Axis, dict[int, str]]:
    """(x, y) of a GeoSeries: a line or an area counts as a point that is certain to lie on it. Problems by position."""
    missing = np.asarray(shapes.isna() | shapes.is_empty, dtype=bool)
    points = shapes.representative_point()
    problems = {int(row): "the geometry is missing, empty or damaged" for row in np.flatnonzero(missing)}
    x, y = (np.asarray(axis, dtype=np.float64) for axis in (points.x, points.y))
    return x, y, problems


def points_of_column(values: Sequence[Any]) -> tuple[Axis, Axis, dict[int, str]]:
    """The same for the values of a column: WKB (bytes or hex), WKT, GeoJSON, or {x, y}, each recognised by its form."""
    import geopandas

    problems: dict[int, str] = {}
    shapes = []
    for position, value in enumerate(values):
        try:
            shapes.append(_shape(value))
        except InputError as error:
            shapes.append(None)
            problems[position] = str(error)
    x, y, missing = points_of(geopandas.GeoSeries(shapes))
    return x, y, missing | problems


def _shape(value: Any) -> Any:
    import shapely  # type: ignore[import-untyped]

    if isinstance(value, dict) and value.keys() >= _POINT_FIELDS:
        x, y = value["x"], value["y"]
        return None if x is None or y is None else shapely.Point(x, y)
    if value is None or value == "" or value == b"":
        return None
    if isinstance(value, bytes) and value[:1] not in (b"\0", b"\1"):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, bytes):
        return _in_degrees(shapely.from_wkb(value, on_invalid="ignore"))
    if not isinstance(value, str):
        raise InputError("the geometry is neither WKB, WKT nor GeoJSON")
    said = value.strip()
    if said.startswith("{"):
        return shapely.from_geojson(said, on_invalid="ignore")
    if re.fullmatch(r"0[01](?:[0-9A-Fa-f]{2}){8,}", said):
        return _in_degrees(shapely.from_wkb(said, on_invalid="ignore"))
    if srid := _SRID.match(said):
        if srid[1] != "4326":
            raise InputError(f"the geometry is in SRID {srid[1]}, expected WGS84 (SRID 4326)")
        said = said[srid.end() :]
    return shapely.from_wkt(said, on_invalid="ignore")


def _in_degrees(shape: Any) -> Any:
    import shapely

    srid = int(shapely.get_srid(shape)) if shape is not None else 0
    if srid not in (0, 4326):
        raise InputError(f"the geometry is in SRID {srid}, expected WGS84 (SRID 4326)")
    return shape


def to_wgs84(x: Axis, y: Axis, crs: str) -> tuple[Axis, Axis]:
    """(lat, lon). Geometries may extend past 180 degrees (an area across the antimeridian, or 0 to 360); these are brought back."""
    from pyproj import Transformer

    if crs == WGS84:
        lat, lon = y, x
    else:
        lon, lat = Transformer.from_crs(crs, WGS84, always_xy=True).transform(x, y)
    beyond = (np.abs(lon) > 180) & (np.abs(lon) <= 360)
    return lat, np.where(beyond, wrap_lon(np.where(beyond, lon, 0)), lon)
