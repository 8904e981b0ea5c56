"""Sentinel-2 numbers of all kinds brought to one unit; what files say about themselves is tested with the GeoTIFFs."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.imagery.reflectance import counts_to_reflectance, to_reflectance


def pixels(*values: float) -> Any:
    """Two bands of one row."""
    return np.ma.masked_invalid(np.array([[values], [values]], dtype=np.float64))


def brought(*values: float, **known: Any) -> list[int]:
    found = to_reflectance(pixels(*values), **known)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[0], found[1])
    return found[0, 0].tolist()


def test_numbers_without_offset_are_kept() -> None:
    assert brought(300, 1200, 4000) == [300, 1200, 4000]


def test_numbers_that_start_at_1000_lose_their_offset() -> None:
    assert brought(1300, 2200, 5000) == [300, 1200, 4000]


@pytest.mark.parametrize(("baseline", "removed"), [("02.14", 0), ("03.01", 0), ("04.00", 1000), ("05.09", 1000), ("05.11", 1000)])
@pytest.mark.parametrize("date", ["", "2018-01-01", "2023-01-01"])
def test_the_baseline_is_believed_before_the_date_and_the_darkest_pixels(baseline: str, removed: int, date: str) -> None:
    # Collection 1 carries baseline 05.00 and the offset for scenes of 2018 too.
    assert brought(1300, 5000, baseline=baseline, date=date) == [1300 - removed, 5000 - removed]


@pytest.mark.parametrize(("rule", "removed"), [("none", 0), ("remove", 1000)])
def test_a_rule_by_hand_is_believed_before_the_baseline(rule: str, removed: int) -> None:
    for baseline in ("02.14", "05.09"):
        assert brought(1300, 5000, baseline=baseline, offset=rule) == [1300 - removed, 5000 - removed]


def test_no_valid_pixel_falls_to_zero_when_the_offset_goes() -> None:
    assert brought(1500, 1000, 990, 3, baseline="05.09") == [500, 1, 1, 1]


def test_a_fraction_is_told_from_a_number_by_its_size() -> None:
    assert brought(0.03, 0.12, 0.4) == [300, 1200, 4000]
    assert brought(0.13, 0.22, 0.5) == [300, 1200, 4000]
    assert brought(0.03, 1.2, 2.5) == [300, 12000, 25000]


def test_nothing_measured_stays_nothing() -> None:
    assert brought(0, float("nan"), 300) == [0, 0, 300]
    assert brought(0, float("nan"), 1300) == [0, 0, 300]
    assert brought(0, 0, 0) == [0, 0, 0]
    assert to_reflectance(np.ma.masked_all((2, 1, 3), dtype=np.uint16)).tolist() == [[[0, 0, 0]]] * 2


@pytest.mark.parametrize(("dark", "removed"), [(0, 1000), (1, 1000), (2, 0)])
def test_one_dark_pixel_in_a_hundred_does_not_hide_the_offset(dark: int, removed: int) -> None:
    found = brought(*[999] * dark, *[1500] * (100 - dark))
    assert found[dark:] == [1500 - removed] * (100 - dark)
    assert found[:dark] == [1 if removed else 999] * dark


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=9), st.sampled_from(["auto", "none", "remove"]), st.booleans())
def test_unsigned_files_take_a_shorter_way_to_the_same_pixels(numbers: list[int], offset: Any, masked: bool) -> None:
    values = np.ma.MaskedArray(np.array([[numbers]], dtype=np.int64), mask=masked and [[[i % 3 == 0 for i in range(len(numbers))]]])
    np.testing.assert_array_equal(
        to_reflectance(values.astype(np.uint16), offset=offset), to_reflectance(values.astype(np.int32), offset=offset)
    )


def test_a_product_that_states_its_offsets_is_taken_at_its_word() -> None:
    counts = np.array([[[0, 1000, 1100, 65535]], [[0, 1000, 1100, 65535]]], dtype=np.uint16)
    found = counts_to_reflectance(counts, np.array([-1000.0, 0.0]), 10_000)
    assert found.tolist() == [[[0, 1, 100, 64535]], [[0, 1000, 1100, 65535]]]
    assert counts_to_reflectance(counts, np.array([-1000.0, 0.0]), 1000).tolist()[0] == [[0, 1, 1000, 65535]]


@given(st.lists(st.floats(-0.1, 2).filter(bool), min_size=1, max_size=9))
def test_every_valid_pixel_stays_valid(fractions: list[float]) -> None:
    assert min(brought(*fractions)) >= 1


@given(st.lists(st.integers(1, 65535), min_size=1, max_size=9))
def test_what_is_in_the_unit_already_stays_as_it_is(numbers: list[int]) -> None:
    numbers += [500] * (len(numbers) + 1)  # more than half of the scene is darker than any offset
    assert brought(*numbers) == numbers
