"""The contract of every image tower: found by name, prepares by band name, trains and saves what its tune mode says."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index.errors import CheckpointError, ConfigError, InputError
from index.imagery.sensors import SENSORS
from index.registry import load, names
from tests.train.encoders.tiny_towers import MODES, clip_with_weights, nasa_harvest_with_weights, stored_tile, timm_with_weights
from train.precision import FEW
from train.protocols import FrozenImageEncoder, is_frozen

PACKAGE = "train.encoders.image"
NASA_HARVEST = ("galileo", "presto")
PRETRAINED = (*NASA_HARVEST, "open_clip", "ssl4eo")
EVERY = ("by_sensor", *NASA_HARVEST, "multispectral", "open_clip", "spectral", "ssl4eo")
NETWORK = {"multispectral": "trunk", **dict.fromkeys(PRETRAINED, "network")}
DIM = 6


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Options of each tower for a tiny network with a file of weights. A new tower is added here."""
    folder = tmp_path_factory.mktemp("weights")
    _, clip = clip_with_weights(folder)
    _, vit = timm_with_weights(folder, "vit_small_patch16_224", in_chans=13)
    _, convnext = timm_with_weights(folder, "test_convnext")
    nasa_harvest = {name: str(nasa_harvest_with_weights(folder, name)) for name in NASA_HARVEST}
    by_sensor = {
        "nasa_coarse": {"name": "multispectral", "options": {"trunk": "test_convnext", "size_px": 32}},
        "sentinel2": {"name": "spectral", "options": {"size_px": 32, "width": 8, "hidden": 16}},
    }
    return {
        "by_sensor": {"towers": by_sensor, "dim": DIM},
        "galileo": {"size_px": 32, "weights": nasa_harvest["galileo"], "hidden": 8, "dim": DIM},
        "presto": {"size_px": 3, "weights": nasa_harvest["presto"], "hidden": 8, "dim": DIM},
        "multispectral": {"trunk": "test_convnext", "size_px": 32, "weights": str(convnext), "dim": DIM},
        "open_clip": {"model": "placebind-tiny", "weights": str(clip), "hidden": 8, "dim": DIM},
        "spectral": {"size_px": 32, "width": 8, "hidden": 16, "dim": DIM},
        "ssl4eo": {"model": "vit_small_patch16_224", "size_px": 32, "weights": str(vit), "hidden": 8, "dim": DIM},
    }


def other_weights(name: str, folder: Path) -> Path:
    """A file of the same network as in ``tiny`` with other weights."""
    if name in NASA_HARVEST:
        return nasa_harvest_with_weights(folder, name, seed=8)
    if name == "open_clip":
        return clip_with_weights(folder, seed=8)[1]
    return timm_with_weights(folder, "vit_small_patch16_224", seed=8, in_chans=13)[1]


def build(tiny: dict[str, dict[str, Any]], name: str, **options: Any) -> Any:
    return load(PACKAGE, name).build(**{**tiny[name], **options})


def trained(tiny: dict[str, dict[str, Any]], name: str) -> Any:
    """The tower with every part of it trained: those that have a published network say so."""
    return build(tiny, name, **({"tune": "full"} if name in NETWORK else {}))


