"""SINR, Climplicit, MIND and SLED from invented files, against their published forward one place at a time."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from index.errors import CheckpointError
from tests.train.probing.test_peer_checkpoints import LAT, LON, Anything, Array, Tensors, drawn, linear, saved
from train.encoders.location.geoclip_rff import equal_earth
from train.probing.features import climplicit, mind, sinr, sled

WIDE = 66.50336 / 180  # of Equal Earth's plane


def numbers(tensors: Tensors) -> dict[str, Array]:
    return {name: tensor.double().numpy() for name, tensor in tensors.items()}


def plane(lat: float, lon: float) -> Array:
    """In Earth radii, times ``WIDE``; the projection has its own tests."""
    return equal_earth(torch.tensor([lat]).double(), torch.tensor([lon]).double())[0].numpy() * WIDE


def safetensors(tensors: Tensors, path: Path) -> Path:
    save_file(tensors, path)
    return path


# SINR: 4 features, 6 wide, two residual blocks


def sinr_tensors() -> Tensors:
    shapes = linear("feats.0", 6, 4) | {"class_emb.weight": (9, 6)}
    for block in (2, 3):
        shapes |= linear(f"feats.{block}.w1", 6, 6) | linear(f"feats.{block}.w2", 6, 6)
    return drawn(shapes)


def published_sinr(w: dict[str, Array], lat: float, lon: float) -> Array:
    u, v = math.pi * lon / 180, math.pi * lat / 90
    x = np.maximum(w["feats.0.weight"] @ [math.sin(u), math.sin(v), math.cos(u), math.cos(v)] + w["feats.0.bias"], 0)
    for block in ("feats.2", "feats.3"):
        inner = np.maximum(w[f"{block}.w1.weight"] @ x + w[f"{block}.w1.bias"], 0)
        x = x + np.maximum(w[f"{block}.w2.weight"] @ inner + w[f"{block}.w2.bias"], 0)
    return x


# Climplicit: three layers of 6, 5 numbers a month


def climplicit_tensors() -> Tensors:
    of = "location_encoder."
    shapes = linear(f"{of}layers.0", 6, 4) | linear(f"{of}layers.1", 6, 6) | linear(f"{of}layers.2", 6, 6)
    shapes |= linear(f"{of}last_layer", 5, 6) | linear("chelsa_regressor", 11, 5)
    return {name: tensor / 30 for name, tensor in drawn(shapes).items()}  # sinh and 30 magnify


def published_climplicit(w: dict[str, Array], lat: float, lon: float) -> Array:
    found = []
    for month in (3, 6, 9, 12):
        season = month / 12 * 2 * math.pi
        x, before = np.array([lon / 180, lat / 90, math.sin(season), math.cos(season)]), None
        for layer in range(3):
            out = w[f"location_encoder.layers.{layer}.weight"] @ x + w[f"location_encoder.layers.{layer}.bias"]
            before = out if before is None else (out + before) / 2
            x = np.sin(30 * np.sinh(2 * before)) if layer == 0 else np.sin(before)
        found.append(w["location_encoder.last_layer.weight"] @ x + w["location_encoder.last_layer.bias"])
    return np.concatenate(found)


# MIND: 6 wide, two blocks, a head that is not read


def mind_tensors() -> Tensors:
    shapes = linear("first.linear", 6, 2) | linear("blocks.0.linear", 6, 6) | linear("blocks.1.linear", 6, 6)
    return drawn(shapes | linear("head", 3, 6)) | {"year_freqs": 2.0 ** torch.arange(8)}


def published_mind(w: dict[str, Array], lat: float, lon: float) -> Array:
    h = np.sin(30 * (w["first.linear.weight"] @ plane(lat, lon) + w["first.linear.bias"]))
    for block in ("blocks.0", "blocks.1"):
        h = h + np.sin(w[f"{block}.linear.weight"] @ h + w[f"{block}.linear.bias"])
    return h


# SLED: two scales of 4 frequencies, 6 wide, 5 numbers


def sled_tensors() -> Tensors:
    shapes: dict[str, tuple[int, ...]] = {}
    for scale in ("LocEnc0", "LocEnc1"):
        shapes |= {f"{scale}.capsule.0.b": (4, 2)} | linear(f"{scale}.capsule.1", 6, 8) | linear(f"{scale}.capsule.3", 6, 6)
        shapes |= linear(f"{scale}.capsule.5", 6, 6) | linear(f"{scale}.head.0", 5, 6)
    return drawn(shapes)


def published_sled(w: dict[str, Array], lat: float, lon: float) -> Array:
    total = np.zeros(5)
    for scale in ("LocEnc0", "LocEnc1"):
        phases = 2 * math.pi * w[f"{scale}.capsule.0.b"] @ plane(lat, lon)
        x = np.concatenate([np.cos(phases), np.sin(phases)])
        for layer in (1, 3, 5):
            x = np.maximum(w[f"{scale}.capsule.{layer}.weight"] @ x + w[f"{scale}.capsule.{layer}.bias"], 0)
        total += w[f"{scale}.head.0.weight"] @ x + w[f"{scale}.head.0.bias"]
    return total


PEERS: dict[Any, tuple[Callable[[], Tensors], Callable[..., Array]]] = {
    sinr: (sinr_tensors, published_sinr),
    climplicit: (climplicit_tensors, published_climplicit),
    mind: (mind_tensors, published_mind),
    sled: (sled_tensors, published_sled),
}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.rpartition(".")[2])
def test_each_is_its_published_formula_with_the_sizes_of_its_tensors(peer: Any, tmp_path: Path) -> None:
    make, formula = PEERS[peer]
    tensors = make()
    expected = [formula(numbers(tensors), *place) for place in zip(LAT, LON, strict=True)]
    found = peer.build(weights=safetensors(tensors, tmp_path / "model.safetensors")).encode(LAT, LON)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.rpartition(".")[2])
def test_weights_of_something_else_are_refused_in_one_line(peer: Any, tmp_path: Path) -> None:
    path = safetensors({"layer.weight": torch.zeros(3, 3)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="so it is not a") as said:
        peer.build(weights=path).encode(LAT, LON)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.rpartition(".")[2])
def test_a_file_that_lacks_a_layer_is_refused(peer: Any, tmp_path: Path) -> None:
    tensors = PEERS[peer][0]()
    inner = [name for name in tensors if name.endswith((".w2.bias", "layers.1.bias", "blocks.0.linear.bias", "capsule.5.bias"))]
    tensors.pop(inner[0])
    with pytest.raises(CheckpointError, match="lacks 1 of"):
        peer.build(weights=safetensors(tensors, tmp_path / "model.safetensors")).encode(LAT, LON)


def test_sinr_is_read_from_what_its_trainer_saves_too(tmp_path: Path) -> None:
    tensors = sinr_tensors()
    path = saved({"state_dict": tensors, "params": {"input_enc": "sin_cos", "device": Anything()}}, tmp_path / "model.pt")
    expected = [published_sinr(numbers(tensors), *place) for place in zip(LAT, LON, strict=True)]
    np.testing.assert_allclose(sinr.build(weights=path).encode(LAT, LON), expected, atol=1e-5)


def test_a_sinr_that_reads_the_environment_too_is_refused(tmp_path: Path) -> None:
    tensors = sinr_tensors() | {"feats.0.weight": torch.zeros(6, 24)}
    with pytest.raises(CheckpointError, match="reads 24 numbers of a place, expected 4; take a model of input_enc=sin_cos"):
        sinr.build(weights=safetensors(tensors, tmp_path / "model.safetensors")).encode(LAT, LON)


def test_a_mind_that_asks_for_the_year_is_refused(tmp_path: Path) -> None:
    tensors = mind_tensors() | {"first.linear.weight": torch.zeros(6, 18)}
    with pytest.raises(CheckpointError, match="take a MIND without years"):
        mind.build(weights=safetensors(tensors, tmp_path / "mind.safetensors")).encode(LAT, LON)


def test_mind_can_be_cut_to_its_first_numbers(tmp_path: Path) -> None:
    path = safetensors({name: tensor.half() for name, tensor in mind_tensors().items()}, tmp_path / "mind.safetensors")
    whole, first = mind.build(weights=path), mind.build(weights=path, dim=2)
    np.testing.assert_array_equal(first.encode(LAT, LON), whole.encode(LAT, LON)[:, :2])
    assert (first.name, whole.name) == ("mind 2", "mind")
    assert first.digest != whole.digest
