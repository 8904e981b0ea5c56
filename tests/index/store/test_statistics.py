"""What the tiles measured: worlds of a few pixels whose means can be computed by hand, and the same sums the slow way."""

import dataclasses
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import index.store.statistics
from index.records import Tile
from index.store.catalogue import Catalogue
from index.store.ingest import BATCH_ROWS, ingest
from index.store.statistics import SUMS, band_sums
from index.store.vectors import begin_vectors
from tests.worlds import Listed, articles, catalogue_with, tile

TILES = st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: arrays(kind, array_shapes(min_dims=3, max_dims=3, max_side=6)))


def with_pixels(*layers: Any, kind: type = np.uint16, **more: Any) -> Tile:
    """A tile of these rows of pixels, one for each band."""
    pixels: npt.NDArray[Any] = np.array([[layer] for layer in layers], dtype=kind)
    return dataclasses.replace(tile(**more), pixels=pixels)


def measured(catalogue: Catalogue) -> list[tuple[Any, ...]]:
    """As tuples, rounded to eight digits behind the point."""
    rounded = {"mean": lambda x: round(x, 8), "std": lambda x: round(x, 8)}
    return [
        tuple(rounded.get(key, lambda x: x)(value) for key, value in dataclasses.asdict(each).items())
        for each in catalogue.band_statistics()
    ]


def test_two_even_tiles_give_the_mean_and_spread_of_their_reflectance(tmp_path: Path) -> None:
    # 4 pixels of 0.1 and 4 of 0.3: all are 0.1 away from the mean of 0.2.
    catalogue = catalogue_with(tmp_path, tiles=[tile(1000, bands=("B04",)), tile(3000, bands=("B04",))])
    assert measured(catalogue) == [("sentinel2", "L2A", "B04", 2, 8, 0.2, 0.1)]


def test_no_data_is_not_counted_in_any_band(tmp_path: Path) -> None:
    # B04: 1000, 1000, 4000 have the mean 2000 and the variance (1 + 1 + 4) / 3 * 1000**2; B08 has a single pixel.
    catalogue = catalogue_with(tmp_path, tiles=[with_pixels([0, 1000, 1000, 4000], [0, 0, 500, 0])])
    assert measured(catalogue) == [
        ("sentinel2", "L2A", "B04", 1, 3, 0.2, round(0.1 * 2**0.5, 8)),
        ("sentinel2", "L2A", "B08", 1, 1, 0.05, 0.0),
    ]


def test_a_band_without_a_valid_pixel_is_left_out(tmp_path: Path) -> None:
    catalogue = catalogue_with(tmp_path, tiles=[with_pixels([0, 0], [300, 300])])
    assert [each.band for each in catalogue.band_statistics()] == ["B08"]


def test_levels_and_sensors_are_not_mixed_and_bands_come_in_the_sensors_order(tmp_path: Path) -> None:
    world = [
        tile(2000, bands=("B8A", "B08", "B12")),
        tile(4000, bands=("B08",), level="L1C"),
        with_pixels([51], [255], bands=("red", "relief"), sensor="nasa_coarse", level="", kind=np.uint8),
    ]
    assert measured(catalogue_with(tmp_path, tiles=world)) == [
        ("nasa_coarse", "", "red", 1, 1, 0.2, 0.0),
        ("nasa_coarse", "", "relief", 1, 1, 1.0, 0.0),
        ("sentinel2", "L1C", "B08", 1, 4, 0.4, 0.0),
        ("sentinel2", "L2A", "B08", 1, 4, 0.2, 0.0),
        ("sentinel2", "L2A", "B8A", 1, 4, 0.2, 0.0),
        ("sentinel2", "L2A", "B12", 1, 4, 0.2, 0.0),
    ]


def test_a_tile_counts_with_the_bands_that_it_has(tmp_path: Path) -> None:
    world = [tile(1000, bands=("B04", "B08")), tile(3000, bands=("B08", "B12"))]
    found = {each.band: (each.tiles, round(each.mean, 8)) for each in catalogue_with(tmp_path, tiles=world).band_statistics()}
    assert found == {"B04": (1, 0.1), "B08": (2, 0.2), "B12": (1, 0.3)}


@pytest.fixture
def uneven() -> list[Tile]:
    rng = np.random.default_rng(5)
    return [dataclasses.replace(tile(), pixels=rng.integers(0, 65536, (2, 3, 3), dtype=np.uint16)) for _ in range(7)]


