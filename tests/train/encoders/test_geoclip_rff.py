"""GeoCLIP's encoder against its formula in plain numpy, with invented weights in a file of the published names and shapes."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from index.errors import CheckpointError
from train.encoders.location import geoclip_rff

Array = npt.NDArray[np.float64]
PLACES = np.array(
    [[0, 0], [48.2, 16.4], [-33.9, 151.2], [90, 20], [-90, -170], [12, 180], [12, -180], [71, -179.9]], dtype=np.float64
)


def published_names() -> dict[str, Tensor]:
    """Random weights as location_encoder_weights.pth holds them."""
    random, weights = np.random.default_rng(0), {}
    for number, sigma in enumerate([1, 16, 256]):
        sizes = {"capsule.1": (1024, 512), "capsule.3": (1024, 1024), "capsule.5": (1024, 1024), "head.0": (512, 1024)}
        weights[f"LocEnc{number}.capsule.0.b"] = sigma * random.standard_normal((256, 2))
        for name, (out_dim, in_dim) in sizes.items():
            weights[f"LocEnc{number}.{name}.weight"] = random.standard_normal((out_dim, in_dim)) / math.sqrt(in_dim)
            weights[f"LocEnc{number}.{name}.bias"] = random.standard_normal(out_dim) / 10
    return {name: torch.from_numpy(array).float() for name, array in weights.items()}


def formula(weights: dict[str, Tensor], lat_deg: float, lon_deg: float) -> Array:
    """One place at a time, number by number, as the paper has it: projection, features, three networks, sum."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    theta = math.asin(math.sqrt(3) / 2 * math.sin(lat))
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    x = 2 * math.sqrt(3) * lon * math.cos(theta) / (3 * (9 * a4 * theta**8 + 7 * a3 * theta**6 + 3 * a2 * theta**2 + a1))
    y = a4 * theta**9 + a3 * theta**7 + a2 * theta**3 + a1 * theta
    plane = np.array([x, y]) * 66.50336 / 180
    total = np.zeros(512)
    for number in range(3):
        part = {name: value.double().numpy() for name, value in weights.items() if name.startswith(f"LocEnc{number}.")}
        phase = [2 * math.pi * float(row @ plane) for row in part[f"LocEnc{number}.capsule.0.b"]]
        out = np.array([math.cos(p) for p in phase] + [math.sin(p) for p in phase])
        for layer in (1, 3, 5):
            name = f"LocEnc{number}.capsule.{layer}"
            out = np.maximum(part[f"{name}.weight"] @ out + part[f"{name}.bias"], 0)
        total += part[f"LocEnc{number}.head.0.weight"] @ out + part[f"LocEnc{number}.head.0.bias"]
    return total


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return published_names()


@pytest.fixture
def file(weights: dict[str, Tensor], tmp_path: Path) -> Path:
    torch.save(weights, tmp_path / "location_encoder_weights.pth")
    return tmp_path / "location_encoder_weights.pth"


def loaded(file: Path, **options: object) -> geoclip_rff.GeoClip:
    encoder = geoclip_rff.build(weights=file, **options).eval()
    encoder.load_pretrained()
    return encoder


def at(encoder: geoclip_rff.GeoClip, places: Array = PLACES) -> Array:
    with torch.no_grad():
        return encoder(*torch.from_numpy(places).T).numpy()


def test_with_published_weights_it_is_the_published_formula(weights: dict[str, Tensor], file: Path) -> None:
    expected = np.stack([formula(weights, lat, lon) for lat, lon in PLACES])
    np.testing.assert_allclose(at(loaded(file, dim=512).double()), expected, rtol=0, atol=1e-11)
    np.testing.assert_allclose(at(loaded(file, dim=512)), expected, rtol=0, atol=1e-5)


def test_as_published_the_phases_are_rounded_to_float32(weights: dict[str, Tensor], file: Path) -> None:
    expected = np.stack([formula(weights, lat, lon) for lat, lon in PLACES])
    off = np.abs(at(loaded(file, dim=512, as_published=True)) - expected).max()
    assert 1e-5 < off < 0.05


def test_another_size_is_a_linear_layer_on_top_of_the_published_output(file: Path) -> None:
    torch.manual_seed(0)
    encoder, published = loaded(file, dim=7), loaded(file, dim=512)
    lat, lon = torch.from_numpy(PLACES).T
    torch.testing.assert_close(encoder.hidden(lat, lon), published(lat, lon))
    torch.testing.assert_close(encoder(lat, lon), encoder.projection(published(lat, lon)))
    heads = torch.cat([scale.network.head.weight for scale in published.scales], dim=1)
    biases = sum(scale.network.head.bias for scale in published.scales)
    torch.testing.assert_close(published(lat, lon), published.hidden(lat, lon) @ heads.T + biases, rtol=1e-4, atol=1e-4)


def test_building_does_not_read_the_file() -> None:
    encoder = geoclip_rff.build(weights=Path("/nowhere/location_encoder_weights.pth"))
    with pytest.raises(CheckpointError, match="/nowhere/"):
        encoder.load_pretrained()


def test_without_a_file_the_weights_stay_fresh() -> None:
    encoder = geoclip_rff.build()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    encoder.load_pretrained()
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_the_file_of_another_network_is_refused_and_changes_nothing(weights: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({**weights, "LocEnc2.head.0.bias": torch.zeros(511)}, tmp_path / "other.pth")
    torch.save({name: tensor for name, tensor in weights.items() if "LocEnc1.capsule.3" not in name}, tmp_path / "less.pth")
    encoder = geoclip_rff.build(weights=tmp_path / "other.pth")
    before = encoder.scales[0].fourier.matrix.clone()
    with pytest.raises(CheckpointError, match=r"LocEnc2\.head\.0\.bias of shape \(511,\), expected \(512,\)"):
        encoder.load_pretrained()
    assert torch.equal(encoder.scales[0].fourier.matrix, before)
    with pytest.raises(CheckpointError, match=r"lacks 2 .* LocEnc1\.capsule\.3"):
        geoclip_rff.build(weights=tmp_path / "less.pth").load_pretrained()


def test_frozen_only_the_projection_learns() -> None:
    learns = {name for name, p in geoclip_rff.build(trainable=False).named_parameters() if p.requires_grad}
    assert learns == {"projection.weight", "projection.bias"}
    assert all(p.requires_grad for p in geoclip_rff.build().parameters())


def test_as_published_there_is_a_seam_and_the_pole_is_a_line(file: Path) -> None:
    encoder = loaded(file, dim=512)
    out = at(encoder, np.array([[12.0, 180], [12, -180], [90, 0], [90, 120]]))
    assert np.abs(out[0] - out[1]).max() > 0.01
    assert np.abs(out[2] - out[3]).max() > 0.01
