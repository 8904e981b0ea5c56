"""From a configuration to a network: the encoders by name, put under an architecture."""

from typing import Any

import torch
from torch import nn

from index.records import Modality
from index.registry import load
from train.config import Part, TrainConfig


def build_model(config: TrainConfig) -> Any:
    """The architecture with fresh weights that depend on ``config.seed`` alone."""
    torch.manual_seed(config.seed)
    encoders = nn.ModuleDict({modality: build_encoder(config, modality) for modality in ("locations", "articles", "tiles")})
    architecture = config.architecture
    return load("train.architectures", architecture.name).build(encoders=encoders, **architecture.options)


def build_encoder(config: TrainConfig, modality: Modality) -> Any:
    """One encoder with fresh weights; ``config`` must be resolved."""
    parts: dict[Modality, tuple[str, Part]] = {
        "locations": ("train.encoders.location", config.location),
        "articles": ("train.encoders.text", config.text),
        "tiles": ("train.encoders.image", config.image),
    }
    package, part = parts[modality]
    return load(package, part.name).build(**part.options)
