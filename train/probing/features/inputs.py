"""A floor: what a checkpoint's location encoder reads at a place, with latitude, before anything is learnt.

The pictures of the Earth that it looks at (of encoders that have none, the unit vector), then |lat|, lat^2 and the zonal harmonics
up to degree 9, which know no longitude. Where a probe does as well with these as with a model, the model has added nothing.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from index.geo import unit_xyz
from index.settings import Settings
from train.checkpoint import Checkpoint
from train.nets.zonal import zonal
from train.probing.features._features import Degrees, Vectors, through
from train.protocols import LooksAtPictures


class Options(Settings):
    checkpoint: Path = Field(description="folder of a checkpoint")
    label: str = Field("", description="its name in tables; default: the first characters of the model's digest")


def build(**options: Any) -> "Inputs":
    """Raises ``CheckpointError`` where there is no finished model."""
    return Inputs(Options.parse(options, where="inputs"))


class Inputs:
    probe = ""

    def __init__(self, options: Options) -> None:
        self.checkpoint = Checkpoint.open(options.checkpoint)
        self.name = f"{options.label or self.checkpoint.digest[:8]} inputs"
        self.digest = f"{self.checkpoint.digest_of('locations')}-inputs"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        encoder = self.checkpoint.encoder("locations", torch.device("cpu"))
        seen = [through(part.look, lat, lon) for part in encoder.modules() if isinstance(part, LooksAtPictures)]
        parts = [each.astype(np.float64) for each in seen] or [unit_xyz(lat, lon)]
        return np.concatenate([*parts, through(lambda lat, _: zonal(lat), lat, lon)], axis=1).astype(np.float32)
