"""Polygons from GeoJSON (RFC 7946), given as text, as a file or as parsed JSON: a region to filter by.

Data from outside is limited before it is read: the bytes of the text, and the corners (``index.search.region``).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from index.errors import InputError, one_line
from index.search.region import Region, Ring

MAX_BYTES = 10 * 2**20
_WGS84 = ("CRS84", "EPSG::4326", "EPSG:4326")  # ends of a "crs" member of GeoJSON 2008 that say what RFC 7946 takes for granted
_WANTED = "a Polygon or MultiPolygon, also inside a Feature or FeatureCollection"


def read_region(given: str | Path | Mapping[str, Any]) -> Region:
    """The region of all polygons in a GeoJSON text, file (only if given as a ``Path``) or object. Raises ``InputError``."""
    name = f"{given}: " if isinstance(given, Path) else ""
    try:
        document = given if isinstance(given, Mapping) else _parsed(given)
        _check_crs(document)
        return Region(tuple(_polygons(document)))
    except InputError as error:
        raise InputError(f"{name}{error}") from None


def geojson_of(region: Region) -> dict[str, Any]:
    """The geometry from which ``read_region`` makes the region."""
    polygons = [[[[lon, lat] for lat, lon in _closed(ring)] for ring in polygon] for polygon in region.polygons]
    single = len(polygons) == 1
    return {"type": "Polygon" if single else "MultiPolygon", "coordinates": polygons[0] if single else polygons}


def _closed(ring: Ring) -> Ring:
    return ring if ring[0] == ring[-1] else (*ring, ring[0])


def _parsed(given: str | Path) -> Any:
    try:
        if isinstance(given, Path):
            with given.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
        else:
            text = given.encode(errors="replace")
        if len(text) > MAX_BYTES:
            raise InputError(f"a GeoJSON may have {MAX_BYTES // 2**20} MiB, this one is larger; simplify its outline")
        return json.loads(text.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected GeoJSON with {_WANTED}, got invalid JSON: {one_line(error)}") from None


def _check_crs(document: Any) -> None:
    stated = document.get("crs") if isinstance(document, Mapping) else None
    if stated is not None and not str(stated).rstrip("'} ").endswith(_WGS84):
        raise InputError(f"coordinates must be WGS84 (EPSG:4326), got {str(stated)[:80]}; convert them")


def _polygons(document: Any) -> Iterator[tuple[Ring, ...]]:
    kind = document.get("type") if isinstance(document, Mapping) else None
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        for feature in document["features"]:
            # One level only: the RFC allows no collection inside a collection, and it would let a text nest without end.
            if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
                raise InputError(f"the features of a FeatureCollection must be Features, got {str(feature)[:60]}")
            yield from _of_geometry(feature.get("geometry"))
    else:
        yield from _of_geometry(document.get("geometry") if kind == "Feature" else document)


def _of_geometry(geometry: Any) -> Iterator[tuple[Ring, ...]]:
    kind, coordinates = (geometry.get("type"), geometry.get("coordinates")) if isinstance(geometry, Mapping) else (None, None)
    if kind not in ("Polygon", "MultiPolygon"):
        raise InputError(f"expected {_WANTED}, got {str(kind)[:40] if kind else str(geometry)[:40]}")
    for polygon in [coordinates] if kind == "Polygon" else _listed(coordinates):
        yield tuple(tuple(_corner(position) for position in _listed(ring)) for ring in _listed(polygon))


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise InputError(f"coordinates of a Polygon are lists of rings of [lon, lat] positions, got {str(value)[:60]}")
    return list(value)


def _corner(position: Any) -> tuple[float, float]:
    """(lat, lon) of a position, which is [lon, lat] or [lon, lat, height]."""
    numbers = _listed(position)
    if len(numbers) < 2 or not all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers[:2]):
        raise InputError(f"a position must be [lon, lat] in degrees, got {str(position)[:60]}")
    try:
        return float(numbers[1]), float(numbers[0])
    except OverflowError:
        raise InputError("a position must be [lon, lat] in degrees, got a number that is too large") from None