def batch(tower: Any, sensor: str, count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    known = SENSORS[sensor]
    dtype = np.uint8 if sensor == "nasa_coarse" else np.uint16
    tiles = [tower.prepare(stored_tile(len(known.bands), seed=seed, dtype=dtype), known.bands, sensor) for seed in range(count)]
    return torch.stack([pixels for pixels, _ in tiles]), torch.stack([present for _, present in tiles])


def test_every_image_tower_is_under_this_contract(tiny: dict[str, dict[str, Any]]) -> None:
    assert set(names(PACKAGE)) == set(tiny) == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_every_sensor_of_a_tower_is_read_into_the_shared_space(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = trained(tiny, name).eval()
    assert tower.dim == DIM
    assert tower.sensors
    for sensor in tower.sensors:
        pixels, present = batch(tower, sensor)
        assert pixels.shape == (2, present.shape[1], *[tiny[name].get("size_px", 32)] * 2)
        assert present.dtype == pixels.dtype == torch.float32
        vectors = tower(pixels, present, sensor)
        assert vectors.shape == (2, DIM)
        assert vectors.dtype == torch.float32
        assert torch.isfinite(vectors).all()
        assert (vectors[0] - vectors[1]).abs().max() > 1e-6  # noise beside noise: to a tower of means nearly the same


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_frozen_tower_gives_features_for_its_head(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = build(tiny, name, tune="frozen").eval()
    assert isinstance(tower, FrozenImageEncoder)
    assert is_frozen(tower)
    pixels, present = batch(tower, "sentinel2")
    torch.testing.assert_close(tower.head(tower.features(pixels, present, "sentinel2")), tower(pixels, present, "sentinel2"))
    assert not is_frozen(build(tiny, name, tune="full"))


@pytest.mark.parametrize("name", EVERY)
def test_a_tile_has_the_same_vector_alone_as_beside_a_few_others(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = trained(tiny, name).eval()
    pixels, present = batch(tower, "sentinel2", FEW)
    with torch.no_grad():
        together = tower(pixels, present, "sentinel2")
        alone = torch.cat([tower(pixels[row : row + 1], present[row : row + 1], "sentinel2") for row in range(FEW)])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_bands_are_taken_by_name_in_whatever_order_they_are_stored(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = trained(tiny, name)
    bands = SENSORS["sentinel2"].bands
    shades = np.linspace(0.1, 1, 13)[:, None, None]  # so that the bands' averages differ too
    pixels, order = (stored_tile(13) * shades).astype(np.uint16), np.random.default_rng(1).permutation(13)
    straight, _ = tower.prepare(pixels, bands, "sentinel2")
    mixed, _ = tower.prepare(pixels[order], tuple(bands[band] for band in order), "sentinel2")
    assert torch.equal(straight, mixed)
    wrongly_named, _ = tower.prepare(pixels[order], bands, "sentinel2")
    assert (wrongly_named - straight).abs().max() > 0.1


@pytest.mark.parametrize("name", EVERY)
def test_what_stands_in_the_place_of_a_missing_band_does_not_matter(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = trained(tiny, name).eval()
    pixels, present = tower.prepare(stored_tile(2), ("B03", "B12"), "sentinel2")
    rubbish = pixels.clone()
    rubbish[present == 0] = 1000.0
    assert (present == 0).any()
    with torch.inference_mode():
        torch.testing.assert_close(
            tower(rubbish[None], present[None], "sentinel2"), tower(pixels[None], present[None], "sentinel2")
        )


@pytest.mark.parametrize("name", EVERY)
def test_an_unknown_sensor_is_refused(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = trained(tiny, name)
    with pytest.raises(InputError, match="landsat"):
        tower.prepare(stored_tile(2), ("B1", "B2"), "landsat")
    with pytest.raises(InputError, match="landsat"):
        tower(torch.zeros(1, 3, 32, 32), torch.ones(1, 3), "landsat")


@pytest.mark.parametrize("name", NETWORK)
@pytest.mark.parametrize("tune", MODES)
def test_a_tower_that_is_not_frozen_is_built_again_from_its_state_dict_without_the_file(
    tiny: dict[str, dict[str, Any]], name: str, tune: str
) -> None:
    torch.manual_seed(1)
    tower = build(tiny, name, tune=tune)
    tower.load_pretrained()
    tower.eval()
    torch.manual_seed(2)
    again = build(tiny, name, tune=tune, weights="/nowhere/gone.safetensors").eval()
    pixels, present = batch(tower, "sentinel2")
    with torch.inference_mode():
        assert not torch.equal(again(pixels, present, "sentinel2"), tower(pixels, present, "sentinel2"))
        again.load_state_dict(tower.state_dict())
        assert torch.equal(again(pixels, present, "sentinel2"), tower(pixels, present, "sentinel2"))
    assert tower.feature_key is None


@pytest.mark.parametrize("name", NETWORK)
@pytest.mark.parametrize("tune", MODES)
def test_gradients_reach_exactly_what_the_mode_trains(tiny: dict[str, dict[str, Any]], name: str, tune: str) -> None:
    torch.manual_seed(1)
    tower = build(tiny, name, tune=tune, partial_blocks=1)
    tower.load_pretrained()
    tower.train()
    pixels, present = batch(tower, "sentinel2", count=3)
    tower(pixels, present, "sentinel2").square().sum().backward()
    within = {n for n, p in getattr(tower, NETWORK[name]).named_parameters() if p.grad is not None}
    everything = {n for n, _ in getattr(tower, NETWORK[name]).named_parameters()}
    if tune == "head":
        assert within == set()
    if tune == "partial":
        assert set() < within < everything
    if tune == "lora":
        assert within == {n for n in everything if re.search(r"parametrizations\.\w+\.0\.(down|up)$", n)}
        assert within
    if tune == "full":
        assert within == everything
    assert all(parameter.grad is not None for parameter in tower.head.parameters())


@pytest.mark.parametrize("name", NETWORK)
def test_pretrained_weights_are_in_the_tower_after_loading_whatever_is_trained(tiny: dict[str, dict[str, Any]], name: str) -> None:
    """Adapters start as nothing, so the network says the same under all modes."""
    said = []
    for tune in MODES:
        torch.manual_seed(3)
        tower = build(tiny, name, tune=tune, **({"drop_path": 0.0} if name == "multispectral" else {}))
        fresh = {n: t.clone() for n, t in tower.state_dict().items()}
        tower.load_pretrained()
        assert any(not torch.equal(t, fresh[n]) for n, t in tower.state_dict().items())
        torch.manual_seed(4)
        for part in (tower.head, *([tower.stems] if name == "multispectral" else [])):
            for parameter in part.parameters():
                torch.nn.init.normal_(parameter, std=0.1)
        with torch.inference_mode():
            said.append(tower.eval()(*batch(tower, "sentinel2"), "sentinel2"))
    for other in said[1:]:
        torch.testing.assert_close(other, said[0], rtol=0.05, atol=0.02)


@pytest.mark.parametrize("name", NETWORK)
@pytest.mark.parametrize("tune", ["full", "lora"])
def test_building_reads_no_file_and_loading_a_missing_one_is_refused_in_one_line(
    tiny: dict[str, dict[str, Any]], name: str, tune: str
) -> None:
    tower = build(tiny, name, tune=tune, weights="/nowhere/gone.safetensors")
    with pytest.raises(CheckpointError, match=r"/nowhere/gone\.safetensors") as refused:
        tower.load_pretrained()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", NETWORK)
def test_without_weights_a_tower_is_trained_from_scratch(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = build(tiny, name, tune="full", weights=None)
    fresh = {n: t.clone() for n, t in tower.state_dict().items()}
    tower.load_pretrained()
    assert all(torch.equal(t, fresh[n]) for n, t in tower.state_dict().items())


@pytest.mark.parametrize("name", NETWORK)
def test_a_tuned_network_stays_in_evaluation_mode_where_it_is_fixed(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = build(tiny, name, tune="head").train()
    assert not any(module.training for module in getattr(tower, NETWORK[name]).modules() if list(module.parameters()))
    assert tower.head.training


# Frozen


def test_only_towers_without_trained_layers_before_the_network_can_be_frozen(tiny: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(ConfigError, match="take tune = head"):
        build(tiny, "multispectral", tune="frozen")


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_frozen_tower_is_its_head_on_features_that_can_be_cached(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = build(tiny, name, tune="frozen").train()
    tower.head.eval()
    pixels, present = batch(tower, "sentinel2")
    features = tower.features(pixels, present, "sentinel2")
    assert features.shape == (2, tower.feature_dim)
    assert features.dtype == torch.float32
    assert not features.requires_grad
    assert torch.equal(tower(pixels, present, "sentinel2"), tower.head(features))


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_frozen_network_gives_the_features_of_the_same_network_in_other_modes(tiny: dict[str, dict[str, Any]], name: str) -> None:
    frozen, tuned = build(tiny, name, tune="frozen"), build(tiny, name, tune="head")
    tuned.load_pretrained()
    pixels, present = batch(frozen, "sentinel2")
    frozen.train()
    expected = tuned.eval().features(pixels, present, "sentinel2")
    assert torch.equal(frozen.features(pixels, present, "sentinel2"), expected)


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_frozen_network_is_neither_saved_nor_trained_nor_changed_by_training(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = build(tiny, name, tune="frozen")
    tower.load_pretrained()
    tower.train()
    pixels, present = batch(tower, "sentinel2")
    before = tower.features(pixels, present, "sentinel2")
    tower(pixels, present, "sentinel2").square().sum().backward()
    assert {n.split(".")[0] for n in tower.state_dict()} == {"head", "file_sha256"}
    assert {n.split(".")[0] for n, p in tower.named_parameters()} == {"head"}
    assert all(parameter.grad is not None for parameter in tower.head.parameters())
    assert torch.equal(tower.features(pixels, present, "sentinel2"), before)


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_key_of_cached_features_is_a_table_name_that_changes_with_the_weights_and_the_input(
    tiny: dict[str, dict[str, Any]], name: str, tmp_path: Path
) -> None:
    key = build(tiny, name, tune="frozen").feature_key
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", key)
    assert build(tiny, name, tune="frozen", hidden=9, dim=7).feature_key == key
    if name != "open_clip":  # whose model has its size
        assert build(tiny, name, tune="frozen", size_px=2 * tiny[name]["size_px"]).feature_key != key
    assert build(tiny, name, tune="frozen", weights=str(other_weights(name, tmp_path))).feature_key != key


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_finished_frozen_tower_accepts_only_the_file_that_it_was_trained_with(
    tiny: dict[str, dict[str, Any]], name: str, tmp_path: Path
) -> None:
    tower = build(tiny, name, tune="frozen")
    tower.load_pretrained()
    pixels, present = batch(tower, "sentinel2")
    again = build(tiny, name, tune="frozen")
    again.load_state_dict(tower.state_dict())
    again.eval()
    tower.eval()
    assert torch.equal(again(pixels, present, "sentinel2"), tower(pixels, present, "sentinel2"))
    swapped = build(tiny, name, tune="frozen", weights=str(other_weights(name, tmp_path)))
    swapped.load_state_dict(tower.state_dict())
    with pytest.raises(CheckpointError, match="this model was trained on features of") as refused:
        swapped(pixels, present, "sentinel2")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", PRETRAINED)
def test_cached_features_of_a_finished_tower_are_found_without_the_file(tiny: dict[str, dict[str, Any]], name: str) -> None:
    tower = build(tiny, name, tune="frozen")
    key = tower.feature_key
    again = build(tiny, name, tune="frozen", weights="/nowhere/gone.safetensors")
    again.load_state_dict(tower.state_dict())
    assert again.feature_key == key
    with pytest.raises(CheckpointError, match="gone"):
        again(*batch(again, "sentinel2"), "sentinel2")
