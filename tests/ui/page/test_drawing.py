"""Areas as Leaflet.draw gives them, on whichever copy of the world they were drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.search.filters import Filter
from ui.page.drawing import area_of


def box(south: float, west: float, north: float, east: float) -> dict:
    """A rectangle as Leaflet.draw gives it."""
    return {"type": "Polygon", "coordinates": [[[west, south], [west, north], [east, north], [east, south], [west, south]]]}


def inside(drawing: dict, *lons: float) -> list[bool]:
    """Which points of the equator the filter of a drawing lets through."""
    region = Filter.parse({"polygon": area_of(drawing)}).polygon
    return region.contains(np.zeros(len(lons)), np.array(lons)).tolist()


@pytest.mark.parametrize("turns", [-3, -1, 0, 1, 2])
def test_a_box_holds_the_same_on_each_copy_of_the_world(turns) -> None:
    assert inside(box(-10, 160 + 360 * turns, 10, 200 + 360 * turns), 165, 180, -165, -155, 155, 0) == [True] * 3 + [False] * 3


def test_a_box_wider_than_half_the_globe_is_the_wide_one() -> None:
    assert inside(box(-10, -120, 10, 110), -119, 0, 109, 115, 180, -121) == [True] * 3 + [False] * 3


@pytest.mark.parametrize(("west", "east"), [(-180, 180), (-400, 500), (10, 370)])
def test_a_box_around_the_globe_holds_all_of_it(west, east) -> None:
    assert all(inside(box(-10, west, 10, east), *range(-180, 181, 10)))


@given(west=st.floats(-900, 900), width=st.floats(0.1, 359.9), lon=st.floats(-180, 180))
def test_a_box_holds_what_lies_between_its_sides(west, width, lon) -> None:
    offset = (lon - west) % 360
    if min(abs(offset - edge) for edge in (0, width, 360)) > 1e-4:  # coordinates are rounded
        assert inside(box(-10, west, 10, west + width), lon) == [offset < width]
