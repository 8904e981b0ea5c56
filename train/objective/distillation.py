"""Features of places as teachers: our location encoder learns to reproduce what they say, of places everywhere.

Records describe only the places where they are; a published encoder has a vector for any place on land, and a table of measurements
has values at its own points. The student's hidden layer, or its first columns, goes through a linear layer and is compared with the
teacher's vector, standardised (Hinton et al. 2015, arXiv:1503.02531; features instead of classes as in FitNets, Romero et al. 2015,
arXiv:1412.6550). The linear layers are dropped when training ends.
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from index.errors import ConfigError
from index.geo import fibonacci_sphere
from index.places.packaged import LAND_SHARE, is_land
from index.progress import Progress
from index.registry import load
from train.batching.streams import Stream, generator
from train.objective.teacher import TeacherOptions
from train.protocols import LocationEncoder

CHUNK = 4096


@runtime_checkable
class HasPlaces(Protocol):
    """A teacher that knows only places of its own."""

    def places(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """lat, lon [N] in WGS84 degrees."""
        ...


class Distillation(nn.Module):
    """One teacher. ``forward`` is the loss of a step between the teacher's standardised vectors and what the student makes of its
    hidden layer. Numbers that the teacher does not know are NaN and count nowhere. ``number``: its place among the teachers."""

    lat: Tensor
    lon: Tensor
    taught: Tensor

    def __init__(self, options: TeacherOptions, student: LocationEncoder, seed: int, progress: Progress, number: int = 0) -> None:
        super().__init__()
        self.options, self.seed, self.number = options, seed, number
        teacher = load("train.probing.features", options.name).build(**options.options)
        lat, lon = teacher.places() if isinstance(teacher, HasPlaces) else _on_land(options.points)
        vectors = _standardised(_ask(teacher, lat, lon, progress))
        for name, tensor in (("lat", torch.from_numpy(lat)), ("lon", torch.from_numpy(lon)), ("taught", vectors.half())):
            self.register_buffer(name, tensor, persistent=False)
        with torch.no_grad():
            hidden = student.hidden(self.lat[:1], self.lon[:1]).shape[1]
        if options.prefix is not None and options.prefix > hidden:
            raise ConfigError(
                f"teacher {options.name}: prefix is {options.prefix}, but the hidden layer has {hidden} columns; give fewer"
            )
        self.head = nn.Linear(options.prefix or hidden, vectors.shape[1])

    def forward(self, student: LocationEncoder, step: int) -> Tensor:
        chosen = generator(self.seed, step, Stream.DISTILLATION, self.number).integers(len(self.lat), size=self.options.batch)
        rows = torch.from_numpy(chosen).to(self.lat.device)
        said = self.head(student.hidden(self.lat[rows], self.lon[rows])[:, : self.options.prefix])
        taught = self.taught[rows].float()
        known = ~taught.isnan()
        if self.options.loss == "cosine":
            return (1 - F.cosine_similarity(said * known, taught.nan_to_num(), dim=1)).mean()
        return F.mse_loss(said[known], taught[known])


def _on_land(count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    lat, lon = fibonacci_sphere(round(count / LAND_SHARE))
    land = is_land(lat, lon)
    return lat[land], lon[land]


def _ask(teacher: Any, lat: Any, lon: Any, progress: Progress) -> Tensor:
    progress.start(f"ask the teacher {teacher.name}", len(lat))
    answers = []
    for start in range(0, len(lat), CHUNK):
        rows = slice(start, start + CHUNK)
        answers.append(torch.from_numpy(np.asarray(teacher.encode(lat[rows], lon[rows]), np.float32)))
        progress.advance(len(lat[rows]))
    return torch.cat(answers)


def _standardised(vectors: Tensor) -> Tensor:
    """Each column with mean 0 and standard deviation 1 over the numbers that are known; the others stay NaN."""
    known, mean = ~vectors.isnan(), vectors.nanmean(dim=0)
    filled = torch.where(known, vectors, mean)  # as far from the mean as nothing
    std = filled.std(dim=0) * ((len(vectors) - 1) / (known.sum(dim=0) - 1)).sqrt()
    return (vectors - mean) / std.clamp_min(1e-6)
