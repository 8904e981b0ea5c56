"""SLED's location encoder as published (Lane et al. 2026, arXiv:2608.06612): [N, 768], GeoCLIP's architecture with other sizes.

Equal Earth projection -> random Fourier features at several scales -> a separate network for each, three layers and a linear one ->
their sum. Read from its sled_geo/position_encoders.py and the network of the package rshf that it loads; the weights are
geohai/sled-s2-ls and geohai/sled-s1-s2-ls on Hugging Face.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.settings import Settings
from train.encoders.location.geoclip_rff import on_the_plane
from train.nets.fourier import RandomFourier
from train.probing.features._features import Degrees, Vectors, file_given, through
from train.probing.features._published import tensors_in
from train.weights.pretrained import copy_weights, weights_sha256

LAYERS = 4  # three with ReLU and a linear one


class Options(Settings):
    weights: Path | None = Field(None, description="model.safetensors of geohai/sled-s1-s2-ls or geohai/sled-s2-ls on Hugging Face")


def build(**options: Any) -> "Sled":
    """Raises ``FeaturesUnavailableError`` without a file."""
    remedy = "take model.safetensors from https://huggingface.co/geohai/sled-s1-s2-ls and give it as --peer sled:weights=FILE"
    return Sled(file_given(Options.parse(options, where="sled").weights, "weights", remedy))


class Sled:
    name, probe = "sled", ""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.digest = f"sled-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """Raises ``CheckpointError`` if the file holds another network."""
        return through(read_network(self.weights), lat, lon)


class SledNetwork(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim]; ``frequencies`` of one scale, each a cosine and a sine."""

    def __init__(self, scales: int, frequencies: int, hidden: int, dim: int) -> None:
        super().__init__()
        sizes = [2 * frequencies, *[hidden] * (LAYERS - 1), dim]
        self.scales = nn.ModuleList()
        for _ in range(scales):
            layers: list[nn.Module] = [RandomFourier(2, frequencies, 1.0)]
            for number in range(LAYERS):
                layers += [nn.Linear(sizes[number], sizes[number + 1]), nn.ReLU()]
            self.scales.append(nn.Sequential(*layers[:-1]))

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        plane = on_the_plane(lat.float(), lon.float())
        return torch.stack([scale(plane) for scale in self.scales]).sum(dim=0)


def read_network(path: Path) -> SledNetwork:
    """The location encoder in a file, in evaluation mode. Its sizes are those of the tensors."""
    found = {_ours(name): tensor for name, tensor in tensors_in(path).items()}
    try:
        frequencies, hidden, dim = (len(found[f"scales.0.{name}"]) for name in ("0.matrix", "1.weight", f"{2 * LAYERS - 1}.weight"))
    except KeyError:
        raise CheckpointError(f"{path} has no LocEnc0, so it is not a SLED; give the file that `weights` names") from None
    network = SledNetwork(sum(name.endswith(".matrix") for name in found), frequencies, hidden, dim).eval()
    copy_weights(dict(network.state_dict()), found, path)
    return network


def _ours(name: str) -> str:
    """LocEnc1.capsule.0.b -> scales.1.0.matrix, LocEnc1.head.0.bias -> scales.1.7.bias."""
    inner = name.replace("LocEnc", "scales.").replace(".capsule.0.b", ".0.matrix")
    return inner.replace(".capsule.", ".").replace(".head.0.", f".{2 * LAYERS - 1}.")
