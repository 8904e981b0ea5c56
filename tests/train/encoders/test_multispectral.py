"""The image tower: what the network sees of a tile, bands by name, missing bands and pixels, and gradients to every part."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from index.errors import CheckpointError, ConfigError, InputError
from index.imagery.sensors import NASA_COARSE, SENTINEL2
from tests.train.encoders.tiny_towers import timm_with_weights, trained_names
from train.encoders.image import multispectral
from train.encoders.image.multispectral import BandStem, Multispectral

S2 = SENTINEL2.bands


@pytest.fixture(scope="module")
def tower() -> Multispectral:
    torch.manual_seed(0)
    return multispectral.build(trunk="test_convnext", size_px=32, dim=12).eval()


def flat(values: list[float], side: int = 32, dtype: type = np.uint16) -> np.ndarray:
    """Each band of one value throughout."""
    return np.broadcast_to(np.array(values, dtype=dtype)[:, None, None], (len(values), side, side)).copy()


def noise(bands: int, side: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 8000, (bands, side, side)).astype(np.uint16)


def encode(tower: Multispectral, pixels: np.ndarray, bands: tuple[str, ...], sensor: str = "sentinel2") -> torch.Tensor:
    prepared, present = tower.prepare(pixels, bands, sensor)
    with torch.inference_mode():
        return tower(prepared[None], present[None], sensor)[0]


def test_reflectance_is_standardised_band_by_band(tower: Multispectral) -> None:
    """B04 has mean 0.15 and deviation 0.13: 2,800 counts are 0.28, one deviation above; B8A at its mean of 0.29 is zero."""
    pixels, present = tower.prepare(flat([2800, 2900]), ("B04", "B8A"), "sentinel2")
    assert pixels.shape == (13, 32, 32)
    torch.testing.assert_close(pixels[S2.index("B04")], torch.ones(32, 32), rtol=0, atol=1e-5)
    torch.testing.assert_close(pixels[S2.index("B8A")], torch.zeros(32, 32), rtol=0, atol=1e-5)
    assert present.tolist() == [1.0 if band in ("B04", "B8A") else 0.0 for band in S2]


def test_a_coarse_tile_of_uint8_is_standardised_too(tower: Multispectral) -> None:
    """Red 153 is 0.6, one deviation of 0.25 above 0.35."""
    pixels, present = tower.prepare(flat([153, 92, 82, 140], dtype=np.uint8), NASA_COARSE.bands, "nasa_coarse")
    torch.testing.assert_close(pixels[0], torch.ones(32, 32), rtol=0, atol=1e-5)
    assert present.tolist() == [1.0] * 4


def test_bands_are_taken_by_name_in_whatever_order_they_are_stored(tower: Multispectral) -> None:
    pixels, order = noise(13), np.random.default_rng(1).permutation(13)
    straight = tower.prepare(pixels, S2, "sentinel2")
    mixed = tower.prepare(pixels[order], tuple(S2[band] for band in order), "sentinel2")
    torch.testing.assert_close(mixed[0], straight[0], rtol=0, atol=0)
    torch.testing.assert_close(mixed[1], straight[1], rtol=0, atol=0)
    wrongly_named = tower.prepare(pixels[order], S2, "sentinel2")
    assert (wrongly_named[0] - straight[0]).abs().max() > 1


def test_pixels_without_data_become_the_mean_of_every_band(tower: Multispectral) -> None:
    pixels = flat([9000] * 13)
    pixels[:, 10:20, 5:9] = 0
    prepared, present = tower.prepare(pixels, S2, "sentinel2")
    assert (prepared[:, 10:20, 5:9] == 0).all()
    assert (prepared[:, :10] > 1).all()
    assert present.tolist() == [1.0] * 13


def test_a_dark_pixel_in_some_bands_only_is_data(tower: Multispectral) -> None:
    pixels = flat([1000] * 13)
    pixels[0, 3, 4] = 0
    prepared, _ = tower.prepare(pixels, S2, "sentinel2")
    assert float(prepared[0, 3, 4]) == pytest.approx((0 - 0.12) / 0.10, rel=1e-5)


def test_the_given_pixels_are_left_as_they_are(tower: Multispectral) -> None:
    pixels = noise(13)
    pixels[:, :4] = 0
    before = pixels.copy()
    tower.prepare(pixels, S2, "sentinel2")
    np.testing.assert_array_equal(pixels, before)


def test_of_an_oblong_tile_the_centre_square_is_seen(tower: Multispectral) -> None:
    pixels = noise(2, side=48)[:, :32, :]  # [2, 32, 48]: columns 8 .. 39 remain
    wide, _ = tower.prepare(pixels, ("B02", "B03"), "sentinel2")
    cut, _ = tower.prepare(pixels[:, :, 8:40], ("B02", "B03"), "sentinel2")
    torch.testing.assert_close(wide, cut, rtol=0, atol=0)
    tall, _ = tower.prepare(np.ascontiguousarray(pixels.transpose(0, 2, 1)), ("B02", "B03"), "sentinel2")
    torch.testing.assert_close(tall, cut.transpose(1, 2), rtol=0, atol=0)


@pytest.mark.parametrize("side", [1, 7, 32, 64, 120])
def test_a_tile_of_any_size_comes_out_at_the_size_that_the_network_sees(tower: Multispectral, side: int) -> None:
    prepared, _ = tower.prepare(flat([1300] * 13, side=side), S2, "sentinel2")
    expected = (0.13 - torch.tensor(SENTINEL2.mean)) / torch.tensor(SENTINEL2.std)
    torch.testing.assert_close(prepared, expected[:, None, None].expand(13, 32, 32), rtol=1e-4, atol=1e-4)


def test_a_large_tile_is_averaged_down_not_thinned_out(tower: Multispectral) -> None:
    """Each fourth column at 0.5, the others at 0.1: seen from four times as far all is 0.2, (0.2 - 0.15) / 0.13 in B04."""
    stripes = np.tile(np.where(np.arange(128) % 4 == 0, 5000, 1000).astype(np.uint16), (1, 128, 1))
    prepared, _ = tower.prepare(stripes, ("B04",), "sentinel2")
    torch.testing.assert_close(prepared[S2.index("B04")][1:-1, 1:-1], torch.full((30, 30), 0.05 / 0.13), rtol=0, atol=1e-4)


def test_an_unknown_sensor_is_refused_with_the_known_ones(tower: Multispectral) -> None:
    with pytest.raises(InputError, match=r"'landsat'.*sentinel2"):
        tower.prepare(noise(4), ("B1", "B2", "B3", "B4"), "landsat")
    with pytest.raises(InputError, match="landsat"):
        multispectral.build(trunk="test_convnext", size_px=32, sensors=("landsat",))


def test_a_sensor_that_this_model_has_no_stem_for_is_refused_with_those_it_has() -> None:
    only_coarse = multispectral.build(trunk="test_convnext", size_px=32, sensors=("nasa_coarse",))
    assert only_coarse.sensors == ["nasa_coarse"]
    with pytest.raises(InputError, match=r"sentinel2; it has nasa_coarse"):
        only_coarse(torch.zeros(1, 13, 32, 32), torch.ones(1, 13), "sentinel2")


def test_a_trunk_that_timm_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="convnext_gigantic"):
        multispectral.build(trunk="convnext_gigantic", size_px=32)


def test_a_trunk_that_is_no_convnext_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="resnet18"):
        multispectral.build(trunk="resnet18", size_px=32)


def test_the_default_trunk_reads_both_sensors_into_one_space() -> None:
    torch.manual_seed(0)
    tower = multispectral.build(size_px=32, dim=6).eval()
    for sensor, bands in (("sentinel2", 13), ("nasa_coarse", 4)):
        out = tower(torch.randn(2, bands, 32, 32), torch.ones(2, bands), sensor)
        assert out.shape == (2, 6)
        assert out.dtype == torch.float32
        assert torch.isfinite(out).all()


def test_a_stem_sums_its_bands_over_patches_of_4_by_4() -> None:
    """Against a loop, without the norm: sum over bands and 16 pixels, scaled by bands / present, bias and mask embedding added."""
    torch.manual_seed(1)
    stem = BandStem(NASA_COARSE, width=3)
    stem.norm = nn.Identity()
    pixels, present = torch.randn(2, 4, 8, 8), torch.tensor([[1.0, 1, 1, 1], [1, 0, 1, 0]])
    out = stem(pixels, present).detach()
    assert out.shape == (2, 3, 2, 2)
    weight, bias = stem.patches.weight.detach(), stem.patches.bias.detach()
    for b in range(2):
        for w in range(3):
            for i in range(2):
                for j in range(2):
                    patch = pixels[b, :, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
                    total = sum(float((weight[w, c] * patch[c]).sum()) for c in range(4) if present[b, c])
                    embedded = sum(float(stem.mask_embedding.weight[w, c].detach()) for c in range(4) if present[b, c])
                    assert float(out[b, w, i, j]) == pytest.approx(
                        total * 4 / float(present[b].sum()) + float(bias[w]) + embedded, abs=1e-4
                    )


def test_one_band_alone_is_as_loud_as_all_bands_alike() -> None:
    stem = BandStem(SENTINEL2, width=2)
    stem.norm = nn.Identity()
    nn.init.constant_(stem.patches.weight, 0.01)
    nn.init.zeros_(stem.patches.bias)
    nn.init.zeros_(stem.mask_embedding.weight)
    lone = torch.zeros(1, 13)
    lone[0, 3] = 1
    all_bands = stem(torch.ones(1, 13, 4, 4), torch.ones(1, 13))
    torch.testing.assert_close(stem(torch.ones(1, 13, 4, 4), lone), all_bands)
    assert float(all_bands.detach().mean()) == pytest.approx(13 * 16 * 0.01)


def test_what_stands_in_the_place_of_a_missing_band_does_not_matter(tower: Multispectral) -> None:
    pixels, present = tower.prepare(noise(3), ("B02", "B03", "B04"), "sentinel2")
    rubbish = pixels.clone()
    rubbish[present == 0] = 1000.0
    with torch.inference_mode():
        torch.testing.assert_close(
            tower(rubbish[None], present[None], "sentinel2"), tower(pixels[None], present[None], "sentinel2")
        )


def test_a_missing_band_is_not_the_same_as_a_band_at_its_mean(tower: Multispectral) -> None:
    """The pixels are zero in both cases; only the mask tells."""
    pixels, present = tower.prepare(noise(12), S2[:12], "sentinel2")
    with torch.inference_mode():
        missing, at_mean = tower(pixels[None], present[None], "sentinel2"), tower(pixels[None], torch.ones(1, 13), "sentinel2")
    assert (missing - at_mean).abs().max() > 1e-3


@pytest.mark.parametrize("bands", [("B02",), ("B02", "B03", "B04", "B08"), S2[:10] + S2[11:], S2])
def test_tiles_with_few_or_many_bands_are_encoded_to_finite_and_different_vectors(
    tower: Multispectral, bands: tuple[str, ...]
) -> None:
    vectors = torch.stack([encode(tower, noise(len(bands), seed=seed) // (1 + 3 * seed), bands) for seed in range(3)])
    assert torch.isfinite(vectors).all()
    assert min((vectors[a] - vectors[b]).abs().max() for a, b in ((0, 1), (0, 2), (1, 2))) > 1e-3


def test_a_tile_without_any_data_does_not_yield_nan(tower: Multispectral) -> None:
    assert torch.isfinite(encode(tower, np.zeros((13, 32, 32), dtype=np.uint16), S2)).all()


def test_company_in_the_batch_does_not_change_a_vector(tower: Multispectral) -> None:
    tiles = [tower.prepare(noise(13, seed=seed), S2, "sentinel2") for seed in range(4)]
    with torch.inference_mode():
        together = tower(torch.stack([p for p, _ in tiles]), torch.stack([m for _, m in tiles]), "sentinel2")
        alone = torch.cat([tower(p[None], m[None], "sentinel2") for p, m in tiles])
    assert nn.functional.cosine_similarity(together, alone).min() > 0.999


def test_the_gradient_reaches_the_stem_of_this_sensor_the_trunk_and_the_head() -> None:
    torch.manual_seed(0)
    tower = multispectral.build(trunk="test_convnext", size_px=32, dim=6, drop_path=0.0)
    present = torch.ones(3, 13)
    present[1, 4:] = 0
    tower(torch.randn(3, 13, 32, 32), present, "sentinel2").square().sum().backward()
    for part in (tower.stems["sentinel2"], tower.trunk, tower.head):
        gradients = {name: p.grad for name, p in part.named_parameters()}
        assert gradients
        silent = [name for name, gradient in gradients.items() if gradient is None or not gradient.abs().max() > 0]
        assert not silent
    assert all(p.grad is None for p in tower.stems["nasa_coarse"].parameters())


def test_a_band_that_no_tile_has_does_not_learn() -> None:
    torch.manual_seed(0)
    tower = multispectral.build(trunk="test_convnext", size_px=32, dim=6, drop_path=0.0)
    present = torch.ones(2, 13)
    present[:, 10] = 0
    tower(torch.randn(2, 13, 32, 32), present, "sentinel2").square().sum().backward()
    gradient = tower.stems["sentinel2"].patches.weight.grad
    assert gradient is not None
    assert gradient[:, 10].abs().max() == 0
    assert gradient[:, 9].abs().max() > 0


def test_a_trunk_pretrained_on_photographs_keeps_everything_but_its_stem_and_classifier(tmp_path: Path) -> None:
    photographs, path = timm_with_weights(tmp_path, "test_convnext")
    tower = multispectral.build(trunk="test_convnext", size_px=32, weights=str(path), tune="head")
    tower.load_pretrained()
    published = photographs.state_dict()
    assert {name for name in published if not name.startswith(("stem.", "head.fc."))} == set(tower.trunk.state_dict())
    assert all(torch.equal(tensor, published[name]) for name, tensor in tower.trunk.state_dict().items())
    assert {name.split(".")[0] for name in trained_names(tower)} == {"stems", "head"}


def test_a_trunk_of_another_size_is_refused(tmp_path: Path) -> None:
    _, path = timm_with_weights(tmp_path, "test_convnext2")
    tower = multispectral.build(trunk="test_convnext", size_px=32, weights=str(path))
    with pytest.raises(CheckpointError, match="test_convnext2"):
        tower.load_pretrained()


def test_a_published_name_of_weights_is_refused_because_only_files_are_read() -> None:
    with pytest.raises(ConfigError, match=r"weights = in12k is not a file of weights \(\.safetensors"):
        multispectral.build(trunk="test_convnext", size_px=32, weights="in12k")
