"""SINR's location encoder as published (Cole et al. 2023, arXiv:2306.02564): [N, 256], from one of its models.

Four sines and cosines of longitude and latitude go into the residual network of ``wrap``; the vector is what its classifier of
species reads. Read from https://github.com/elijahcole/sinr, models.py and utils.py; the same network is on Hugging Face as
MVRL/sinr-location-encoder-1000-cls. Models that also read rasters of the environment cannot be had from a position alone.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.settings import Settings
from train.nets.residual import ResidualNet
from train.probing.features._features import Degrees, Vectors, file_given, through
from train.probing.features._published import tensors_in, wrapped
from train.weights.pretrained import copy_weights, weights_sha256

FEATURES = 4


class Options(Settings):
    weights: Path | None = Field(None, description="model.pt of its pretrained_models, or model.safetensors from Hugging Face")


def build(**options: Any) -> "Sinr":
    """Raises ``FeaturesUnavailableError`` without a file."""
    remedy = "take one linked in https://github.com/elijahcole/sinr and give it as --peer sinr:weights=FILE"
    return Sinr(file_given(Options.parse(options, where="sinr").weights, "model", remedy))


class Sinr:
    name, probe = "sinr", ""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.digest = f"sinr-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """Raises ``CheckpointError`` if the file holds another network."""
        network = read_network(self.weights)
        return through(lambda a, b: network(wrapped(torch.stack([b, a], dim=1).float())), lat, lon)


def read_network(path: Path) -> nn.Sequential:
    """The network behind the features [B, 4], in evaluation mode. Its sizes are those of the tensors."""
    tensors = tensors_in(path)
    found = {name.removeprefix("feats."): tensor for name, tensor in tensors.items() if name.startswith("feats.")}
    if "0.weight" not in found:
        raise CheckpointError(f"{path} has no feats.0.weight, so it is not a SINR; give the file that the option `weights` names")
    width, inputs = found["0.weight"].shape
    if inputs != FEATURES:
        raise CheckpointError(f"{path} reads {inputs} numbers of a place, expected {FEATURES}; take a model of input_enc=sin_cos")
    network = ResidualNet(FEATURES, width, 1, sum(name.endswith(".w1.weight") for name in found)).body.eval()
    copy_weights(_published(network), found, path)
    return network


def _published(network: nn.Sequential) -> dict[str, Tensor]:
    """Our tensors under SINR's names."""
    first, _, *blocks = network
    layers: dict[str, Any] = {"0": first}
    for number, block in enumerate(blocks, start=2):
        layers |= {f"{number}.w1": block.first, f"{number}.w2": block.second}
    return {f"{name}.{kind}": getattr(layer, kind) for name, layer in layers.items() for kind in ("weight", "bias")}
