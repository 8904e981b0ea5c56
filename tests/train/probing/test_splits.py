"""Which points are held out: by hand at the antimeridian and the poles, and against all distances one by one."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from index.errors import ConfigError, InputError
from index.geo import geodesic_km, uniform_on_sphere
from index.places.continents import NAMES
from train.probing.splits import (
    LEAST_BLOCKS,
    SPLITS,
    Block,
    Continent,
    Random,
    blocks_of,
    held_out_together,
    outside_buffer,
    split_of,
)


@dataclass
class Dots:
    """Points given by hand; all in Africa unless told otherwise."""

    lat: np.ndarray
    lon: np.ndarray
    continent: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self):
        self.lat, self.lon = np.asarray(self.lat, dtype=float), np.asarray(self.lon, dtype=float)
        self.continent = (
            np.asarray(self.continent, dtype=np.int64) if len(self.continent) else np.zeros(len(self.lat), dtype=np.int64)
        )


def anywhere(count=300, seed=0):
    return Dots(*uniform_on_sphere(count, np.random.default_rng(seed)))


def test_a_random_split_is_five_draws_of_a_fifth_that_are_always_the_same():
    folds = Random().folds(anywhere())
    assert [(len(fold.train), len(fold.test)) for fold in folds] == [(240, 60)] * 5
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(300))
    assert len({tuple(fold.test) for fold in folds}) == 5
    assert all((a.test == b.test).all() for a, b in zip(folds, Random().folds(anywhere()), strict=True))


@pytest.mark.parametrize("split", [Block(), Block(size_deg=30), Block(size_km=1500)], ids=lambda split: split.name)
def test_every_point_is_held_out_once_and_no_block_is_on_both_sides(split):
    points = anywhere(1000)
    blocks = blocks_of(points.lat, points.lon, split.size_deg, split.size_km)
    folds = split.folds(points)
    assert sorted(row for fold in folds for row in fold.test) == list(range(1000))
    for fold in folds:
        assert not set(blocks[fold.train]) & set(blocks[fold.test])
        assert len(fold.train) + len(fold.test) == 1000


def test_blocks_meet_at_the_antimeridian_and_a_pole_is_one_place():
    assert len(set(blocks_of([5, 5], [180, -180]))) == 1
    assert len(set(blocks_of([5, 5], [179.9, -179.9]))) == 2
    assert len(set(blocks_of([90, 90, 90], [0, 95, -170]))) == 1
    assert len(set(blocks_of([90, -90], [0, 0]))) == 2


@pytest.mark.parametrize(
    ("near", "far", "test"),
    [
        ((0.0, 0.8), (0.0, 1.0), (0.0, 0.0)),  # along the equator a degree is 111.3 km
        ((0.0, -179.6), (0.0, -179.2), (0.0, 179.8)),  # 66.8 and 111.3 km across the antimeridian
        ((89.6, 180.0), (89.2, 180.0), (89.8, 0.0)),  # 67 and 111.7 km over the pole
        ((-89.9, -120.0), (-88.9, 60.0), (-90.0, 33.0)),
    ],
    ids=["equator", "antimeridian", "north pole", "south pole"],
)
def test_a_buffer_of_100_km_leaves_out_what_is_near_to_a_test_point(near, far, test):
    points = Dots(*zip(near, far, test, strict=True))
    assert outside_buffer(points, np.array([2]), 100.0).tolist() == [False, True, False]
    assert outside_buffer(points, np.array([2]), 0.0).tolist() == [True, True, False]


def test_a_buffer_agrees_with_the_distances_of_all_pairs_to_the_difference_between_sphere_and_ellipsoid():
    points, km = anywhere(600, seed=3), 400.0
    test = np.arange(40)
    distance = np.array(
        [geodesic_km(lat, lon, points.lat[test], points.lon[test]).min() for lat, lon in zip(points.lat, points.lon, strict=True)]
    )
    outside = outside_buffer(points, test, km)
    assert not outside[distance <= km].any(), "whoever is within the buffer is out"
    assert outside[distance > 1.012 * km].all(), "and hardly anybody else"
    assert 0 < outside.sum() < 560


def test_a_block_split_with_a_buffer_keeps_training_points_away():
    points = anywhere(800)
    for plain, fold in zip(Block().folds(points), Block(buffer_km=300).folds(points), strict=True):
        assert (plain.test == fold.test).all()
        assert set(fold.train) < set(plain.train)
        nearest = min(
            geodesic_km(points.lat[row], points.lon[row], points.lat[fold.test], points.lon[fold.test]).min() for row in fold.train
        )
        assert nearest > 300


def test_training_rows_come_in_an_order_by_chance():
    """Ridge chooses its penalty by consecutive parts of them: sorted by place, each part would be another region."""
    fold = Block().folds(anywhere())[0]
    assert (np.diff(fold.train) < 0).any()


def test_each_continent_with_ten_points_is_held_out_once():
    africa, europe, oceania = (NAMES.index(name) for name in ("Africa", "Europe", "Oceania"))
    continents = [africa] * 30 + [europe] * 20 + [oceania] * 9
    folds = Continent().folds(Dots(np.zeros(59), np.linspace(-90, 90, 59), continents))
    assert [(fold.name, len(fold.test)) for fold in folds] == [("Africa", 30), ("Europe", 20)]
    assert [len(fold.train) for fold in folds] == [29, 39]


def test_what_cannot_be_split_is_refused_with_the_reason():
    with pytest.raises(InputError, match="too few"):
        Random().folds(anywhere(9))
    with pytest.raises(InputError, match="smaller size"):
        Block(size_deg=90).folds(Dots(np.linspace(1, 9, 20), np.linspace(1, 9, 20)))
    with pytest.raises(InputError, match="one continent"):
        Continent().folds(anywhere())
    with pytest.raises(InputError, match="smaller buffer"):
        Block(buffer_km=9000).folds(anywhere())


def test_a_split_is_found_by_its_name_and_says_its_settings_in_it():
    options = {"size_deg": 5.0, "size_km": None, "buffer_km": 50.0}
    assert [split_of(name, **options).name for name in SPLITS] == ["random", "block-5deg-buffer50km", "continent-buffer50km"]
    assert split_of("block", size_km=500.0).name == "block-500km"
    assert split_of("block-20deg", **options).name == "block-20deg-buffer50km"
    assert (split_of("block-0.5deg", size_km=9.0).name, split_of("block-1500km").name) == ("block-0.5deg", "block-1500km")
    for wrong in ("country", "block-20", "block-deg", "block-20deg-buffer50km"):
        with pytest.raises(ConfigError, match="random, block, continent"):
            split_of(wrong)


def test_what_is_held_out_together_is_a_block_or_a_continent():
    points = anywhere()
    points.continent = np.arange(300) % 4
    for split in (Block(size_deg=20), Continent()):
        together = held_out_together(points, split)
        for fold in split.folds(points):
            assert not set(together[fold.test]) & set(together[fold.train])
    assert len(np.unique(held_out_together(points, Random()))) >= LEAST_BLOCKS
