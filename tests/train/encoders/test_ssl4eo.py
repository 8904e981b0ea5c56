"""The SSL4EO-S12 tower: bands and scale as TorchGeo's weights expect them, files by name or path."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index.errors import CheckpointError, ConfigError
from index.imagery.sensors import SENTINEL2
from tests.train.encoders.tiny_towers import stored_tile, timm_with_weights, trained_names
from train.encoders.image import ssl4eo

# Of torchgeo 0.8.1, models/resnet.py: the order of the 13 channels of its Sentinel-2 weights.
TORCHGEO_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8a", "B9", "B10", "B11", "B12")


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    return timm_with_weights(tmp_path_factory.mktemp("resnet"), "resnet18", in_chans=13)


def build(resnet: tuple[Any, Path], **options: Any) -> Any:
    return ssl4eo.build(**{"weights": str(resnet[1]), "size_px": 32, "hidden": 8, "dim": 6, **options})


def test_channels_are_in_torchgeos_order_and_counts_are_divided_by_10000(resnet: tuple[Any, Path]) -> None:
    """The file here stores B8A last; each band holds its own constant."""
    counts = {band: 100 * (number + 1) for number, band in enumerate(TORCHGEO_BANDS)}
    stored_order = [band for band in TORCHGEO_BANDS if band != "B8a"] + ["B8a"]
    pixels = np.stack([np.full((32, 32), counts[band], dtype=np.uint16) for band in stored_order])
    names = tuple("B8A" if band == "B8a" else f"B{int(band[1:]):02d}" for band in stored_order)
    seen, present = build(resnet).prepare(pixels, names, "sentinel2")
    np.testing.assert_allclose(seen[:, 3, 3], [counts[band] / 10_000 for band in TORCHGEO_BANDS], rtol=1e-6)
    assert present.tolist() == [1.0] * 13


def test_level_2a_has_no_b10_and_its_channel_is_zero(resnet: tuple[Any, Path]) -> None:
    bands = tuple(band for band in SENTINEL2.bands if band != "B10")
    seen, present = build(resnet).prepare(stored_tile(12), bands, "sentinel2")
    assert not seen[10].any()
    assert present.tolist() == [1.0] * 10 + [0.0] + [1.0] * 2


def test_features_are_those_of_timms_network_before_its_classifier(resnet: tuple[Any, Path]) -> None:
    network, _ = resnet
    tower = build(resnet)
    pixels = torch.rand(2, 13, 32, 32)
    with torch.no_grad():
        expected = network.forward_head(network.forward_features(pixels), pre_logits=True).float()
    torch.testing.assert_close(tower.features(pixels, torch.ones(2, 13), "sentinel2"), expected)


def test_a_vision_transformer_pretrained_at_224_px_sees_smaller_squares_too(tmp_path: Path) -> None:
    network, path = timm_with_weights(tmp_path, "vit_small_patch16_224", in_chans=13)
    tower = ssl4eo.build(model="vit_small_patch16_224", weights=str(path), size_px=224)
    pixels = torch.rand(1, 13, 224, 224)
    with torch.no_grad():
        expected = network.forward_head(network.forward_features(pixels), pre_logits=True).float()
    found = tower.features(pixels, torch.ones(1, 13), "sentinel2")
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)
    small = ssl4eo.build(model="vit_small_patch16_224", weights=str(path), size_px=64)
    assert small.features(torch.rand(1, 13, 64, 64), torch.ones(1, 13), "sentinel2").shape == (1, 384)


def test_partial_tuning_trains_the_last_block_of_the_resnet(resnet: tuple[Any, Path]) -> None:
    tower = build(resnet, tune="partial", partial_blocks=1)
    assert trained_names(tower.network) == {n for n, _ in tower.network.named_parameters() if n.startswith("layer4.1.")}


@pytest.mark.parametrize("tune", ["partial", "full"])
def test_batch_statistics_stay_those_of_the_pretraining(resnet: tuple[Any, Path], tune: str) -> None:
    tower = build(resnet, tune=tune)
    tower.load_pretrained()
    tower.train()
    before = {name: tensor.clone() for name, tensor in tower.network.state_dict().items()}
    tower(torch.rand(3, 13, 32, 32), torch.ones(3, 13), "sentinel2")
    assert all(torch.equal(tensor, before[name]) for name, tensor in tower.network.state_dict().items())


def test_a_resnet_cannot_be_adapted_because_it_has_no_linear_layers(resnet: tuple[Any, Path]) -> None:
    with pytest.raises(ConfigError, match="tune = partial"):
        build(resnet, tune="lora")


def test_weights_of_another_network_are_refused(resnet: tuple[Any, Path], tmp_path: Path) -> None:
    _, rgb = timm_with_weights(tmp_path, "resnet18", in_chans=3)
    with pytest.raises(CheckpointError, match=r"conv1\.weight of shape \(64, 3, 7, 7\), expected \(64, 13, 7, 7\)"):
        build(resnet, weights=str(rgb)).load_pretrained()
    with pytest.raises(CheckpointError, match="lacks"):
        build(resnet, model="resnet50").load_pretrained()


def test_a_transformers_last_norm_may_be_missing_but_no_other_tensor(tmp_path: Path) -> None:
    network, path = timm_with_weights(tmp_path, "vit_small_patch16_224", in_chans=13)
    kept = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith(("norm.", "head."))}
    torch.save(kept, path)
    tower = ssl4eo.build(model="vit_small_patch16_224", weights=str(path), tune="full")
    tower.load_pretrained()
    assert torch.equal(tower.network.blocks[0].attn.qkv.weight, kept["blocks.0.attn.qkv.weight"])
    del kept["blocks.3.norm1.weight"]
    torch.save(kept, path)
    with pytest.raises(CheckpointError, match=r"lacks 1 .* blocks\.3\.norm1\.weight"):
        tower.load_pretrained()


# By name


def test_names_are_of_the_network_that_they_belong_to() -> None:
    with pytest.raises(ConfigError, match="are weights of resnet50, model is resnet18"):
        ssl4eo.build(weights="ResNet50_Weights.SENTINEL2_ALL_DINO")
    with pytest.raises(ConfigError, match=r"no published weights named ResNet18_Weights\.LANDSAT"):
        ssl4eo.build(weights="ResNet18_Weights.LANDSAT")


def publish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path, digest: str) -> str:
    """Publish a file as TorchGeo does, the beginning of its SHA-256 in its name, at a local address."""
    name = "ResNet18_Weights.SENTINEL2_ALL_MOCO"
    address = tmp_path / f"resnet18_sentinel2_all_moco-{digest[:8]}.pth"
    address.write_bytes(source.read_bytes())
    monkeypatch.setitem(ssl4eo.PUBLISHED, name, ("resnet18", address.as_uri()))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return name


def test_published_weights_are_downloaded_once_and_then_found(
    resnet: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, source = resnet
    name = publish(monkeypatch, tmp_path, source, hashlib.sha256(source.read_bytes()).hexdigest())
    first = ssl4eo.weights_file(name)
    assert first.parent == tmp_path / "hub" / "checkpoints"
    assert first.read_bytes() == source.read_bytes()
    for address in tmp_path.glob("*.pth"):
        address.unlink()
    assert ssl4eo.weights_file(name) == first
    tower = build(resnet, weights=name)
    pixels = torch.rand(1, 13, 32, 32)
    expected = build(resnet).features(pixels, torch.ones(1, 13), "sentinel2")
    assert torch.equal(tower.features(pixels, torch.ones(1, 13), "sentinel2"), expected)


def test_a_download_with_another_content_is_refused_and_not_kept(
    resnet: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(monkeypatch, tmp_path, resnet[1], "0123456789abcdef")
    with pytest.raises(CheckpointError, match=r"cannot download .*01234567.*give its path as `weights`") as refused:
        build(resnet, weights=name).load_pretrained()
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())


def test_without_a_connection_the_remedy_is_a_file(
    resnet: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(monkeypatch, tmp_path, resnet[1], "0123456789abcdef")
    for address in tmp_path.glob("*.pth"):
        address.unlink()
    with pytest.raises(CheckpointError, match="give its path as `weights`"):
        build(resnet, weights=name).feature_key  # noqa: B018
