"""The spectral tower: one pixel or many, turned or not, with and without bands, and what level and month add."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from index.errors import InputError
from index.imagery.sensors import NASA_COARSE, SENTINEL2
from tests.train.encoders.tiny_towers import stored_tile
from train.encoders.image.spectral import HALVINGS, INDICES, PIXELS_AT_ONCE, Spectral, build
from train.image.context import UNKNOWN, context_of

FLAGS = 1 + HALVINGS
WIDTH = 6


@pytest.fixture
def tower() -> Spectral:
    torch.manual_seed(0)
    return build(width=WIDTH, hidden=16, dim=5).eval()


def shown(tower: Spectral, pixels: npt.NDArray[np.uint16], bands: tuple[str, ...] = SENTINEL2.bands) -> tuple[Tensor, Tensor]:
    image, present = tower.prepare(pixels, bands, "sentinel2")
    return image[None], present[None]


def described(tower: Spectral, pixels: npt.NDArray[np.uint16], *, level: str = "", date: str = "") -> Tensor:
    with torch.no_grad():
        return tower.describe(*shown(tower, pixels), "sentinel2", context_of(level, date)[None])[0]


@pytest.mark.parametrize("side", [2, 3, 5, 16, 17])
def test_one_pixel_is_a_tile_of_that_pixel_repeated_but_for_the_flags_of_texture(tower: Spectral, side: int) -> None:
    pixel = stored_tile(13, side=1)
    one, many = described(tower, pixel), described(tower, pixel.repeat(side, 1).repeat(side, 2))
    torch.testing.assert_close(one[:-FLAGS], many[:-FLAGS], atol=1e-5, rtol=1e-5)
    assert one[WIDTH:].tolist() == [0.0] * (WIDTH * (1 + HALVINGS) + FLAGS)
    assert many[-FLAGS:].tolist() == [float(side >> halving > 1) for halving in range(FLAGS)]


@pytest.mark.parametrize("side", [2, 7, 16, 25, 70])
def test_a_tile_has_the_same_description_however_it_is_turned(tower: Spectral, side: int) -> None:
    pixels = stored_tile(13, side=side)
    upright = described(tower, pixels)
    for turned in (np.rot90(pixels, 1, (1, 2)), np.rot90(pixels, 2, (1, 2)), pixels[:, ::-1], pixels[:, :, ::-1]):
        torch.testing.assert_close(described(tower, np.ascontiguousarray(turned)), upright, atol=1e-5, rtol=1e-4)


def test_coarse_texture_is_told_from_fine(tower: Spectral) -> None:
    """A chessboard of single pixels vanishes in averages over 2 x 2; one of 4 x 4 pixels does in averages over 8 x 8 only."""
    row, column = np.indices((16, 16))
    for size, seen in ((1, [True, False, False, False]), (4, [True, True, True, False])):
        board = np.where((row // size + column // size) % 2, 4000, 500).astype(np.uint16)[None].repeat(13, 0)
        texture = described(tower, board)[WIDTH:-FLAGS].reshape(FLAGS, WIDTH).amax(dim=1)
        assert (texture > 0.005).tolist() == seen


def test_a_tile_up_to_the_largest_side_is_read_as_it_is_and_a_larger_one_averaged_down() -> None:
    tower = build(size_px=8, width=WIDTH, hidden=16, dim=5)
    assert shown(tower, stored_tile(13, side=5))[0].shape == (1, 13, 5, 5)
    blocks = stored_tile(13, side=8)
    image, _ = shown(tower, blocks)
    large, _ = shown(tower, blocks.repeat(256, 1).repeat(256, 2))
    assert large.shape == image.shape
    assert (large - image).abs().mean() < 0.3 * image.std()


def test_a_batch_that_is_read_in_chunks_is_what_its_tiles_are_alone(tower: Spectral) -> None:
    images, masks = zip(
        *(tower.prepare(stored_tile(13, seed=seed, side=64), SENTINEL2.bands, "sentinel2") for seed in range(6)), strict=True
    )
    context = torch.stack([context_of("L2A", f"2021-{month:02}") for month in range(1, 7)])
    assert PIXELS_AT_ONCE < 6 * 64 * 64
    with torch.no_grad():
        together = tower(torch.stack(images), torch.stack(masks), "sentinel2", context)
        alone = [
            tower(image[None], mask[None], "sentinel2", row[None]) for image, mask, row in zip(images, masks, context, strict=True)
        ]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-6, rtol=1e-5)


def test_indices_are_those_of_the_bands_and_none_where_one_is_absent() -> None:
    """Weights that let through one index, (0.4 - 0.1) / (0.4 + 0.1) = 0.6 for NDVI, show it in the stem's output."""
    tower = build(width=4, hidden=16, dim=5)
    stem = tower.stems["sentinel2"]
    reflectance = {"B03": 1000, "B04": 1000, "B08": 4000, "B11": 2000, "B12": 1000}
    expected = {"NDVI": 0.6, "NDWI": -0.6, "NDBI": -1 / 3, "NBR": 0.6}
    for parameter in stem.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        for number in range(len(INDICES)):
            stem.spectrum.weight[number, len(SENTINEL2.bands) + number] = 1.0
    for absent in ("", "B04", "B12"):
        bands = tuple(band for band in reflectance if band != absent)
        image, present = shown(tower, np.array([reflectance[band] for band in bands], np.uint16)[:, None, None], bands)
        found = stem(image, present, UNKNOWN[None])[0, 0, 0]
        values = [0.0 if absent in INDICES[name] else value for name, value in expected.items()]
        torch.testing.assert_close(found, torch.nn.functional.gelu(torch.tensor(values)), atol=1e-4, rtol=1e-4)


