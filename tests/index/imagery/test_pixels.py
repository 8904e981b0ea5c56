"""Pixels as bytes and back."""

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from index.errors import InputError
from index.imagery.pixels import decode_pixels, encode_pixels

TILES = st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: arrays(kind, array_shapes(min_dims=3, max_dims=3, max_side=9)))


@given(TILES)
def test_decoding_gives_back_what_was_encoded(pixels: npt.NDArray[np.uint16]) -> None:
    found = decode_pixels(encode_pixels(pixels), pixels.shape, pixels.dtype.name)
    assert found.dtype == pixels.dtype
    np.testing.assert_array_equal(found, pixels)


@given(TILES)
def test_a_turned_view_survives_as_well_as_a_fresh_array(pixels: npt.NDArray[np.uint16]) -> None:
    turned = np.rot90(pixels, axes=(1, 2))[::-1]
    np.testing.assert_array_equal(decode_pixels(encode_pixels(turned), turned.shape, turned.dtype.name), turned)


def test_encoding_leaves_the_pixels_alone() -> None:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)
    encode_pixels(pixels)
    np.testing.assert_array_equal(pixels.ravel(), np.arange(24))


def test_the_extremes_may_stand_side_by_side() -> None:
    pixels = np.array([[[0, 65535, 0, 1, 65534]]], dtype=np.uint16)
    np.testing.assert_array_equal(decode_pixels(encode_pixels(pixels), (1, 1, 5), "uint16"), pixels)


def test_a_slope_of_neighbouring_pixels_packs_to_a_fraction_of_its_size() -> None:
    slope = (np.arange(64)[:, None] * 10 + np.arange(64)).astype(np.uint16)
    pixels = np.stack([slope, slope + 500])
    assert len(encode_pixels(pixels)) < pixels.nbytes / 20


def test_encoding_copies_the_pixels_no_more_than_twice() -> None:
    pixels = np.ones((12, 256, 256), np.uint16)
    tracemalloc.start()
    try:
        encode_pixels(pixels)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2.5 * pixels.nbytes  # the planes, and the room that compression asks for


@pytest.mark.parametrize("shape", [(13, 100_000, 100_000), (0, 4, 4), (-1, 4, 4)])
def test_a_damaged_row_cannot_ask_for_more_memory_than_a_tile_takes(shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="limit"):
        decode_pixels(encode_pixels(np.ones((1, 4, 4), np.uint16)), shape, "uint16")


def test_the_encoded_bytes_of_equal_tiles_are_equal() -> None:
    pixels = np.random.default_rng(3).integers(0, 4000, (3, 16, 16)).astype(np.uint16)
    assert encode_pixels(pixels) == encode_pixels(np.asfortranarray(pixels))
