"""Cyclic training: one modality at a time is bound to position, and they take turns.

The turn changes when a modality's records have been seen once (the epoch of Hecht, INTERGEO 2025, and of SALT, Hecht et al. 2026,
arXiv:2606.20167) or every ``swap_every`` steps. The location encoder is trained throughout, or only in the first turn, or not at
all (loaded from a checkpoint): then the towers are locked onto it. While it keeps learning it forgets; a slow moving average of
itself as a teacher (Tarvainen and Valpola 2017, arXiv:1703.01780) counteracts that.
"""

import copy
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from index.errors import ConfigError
from index.geo import uniform_on_sphere
from index.records import Modality
from train.batching.streams import Stream, generator
from train.objective.architecture import TOWERS, Architecture, Bound
from train.objective.contrast import Contrast, ContrastOptions
from train.objective.distributed import rank, world_size


class Options(ContrastOptions):
    swap_every: int = Field(0, ge=0, description="steps until the next modality's turn; 0: once through the modality's records")
    location: Literal["trained", "fixed_after_first", "fixed"] = Field("trained", description="when the location encoder learns")
    location_checkpoint: Path | None = Field(None, description="finished checkpoint that the location encoder starts from")
    teacher_decay: float = Field(
        0.0, ge=0, lt=1, description="decay of the location encoder's moving average, for example 0.99; 0: no teacher"
    )
    teacher_weight: float = Field(1.0, ge=0, description="weight of the mean of 1 - cosine between location encoder and teacher")


def build(*, encoders: nn.ModuleDict, seed: int = 0, **options: Any) -> "Cyclic":
    return Cyclic(encoders, Options.parse(options, where="cyclic"), seed)


class Cyclic(Architecture):
    options: Options

    def __init__(self, encoders: nn.ModuleDict, options: Options, seed: int = 0) -> None:
        super().__init__(encoders, options, seed)
        if options.location == "fixed" and options.location_checkpoint is None:
            raise ConfigError(
                "cyclic: a location encoder that is fixed from the start needs location_checkpoint, a trained model's folder"
            )
        self.contrasts = nn.ModuleDict({modality: Contrast(options) for modality in TOWERS})
        self.turns: dict[Modality, int] = {}
        self.teacher = copy.deepcopy(encoders["locations"]).requires_grad_(False) if options.teacher_decay else None

    @property
    def location_checkpoint(self) -> Path | None:
        return self.options.location_checkpoint

    def start(self) -> None:
        if self.teacher is not None:
            self.teacher.load_state_dict(self.encoders["locations"].state_dict())

    def plan(self, epoch_steps: dict[Modality, int]) -> None:
        self.turns = {modality: self.options.swap_every or steps for modality, steps in epoch_steps.items()}

    def active(self, step: int, modalities: tuple[Modality, ...]) -> tuple[Modality, ...]:
        """The one modality whose turn it is."""
        into_round = step % sum(self.turns.values())
        for modality, steps in self.turns.items():
            if into_round < steps:
                return (modality,)
            into_round -= steps
        raise AssertionError("a step outside of its round")

    def locate(self, lat: Tensor, lon: Tensor, step: int) -> Tensor:
        learns = self.learns_places(step)
        self.encoders["locations"].train(self.training and learns)  # what is fixed has no dropout: towers learn its true vectors
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns):
            return super().locate(lat, lon, step)

    def bind(self, bound: list[Bound], step: int) -> dict[str, Tensor]:
        (one,) = bound
        loss = self.bind_to_places(self.contrasts[one.modality], one, self.negatives(step))
        losses = {one.modality: loss, "total": loss}
        if self.teacher is not None and self.learns_places(step):
            losses["teacher"] = self._drift(one, step)
            losses["total"] = loss + self.options.teacher_weight * losses["teacher"]
        self.remember(bound)
        return losses

    def learns_places(self, step: int) -> bool:
        if self.options.location == "fixed_after_first":
            return step < next(iter(self.turns.values()))
        return self.options.location == "trained"

    def _drift(self, bound: Bound, step: int) -> Tensor:
        """Mean of 1 - cosine to the teacher at the places of the batch and as many random ones: forgetting happens where this
        modality has no records. The teacher is updated once per step."""
        assert self.teacher is not None
        if self.training:
            with torch.no_grad():
                for slow, fast in zip(self.teacher.parameters(), self.encoders["locations"].parameters(), strict=True):
                    slow.lerp_(fast, 1 - self.options.teacher_decay)
        rng = generator(self.seed, step, Stream.FORGETTING)
        anywhere = uniform_on_sphere(world_size() * len(bound.lat), rng)  # for all processes; each takes its share
        lat, lon = (torch.from_numpy(each[rank() :: world_size()]).to(bound.lat.device) for each in anywhere)
        ours = torch.cat([bound.locations, self.locate(lat, lon, step)])
        with torch.no_grad():
            teacher = self.teacher.eval()  # dropout would corrupt the teacher's memory
            theirs = F.normalize(teacher(torch.cat([bound.lat, lat]), torch.cat([bound.lon, lon])).float(), dim=-1)
        return (1 - (ours * theirs).sum(dim=1)).mean()
