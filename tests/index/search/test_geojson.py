"""GeoJSON from outside: what is a region is read, what is none is refused in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import InputError
from index.search.geojson import MAX_BYTES, read_region

SQUARE = [[0, 0], [10, 0], [10, 20], [0, 20], [0, 0]]  # longitude first: 10 degrees wide, 20 high
HOLE = [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]
FAR = [[[100, 0, 512.5], [110, 0, 0], [110, 10, 0], [100, 0, 512.5]]]  # with heights
POLYGON = {"type": "Polygon", "coordinates": [SQUARE, HOLE]}
MULTI = {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], FAR]}


def feature(geometry: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"name": "x"}, "geometry": geometry}


def test_longitude_comes_first_in_geojson_and_holes_are_kept() -> None:
    region = read_region(POLYGON)
    lat, lon = np.array([15.0, 5.0, 5.0]), np.array([5.0, 15.0, 5.0])
    assert region.contains(lat, lon).tolist() == [True, False, False]
    assert region.spans == [(0, 0, 20, 10)]


@pytest.mark.parametrize(
    ("document", "polygons"),
    [
        (POLYGON, 1),
        (MULTI, 2),
        (feature(MULTI), 2),
        ({"type": "FeatureCollection", "features": [feature(POLYGON), feature(MULTI)]}, 3),
        (POLYGON | {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}}, 1),
        (POLYGON | {"crs": {"type": "name", "properties": {"name": "EPSG:4326"}}}, 1),
    ],
)
def test_polygons_come_from_all_that_may_hold_them(document: dict[str, Any], polygons: int, tmp_path: Path) -> None:
    file = tmp_path / "area.geojson"
    file.write_text("\ufeff" + json.dumps(document), encoding="utf-8")  # as some editors save it
    for given in (document, json.dumps(document), file):
        assert len(read_region(given).polygons) == polygons


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "invalid JSON"),
        ("{", "invalid JSON"),
        ("[" * 100_000, "invalid JSON"),
        ("[1, 2]", "expected a Polygon or MultiPolygon"),
        ('{"type": "Point", "coordinates": [1, 2]}', "got Point"),
        ('{"type": "Feature", "geometry": null}', "got None"),
        ('{"type": "FeatureCollection", "features": []}', "at least one polygon"),
        ('{"type": "FeatureCollection", "features": [{"type": "FeatureCollection"}]}', "must be Features"),
        ('{"type": "Polygon"}', "lists of rings"),
        ('{"type": "Polygon", "coordinates": []}', "at least one polygon"),
        ('{"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}', "lists of rings"),
        ('{"type": "Polygon", "coordinates": [[["1", 2], [3, 4], [5, 6]]]}', "a position must be"),
        ('{"type": "Polygon", "coordinates": [[[true, 2], [3, 4], [5, 6]]]}', "a position must be"),
        ('{"type": "Polygon", "coordinates": [[[NaN, 2], [3, 4], [5, 6]]]}', "WGS84 degrees"),
        ('{"type": "Polygon", "coordinates": [[[1e999, 2], [3, 4], [5, 6]]]}', "WGS84 degrees"),
        ('{"type": "Polygon", "coordinates": [[[1' + 400 * "0" + ", 2], [3, 4], [5, 6]]]}", "too large"),
        ('{"type": "Polygon", "coordinates": [[[12, 95], [13, 95], [13, 96]]]}', "are they swapped"),
        ('{"type": "Polygon", "coordinates": [[[500000, 5e6], [500100, 5e6], [500100, 5000100]]]}', "EPSG:4326"),
        (json.dumps(POLYGON | {"crs": {"properties": {"name": "EPSG:32632"}}}), "must be WGS84"),
        (" " * (MAX_BYTES + 1), "10 MiB"),
    ],
)
def test_what_is_no_region_is_refused_in_one_short_line(given: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_region(given)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_file_that_is_missing_or_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.geojson: cannot be read: No such file"):
        read_region(tmp_path / "missing.geojson")
    large = tmp_path / "large.geojson"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse: takes no room
    with pytest.raises(InputError, match=r"large\.geojson: .*10 MiB"):
        read_region(large)


def test_a_text_is_never_taken_for_the_name_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "area.geojson"
    file.write_text(json.dumps(POLYGON))
    with pytest.raises(InputError, match="invalid JSON"):
        read_region(str(file))  # a query from the web must not open files
