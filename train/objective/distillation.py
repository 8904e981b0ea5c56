"""A published location encoder as a teacher: our location encoder learns to reproduce what it knows of places everywhere.

Records describe only the places where they are; a teacher has a vector for any place on land. The student's hidden layer (which
downstream tasks read) goes through a linear layer and is compared with the teacher's vector, standardised
(Hinton et al. 2015, arXiv:1503.02531; features instead of classes as in FitNets, Romero et al. 2015, arXiv:1412.6550). The linear
layer is dropped when training ends.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from index.geo import fibonacci_sphere
from index.places.packaged import LAND_SHARE, is_land
from index.progress import Progress
from index.registry import load
from index.settings import Settings
from train.protocols import LocationEncoder
from train.streams import Stream, generator

CHUNK = 4096


class TeacherOptions(Settings):
    name: str = Field(description="one of train/probing/features: geoclip, satclip …")
    options: dict[str, Any] = Field(default_factory=dict)
    weight: float = Field(0.3, gt=0, description="weight of its loss among the others")
    points: int = Field(100_000, ge=1000, description="number of places on land, roughly, that it embeds before training")
    batch: int = Field(1024, ge=2, description="number of these places per step")


class Distillation(nn.Module):
    """``forward`` is the loss of a step: the mean squared error between the teacher's standardised vectors and the student's."""

    lat: Tensor
    lon: Tensor
    taught: Tensor

    def __init__(self, options: TeacherOptions, student: LocationEncoder, seed: int, progress: Progress) -> None:
        super().__init__()
        self.options, self.seed = options, seed
        lat, lon = fibonacci_sphere(round(options.points / LAND_SHARE))
        land = is_land(lat, lon)
        vectors = _ask(load("train.probing.features", options.name).build(**options.options), lat[land], lon[land], progress)
        vectors = (vectors - vectors.mean(dim=0)) / vectors.std(dim=0).clamp_min(1e-6)
        for name, tensor in (
            ("lat", torch.from_numpy(lat[land])),
            ("lon", torch.from_numpy(lon[land])),
            ("taught", vectors.half()),
        ):
            self.register_buffer(name, tensor, persistent=False)
        with torch.no_grad():
            hidden = student.hidden(self.lat[:1], self.lon[:1]).shape[1]
        self.head = nn.Linear(hidden, vectors.shape[1])

    def forward(self, student: LocationEncoder, step: int) -> Tensor:
        chosen = generator(self.seed, step, Stream.DISTILLATION).integers(len(self.lat), size=self.options.batch)
        rows = torch.from_numpy(chosen).to(self.lat.device)
        said = self.head(student.hidden(self.lat[rows], self.lon[rows]))
        return F.mse_loss(said, self.taught[rows].float())


def _ask(teacher: Any, lat: Any, lon: Any, progress: Progress) -> Tensor:
    progress.start(f"ask the teacher {teacher.name}", len(lat))
    answers = []
    for start in range(0, len(lat), CHUNK):
        rows = slice(start, start + CHUNK)
        answers.append(torch.from_numpy(np.asarray(teacher.encode(lat[rows], lon[rows]), np.float32)))
        progress.advance(len(lat[rows]))
    return torch.cat(answers)
