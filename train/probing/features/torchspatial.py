"""TorchSpatial's location encoders as published (Wu et al. 2024, arXiv:2406.15658): [N, 256], from one of its checkpoints.

Seven kinds, by the name in the checkpoint: Space2Vec-grid, Space2Vec-theory, Sphere2Vec-sphereC, -sphereC+, -sphereM, rff and
wrap_ffn. Each turns a place into features, scale by scale; dense layers follow (``_published``). The vector is the location
embedding that its classifier reads. Our own encoders of these names have the same features in another order, but other layers
behind them. Read from https://github.com/seai-lab/TorchSpatial, main/SpatialRelationEncoder.py and utils.py; compared with that
code by benchmarks/torchspatial_parity.py.
"""

import math
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings
from train.encoders.location.space2vec_theory import DIRECTIONS
from train.probing.features._features import Degrees, FeaturesUnavailableError, Vectors, file_given, through
from train.probing.features._published import AtScales, PlaceNetwork, PlaceSettings, grid, interleaved, wrapped
from train.weights.lightning_checkpoint import read_lightning
from train.weights.pretrained import weights_sha256

REMEDY = "take a model_*.pth.tar of https://github.com/seai-lab/TorchSpatial and give it as --peer torchspatial:weights=FILE"


class Options(Settings):
    weights: Path | None = Field(None, description="model_DATA_ENCODER_inception_v3_....pth.tar of its pre_trained_models")


def build(**options: Any) -> "TorchSpatial":
    """Raises ``FeaturesUnavailableError`` without a file or for one of an unknown kind, ``CheckpointError`` for any other file."""
    weights = Options.parse(options, where="torchspatial").weights
    return TorchSpatial(file_given(weights, "checkpoint", REMEDY))


class TorchSpatialSettings(PlaceSettings):
    dataset: str
    map_range: tuple[float, float, float, float] = Field(description="west, east, south, north: what rff takes for -1 to 1")


class TorchSpatial:
    probe = ""

    def __init__(self, weights: Path) -> None:
        tensors, params = read_lightning(weights, settings="params")
        settings = TorchSpatialSettings.read(params, weights, "TorchSpatial")
        self.name = f"torchspatial {settings.spa_enc_type} {settings.dataset}"
        self.digest = f"torchspatial-{weights_sha256(weights)}"
        self.network = PlaceNetwork(settings, _features(settings, weights)).load(tensors, weights)

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        return through(self.network, lat, lon)


class Wrapped(nn.Module):
    """wrap_ffn: (lon, lat) [B, 2] -> [B, 4], in float32."""

    def forward(self, degrees: Tensor) -> Tensor:
        return wrapped(degrees)


class RandomCosines(nn.Module):
    """rff: (lon, lat) [B, 2] -> sqrt(2/S) cos(x M + b) [B, S] of x in [-1, 1] over ``map_range``, in float32 as published."""

    dirvec: Tensor
    shift: Tensor

    def __init__(self, settings: TorchSpatialSettings) -> None:
        super().__init__()
        self.range = settings.map_range
        self.register_buffer("dirvec", torch.zeros(2, settings.frequency_num))
        self.register_buffer("shift", torch.zeros(settings.frequency_num))

    def forward(self, degrees: Tensor) -> Tensor:
        west, east, south, north = self.range
        low, high = degrees.new_tensor([[west, south], [east, north]], dtype=torch.float64)
        inside = (2 * (degrees.double() - low) / (high - low) - 1).float()
        return torch.cos(inside @ self.dirvec + self.shift) * math.sqrt(2 / self.shift.numel())


def theory(degrees: Tensor, scales: Tensor) -> Tensor:
    phases = (degrees @ degrees.new_tensor(DIRECTIONS).T)[:, None, :] / scales[:, None]
    return interleaved(phases.sin(), phases.cos())


def sphere_c(degrees: Tensor, scales: Tensor) -> Tensor:
    theta, phi = _angles(degrees, scales)
    return interleaved(phi.sin(), phi.cos() * theta.cos(), phi.cos() * theta.sin())


def sphere_c_plus(degrees: Tensor, scales: Tensor) -> Tensor:
    theta, phi = _angles(degrees, scales)
    grid_part = (phi.sin(), phi.cos(), theta.sin(), theta.cos())
    return interleaved(*grid_part, phi.cos() * theta.cos(), phi.cos() * theta.sin())


def sphere_m(degrees: Tensor, scales: Tensor) -> Tensor:
    (theta, phi), (theta_s, phi_s) = _angles(degrees, torch.ones_like(scales)), _angles(degrees, scales)
    of_longitude = (phi_s.cos() * theta.cos(), phi.cos() * theta_s.cos(), phi_s.cos() * theta.sin(), phi.cos() * theta_s.sin())
    return interleaved(phi_s.sin(), *of_longitude)


SCALED = {
    "Space2Vec-grid": grid,
    "Space2Vec-theory": theory,
    "Sphere2Vec-sphereC": sphere_c,
    "Sphere2Vec-sphereC+": sphere_c_plus,
    "Sphere2Vec-sphereM": sphere_m,
}


def _features(settings: TorchSpatialSettings, path: Path) -> nn.Module:
    kind = settings.spa_enc_type
    if kind in SCALED:
        return AtScales(SCALED[kind], settings)
    if kind == "rff":
        return RandomCosines(settings)
    if kind == "wrap_ffn":
        return Wrapped()
    known = ", ".join((*SCALED, "rff", "wrap_ffn"))
    raise FeaturesUnavailableError(f"{path} is of the encoder '{kind}', expected one of {known}; {REMEDY}")


def _angles(degrees: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """Longitude and latitude in radians over each scale, [B, S] each."""
    theta, phi = torch.deg2rad(degrees)[:, :, None].unbind(dim=1)
    return theta / scales, phi / scales
