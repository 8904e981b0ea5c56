"""TTE and CSP from files as their own code leaves them, against their published forward one place and one number at a time."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import save_file

from index.errors import CheckpointError
from train.probing.features import csp, tte

LAT, LON = np.array([0.0, 48.0, -90.0, 10.0, 10.0]), np.array([0.0, 180.0, 0.0, -75.0, 285.0])
Array = npt.NDArray[np.float64]
Tensors = dict[str, torch.Tensor]


def drawn(shapes: dict[str, tuple[int, ...]]) -> Tensors:
    random = np.random.default_rng(0)
    return {name: torch.from_numpy(random.normal(0, 0.5, shape)).float() for name, shape in shapes.items()}


def linear(name: str, out_dim: int, in_dim: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out_dim, in_dim), f"{name}.bias": (out_dim,)}


def layer_norm(x: Array, weight: Array, bias: Array) -> Array:
    return (x - x.mean()) / math.sqrt(x.var() + 1e-5) * weight + bias


def saved(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


class Anything:
    """An object of a class that only the code of others has."""


class Call:
    """Pickled, it is the order to call a function when it is read."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


# TTE: 7 sites with tokens of 5 numbers, 3 shared tokens, 6 numbers inside and out, two residual blocks


def tte_tensors() -> Tensors:
    of, semantic = "location.", "location.semantic_registers."
    shapes = {f"{of}_directions": (7, 3), f"{of}_embeddings": (7, 5), f"{semantic}registers": (3, 6)}
    shapes |= linear(f"{semantic}loc_to_logits", 3, 5) | linear(f"{semantic}img_to_logits", 3, 6)
    shapes |= linear(f"{semantic}site_to_out", 6, 5) | {f"{semantic}norm.weight": (6,), f"{semantic}norm.bias": (6,)}
    shapes |= linear(f"{of}mlp.0", 6, 6) | {f"{of}mlp.4.weight": (6, 6)}
    for block in (2, 3):
        shapes |= linear(f"{of}mlp.{block}.w1", 6, 6) | linear(f"{of}mlp.{block}.w2", 6, 6)
    scalars = {f"{semantic}log_temperature": torch.tensor(-0.7), f"{semantic}_img_temperature": torch.tensor(0.05)}
    return drawn(shapes) | scalars | {f"{of}_log_tau": torch.linspace(0, 3, 7)}


def published_tte(tensors: Tensors, lat: float, lon: float, temperature: float) -> Array:
    w = {name.removeprefix("location."): value.double().numpy() for name, value in tensors.items()}
    phi, theta = math.radians(lat), math.radians(lon)
    point = np.array([math.cos(phi) * math.cos(theta), math.cos(phi) * math.sin(theta), math.sin(phi)])
    shares = [
        math.exp(math.exp(tau) * (point @ s) / np.linalg.norm(s)) for tau, s in zip(w["_log_tau"], w["_directions"], strict=True)
    ]
    site = sum(share * token for share, token in zip(shares, w["_embeddings"], strict=True)) / sum(shares)
    r = {name.removeprefix("semantic_registers."): value for name, value in w.items() if name.startswith("semantic_registers.")}
    attention = np.exp((r["loc_to_logits.weight"] @ site + r["loc_to_logits.bias"]) / temperature)
    attended = attention / attention.sum() @ r["registers"]
    own = r["site_to_out.weight"] @ site + r["site_to_out.bias"]
    x = layer_norm((own + attended) / 2, r["norm.weight"], r["norm.bias"])
    x = np.maximum(w["mlp.0.weight"] @ x + w["mlp.0.bias"], 0)
    for block in ("mlp.2", "mlp.3"):
        inner = np.maximum(w[f"{block}.w1.weight"] @ x + w[f"{block}.w1.bias"], 0)
        x = x + np.maximum(w[f"{block}.w2.weight"] @ inner + w[f"{block}.w2.bias"], 0)
    out = w["mlp.4.weight"] @ x
    return out / np.linalg.norm(out)


@pytest.mark.parametrize("log_temperature", [-0.7, 4.0], ids=["within", "held at 10"])
def test_tte_is_its_published_formula_from_either_of_its_files(log_temperature: float, tmp_path: Path) -> None:
    tensors = tte_tensors() | {"location.semantic_registers.log_temperature": torch.tensor(log_temperature)}
    save_file(tensors, tmp_path / "model.safetensors")
    trained = {f"model.{name}": tensor for name, tensor in tensors.items()}
    trained |= {"model.logit_scale": torch.tensor(2.66), "model.visual.location.weight": torch.zeros(2)}
    hyper_parameters = {"lr_location": 5e-4, "model": Anything(), "path": Path("/data")}
    path = saved({"state_dict": trained, "hyper_parameters": hyper_parameters, "epoch": 3}, tmp_path / "last.ckpt")
    temperature = min(math.exp(log_temperature), 10)
    expected = np.stack([published_tte(tensors, *place, temperature) for place in zip(LAT, LON, strict=True)])
    for file in (tmp_path / "model.safetensors", path):
        np.testing.assert_allclose(tte.build(weights=file).encode(LAT, LON), expected, atol=1e-5)
    assert len({tuple(row) for row in expected.round(4)}) == 4, "285 E is 75 W, all else differs"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("location.mlp.3.w2.bias"), "lacks 1 of"),
        (lambda t: t.pop("location.semantic_registers.registers"), "no sites and tokens"),
        (lambda t: t.update({"location.mlp.4.bias": torch.zeros(6)}), "tensors that the network does not have"),
        (lambda t: t.update({"location.mlp.4.weight": torch.zeros(9, 6)}), "shape"),
    ],
)
def test_a_tte_of_another_make_is_refused(change: Any, says: str, tmp_path: Path) -> None:
    tensors = tte_tensors()
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=says) as said:
        tte.build(weights=tmp_path / "model.safetensors").encode(LAT, LON)
    assert "\n" not in str(said.value)


