"""TorchSpatial's encoders from files as its trainer leaves them, against their published formulas one place at a time.

The seven published checkpoints are compared with the published code by benchmarks/torchspatial_parity.py.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import CheckpointError
from tests.train.probing.test_peer_checkpoints import LAT, LON, SLOW, Array, drawn, layer_norm, linear, saved
from train.probing.features import torchspatial
from train.probing.features._features import FeaturesUnavailableError

SCALES = [0.1 * (40 / 0.1) ** (number / 2) for number in range(3)]
RANGE = (-160.0, 180.0, -90.0, 60.0)
SQRT3 = math.sqrt(3)


def sin_cos(angle: float) -> list[float]:
    return [math.sin(angle), math.cos(angle)]


def grid(lon: float, lat: float) -> list[float]:
    return [wave for degrees in (lon, lat) for scale in SCALES for wave in sin_cos(degrees / scale)]


def theory(lon: float, lat: float) -> list[float]:
    directions = (lon, -lon / 2 + SQRT3 / 2 * lat, -lon / 2 - SQRT3 / 2 * lat)
    return [wave for scale in SCALES for along in directions for wave in sin_cos(along / scale)]


def sphere_c(lon: float, lat: float) -> list[float]:
    found = []
    for scale in SCALES:
        q, p = math.radians(lon) / scale, math.radians(lat) / scale
        found += [math.sin(p), math.cos(p) * math.cos(q), math.cos(p) * math.sin(q)]
    return found


def sphere_c_plus(lon: float, lat: float) -> list[float]:
    found = []
    for scale in SCALES:
        q, p = math.radians(lon) / scale, math.radians(lat) / scale
        found += [*sin_cos(p), *sin_cos(q), math.cos(p) * math.cos(q), math.cos(p) * math.sin(q)]
    return found


def sphere_m(lon: float, lat: float) -> list[float]:
    found, q, p = [], math.radians(lon), math.radians(lat)
    for scale in SCALES:
        found += [math.sin(p / scale), math.cos(p / scale) * math.cos(q), math.cos(p) * math.cos(q / scale)]
        found += [math.cos(p / scale) * math.sin(q), math.cos(p) * math.sin(q / scale)]
    return found


def wrap(lon: float, lat: float) -> list[float]:
    u, v = math.pi * lon / 180, math.pi * lat / 90
    return [math.sin(u), math.sin(v), math.cos(u), math.cos(v)]


FORMULAS = {
    "Space2Vec-grid": grid,
    "Space2Vec-theory": theory,
    "Sphere2Vec-sphereC": sphere_c,
    "Sphere2Vec-sphereC+": sphere_c_plus,
    "Sphere2Vec-sphereM": sphere_m,
    "wrap_ffn": wrap,
}
INPUTS = {kind: len(formula(0.0, 0.0)) for kind, formula in FORMULAS.items()} | {"rff": 3}


def checkpoint(kind: str, **params: Any) -> dict[str, Any]:
    shapes = linear("spa_enc.ffn.layers.0.linear", 6, INPUTS.get(kind, 4)) | linear("spa_enc.ffn.layers.1.linear", 5, 6)
    shapes |= {f"spa_enc.ffn.layers.0.layernorm.{part}": (6,) for part in ("weight", "bias")}
    if kind == "rff":
        shapes |= {"spa_enc.position_encoder.dirvec": (2, 3), "spa_enc.position_encoder.shift": (3,)}
    state = drawn(shapes | {"class_emb.weight": (9, 5), "user_emb.weight": (1, 5)})
    said = {"dataset": "yfcc", "spa_enc_type": kind, "freq_init": "geometric", "frequency_num": 3, "max_radius": 40.0}
    said |= {"min_radius": 0.1, "num_hidden_layer": 1, "hidden_dim": 6, "num_filts": 5, "spa_f_act": "relu", "use_layn": True}
    said |= {"skip_connection": True, "map_range": list(RANGE), "num_classes": 9, "dropout": 0.5, "rbf_anchor_pt_ids": None}
    return {"epoch": 3, "state_dict": state, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]}, "params": said | params}


def published(content: dict[str, Any], lat: float, lon: float) -> Array:
    kind, activation = content["params"]["spa_enc_type"], SLOW[content["params"]["spa_f_act"]]
    w = {name.removeprefix("spa_enc."): value.double().numpy() for name, value in content["state_dict"].items()}
    if kind == "rff":
        west, east, south, north = RANGE
        inside = np.array([2 * (lon - west) / (east - west) - 1, 2 * (lat - south) / (north - south) - 1])
        x = np.cos(inside @ w["position_encoder.dirvec"] + w["position_encoder.shift"]) * math.sqrt(2 / 3)
    else:
        x = np.array(FORMULAS[kind](lon, lat))
    x = np.array([activation(each) for each in w["ffn.layers.0.linear.weight"] @ x + w["ffn.layers.0.linear.bias"]])
    x = layer_norm(x, w["ffn.layers.0.layernorm.weight"], w["ffn.layers.0.layernorm.bias"])
    return np.array([activation(each) for each in w["ffn.layers.1.linear.weight"] @ x + w["ffn.layers.1.linear.bias"]])


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("activation", ["relu", "leakyrelu"])
def test_each_encoder_is_its_published_formula_with_the_settings_in_the_file(kind: str, activation: str, tmp_path: Path) -> None:
    content = checkpoint(kind, spa_f_act=activation)
    features = torchspatial.build(weights=saved(content, tmp_path / "model.pth.tar"))
    expected = [published(content, *place) for place in zip(LAT, LON, strict=True)]
    np.testing.assert_allclose(features.encode(LAT, LON), expected, atol=2e-5)
    assert features.name == f"torchspatial {kind} yfcc"


@pytest.mark.parametrize(
    ("kind", "params", "says"),
    [
        ("wrap_ffn", {"hidden_dim": 7}, "shape"),
        ("Space2Vec-grid", {"frequency_num": 4}, "shape"),
        ("Space2Vec-grid", {"num_hidden_layer": 2}, "lacks"),
        ("rff", {"map_range": None}, "map_range: .*TorchSpatial's own code"),
        ("Space2Vec-grid", {"freq_init": "nerf"}, "freq_init=nerf, expected geometric"),
    ],
)
def test_a_file_whose_weights_are_not_of_its_settings_is_refused(
    kind: str, params: dict[str, Any], says: str, tmp_path: Path
) -> None:
    path = saved(checkpoint(kind, **params), tmp_path / "model.pth.tar")
    with pytest.raises(CheckpointError, match=says) as said:
        torchspatial.build(weights=path)
    assert "\n" not in str(said.value)


def test_an_encoder_that_needs_its_training_points_is_not_run_and_the_known_ones_are_named(tmp_path: Path) -> None:
    path = saved(checkpoint("rbf"), tmp_path / "model.pth.tar")
    with pytest.raises(FeaturesUnavailableError, match=r"'rbf', expected one of Space2Vec-grid, .*wrap_ffn; take a model"):
        torchspatial.build(weights=path)
