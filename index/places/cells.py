"""Boxes for services that answer for a box of limited size: a region is cut into cells, a full cell into quarters.

Areas are computed as in MediaWiki's GeoData (Math::distance and BoundingBox::area: great circles on a sphere of 6371.01 km, through
the middle of the box), because it refuses boxes by that number.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from index.records import BBox

RADIUS_M = 6_371_010.0
METRES_PER_DEG = math.radians(1) * RADIUS_M
WIDEST_DEG = 90.0  # near a pole a strip of 360 degrees fits the area, but its great-circle width is 0
LEAST_SIDE_M = 50.0  # a thinner region is widened to this


def area_m2(box: BBox) -> float:
    """Height times the great-circle width at the middle latitude; the box must not cross the antimeridian."""
    middle = math.radians((box.south + box.north) / 2)
    half_turn = math.radians(box.east - box.west) / 2
    width_m = 2 * RADIUS_M * math.asin(min(1.0, math.cos(middle) * abs(math.sin(half_turn))))
    return (box.north - box.south) * METRES_PER_DEG * width_m


def cells(region: BBox, side_m: float) -> Iterator[BBox]:
    """Cells that cover a region without a gap, none larger than ``side_m`` squared and none across the antimeridian.

    Rows from south to north, each divided on its own, so that cells keep their size towards the poles.
    """
    for south, north, edges in rows(region, side_m):
        for west, east in pairwise(edges.tolist()):
            yield BBox(south=south, west=west, north=north, east=east)


def rows(region: BBox, side_m: float) -> Iterator[tuple[float, float, npt.NDArray[np.float64]]]:
    """South and north of each row of cells, and the longitudes of its columns' edges [columns + 1]."""
    for part in _parts(region):
        lats = np.linspace(part.south, part.north, _pieces((part.north - part.south) * METRES_PER_DEG, side_m) + 1).tolist()
        for south, north in pairwise(lats):
            nearest_equator = 0.0 if south <= 0 <= north else min(abs(south), abs(north))
            metres = math.cos(math.radians(nearest_equator)) * METRES_PER_DEG * (part.east - part.west)
            columns = max(_pieces(metres, side_m), _pieces(part.east - part.west, WIDEST_DEG))
            yield south, north, np.linspace(part.west, part.east, columns + 1)


def quarters(box: BBox) -> list[BBox]:
    lat, lon = (box.south + box.north) / 2, (box.west + box.east) / 2
    return [
        BBox(south=south, west=west, north=north, east=east)
        for south, north in ((box.south, lat), (lat, box.north))
        for west, east in ((box.west, lon), (lon, box.east))
    ]


def _parts(region: BBox) -> list[BBox]:
    """One box, or two where the region crosses the antimeridian, each with an extent in both directions."""
    spans = [(region.west, 180.0), (-180.0, region.east)] if region.crosses_antimeridian else [(region.west, region.east)]
    south, north = _widened(region.south, region.north, LEAST_SIDE_M / METRES_PER_DEG, 90.0)
    least_deg = min(WIDEST_DEG, LEAST_SIDE_M / METRES_PER_DEG / math.cos(math.radians((south + north) / 2)))
    boxes = []
    for span in spans:
        west, east = _widened(*span, least_deg, 180.0)
        boxes.append(BBox(south=south, west=west, north=north, east=east))
    return boxes


def _widened(low: float, high: float, least: float, bound: float) -> tuple[float, float]:
    if high - low >= least:
        return low, high
    middle = min(max((low + high) / 2, -bound + least / 2), bound - least / 2)
    return middle - least / 2, middle + least / 2


def _pieces(length: float, side: float) -> int:
    return max(1, math.ceil(length / side - 1e-9))
