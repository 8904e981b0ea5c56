"""Presto and Galileo: masked bands, months, sizes, their attention token by token, published weights.

benchmarks/published_towers_parity.py compares both with the published code.
"""

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from index.errors import CheckpointError, ConfigError
from index.imagery.sensors import SENTINEL2
from index.registry import load
from tests.train.encoders.tiny_towers import nasa_harvest_with_weights, stored_tile
from tests.train.small_worlds import fill, tile
from train.data import TRAINING
from train.encoders.image import galileo, presto
from train.encoders.image.galileo import patch_px, positions, resizing
from train.image.context import context_of
from train.image.tiles import group_tiles, read_tiles, tile_batch, tile_records

BOTH = ("galileo", "presto")
PEERS = Path(__file__).parents[4] / "shared" / "data" / "peers"
JULY = context_of("L1C", "--07")[None]
RGB = ("B02", "B03", "B04")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("nasa-harvest")
    return {name: nasa_harvest_with_weights(folder, name) for name in BOTH}


def build(weights: dict[str, Path], name: str, **options: Any) -> Any:
    return load("train.encoders.image", name).build(**{"weights": str(weights[name]), "hidden": 8, "dim": 6, **options})


def features(
    tower: Any, pixels: np.ndarray, bands: tuple[str, ...] = SENTINEL2.bands, context: Tensor | None = JULY
) -> torch.Tensor:
    shown, present = tower.prepare(pixels, bands, "sentinel2")
    found: Tensor = tower.features(shown[None], present[None], "sentinel2", context)
    return found[0]


# Bands


@pytest.mark.parametrize("name", BOTH)
def test_b01_b09_and_b10_are_not_read(weights: dict[str, Path], name: str) -> None:
    tower, pixels = build(weights, name), stored_tile(13, side=4)
    ten = tuple(band for band in SENTINEL2.bands if band not in ("B01", "B09", "B10"))
    rows = [SENTINEL2.bands.index(band) for band in ten]
    assert torch.equal(features(tower, pixels[rows], ten), features(tower, pixels))


@pytest.mark.parametrize("name", BOTH)
def test_a_group_of_bands_is_read_only_if_it_is_whole(weights: dict[str, Path], name: str) -> None:
    tower, pixels = build(weights, name), stored_tile(4, side=4)
    whole = features(tower, pixels[:3], RGB)
    torch.testing.assert_close(features(tower, pixels, (*RGB, "B12")), whole)
    assert (features(tower, pixels, (*RGB, "B8A")) - whole).abs().max() > 1e-3


@pytest.mark.parametrize("name", BOTH)
def test_tiles_without_any_whole_group_are_all_alike_and_finite(weights: dict[str, Path], name: str) -> None:
    tower = build(weights, name)
    one, other = (features(tower, stored_tile(2, side=4, seed=seed), ("B03", "B12")) for seed in (1, 2))
    assert torch.isfinite(one).all()
    torch.testing.assert_close(one, other)
    assert (one == 0).all() == (name == "galileo")  # Presto still has its token of the place


# Month and level


@pytest.mark.parametrize("name", BOTH)
def test_the_month_changes_the_features_and_the_level_does_not(weights: dict[str, Path], name: str) -> None:
    tower, pixels = build(weights, name), stored_tile(13, side=4)
    said = {date: features(tower, pixels, context=context_of("L2A", date)[None]) for date in ("", "--01", "--07")}
    assert torch.equal(said["--07"], features(tower, pixels))
    assert min((said[one] - said[other]).abs().max() for one, other in (("", "--01"), ("", "--07"), ("--01", "--07"))) > 1e-3
    assert torch.equal(features(tower, pixels, context=None), said[""])