# CSP: 4 scales, 2 hidden layers of 6, 5 numbers out


def csp_checkpoint(**params: Any) -> dict[str, Any]:
    """As trainer.py's save_model leaves it: a model that has the location encoder twice, its optimiser, and all of its settings."""
    shapes = linear("layers.0.linear", 6, 16) | linear("layers.1.linear", 6, 6) | linear("layers.2.linear", 5, 6)
    shapes |= {f"layers.{number}.layernorm.{kind}": (6,) for number in (0, 1) for kind in ("weight", "bias")}
    network = drawn(shapes)
    state = {f"{where}spa_enc.ffn.{name}": value for where in ("loc_enc.", "") for name, value in network.items()}
    state |= {"loc_enc.class_emb.weight": torch.zeros(9, 5), "class_emb.weight": torch.zeros(9, 5)}
    state |= {"img_dec.weight": torch.zeros(5, 3), "img_dec.bias": torch.zeros(5)}
    said = {"spa_enc_type": "gridcell", "freq_init": "geometric", "frequency_num": 4, "max_radius": 360.0, "min_radius": 0.1}
    said |= {"num_hidden_layer": 2, "hidden_dim": 6, "num_filts": 5, "spa_f_act": "leakyrelu", "use_layn": True}
    said |= {"skip_connection": True, "dropout": 0.5, "num_classes": np.int64(9), "device": "cuda:1", "rbf_anchor_pt_ids": None}
    return {"epoch": 31, "state_dict": state, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]}, "params": said | params}


SLOW = {
    "leakyrelu": lambda x: x if x > 0 else 0.2 * x,
    "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
}


def published_csp(content: dict[str, Any], lat: float, lon: float) -> Array:
    said = content["params"]
    w = {name.removeprefix("spa_enc.ffn.layers."): value.double().numpy() for name, value in content["state_dict"].items()}
    waves = []
    for degrees in (lon, lat):
        for scale in (0.1, 0.1 * 3600 ** (1 / 3), 0.1 * 3600 ** (2 / 3), 360.0):
            waves += [math.sin(degrees / scale), math.cos(degrees / scale)]
    x = np.array(waves)
    for number in range(3):
        out = np.array([SLOW[said["spa_f_act"]](each) for each in w[f"{number}.linear.weight"] @ x + w[f"{number}.linear.bias"]])
        if said["skip_connection"] and number == 1:
            out = out + x
        if said["use_layn"] and number < 2:
            out = layer_norm(out, w[f"{number}.layernorm.weight"], w[f"{number}.layernorm.bias"])
        x = out
    return x


@pytest.mark.parametrize("activation", SLOW)
@pytest.mark.parametrize("shortcut", [True, False])
def test_csp_is_its_published_formula_with_the_settings_in_the_file(activation: str, shortcut: bool, tmp_path: Path) -> None:
    content = csp_checkpoint(spa_f_act=activation, skip_connection=shortcut)
    found = csp.build(weights=saved(content, tmp_path / "model.pth.tar")).encode(LAT, LON)
    expected = [published_csp(content, *place) for place in zip(LAT, LON, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_csp_without_layer_norm_and_before_it_is_bound_to_images_is_read_too(tmp_path: Path) -> None:
    content = csp_checkpoint(use_layn=False)
    content["state_dict"] = {
        name: value
        for name, value in content["state_dict"].items()
        if "layernorm" not in name and not name.startswith(("loc_enc.", "img_dec."))
    }
    found = csp.build(weights=saved(content, tmp_path / "model.pth.tar")).encode(LAT, LON)
    assert not np.allclose(found[3], found[4], atol=0.1), "it knows no sphere: 285 E is not 75 W"
    np.testing.assert_allclose(found, [published_csp(content, *place) for place in zip(LAT, LON, strict=True)], atol=1e-5)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"spa_enc_type": "theory"}, "spa_enc_type=theory, expected gridcell"),
        ({"freq_init": "nerf"}, "freq_init=nerf, expected geometric"),
        ({"spa_f_act": "swish"}, "spa_f_act=swish"),
        ({"hidden_dim": 7}, "shape"),
        ({"num_hidden_layer": 3}, "lacks"),
        ({"frequency_num": None}, "frequency_num: .*CSP's own code"),
        ({"extra": Call()}, "cannot be read as a checkpoint"),
    ],
)
def test_a_csp_of_another_make_is_refused_and_nothing_in_it_is_called(params: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = saved(csp_checkpoint(**params), tmp_path / "model.pth.tar")
    with pytest.raises(CheckpointError, match=says) as said:
        csp.build(weights=path).encode(LAT, LON)
    assert "\n" not in str(said.value)
