"""From a configuration to a network: the encoders by name, put under an architecture."""

from typing import Any

import torch
from torch import nn

from index.records import Modality
from index.registry import load
from train.config import Part, TrainConfig
from train.objective.architecture import TOWERS, Architecture


def build_model(config: TrainConfig, *, pretrained: bool = True) -> Architecture:
    """The architecture with fresh weights that depend on ``config.seed`` alone, or on the files that its parts start from; without
    ``pretrained`` these are not read, because a state follows that holds all weights."""
    torch.manual_seed(config.seed)
    encoders = nn.ModuleDict({modality: build_encoder(config, modality) for modality in ("locations", *TOWERS)})
    part = config.architecture
    architecture: Architecture = load("train.objective.architectures", part.name).build(
        encoders=encoders, seed=config.seed, **part.options
    )
    if pretrained:
        load_pretrained(architecture)
    return architecture


def load_pretrained(model: Architecture) -> None:
    """Read the files that the parts of a new model start from."""
    starters: list[Any] = [*model.encoders.values(), model]
    for each in starters:
        if hasattr(each, "load_pretrained"):
            each.load_pretrained()


def build_encoder(config: TrainConfig, modality: Modality) -> Any:
    """One encoder with fresh weights; ``config`` must be resolved."""
    parts: dict[Modality, tuple[str, Part]] = {
        "locations": ("train.encoders.location", config.location),
        "articles": ("train.encoders.text", config.text),
        "tiles": ("train.encoders.image", config.image),
    }
    package, part = parts[modality]
    return load(package, part.name).build(**part.options)