@pytest.mark.parametrize("name", BOTH)
def test_cached_features_are_those_of_the_months_of_the_rows(weights: dict[str, Path], name: str, tmp_path: Path) -> None:
    """The same pixels at the same place in two months, and in one that is not known, are three tiles and three vectors."""
    pixels = stored_tile(13, side=2)
    dates = ("2021-01-05", "--07", "2021")
    tiles = [replace(tile(pixels, n, n, sensor="sentinel2"), date=date) for n, date in enumerate(dates)]
    catalogue, tower = fill(tmp_path / "c", tiles=tiles), build(weights, name).eval()
    records = tile_records(catalogue, tower, TRAINING)
    cached = records.batch(np.arange(3)).features
    expected = {n: features(tower, pixels, context=context_of("", date)[None]) for n, date in enumerate(dates)}
    for lat, row in zip(records.lat.tolist(), cached, strict=True):
        torch.testing.assert_close(row, expected[lat], rtol=1e-5, atol=1e-5)
    computed = group_tiles(read_tiles(catalogue, records.ids, tower), records.lat, records.lon).encode(tower)
    torch.testing.assert_close(tile_batch(catalogue, tower, records.ids, records.lat, records.lon).encode(tower), computed)


# Sizes


@pytest.mark.parametrize("name", BOTH)
def test_a_tile_of_one_pixel_is_one_pixel(weights: dict[str, Path], name: str) -> None:
    tower = build(weights, name)
    shown, _ = tower.prepare(stored_tile(13, side=1), SENTINEL2.bands, "sentinel2")
    assert shown.shape == (10, 1, 1)
    assert torch.isfinite(features(tower, stored_tile(13, side=1))).all()


def test_presto_describes_a_tile_by_the_mean_of_its_pixels(weights: dict[str, Path]) -> None:
    tower, pixels = build(weights, "presto"), stored_tile(13, side=3)
    alone = [features(tower, pixels[:, row : row + 1, column : column + 1]) for row in range(3) for column in range(3)]
    torch.testing.assert_close(features(tower, pixels), torch.stack(alone).mean(dim=0), rtol=1e-5, atol=1e-5)


def test_presto_sees_a_large_tile_as_sixteen_averages(weights: dict[str, Path]) -> None:
    tower, few = build(weights, "presto"), stored_tile(13, side=4)
    shown, _ = tower.prepare(stored_tile(13, side=300), SENTINEL2.bands, "sentinel2")
    assert shown.shape == (10, 4, 4)
    flat = np.full((13, 64, 64), 2000, np.uint16)
    torch.testing.assert_close(features(tower, flat), features(tower, flat[:, :1, :1]), rtol=1e-5, atol=1e-5)
    assert (features(tower, few) - features(tower, few[:, :1, :1])).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("side", "patch", "read"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (7, 1, 7), (8, 2, 8), (13, 3, 12), (63, 8, 56), (500, 8, 64)]
)
def test_galileo_sees_four_patches_or_more_a_side_of_at_most_eight_pixels(
    weights: dict[str, Path], side: int, patch: int, read: int
) -> None:
    shown, _ = build(weights, "galileo").prepare(stored_tile(13, side=side), SENTINEL2.bands, "sentinel2")
    assert shown.shape == (10, read, read)
    assert (patch_px(read), read % patch) == (patch, 0)


@pytest.mark.parametrize("side", [1, 2, 5, 9])
def test_galileo_tells_where_in_a_tile_something_is_unless_it_is_one_patch(weights: dict[str, Path], side: int) -> None:
    tower, pixels = build(weights, "galileo"), stored_tile(13, side=side)
    turned = features(tower, np.ascontiguousarray(np.rot90(pixels, 1, (1, 2))))
    assert bool((turned - features(tower, pixels)).abs().max() < 1e-5) == (side == 1)


@pytest.mark.parametrize("patch", [1, 2, 5, 7])
def test_a_kernel_that_averages_before_it_weighs_is_brought_to_a_size_exactly(patch: int) -> None:
    """Weights v of a patch scaled down from 8 x 8 px, written as a kernel of 8 x 8 px, come back as v."""
    torch.manual_seed(0)
    v = torch.randn(patch, patch)
    pixels = torch.eye(64).reshape(64, 1, 8, 8)
    kernel = torch.stack([(F.interpolate(p[None], (patch, patch), mode="bicubic", antialias=True)[0, 0] * v).sum() for p in pixels])
    torch.testing.assert_close((resizing(patch) @ kernel).reshape(patch, patch), v, rtol=1e-4, atol=1e-4)


