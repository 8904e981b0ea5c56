"""The held-out records that choose, and those that only measure: told apart by the block that they lie in."""

import numpy as np

from index.geo import block_of, uniform_on_sphere
from index.records import Place
from index.slices import in_report_block, stored_split
from tests.worlds import article, catalogue_with, contents, tile

REPORTED, CHOOSING = Place(lat=70.0, lon=7.0), Place(lat=48.0, lon=16.0)


def test_half_of_the_blocks_report_and_a_block_is_of_one_kind() -> None:
    lat, lon = uniform_on_sphere(20_000, np.random.default_rng(0))
    inside, blocks = in_report_block(lat, lon), block_of(lat, lon)
    assert 0.45 < inside.mean() < 0.55
    assert not set(blocks[inside]) & set(blocks[~inside])


def test_the_blocks_stay_what_they_are() -> None:
    """Another choice would let a model be judged on what chose it."""
    number = np.arange(36 * 72)
    inside = in_report_block(number // 72 * 5 - 87.5, number % 72 * 5 - 177.5)
    assert (int(inside.sum()), np.flatnonzero(inside)[:8].tolist()) == (1274, [2, 3, 4, 8, 10, 12, 13, 15])


def test_only_what_is_held_out_without_a_slice_gets_one() -> None:
    assert [stored_split(split, REPORTED) for split in ("val", "report", "train", "test", "")] == [
        "report", "report", "train", "test", "",
    ]  # fmt: skip
    assert [stored_split(split, CHOOSING) for split in ("val", "report")] == ["val", "report"]


def test_records_are_stored_in_their_slice(tmp_path) -> None:
    spots = (REPORTED, CHOOSING)
    held_out = [article(f"at {each}", each.lat, each.lon, split="val") for each in spots]
    tiles = [tile(lat=each.lat, lon=each.lon, split="val") for each in spots]
    catalogue = catalogue_with(tmp_path, articles=held_out, tiles=tiles)
    for modality in ("articles", "tiles"):
        stored = {row["lat"]: row["split"] for row in contents(catalogue, modality)}
        assert stored == {REPORTED.lat: "report", CHOOSING.lat: "val"}
