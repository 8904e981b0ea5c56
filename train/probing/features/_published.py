"""What published location encoders share: angles in float32, and the checkpoints of Gengchen Mai's code (CSP and TorchSpatial).

Those hold the settings beside the weights. Features of a place at several scales go through dense layers: linear, activation,
shortcut where sizes are equal, layer norm. The last has an activation too, but neither shortcut nor layer norm.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError, ConfigError
from index.settings import Settings
from train.nets.mlp import DenseLayer
from train.nets.multiscale import geometric_scales
from train.weights.lightning_checkpoint import read_lightning
from train.weights.pretrained import copy_weights, read_weights

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "leakyrelu": partial(nn.LeakyReLU, 0.2),
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}
ENCODER = "spa_enc."  # a checkpoint of CSP has it twice, as loc_enc.spa_enc too: the same network belongs to two modules


class PlaceSettings(Settings):
    """What a checkpoint says about its network, by the names of that code; other entries are left out."""

    spa_enc_type: str
    freq_init: str
    frequency_num: int = Field(ge=2)
    min_radius: float = Field(gt=0)
    max_radius: float = Field(gt=0)
    num_hidden_layer: int = Field(ge=1)
    hidden_dim: int = Field(ge=1)
    num_filts: int = Field(ge=1)
    spa_f_act: str
    use_layn: bool
    skip_connection: bool

    @classmethod
    def read(cls, params: Mapping[str, Any], path: Path, whose: str) -> Self:
        """Raises ``CheckpointError`` for settings that are missing or that no network here has."""
        named = {name: params[name] for name in cls.model_fields if name in params}
        try:
            found = cls.parse(named, where=f"{path}, `params`")
        except ConfigError as error:
            raise CheckpointError(f"{error}; take a checkpoint of {whose}'s own code") from None
        for name, choices in {"freq_init": ("geometric",), "spa_f_act": tuple(ACTIVATIONS)}.items():
            if getattr(found, name) not in choices:
                expected = " or ".join(choices)
                raise CheckpointError(
                    f"{path} is of a {whose} with {name}={getattr(found, name)}, expected {expected}; take another"
                )
        return found


class PlaceNetwork(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, num_filts]; ``features`` takes (lon, lat) [B, 2], rounded to float32 as in that code."""

    def __init__(self, settings: PlaceSettings, features: nn.Module) -> None:
        super().__init__()
        self.features = features
        inputs = features(torch.zeros(1, 2)).shape[1]
        sizes = [inputs, *[settings.hidden_dim] * settings.num_hidden_layer, settings.num_filts]
        last = len(sizes) - 2
        self.layers = nn.Sequential(
            *[NormedLayer(a, b, settings, last=number == last) for number, (a, b) in enumerate(pairwise(sizes))]
        )

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.layers(self.features(torch.stack([lon, lat], dim=1).float()).float())

    def load(self, tensors: Mapping[str, Tensor], path: Path) -> Self:
        """With the weights of a checkpoint, in evaluation mode. Raises ``CheckpointError`` for those of another network."""
        published = {f"ffn.layers.{name}": tensor for name, tensor in self.layers.state_dict().items()}
        published |= {f"position_encoder.{name}": tensor for name, tensor in self.features.state_dict().items()}
        found = {name.rpartition(ENCODER)[2]: tensor for name, tensor in tensors.items() if ENCODER in name}
        copy_weights(published, found, path)
        return self.eval()


class NormedLayer(DenseLayer):
    """[B, in] -> [B, out]."""

    def __init__(self, in_dim: int, out_dim: int, settings: PlaceSettings, *, last: bool) -> None:
        super().__init__(in_dim, out_dim, ACTIVATIONS[settings.spa_f_act], 0.0, settings.skip_connection and not last)
        self.layernorm = nn.LayerNorm(out_dim) if settings.use_layn and not last else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.layernorm(super().forward(x))


class AtScales(nn.Module):
    """(lon, lat) [B, 2] in degrees, in float32 -> [B, F S] in float64: ``features`` at the scales of a checkpoint [S]."""

    def __init__(self, features: Callable[[Tensor, Tensor], Tensor], settings: PlaceSettings) -> None:
        super().__init__()
        self.features, self.settings = features, settings

    def forward(self, degrees: Tensor) -> Tensor:
        said = self.settings
        scales = geometric_scales(said.min_radius, said.max_radius, said.frequency_num, degrees.device)
        return self.features(degrees.double(), scales)


def grid(degrees: Tensor, scales: Tensor) -> Tensor:
    """Sine and cosine at each scale, of longitude at all scales, then of latitude."""
    phases = degrees[:, :, None] / scales
    return interleaved(phases.sin(), phases.cos())


def wrapped(degrees: Tensor) -> Tensor:
    """(lon, lat) [B, 2] -> sin(pi u), sin(pi v), cos(pi u), cos(pi v) [B, 4] of u = lon/180, v = lat/90, in the type given."""
    angles = math.pi * (degrees / degrees.new_tensor([180.0, 90.0]))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def interleaved(*features: Tensor) -> Tensor:
    """Features [B, ..., S] side by side at each scale -> [B, ... S F]."""
    return torch.stack(features, dim=-1).flatten(1)


def tensors_in(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a checkpoint with ``state_dict``. Raises ``CheckpointError`` for another file."""
    return read_weights(path) if path.suffix == ".safetensors" else read_lightning(path)[0]
