"""Cells cover their region, stay under the limit that a service sets, and never cross the antimeridian."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.places.cells import area_m2, cells, quarters
from index.records import BBox
from tests.index.sources.mediawiki_server import distance_m

SIDE_M = 19_800.0
LARGEST_M2 = 4 * 10_000**2


def accepted(box):
    """GeoData's own reckoning, by haversines."""
    middle = (box.south + box.north) / 2
    area = distance_m(box.south, 0, box.north, 0) * distance_m(middle, box.west, middle, box.east)
    return 100 <= area <= LARGEST_M2


@st.composite
def regions(draw):
    """From a point to three degrees in latitude and thirty in longitude, anywhere, across the antimeridian too."""
    south = draw(st.floats(-90, 90))
    north = min(90.0, south + draw(st.sampled_from([0.0, 1e-6, 0.01, 0.3, 3.0])))
    west = draw(st.floats(-180, 180))
    east = (west + draw(st.sampled_from([0.0, 1e-6, 0.02, 1.0, 30.0])) + 180) % 360 - 180
    return BBox(south=south, west=west, north=north, east=east)


@settings(max_examples=150, deadline=None)
@given(region=regions(), at=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_every_point_of_a_region_lies_in_a_cell_that_the_service_accepts(region, at):
    lat = region.south + at[0] * (region.north - region.south)
    width = (region.east - region.west) % 360
    lon = (region.west + at[1] * width + 180) % 360 - 180
    found = list(cells(region, SIDE_M))
    assert all(accepted(cell) and not cell.crosses_antimeridian for cell in found)
    slack = 1e-9  # an edge computed in another order of operations
    assert any(
        cell.south - slack <= lat <= cell.north + slack
        and any(cell.west - slack <= x <= cell.east + slack for x in (lon, lon + 360))
        for cell in found
    )


def test_cells_of_a_region_do_not_overlap_and_add_up_to_it():
    region = BBox(south=52.3, west=13.0, north=52.7, east=13.8)
    found = list(cells(region, SIDE_M))
    # 0.4 degrees are 44.5 km: 3 rows; 0.8 degrees at 52.3 N are 54.4 km: 3 columns
    assert len(found) == 9
    assert sum((c.north - c.south) * (c.east - c.west) for c in found) == pytest.approx(0.4 * 0.8)
    assert len({(c.south, c.west) for c in found}) == 9


def test_rows_have_fewer_cells_towards_the_poles_but_none_wider_than_a_quarter_turn():
    equator = list(cells(BBox(south=0, west=-180, north=0.178, east=180), SIDE_M))
    assert len(equator) == math.ceil(2 * math.pi * 6371.01 / 19.8)
    assert len(list(cells(BBox(south=89.9, west=-180, north=90, east=180), SIDE_M))) == 4


@pytest.mark.parametrize("box", [(0, 0, 0.1, 0.1), (60, 10, 60.17, 10.3), (89.8, -90, 90, 0), (-1e-4, -1e-4, 1e-4, 1e-4)])
def test_the_area_is_that_of_the_service(box):
    south, west, north, east = box
    expected = distance_m(south, 0, north, 0) * distance_m((south + north) / 2, west, (south + north) / 2, east)
    assert area_m2(BBox(south=south, west=west, north=north, east=east)) == pytest.approx(expected, rel=1e-9)


def test_quarters_are_the_box_cut_in_the_middle():
    four = quarters(BBox(south=-1, west=2, north=3, east=8))
    assert [(q.south, q.west, q.north, q.east) for q in four] == [(-1, 2, 1, 5), (-1, 5, 1, 8), (1, 2, 3, 5), (1, 5, 3, 8)]


def test_the_two_sides_of_the_antimeridian_are_cut_apart():
    found = list(cells(BBox(south=-18, west=179.9, north=-17.9, east=-179.9), SIDE_M))
    assert sorted((c.west, c.east) for c in found) == [(-180, pytest.approx(-179.9)), (pytest.approx(179.9), 180)]
    assert np.isclose(found[0].north - found[0].south, 0.1)
