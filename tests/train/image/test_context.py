"""Level and month on their way from a tile's row to the towers that read them."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.train.small_worlds import fill, tile
from train.data import TRAINING
from train.image.context import LEVEL, MONTH, UNKNOWN, context_of, from_january, month_of, still_known
from train.image.tiles import tile_batch, tile_records

JULY = [math.sin(7 * math.pi / 6), math.cos(7 * math.pi / 6), 1.0]


class Told(nn.Module):
    """An image encoder that repeats the context of each tile."""

    sensors = ("nasa_coarse", "sentinel2")
    feature_key = None
    reads_context = True

    def prepare(self, pixels: Any, bands: tuple[str, ...], sensor: str) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(pixels.astype(np.float32)), torch.ones(len(bands))

    def forward(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor) -> Tensor:
        return context


@pytest.mark.parametrize(
    ("date", "month"),
    [("2021-07-03", 7), ("2021-12", 12), ("--07", 7), ("2021-07-03T10:00:00Z", 7)]
    + [(date, 0) for date in ("", "2021", "2021-13", "2021-00-01", "2021-071", "July 2021", "07-2021", "2019-H1")],
)
def test_the_month_is_that_of_an_iso_date_with_or_without_a_year(date: str, month: int) -> None:
    assert month_of(date) == month


def test_december_is_as_near_to_january_as_january_to_february() -> None:
    december, january, february, july = (context_of("", f"2020-{month}")[MONTH] for month in ("12", "01", "02", "07"))
    assert (december - january).norm() == pytest.approx((january - february).norm().item())
    assert (january - july).norm() == pytest.approx(2.0)


def test_a_level_that_is_not_known_is_one_of_its_own() -> None:
    assert [context_of(level, "")[LEVEL].tolist() for level in ("L1C", "L2A", "composite", "", "L3")] == [
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1],
    ]  # fmt: skip
    assert UNKNOWN.tolist() == [0, 0, 0, 1, 0, 0, 0]


def test_from_january_the_year_is_a_circle_that_begins_at_zero() -> None:
    dates = ("--01", "--04", "--07", "--10", "2021")
    angles = from_january(torch.stack([context_of("L2A", date) for date in dates]))
    expected = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(angles, expected, rtol=0, atol=1e-6)


def tiles() -> list[Any]:
    """Two tiles of one pixel and two of nine, in turn, with levels and dates."""
    said = [("L1C", "2021-07-01"), ("L2A", "--07"), ("composite", "2021"), ("", "")]
    rng = np.random.default_rng(0)
    return [
        replace(
            tile(rng.integers(1, 9000, (13, side, side)).astype(np.uint16), number, number, sensor="sentinel2"),
            level=level,
            date=date,
        )
        for number, ((level, date), side) in enumerate(zip(said, (1, 3, 1, 3), strict=True))
    ]


def test_each_tile_brings_its_own_level_and_month_whatever_size_its_neighbours_have(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", tiles=tiles())
    records = tile_records(catalogue, Told(), TRAINING)
    batch = records.batch(np.arange(4))
    assert sorted(group.pixels.shape[2] for group in batch.groups) == [1, 3]
    expected = [[1, 0, 0, 0, *JULY], [0, 1, 0, 0, *JULY], [0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0]]
    told = dict(zip(batch.lat.tolist(), batch.encode(Told()).tolist(), strict=True))
    assert [told[number] for number in range(4)] == [pytest.approx(each, abs=1e-6) for each in expected]
    again = tile_batch(catalogue, Told(), records.ids, records.lat, records.lon)
    assert torch.equal(again.encode(Told()), batch.encode(Told()))


def test_a_share_of_what_rows_say_is_hidden_level_month_or_both_alike() -> None:
    context = context_of("L2A", "2021-07").expand(30_000, -1)
    known = still_known(context, np.random.default_rng(0).random(30_000), 0.6)
    no_level, no_month = (known[:, LEVEL] == UNKNOWN[LEVEL]).all(1), (known[:, MONTH] == UNKNOWN[MONTH]).all(1)
    for which in (no_level & no_month, no_level & ~no_month, ~no_level & no_month):
        assert which.float().mean() == pytest.approx(0.2, abs=0.01)
    assert torch.equal(still_known(context, np.zeros(30_000), 0.0), context)


def test_hiding_is_for_training_alone_and_depends_on_no_other_tile(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", tiles=tiles())
    records = tile_records(catalogue, Told(), TRAINING, hidden_context_share=1.0)
    plain = records.batch(np.arange(4)).encode(Told())
    chances = np.full((4, 2), 0.999 / 8)  # high in the first eighth: level and month
    assert (records.batch(np.arange(4), chances).encode(Told()) == UNKNOWN).all()
    assert torch.equal(records.batch(np.arange(4)).encode(Told()), plain)
    chances[:, 0] = np.random.default_rng(1).random(4)
    whole = records.batch(np.arange(4), chances).encode(Told())
    parts = [records.batch(np.arange(4)[cut], chances[cut]).encode(Told()) for cut in (slice(0, 1), slice(1, 4))]
    assert torch.equal(torch.cat(parts), whole)
