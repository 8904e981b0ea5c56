"""Tessellating the Earth (Cher et al., ECCV 2026, arXiv:2606.27514): [N, 512], from its published weights or its training code's.

``voronoi`` among our location encoders is the same network if all sites are used and hidden and output size are equal, as they are
there, except for a bias of the last layer, which is zero here. Read from https://github.com/mvrl/TTE (MIT), tte/location_encoder.py
and load.py. Not in the file, so assumed to be as published: the gate of one half, and vectors of unit length. The temperature of
the attention is the one in the file, as in its loader; neither lowers it to 0.2 in the end, as training does.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.settings import Settings
from train.encoders.location import voronoi
from train.probing.features._features import Degrees, Vectors, file_given, through
from train.weights.lightning_checkpoint import read_lightning
from train.weights.pretrained import copy_weights, read_weights, weights_sha256

GATE = 0.5
TEMPERATURES = (0.01, 10.0)  # the limits of the attention's temperature
LOCATION = "location."  # prefix of the location encoder's tensors, in a training's checkpoint after "model."
OF_IMAGES = ("semantic_registers.img_to_logits.", "semantic_registers._img_temperature")  # only training needs these


class Options(Settings):
    weights: Path | None = Field(None, description="model.safetensors of MVRL/TTE on Hugging Face, or a .ckpt of its training code")


def build(**options: Any) -> "Tte":
    """Raises ``FeaturesUnavailableError`` without a file."""
    weights = Options.parse(options, where="tte").weights
    return Tte(
        file_given(
            weights, "weights", "take model.safetensors from https://huggingface.co/MVRL/TTE and give it as --peer tte:weights=FILE"
        )
    )


class Tte:
    name, probe = "tte", ""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.digest = f"tte-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """Of unit length. Raises ``CheckpointError`` if the file holds another network."""
        network = read_network(self.weights)
        return through(lambda a, b: nn.functional.normalize(network(a, b), dim=-1), lat, lon)


@torch.no_grad()
def read_network(path: Path) -> voronoi.Voronoi:
    """The location encoder in a file, in evaluation mode. Its sizes are those of the tensors."""
    tensors = read_weights(path) if path.suffix == ".safetensors" else read_lightning(path)[0]
    plain = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    found = {name.removeprefix(LOCATION): tensor for name, tensor in plain.items() if name.startswith(LOCATION)}
    found = {name: tensor for name, tensor in found.items() if not name.startswith(OF_IMAGES)}
    encoder = voronoi.build(**_sizes(found, path), gate=GATE, left_out=0).eval()
    copy_weights(_published(encoder), found, path)
    encoder.network.head.bias.zero_()
    encoder.shared.log_temperature.clamp_(*map(math.log, TEMPERATURES))
    return encoder


def _sizes(found: Mapping[str, Tensor], path: Path) -> dict[str, int]:
    """Options of ``voronoi``."""
    try:
        sites, site_dim = found["_embeddings"].shape
        shared_tokens, dim = found["semantic_registers.registers"].shape
    except (KeyError, ValueError):
        raise CheckpointError(f"{path} has no sites and tokens of a TTE; give the file that the option `weights` names") from None
    blocks = sum(name.endswith(".w1.weight") for name in found)
    return {
        "sites": sites, "site_dim": site_dim, "shared_tokens": shared_tokens, "hidden": dim, "dim": dim, "blocks": blocks
    }  # fmt: skip


def _published(encoder: voronoi.Voronoi) -> dict[str, Tensor]:
    """Our tensors under TTE's names."""
    shared, (first, _, *blocks), head = encoder.shared, encoder.network.body, encoder.network.head
    layers: dict[str, Any] = {"semantic_registers.loc_to_logits": shared.logits, "semantic_registers.site_to_out": shared.own}
    layers |= {"semantic_registers.norm": shared.norm, "mlp.0": first}
    for number, block in enumerate(blocks, start=2):
        layers |= {f"mlp.{number}.w1": block.first, f"mlp.{number}.w2": block.second}
    named = {f"{name}.{kind}": getattr(layer, kind) for name, layer in layers.items() for kind in ("weight", "bias")}
    return named | {
        "_directions": encoder.directions,
        "_log_tau": encoder.log_tau,
        "_embeddings": encoder.tokens,
        "semantic_registers.registers": shared.tokens,
        "semantic_registers.log_temperature": shared.log_temperature,
        f"mlp.{len(blocks) + 2}.weight": head.weight,
    }
