"""CSP's location encoder as published (Mai et al. 2023, arXiv:2305.01118): [N, 256], from one of its checkpoints.

The checkpoints linked from https://github.com/gengchenmai/csp are of its encoder "gridcell": each of (lon, lat) in degrees gives
sin(x/r_s), cos(x/r_s), scale by scale, r_s = min (max/min)^(s/(S-1)), s = 0 .. S-1: our ``space2vec_grid`` in another order. Dense
layers follow: linear, activation, shortcut where sizes are equal, layer norm; the last has an activation too, but no layer norm.
The settings are in the checkpoint. Read from that code: main/SpatialRelationEncoder.py, module.py, and trainer.py for the file.
"gridcellnorm" is the same: its conversion to radians comes too late to have an effect.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError, ConfigError
from index.settings import Settings
from train.nets.mlp import DenseLayer
from train.nets.multiscale import geometric_scales
from train.probing.features._features import Degrees, Vectors, file_given, through
from train.weights.lightning_checkpoint import read_lightning
from train.weights.pretrained import copy_weights, weights_sha256

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "leakyrelu": partial(nn.LeakyReLU, 0.2),
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}
NETWORK = "spa_enc.ffn."  # a checkpoint has it twice, as loc_enc.spa_enc too: the same network belongs to two modules


class Options(Settings):
    weights: Path | None = Field(None, description="model_..._gridcell_....pth.tar of its model_dir.zip")


def build(**options: Any) -> "Csp":
    """Raises ``FeaturesUnavailableError`` without a file."""
    weights = Options.parse(options, where="csp").weights
    return Csp(
        file_given(
            weights, "checkpoint", "take one linked in https://github.com/gengchenmai/csp and give it as --peer csp:weights=FILE"
        )
    )


class Csp:
    name, probe = "csp", ""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.digest = f"csp-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """Raises ``CheckpointError`` if the file holds another network."""
        return through(read_network(self.weights), lat, lon)


class CspSettings(Settings):
    """What a checkpoint says about its network, by CSP's own names; other entries are left out."""

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


class CspNetwork(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, num_filts]."""

    def __init__(self, settings: CspSettings) -> None:
        super().__init__()
        self.settings = settings
        sizes = [4 * settings.frequency_num, *[settings.hidden_dim] * settings.num_hidden_layer, settings.num_filts]
        norms = [settings.use_layn] * settings.num_hidden_layer + [False]
        self.layers = nn.Sequential(
            *[NormedLayer(a, b, settings, norm=norm) for (a, b), norm in zip(pairwise(sizes), norms, strict=True)]
        )

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        said = self.settings
        scales = geometric_scales(said.min_radius, said.max_radius, said.frequency_num, lat.device)
        degrees = torch.stack([lon, lat], dim=1).float().double()  # CSP rounds degrees to float32, but not the rest
        phases = degrees[:, :, None] / scales
        waves = torch.stack([phases.sin(), phases.cos()], dim=-1).flatten(1)
        return self.layers(waves.float())


class NormedLayer(DenseLayer):
    """[B, in] -> [B, out]."""

    def __init__(self, in_dim: int, out_dim: int, settings: CspSettings, *, norm: bool) -> None:
        super().__init__(in_dim, out_dim, ACTIVATIONS[settings.spa_f_act], 0.0, settings.skip_connection)
        self.layernorm = nn.LayerNorm(out_dim) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.layernorm(super().forward(x))


def read_network(path: Path) -> CspNetwork:
    """The location encoder in a checkpoint, in evaluation mode. Raises ``CheckpointError`` for any other file."""
    tensors, params = read_lightning(path, settings="params")
    network = CspNetwork(_settings(params, path)).eval()
    found = {name.rpartition(NETWORK)[2]: tensor for name, tensor in tensors.items() if NETWORK in name}
    copy_weights(dict(network.state_dict()), found, path)
    return network


def _settings(params: Mapping[str, Any], path: Path) -> CspSettings:
    named = {name: params[name] for name in CspSettings.model_fields if name in params}
    try:
        said = CspSettings.parse(named, where=f"{path}, `params`")
    except ConfigError as error:
        raise CheckpointError(f"{error}; take a checkpoint of CSP's own code") from None
    known = {"spa_enc_type": ("gridcell", "gridcellnorm"), "freq_init": ("geometric",), "spa_f_act": tuple(ACTIVATIONS)}
    for name, choices in known.items():
        if getattr(said, name) not in choices:
            expected = " or ".join(choices)
            raise CheckpointError(f"{path} is of a CSP with {name}={getattr(said, name)}, expected {expected}; take another one")
    return said