def test_level_and_month_change_what_a_tile_is_and_without_a_context_both_are_unknown(tower: Spectral) -> None:
    pixels = stored_tile(13, side=3)
    plain = described(tower, pixels)
    for level, date in (("L1C", ""), ("L2A", ""), ("composite", ""), ("", "2021-01"), ("", "--07"), ("L2A", "2021-07-03")):
        assert (described(tower, pixels, level=level, date=date) - plain).abs().max() > 1e-3
    assert torch.equal(described(tower, pixels, level="", date="2021"), plain)
    assert torch.equal(described(tower, pixels, date="2019-07"), described(tower, pixels, date="2021-07-31"))
    with torch.no_grad():
        assert torch.equal(tower.describe(*shown(tower, pixels), "sentinel2")[0], plain)


def test_every_weight_learns_from_a_tile_and_from_a_pixel_nothing_is_nan(tower: Spectral) -> None:
    tower.train()
    for side in (1, 16):
        tower.zero_grad()
        image, present = shown(tower, stored_tile(13, side=side))
        tower(image, present, "sentinel2", context_of("L2A", "2021-07")[None]).square().sum().backward()
        own = {name: p.grad for name, p in tower.named_parameters() if "nasa_coarse" not in name}
        assert all(grad is not None and torch.isfinite(grad).all() and grad.abs().sum() > 0 for grad in own.values())


def test_each_sensor_has_a_stem_of_its_own_and_one_without_is_refused() -> None:
    tower = build(sensors=("nasa_coarse",), width=WIDTH, hidden=16, dim=5)
    image, present = tower.prepare(stored_tile(4, dtype=np.uint8), NASA_COARSE.bands, "nasa_coarse")
    assert tower(image[None], present[None], "nasa_coarse").shape == (1, 5)
    with pytest.raises(InputError, match="no stem for sensor sentinel2; it has nasa_coarse"):
        tower(torch.zeros(1, 13, 1, 1), torch.ones(1, 13), "sentinel2")


def test_the_defaults_stay_small() -> None:
    assert sum(parameter.numel() for parameter in build().parameters()) < 700_000


def test_a_tile_whose_texture_is_hidden_in_training_is_read_as_one_pixel_of_its_mean_features() -> None:
    torch.manual_seed(0)
    tower = build(width=WIDTH, hidden=16, dim=5, hidden_texture_share=0.5, dropout=0.0)
    pixels = torch.randn(64, 13, 4, 4, generator=torch.Generator().manual_seed(1))[:1].expand(64, -1, -1, -1)
    present = torch.ones(64, 13)
    torch.manual_seed(0)
    learning = tower.train()(pixels, present, "sentinel2")
    asked = tower.eval()(pixels, present, "sentinel2")
    described = tower.describe(pixels, present, "sentinel2")
    described[:, tower.options.width :] = 0
    as_shown, hidden = (learning - asked).abs().amax(dim=1) < 1e-5, (learning - tower.head(described)).abs().amax(dim=1) < 1e-5
    assert (as_shown ^ hidden).all()
    assert 15 < int(hidden.sum()) < 49
