"""Our model: a checkpoint's location encoder at a place, from its output or from its last hidden layer.

The output is the unit vector that the space compares; the hidden layer often knows more (docs/decisions/2026-11-23-evaluation.md).
"""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field

from index.settings import Settings
from train.checkpoint import Checkpoint
from train.geolocation import encode_locations
from train.probing.features._features import Degrees, Vectors, through


class Options(Settings):
    checkpoint: Path = Field(description="folder of a checkpoint")
    layer: Literal["output", "hidden"] = Field("output", description="unit vectors of the space, or the input of its last layer")
    label: str = Field("", description="its name in tables; default: the first characters of the model's digest")


def build(**options: Any) -> "PlaceBind":
    """Raises ``CheckpointError`` where there is no finished model."""
    return PlaceBind(Options.parse(options, where="placebind"))


class PlaceBind:
    probe = ""

    def __init__(self, options: Options) -> None:
        self.layer = options.layer
        self.checkpoint = Checkpoint.open(options.checkpoint)
        self.name = f"{options.label or self.checkpoint.digest[:8]} {options.layer}"
        self.digest = f"{self.checkpoint.digest}-{options.layer}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        encoder = self.checkpoint.encoder("locations", torch.device("cpu"))
        if self.layer == "hidden":
            return through(encoder.hidden, lat, lon)
        return encode_locations(encoder, lat, lon).numpy()
