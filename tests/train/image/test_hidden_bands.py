"""Hidden bands: a tile in a batch may have as few as what users ask by, and is then just what it would be without the others."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from index.imagery.sensors import NASA_COARSE, SENTINEL2
from tests.train.small_worlds import fill, tile
from train.data import TRAINING
from train.encoders.image import multispectral
from train.image.hidden_bands import often_shown, still_shown
from train.image.image_input import BandInput, known_sensor, prepare_tile
from train.image.tiles import TileBatch, tile_records

COLOURS = torch.tensor([[1.0, 1, 1, 0]])  # the only set that images of a sensor with four bands often have
ALL = [1, 1, 1, 1]


def shown(chance: float, present: list[int] = ALL, share: float = 0.5) -> list[float]:
    (found,) = still_shown(torch.tensor([present], dtype=torch.float32), COLOURS, np.array([chance]), share).tolist()
    return list(found)


def test_chances_above_the_share_hide_nothing() -> None:
    for chance, share in ((0.5, 0.5), (0.9, 0.5), (0.999, 0.999), (0.0, 0.0)):
        assert shown(chance, share=share) == ALL


def test_the_lower_part_of_the_share_leaves_what_images_often_have_and_the_upper_any_bands() -> None:
    """Below a share of 1/2 the colours are left up to 1/4; above, 16 steps of 1/64 are the binary numbers of four bands."""
    for chance in (0, 0.1, 0.2499):
        assert shown(chance) == [1, 1, 1, 0]
    for number in range(1, 16):
        assert shown(0.25 + (number + 0.5) / 64) == [number & 1, number >> 1 & 1, number >> 2 & 1, number >> 3]


def test_a_tile_keeps_its_bands_where_none_would_be_left() -> None:
    assert shown(0.25) == ALL, "number 0"
    assert shown(0.1, [0, 0, 0, 1]) == [0, 0, 0, 1], "no colours to leave"
    assert shown(0.25 + 1.5 / 64, [0, 1, 1, 1]) == [0, 1, 1, 1], "only the first band, which it lacks"


def test_what_a_tile_lacks_is_never_shown() -> None:
    assert shown(0.1, [1, 0, 1, 1]) == [1, 0, 1, 0]


def test_every_set_is_as_likely_as_the_others() -> None:
    chances = np.random.default_rng(0).random(40_000)
    found = Counter(map(tuple, still_shown(torch.ones(40_000, 4), COLOURS, chances, 0.8).tolist()))
    assert found[(1, 1, 1, 0)] / 40_000 == pytest.approx(0.4 + 0.4 / 16, abs=0.01)
    assert found[(1, 1, 1, 1)] / 40_000 == pytest.approx(0.2 + 0.4 * 2 / 16, abs=0.01)
    assert len(found) == 15
    rare = [count for bands, count in found.items() if bands[:3] != (1, 1, 1)]
    assert np.array(rare) / 40_000 == pytest.approx(0.4 / 16, abs=0.004)


class Backwards:
    """A tower that takes three bands of one sensor, in an order of its own."""

    sensors = ("sentinel2",)
    feature_key = None
    wanted = BandInput(("B12", "B08", "B04"), (0.0,) * 3, (1.0,) * 3)

    def prepare(self, pixels: Any, bands: tuple[str, ...], sensor: str) -> tuple[Tensor, Tensor]:
        return prepare_tile(pixels, bands, known_sensor(sensor), self.wanted, 4)


def test_which_bands_are_colours_is_known_in_the_order_of_the_tower() -> None:
    assert often_shown(Backwards())["sentinel2"].tolist() == [[0, 0, 1], [0, 1, 1]]
    often = often_shown(multispectral.build(trunk="test_convnext", size_px=32))
    assert often["nasa_coarse"].tolist() == [[1, 1, 1, 0]]
    of_sentinel2 = [[band for band, there in zip(SENTINEL2.bands, row, strict=True) if there] for row in often["sentinel2"]]
    assert of_sentinel2 == [["B02", "B03", "B04"], ["B02", "B03", "B04", "B08"]]


@pytest.fixture
def batches(tmp_path: Path) -> Any:
    """Batches of six tiles of two sensors in turn, made with given chances; all bands are hidden that can be."""
    rng, tiles = np.random.default_rng(0), []
    for number in range(6):
        sensor = (NASA_COARSE, SENTINEL2)[number % 2]
        dtype = np.uint8 if sensor is NASA_COARSE else np.uint16
        tiles.append(tile(rng.integers(1, 255, (len(sensor.bands), 32, 32)).astype(dtype), number, number, sensor=sensor.name))
    tower = multispectral.build(trunk="test_convnext", size_px=32)
    return tower, tiles, tile_records(fill(tmp_path / "c", tiles=tiles), tower, TRAINING, few_bands_share=1.0)


def test_a_tile_whose_bands_are_hidden_is_what_a_tile_without_them_is(batches: Any) -> None:
    tower, tiles, records = batches
    rows, chances = np.arange(6), np.stack([np.zeros(6), np.full(6, 0.1)], axis=1)
    batch: TileBatch = records.batch(rows, chances)
    for sensor, colours in ((NASA_COARSE, NASA_COARSE.rgb), (SENTINEL2, SENTINEL2.rgb)):
        (group,) = [each for each in batch.groups if each.sensor == sensor.name]
        for row, image, mask in zip(group.rows.tolist(), group.pixels, group.present, strict=True):
            stored = tiles[int(records.lat[row])].pixels[[sensor.bands.index(band) for band in colours]]
            expected_image, expected_mask = tower.prepare(stored, colours, sensor.name)
            torch.testing.assert_close(image, expected_image)
            torch.testing.assert_close(mask, expected_mask)


def test_hiding_leaves_the_next_batch_and_batches_without_chances_whole(batches: Any) -> None:
    _, _, records = batches
    rows = np.arange(6)
    before = records.batch(rows).groups
    records.batch(rows, np.zeros((6, 2)))
    for group, whole in zip(records.batch(rows).groups, before, strict=True):
        assert group.present.all()
        torch.testing.assert_close(group.pixels, whole.pixels, rtol=0, atol=0)


def test_what_is_hidden_follows_the_row_of_the_batch_so_a_batch_may_be_made_in_parts(batches: Any) -> None:
    """And the second chance of a record: the first turns it."""
    _, _, records = batches
    chances = np.random.default_rng(1).random((6, 2))
    whole = masks(records.batch(np.arange(6), chances))
    assert len(set(whole.values())) > 2
    parts = [masks(records.batch(np.arange(6)[cut], chances[cut])) for cut in (slice(0, 1), slice(1, 4), slice(4, 6))]
    assert {key: value for part in parts for key, value in part.items()} == whole
    chances[:, 0] = 0
    assert masks(records.batch(np.arange(6), chances)) == whole


def masks(batch: TileBatch) -> dict[float, tuple[float, ...]]:
    """The band mask of each tile by its latitude."""
    return {
        batch.lat[row].item(): tuple(mask)
        for group in batch.groups
        for row, mask in zip(group.rows.tolist(), group.present.tolist(), strict=True)
    }
