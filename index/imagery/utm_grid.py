"""The world cut into fixed squares: the cells for which tiles of a satellite scene are read.

The edges of a cell lie at whole multiples of its side in the UTM zone of its place, so a place has the same cell in every run.
Zones are those of MGRS, by which Sentinel-2 scenes are cut: wider in south-west Norway and on Svalbard.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import wrap_lon
from index.records import BBox, Place

SOUTH_LIMIT, NORTH_LIMIT = -80.0, 84.0  # where UTM ends
BLOCK_CELLS = 40  # cells a side that are enumerated and searched for together: 102 km at 2.56 km, about one scene
_SVALBARD = ((0, 9, 31), (9, 21, 33), (21, 33, 35), (33, 42, 37))  # west, east, zone; from 72 N


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """Square number (``row``, ``column``) of the grid of ``side_m`` metres in the UTM zone ``epsg``; ``place`` is its centre."""

    epsg: int
    row: int
    column: int
    side_m: int
    lat: float
    lon: float

    @property
    def name(self) -> str:
        return f"EPSG:{self.epsg} column {self.column} row {self.row}"

    @property
    def place(self) -> Place:
        return Place(lat=self.lat, lon=self.lon)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in metres of the zone."""
        left, bottom = self.column * self.side_m, self.row * self.side_m
        return float(left), float(bottom), float(left + self.side_m), float(bottom + self.side_m)


def utm_epsg(lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """EPSG code of the UTM zone (MGRS rules) of each point, 0 where there is none."""
    lat, lon = np.broadcast_arrays(np.asarray(lat, dtype=np.float64), wrap_lon(lon))
    zone = np.floor((lon + 180) / 6).astype(np.int64) + 1
    zone = np.where((lat >= 56) & (lat < 64) & (lon >= 3) & (lon < 12), 32, zone)
    for west, east, wide in _SVALBARD:
        zone = np.where((lat >= 72) & (lon >= west) & (lon < east), wide, zone)
    return np.where((lat < SOUTH_LIMIT) | (lat > NORTH_LIMIT), 0, np.where(lat >= 0, 32600, 32700) + zone)


def cell_at(place: Place, side_m: int) -> Cell | None:
    """The cell that a place lies in, None beyond 80 S and 84 N."""
    epsg = int(utm_epsg(place.lat, place.lon))
    if not epsg:
        return None
    east_m, north_m = _to_utm(epsg).transform(place.lon, place.lat)
    column, row = int(east_m // side_m), int(north_m // side_m)
    lon, lat = _to_degrees(epsg).transform((column + 0.5) * side_m, (row + 0.5) * side_m)
    return Cell(epsg, row, column, side_m, float(lat), float(lon))


def blocks_of(cells: Iterable[Cell]) -> Iterator[list[Cell]]:
    """The cells, each once, grouped with their neighbours; ordered, so that a run is repeatable."""
    blocks: dict[tuple[int, int, int], set[Cell]] = {}
    for cell in cells:
        blocks.setdefault((cell.epsg, cell.row // BLOCK_CELLS, cell.column // BLOCK_CELLS), set()).add(cell)
    for key in sorted(blocks):
        yield sorted(blocks[key])


def blocks_in(box: BBox, side_m: int) -> Iterator[list[Cell]]:
    """The cells whose centre lies in the box, block by block.

    A cell that touches another zone is left out, as it would overlap that zone's cells. So every 6 degrees a strip at most a cell
    wide on either side has no cells.
    """
    halves = [box]
    if box.crosses_antimeridian:
        west = BBox(south=box.south, west=box.west, north=box.north, east=180)
        halves = [west, BBox(south=box.south, west=-180, north=box.north, east=box.east)]
    for half in halves:
        for epsg in _zones(half):
            for row, column in product(*_block_ranges(half, epsg, side_m)):
                cells = _block(half, epsg, side_m, row, column)
                if cells:
                    yield cells


def _zones(box: BBox) -> list[int]:
    """EPSG codes of the zones that may have cells in a box that does not cross the antimeridian."""
    first, last = int((box.west + 180) // 6) + 1, min(60, int((box.east + 180) // 6) + 1)
    if box.north > 56:  # in the north a neighbouring wide zone may reach in
        first, last = max(1, first - 1), min(60, last + 1)
    hemispheres = [32700] * (box.south < 0) + [32600] * (box.north >= 0)
    return [code + zone for code in hemispheres for zone in range(first, last + 1)]


def _block_ranges(box: BBox, epsg: int, side_m: int) -> tuple[range, range]:
    """Rows and columns of the blocks that the part of the box in or near this zone reaches into."""
    central, northern = (epsg % 100) * 6 - 183, epsg < 32700
    south, north = max(box.south, 0 if northern else SOUTH_LIMIT), min(box.north, NORTH_LIMIT if northern else 0)
    west, east = max(box.west, central - 6), min(box.east, central + 6)
    if south > north or west > east:
        return range(0), range(0)
    along, up = np.linspace(west, east, 25), np.linspace(south, north, 25)
    lon, lat = (edge.ravel() for edge in np.meshgrid(along, up))
    east_m, north_m = _to_utm(epsg).transform(lon, lat)
    block_m = side_m * BLOCK_CELLS
    # One cell more on every side: 25 points along an edge miss a little of its bend.
    columns = range(int((east_m.min() - side_m) // block_m), int((east_m.max() + side_m) // block_m) + 1)
    return range(int((north_m.min() - side_m) // block_m), int((north_m.max() + side_m) // block_m) + 1), columns


def _block(box: BBox, epsg: int, side_m: int, block_row: int, block_column: int) -> list[Cell]:
    rows, columns = (np.arange(number * BLOCK_CELLS, (number + 1) * BLOCK_CELLS) for number in (block_row, block_column))
    row, column = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
    lon, lat = _to_degrees(epsg).transform((column + 0.5) * side_m, (row + 0.5) * side_m)
    wanted = box.contains(lat, lon)
    for right, up in product((0, 1), (0, 1)):
        corner_lon, corner_lat = _to_degrees(epsg).transform((column + right) * side_m, (row + up) * side_m)
        wanted &= utm_epsg(corner_lat, corner_lon) == epsg
    chosen = np.flatnonzero(wanted)
    return [Cell(epsg, int(row[k]), int(column[k]), side_m, float(lat[k]), float(lon[k])) for k in chosen]


@cache
def _to_utm(epsg: int) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(4326, epsg, always_xy=True)


@cache
def _to_degrees(epsg: int) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(epsg, 4326, always_xy=True)
