"""Cutting leaves nothing out, whatever the sizes; and what would not fit into memory is not read."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import InputError
from index.imagery.raster import Cutting, check_size, rows_of_windows


def cutting(**options: float) -> Cutting:
    return Cutting.parse(options, where="test")


@given(st.integers(1, 300), st.integers(1, 300), st.integers(16, 120), st.integers(0, 120))
def test_windows_cover_a_grid_of_any_size_and_never_leave_it(height: int, width: int, side: int, stride: int) -> None:
    rows = rows_of_windows(height, width, cutting(tile_px=side, stride=stride))
    seen = np.zeros((height, width), dtype=int)
    for top, left, tall, wide in (window for row in rows for window in row):
        assert 0 <= top <= height - tall
        assert 0 <= left <= width - wide
        assert (tall, wide) == (min(side, height), min(side, width)), "every tile of a scene has the same size"
        seen[top : top + tall, left : left + wide] += 1
    if not stride or stride <= side:
        assert seen.min() >= 1
    tops = [row[0].top for row in rows]
    assert all(0 < below - above <= (stride or side) for above, below in pairwise(tops))


def test_a_scene_of_sentinel_2_takes_43_x_43_tiles_that_overlap_by_a_pixel_at_most() -> None:
    rows = rows_of_windows(10_980, 10_980, cutting())
    lefts = [window.left for window in rows[0]]
    assert [len(row) for row in rows] == [43] * 43
    assert {after - before for before, after in pairwise(lefts)} <= {255, 256}


@given(st.integers(1, 50), st.integers(1, 40))
def test_so_many_tiles_as_were_asked_for_are_looked_at(side_tiles: int, count: int) -> None:
    rows = rows_of_windows(side_tiles * 16, side_tiles * 16, cutting(tile_px=16, max_tiles=count))
    chosen = [window for row in rows for window in row]
    assert len(chosen) == len(set(chosen)) == min(count, side_tiles**2)
    assert len(rows) == side_tiles, "rows keep their numbers, which an ingest that goes on knows them by"


@pytest.mark.parametrize(
    ("width", "height", "count", "dtype", "complaint"),
    [
        (2049, 1, 1, "uint8", "2048 px a side"),
        (1, 100_000, 1, "uint8", "2048 px a side"),
        (1, 1, 65, "uint8", "2048 px a side"),
        (2048, 2048, 40, "complex128", "512 MiB"),
    ],
)
def test_what_would_not_fit_into_memory_is_refused(width: int, height: int, count: int, dtype: str, complaint: str) -> None:
    raster = SimpleNamespace(width=width, height=height, count=count, dtypes=(dtype,) * count)
    with pytest.raises(InputError, match=f"is too large for one tile .*{complaint}"):
        check_size(raster, 2048)


def test_the_largest_tile_of_all_bands_is_not_refused() -> None:
    check_size(SimpleNamespace(width=2048, height=2048, count=13, dtypes=("float64",) * 13), 2048)
