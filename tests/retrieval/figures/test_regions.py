"""A tile is placed within its own source's region."""

import numpy as np

from retrieval.figures.held_out import HeldOut
from retrieval.figures.regions import regions_of
from retrieval.ranking.gap import Side
from tests.worlds import catalogue_with, tile, unit

POINTS = np.array([(0.0, 0.0), (0.0, 1.0), (40.0, 100.0), (40.0, 101.0)])


def test_the_region_of_a_source_is_the_places_near_its_tiles_in_whatever_split(tmp_path):
    tiles = [tile(1, lat=0.5, lon=0.5, source="south", split="train"), tile(2, lat=40, lon=100.5, source="north", split="report")]
    tiles += [tile(3, lat=0, lon=0, source="world", split="train"), tile(4, lat=40, lon=100, source="world")]
    tiles.append(tile(5, lat=-80, lon=0, source="nowhere near"))
    catalogue = catalogue_with(tmp_path, tiles=tiles)
    rows = regions_of(catalogue, HeldOut("locations", [], POINTS)).rows
    assert {name: each.tolist() for name, each in rows.items()} == {
        "south": [0, 1], "north": [2, 3], "world": [0, 1, 2, 3], "nowhere near": [0],
    }  # fmt: skip


def test_what_tells_the_source_is_no_merit_within_it(tmp_path):
    """The vector is that of the south, and says nothing of which of its places is meant."""
    tiles = [tile(1, lat=0, lon=0.5, source="south"), tile(2, lat=40, lon=100.5, source="north")]
    regions = regions_of(catalogue_with(tmp_path, tiles=tiles), HeldOut("locations", [], POINTS))
    gallery = Side(unit([[1, 0], [1, 0], [0, 1], [0, 1]]), POINTS)
    placed = regions.place(Side(unit([[1, 0], [0, 1]]), POINTS[[0, 2]]), gallery, ["south", "south"], radius_km=25)
    assert placed.beats.tolist() == [0.5, 0.5]
    assert placed.ranks.tolist()[0] == 2, "a tie counts against it"