def test_positions_are_counted_in_pixels_column_before_row() -> None:
    found = positions(grid=2, patch=3)
    assert found.shape == (4, 32)
    nothing, three = [0.0] * 8 + [1.0] * 8, [3 * 10_000 ** (-n / 32) for n in range(8)]
    far = [*map(math.sin, three), *map(math.cos, three)]
    expected = [[*nothing, *nothing], [*far, *nothing], [*nothing, *far], [*far, *far]]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_kernels_made_while_searching_can_be_trained_afterwards(weights: dict[str, Path]) -> None:
    resizing.cache_clear()
    tower = build(weights, "galileo", tune="full")
    with torch.inference_mode():
        features(tower, stored_tile(13, side=2))
    shown, present = tower.prepare(stored_tile(13, side=2), SENTINEL2.bands, "sentinel2")
    tower(shown[None], present[None], "sentinel2").sum().backward()
    assert tower.network.space_time_embed["S2_RGB"].proj.weight.grad.abs().max() > 0


# Token by token


def attended(block: Any, tokens: list[Tensor], heads: int = 8) -> list[Tensor]:
    """A block over a list of tokens, head by head and token by token."""
    width = len(tokens[0])
    normed = [block.norm1(token) for token in tokens]
    query, key, value = ([block.attn.qkv(token).split(width)[part] for token in normed] for part in range(3))
    out = []
    for row, token in enumerate(tokens):
        parts = []
        for head in range(heads):
            cut = slice(head * width // heads, (head + 1) * width // heads)
            scores = torch.stack([query[row][cut] @ other[cut] / math.sqrt(width // heads) for other in key]).softmax(dim=0)
            parts.append(sum(score * other[cut] for score, other in zip(scores, value, strict=True)))
        mixed = token + block.attn.proj(torch.cat(parts))
        out.append(mixed + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(mixed)))))
    return out


JULY_ENCODED = [math.sin(math.pi)] * 16 + [math.cos(math.pi)] * 16  # six months after January
REFLECTANCE = {"B02": 0.1, "B03": 0.2, "B04": 0.3, "B08": 0.5, "B11": 0.4}
PIXEL = np.array([1000, 2000, 3000, 5000, 4000], np.uint16)[:, None, None]


@torch.no_grad()
def test_presto_is_a_transformer_over_the_place_and_the_whole_groups(weights: dict[str, Path]) -> None:
    tower = build(weights, "presto", tune="head")
    tower.load_pretrained()
    network, (blue, green, red, nir, _) = tower.network, REFLECTANCE.values()
    groups = {"S2_RGB": (1, [blue, green, red]), "S2_NIR_10m": (3, [nir]), "NDVI": (8, [(nir - red) / (nir + red)])}
    tokens = [network.latlon_embed(torch.tensor([1.0, 0.0, 0.0]))]
    for name, (channel, values) in groups.items():
        encoding = torch.cat([torch.tensor(JULY_ENCODED), network.channel_embed.weight[channel], torch.tensor([0.0, 1.0] * 32)])
        tokens.append(network.eo_patch_embed[name](torch.tensor(values)) + encoding)
    for block in network.blocks:
        tokens = attended(block, tokens)
    expected = network.norm(torch.stack(tokens).mean(dim=0))
    torch.testing.assert_close(features(tower, PIXEL, tuple(REFLECTANCE)), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_galileo_is_a_transformer_over_the_whole_groups_of_each_patch(weights: dict[str, Path]) -> None:
    tower = build(weights, "galileo", tune="head")
    tower.load_pretrained()
    network = tower.network
    low = [(mean - 2 * std) / 10_000 for mean, std in zip(galileo.MEAN, galileo.STD, strict=True)]
    blue, green, red, nir = (
        (REFLECTANCE[band] - low[row]) / (4 * galileo.STD[row] / 10_000)
        for band, row in (("B02", 0), ("B03", 1), ("B04", 2), ("B08", 6))
    )
    groups = {"S2_RGB": (1, [blue, green, red]), "S2_NIR_10m": (3, [nir]), "NDVI": (6, [0.2 / 0.8])}
    tokens = []
    for name, (channel, values) in groups.items():
        kernel = network.space_time_embed[name].proj
        weight = torch.stack([(resizing(1) @ kernel.weight[:, band].flatten(1).T)[0] for band in range(len(values))], dim=1)
        encoding = [network.s_t_channel_embed[channel], torch.tensor([0.0] * 16 + [1.0] * 16)]
        encoding += [torch.tensor(JULY_ENCODED), torch.tensor(([0.0] * 8 + [1.0] * 8) * 2)]
        tokens.append(weight @ torch.tensor(values) + kernel.bias + torch.cat(encoding))
    for block in network.blocks:
        tokens = attended(block, tokens)
    expected = torch.stack([network.norm(token) for token in tokens]).mean(dim=0)
    torch.testing.assert_close(features(tower, PIXEL, tuple(REFLECTANCE)), expected, rtol=1e-4, atol=1e-5)


# Published weights


@pytest.mark.parametrize("module", [presto, galileo])
def test_the_published_file_is_downloaded_by_default_and_checked(
    module: Any, weights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = weights[module.__name__.rpartition(".")[2]]
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (name, known), digest = next(iter(module.WEIGHTS.items())), hashlib.sha256(source.read_bytes()).hexdigest()
    monkeypatch.setitem(module.WEIGHTS, name, replace(known, url=source.as_uri(), sha256="0" * 64))
    with pytest.raises(CheckpointError, match=r"cannot download .*give its path as `weights`") as refused:
        module.build().load_pretrained()
    assert "\n" not in str(refused.value)
    monkeypatch.setitem(module.WEIGHTS, name, replace(known, url=source.as_uri(), sha256=digest))
    tower = module.build()
    tower.load_pretrained()
    assert (tmp_path / "checkpoints" / known.file).read_bytes() == source.read_bytes()
    assert tower.feature_key == module.build(weights=str(source)).feature_key


@pytest.mark.parametrize("module", [presto, galileo])
def test_the_cached_name_has_the_first_digits_of_the_checksum(module: Any) -> None:
    for known in module.WEIGHTS.values():
        assert len(known.sha256) == 64
        assert Path(known.file).stem.endswith(f"-{known.sha256[:8]}")


@pytest.mark.parametrize("name", BOTH)
def test_a_name_that_is_not_published_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no published weights named prithvi; name a file, or one of {name}"):
        load("train.encoders.image", name).build(weights="prithvi")


# The first five numbers that the published code gives for one pixel with band n of 13 at reflectance .03 n, in July, without B10.
@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("presto", "presto/default_model.pt", [0.5474235, -3.1562588, 1.1442357, -0.6473048, -0.8772148]),
        ("galileo", "galileo_nano/encoder.pt", [0.0045009, 0.0081092, -0.0372715, 0.0313182, 0.0109278]),
    ],
)
def test_with_the_published_weights_the_numbers_are_those_of_the_published_code(
    name: str, file: str, expected: list[float]
) -> None:
    if not (PEERS / file).is_file():
        pytest.skip(f"needs the published weights at {PEERS / file}")
    bands = tuple(band for band in SENTINEL2.bands if band != "B10")
    counts = [300 * (row + 1) for row, band in enumerate(SENTINEL2.bands) if band != "B10"]
    found = features(build({name: PEERS / file}, name), np.array(counts, np.uint16)[:, None, None], bands)
    torch.testing.assert_close(found[:5], torch.tensor(expected), rtol=0, atol=1e-5)
