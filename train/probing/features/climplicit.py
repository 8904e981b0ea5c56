"""Climplicit's location encoder as published (Dollinger et al. 2025, arXiv:2504.05089): [N, 1024], from its weights.

Longitude and latitude in [-1, 1] with sine and cosine of the month go into a residual SIREN (``train.nets.siren``), whose first
layer is sin(30 sinh(2 u)), and a linear layer of 256. As its own code does where no month is asked for, the vectors of March, June,
September and December stand side by side. Read from https://github.com/ecovision-uzh/climplicit, quickstart/; the weights are
Jobedo/climplicit on Hugging Face.
"""

import math
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.settings import Settings
from train.probing.features._features import Degrees, Vectors, file_given, through
from train.probing.features._published import tensors_in
from train.weights.pretrained import copy_weights, weights_sha256

MONTHS = (3, 6, 9, 12)
INPUTS = 4
W0_FIRST = 30.0
ENCODER = "location_encoder."


class Options(Settings):
    weights: Path | None = Field(None, description="model.safetensors of Jobedo/climplicit on Hugging Face")


def build(**options: Any) -> "Climplicit":
    """Raises ``FeaturesUnavailableError`` without a file."""
    remedy = "take model.safetensors from https://huggingface.co/Jobedo/climplicit and give it as --peer climplicit:weights=FILE"
    return Climplicit(file_given(Options.parse(options, where="climplicit").weights, "weights", remedy))


class Climplicit:
    name, probe = "climplicit", ""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.digest = f"climplicit-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """Raises ``CheckpointError`` if the file holds another network."""
        return through(read_network(self.weights), lat, lon)


class ClimplicitNetwork(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, 4 dim]."""

    def __init__(self, hidden: int, dim: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(hidden if number else INPUTS, hidden) for number in range(depth)])
        self.last_layer = nn.Linear(hidden, dim)

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        degrees = torch.stack([lon, lat], dim=1).float()
        half = degrees.new_tensor([180.0, 90.0])
        position = 2 * (degrees + half) / (2 * half) - 1  # as published: sinh and 30 magnify how it is rounded
        return torch.cat([self._in_month(position, month) for month in MONTHS], dim=1)

    def _in_month(self, position: Tensor, month: int) -> Tensor:
        season = position.new_tensor(month / 12 * math.pi * 2)
        x = torch.cat([position, torch.stack([season.sin(), season.cos()]).expand(len(position), 2)], dim=1)
        first, *others = self.layers
        before_sine = first(x)
        x = torch.sin(W0_FIRST * torch.sinh(2 * before_sine))
        for layer in others:
            before_sine = (layer(x) + before_sine) / 2
            x = torch.sin(before_sine)
        return self.last_layer(x)


def read_network(path: Path) -> ClimplicitNetwork:
    """The location encoder in a file, in evaluation mode. Its sizes are those of the tensors."""
    found = {name.removeprefix(ENCODER): tensor for name, tensor in tensors_in(path).items() if name.startswith(ENCODER)}
    try:
        dim, hidden = found["last_layer.weight"].shape
    except (KeyError, ValueError):
        raise CheckpointError(f"{path} has no {ENCODER}last_layer.weight, so it is not a Climplicit; give the named file") from None
    depth = sum(name.startswith("layers.") and name.endswith(".weight") for name in found)
    network = ClimplicitNetwork(hidden, dim, depth).eval()
    copy_weights(dict(network.state_dict()), found, path)
    return network