def test_one_ingest_two_halves_and_any_order_give_the_same_numbers_to_the_last_bit(tmp_path: Path, uneven: list[Tile]) -> None:
    whole = catalogue_with(tmp_path / "whole", tiles=uneven)
    catalogue_with(tmp_path / "halves", tiles=uneven[4:])
    halves = catalogue_with(tmp_path / "halves", tiles=uneven[:4])
    assert halves.band_statistics() == whole.band_statistics() != []


def test_an_interrupted_and_repeated_ingest_counts_no_tile_twice(
    tmp_path: Path, uneven: list[Tile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BATCH_ROWS, "tiles", 2)
    catalogue = Catalogue.open(tmp_path / "interrupted", create=True)
    with pytest.raises(KeyboardInterrupt):
        ingest(catalogue, Listed("tiles", [*uneven[:3], uneven[0], KeyboardInterrupt()]))
    assert {each.tiles for each in catalogue.band_statistics()} == {3}
    for _ in range(2):
        ingest(catalogue, Listed("tiles", [*uneven, uneven[6]]))
    assert catalogue.band_statistics() == catalogue_with(tmp_path / "whole", tiles=uneven).band_statistics()


def test_any_number_of_rows_is_summed_in_pieces(tmp_path: Path, uneven: list[Tile], monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = catalogue_with(tmp_path, tiles=uneven)
    at_once = catalogue.band_statistics()
    monkeypatch.setattr(index.store.statistics, "ROWS_AT_ONCE", 2)
    assert catalogue.band_statistics() == at_once


def test_the_spread_of_the_brightest_pixels_does_not_drown_in_rounding(tmp_path: Path) -> None:
    # A third of the pixels is one count brighter: a variance of 2/9, beside squares of 2**32 that floats round to more than that.
    side = 1023
    pixels = np.full((1, side, side), 65534, dtype=np.uint16)
    pixels[:, ::3] += 1
    (found,) = catalogue_with(tmp_path, tiles=[dataclasses.replace(tile(bands=("B04",)), pixels=pixels)]).band_statistics()
    assert (found.tiles, found.pixels) == (1, side**2)
    assert (found.mean, found.std) == pytest.approx(((65534 + 1 / 3) * 1e-4, 2**0.5 / 3 * 1e-4), rel=1e-12)


@given(TILES)
def test_the_sums_are_those_of_the_numbers_added_one_by_one(pixels: npt.NDArray[np.uint16]) -> None:
    layers = [[int(value) for value in layer.ravel() if value] for layer in pixels]
    assert band_sums(pixels) == {
        "band_count": [len(layer) for layer in layers],
        "band_sum": [sum(layer) for layer in layers],
        "band_sum_squares": [sum(value**2 for value in layer) for layer in layers],
    }


def test_mean_and_spread_are_those_of_the_standard_library(tmp_path: Path, uneven: list[Tile]) -> None:
    first, second = catalogue_with(tmp_path, tiles=uneven).band_statistics()
    for layer, found in enumerate((first, second)):
        values = [int(value) for each in uneven for value in each.pixels[layer].ravel() if value]
        assert (found.mean, found.std) == pytest.approx((1e-4 * statistics.fmean(values), 1e-4 * statistics.pstdev(values)))


def test_a_catalogue_without_tiles_measured_nothing(tmp_path: Path) -> None:
    assert catalogue_with(tmp_path / "a", articles=articles(1)).band_statistics() == []
    empty = Catalogue.open(tmp_path / "b", create=True)
    ingest(empty, Listed("tiles", []))
    assert empty.band_statistics() == []


@pytest.mark.parametrize("indexed", [False, True])
def test_the_next_ingest_measures_what_an_older_placebind_stored(tmp_path: Path, uneven: list[Tile], indexed: bool) -> None:
    older = catalogue_with(tmp_path / "older", tiles=uneven[:5])
    if indexed:
        begin_vectors(older, "tiles", "3fa1" * 16, 4)
    older.table("tiles").drop_columns(list(SUMS))
    assert older.band_statistics() == []
    assert ingest(older, Listed("tiles", uneven)).added == 2
    assert older.band_statistics() == catalogue_with(tmp_path / "new", tiles=uneven).band_statistics()
