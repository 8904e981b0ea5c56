"""MIND's location encoder as published (Corley et al. 2026, arXiv:2609.25454): [N, 3072], or the first ``dim`` of them.

The Equal Earth projection (``geoclip_rff``) goes into sin(30 (W x + b)), then into 12 blocks h + sin(W h + b). The numbers are
ordered: MIND is trained to be cut at 64, 128, 256, 512, 1024 and 2048. Read from https://github.com/taylor-geospatial/mind,
mind_standalone.py; the weights are taylor-geospatial/MIND on Hugging Face.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.settings import Settings
from train.encoders.location.geoclip_rff import on_the_plane
from train.probing.features._features import Degrees, Vectors, file_given, through
from train.probing.features._published import tensors_in
from train.weights.pretrained import copy_weights, weights_sha256

W0_FIRST = 30.0
TRUNK = ("first.", "blocks.")  # the head only rebuilds the vectors of other models


class Options(Settings):
    weights: Path | None = Field(None, description="mind.safetensors of taylor-geospatial/MIND on Hugging Face")
    dim: int | None = Field(None, ge=1, description="only the first so many numbers: 64 is the one most often reported")


def build(**options: Any) -> "Mind":
    """Raises ``FeaturesUnavailableError`` without a file."""
    chosen = Options.parse(options, where="mind")
    remedy = "take mind.safetensors from https://huggingface.co/taylor-geospatial/MIND and give it as --peer mind:weights=FILE"
    return Mind(file_given(chosen.weights, "weights", remedy), chosen.dim)


class Mind:
    probe = ""

    def __init__(self, weights: Path, dim: int | None) -> None:
        self.weights, self.dim = weights, dim
        self.name = f"mind {dim}" if dim else "mind"
        self.digest = f"mind-{dim or 'all'}-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """Raises ``CheckpointError`` if the file holds another network."""
        return through(read_network(self.weights), lat, lon)[:, : self.dim]


class MindNetwork(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, width]."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.blocks = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        h = torch.sin(W0_FIRST * self.first(on_the_plane(lat.float(), lon.float())))
        for block in self.blocks:
            h = h + torch.sin(block(h))
        return h


def read_network(path: Path) -> MindNetwork:
    """The encoder in a file, in evaluation mode and float32. Its sizes are those of the tensors."""
    tensors = {name.replace(".linear.", "."): tensor for name, tensor in tensors_in(path).items() if name.startswith(TRUNK)}
    if "first.weight" not in tensors:
        raise CheckpointError(f"{path} has no first.linear.weight, so it is not a MIND; give the file that `weights` names")
    width, inputs = tensors["first.weight"].shape
    if inputs != 2:
        raise CheckpointError(f"{path} reads {inputs} numbers of a place, expected 2; take a MIND without years")
    depth = sum(name.startswith("blocks.") and name.endswith(".weight") for name in tensors)
    network = MindNetwork(width, depth).eval()
    copy_weights(dict(network.state_dict()), tensors, path)
    return network
