"""From a configuration to a network: the encoders by name, combined by an architecture."""

from pathlib import Path

import torch
from torch import nn

from index.errors import CheckpointError, one_line
from index.geo import fibonacci_sphere
from index.registry import load
from train.base import begin_with, open_base
from train.checkpoint import Checkpoint, build_encoder
from train.config import TrainConfig
from train.objective.architecture import TOWERS, Architecture
from train.protocols import StartsFromFiles

_PROBES = 20  # places for comparing a loaded location encoder with the one in its checkpoint


def build_model(config: TrainConfig, *, pretrained: bool = True) -> Architecture:
    """The architecture with fresh weights that depend on ``config.seed`` alone, or on the files that its components start from;
    without ``pretrained`` these files are not read, because a state that holds all weights follows."""
    torch.manual_seed(config.seed)
    encoders = nn.ModuleDict({modality: build_encoder(config, modality) for modality in ("locations", *TOWERS)})
    component = config.architecture
    architecture: Architecture = load("train.objective.architectures", component.name).build(
        encoders=encoders, seed=config.seed, **component.options
    )
    if pretrained:
        load_pretrained(architecture, config)
    return architecture


def load_pretrained(model: Architecture, config: TrainConfig) -> None:
    """Read the files that the components of a new model start from. What a checkpoint holds needs no other file."""
    base = open_base(config)
    ready = set() if base is None else begin_with(base, model, config)
    if model.location_checkpoint is not None:
        _load_locations(model.encoders["locations"], model.location_checkpoint)
        ready |= {"locations"}
    for modality, encoder in model.encoders.items():
        if modality not in ready and isinstance(encoder, StartsFromFiles):
            encoder.load_pretrained()
    model.start()


def _load_locations(encoder: nn.Module, folder: Path) -> None:
    """Raises ``CheckpointError`` unless it is the configured encoder. Its vectors are compared too: a SIREN's frequency is in no
    tensor, and with another frequency the weights mean nothing."""
    trained, ours = Checkpoint.open(folder).encoder("locations", torch.device("cpu")), encoder.eval()
    lat, lon = (torch.from_numpy(each) for each in fibonacci_sphere(_PROBES))
    try:
        ours.load_state_dict(trained.state_dict())
        with torch.no_grad():
            differs = "" if torch.allclose(ours(lat, lon), trained(lat, lon)) else "the same weights give other vectors"
    except RuntimeError as error:
        differs = one_line(error)
    if differs:
        raise CheckpointError(
            f"the location encoder in {folder} is not the configured one ({differs}); "
            "choose its name and options with --location and --set location.options.…"
        )
    ours.train()
