"""From stored pixels to what a network sees, against loops written out by hand."""

import numpy as np
import pytest
import torch

from index.errors import InputError
from index.imagery.sensors import NASA_COARSE, SENTINEL2
from train.image.image_input import BandInput, known_sensor, prepare_tile

PLAIN = BandInput(("B02", "B8A"), mean=(0.1, 0.2), std=(0.5, 2.0))
PICTURE = BandInput(("B04", "B03", "B02"), mean=(0.5, 0.4, 0.3), std=(0.25, 0.5, 1.0), white=0.3)


def counts(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 6000, shape).astype(np.uint16)


def test_bands_are_normalised_one_by_one_as_by_hand() -> None:
    pixels = counts(2, 4, 4)
    seen, present = prepare_tile(pixels, ("B02", "B8A"), SENTINEL2, PLAIN, 4)
    for row in range(4):
        for column in range(4):
            assert float(seen[0, row, column]) == pytest.approx((pixels[0, row, column] / 10_000 - 0.1) / 0.5, abs=1e-6)
            assert float(seen[1, row, column]) == pytest.approx((pixels[1, row, column] / 10_000 - 0.2) / 2.0, abs=1e-6)
    assert present.tolist() == [1.0, 1.0]


def test_a_picture_is_stretched_clipped_and_then_normalised_as_by_hand() -> None:
    pixels = counts(3, 4, 4)  # reflectances up to 0.6: half of them are clipped
    seen, _ = prepare_tile(pixels, ("B02", "B03", "B04"), SENTINEL2, PICTURE, 4)
    assert (pixels > 3000).any()
    assert (pixels < 3000).any()
    for band, stored in enumerate((2, 1, 0)):  # wanted: red, green, blue; stored: blue, green, red
        for row in range(4):
            for column in range(4):
                shown = min(pixels[stored, row, column] / 3000, 1.0)
                expected = (shown - PICTURE.mean[band]) / PICTURE.std[band]
                assert float(seen[band, row, column]) == pytest.approx(expected, abs=1e-5)


def test_b8a_is_found_by_its_name_wherever_a_file_stores_it() -> None:
    """Some products store B8A last, others behind B08."""
    usual = SENTINEL2.bands
    last = (*(band for band in usual if band != "B8A"), "B8A")
    pixels = counts(13, 4, 4)
    at_the_end = pixels[[usual.index(band) for band in last]]
    wanted = BandInput(usual, mean=(0.0,) * 13, std=(1.0,) * 13)
    first, _ = prepare_tile(pixels, usual, SENTINEL2, wanted, 4)
    second, _ = prepare_tile(at_the_end, last, SENTINEL2, wanted, 4)
    assert torch.equal(first, second)
    np.testing.assert_allclose(first[usual.index("B8A")], pixels[8] / 10_000, rtol=1e-6)


def test_bands_that_are_not_wanted_are_left_out_and_missing_ones_are_zero() -> None:
    seen, present = prepare_tile(counts(3, 4, 4), ("B01", "B8A", "B12"), SENTINEL2, PLAIN, 4)
    assert seen.shape == (2, 4, 4)
    assert present.tolist() == [0.0, 1.0]
    assert (seen[0] == 0).all()
    assert (seen[1] != 0).any()


def test_a_tile_with_none_of_the_wanted_bands_is_all_missing() -> None:
    seen, present = prepare_tile(counts(1, 4, 4), ("B12",), SENTINEL2, PLAIN, 8)
    assert seen.shape == (2, 8, 8)
    assert not seen.any()
    assert not present.any()


def test_a_pixel_without_data_is_seen_as_the_mean_of_land_by_any_network() -> None:
    """B02 has a land mean of 0.12, B04 of 0.15: the picture shows 0.4 and 0.5 there."""
    pixels = counts(2, 4, 4)
    pixels[:, 1, 2] = 0
    pixels[0, 3, 3] = 0  # dark in one band only: data
    plain, _ = prepare_tile(pixels, ("B02", "B04"), SENTINEL2, PLAIN, 4)
    picture, _ = prepare_tile(pixels, ("B02", "B04"), SENTINEL2, PICTURE, 4)
    assert float(plain[0, 1, 2]) == pytest.approx((0.12 - 0.1) / 0.5, abs=1e-6)
    assert float(plain[0, 3, 3]) == pytest.approx((0 - 0.1) / 0.5, abs=1e-6)
    assert float(picture[0, 1, 2]) == pytest.approx((0.5 - 0.5) / 0.25, abs=1e-6)
    assert float(picture[2, 1, 2]) == pytest.approx((0.4 - 0.3) / 1.0, abs=1e-6)


def test_no_data_is_asked_of_all_stored_bands_not_of_the_wanted_ones() -> None:
    pixels = counts(2, 4, 4)
    pixels[0] = 0  # B02, the only wanted band, is black; B12 shows that there are data
    seen, _ = prepare_tile(pixels, ("B02", "B12"), SENTINEL2, PLAIN, 4)
    torch.testing.assert_close(seen[0], torch.full((4, 4), -0.2))


def test_the_clipped_picture_is_averaged_not_the_clouds_behind_it() -> None:
    """A white cloud of reflectance 1 in every other column beside black: shown as 1 and 0, from afar one half."""
    stripes = np.tile(np.where(np.arange(16) % 2 == 0, 10_000, 1).astype(np.uint16), (1, 16, 1))
    seen, _ = prepare_tile(stripes, ("B04",), SENTINEL2, BandInput(("B04",), (0.0,), (1.0,), white=0.3), 4)
    torch.testing.assert_close(seen[0][:, 1:-1], torch.full((4, 2), 0.5), rtol=0, atol=0.01)


def test_coarse_tiles_of_bytes_are_shown_from_0_to_1() -> None:
    pixels = np.array([0, 51, 255, 128], dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), dtype=np.uint8)
    wanted = BandInput(("red", "green", "blue"), (0.0,) * 3, (1.0,) * 3, white=1.0)
    seen, _ = prepare_tile(pixels, NASA_COARSE.bands, NASA_COARSE, wanted, 2)
    torch.testing.assert_close(seen[:, 0, 0], torch.tensor([0.0, 0.2, 1.0]))


def test_an_unknown_sensor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'landsat'.*sentinel2.*nasa_coarse"):
        known_sensor("landsat")
