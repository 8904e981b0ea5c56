"""What the architectures share: encoders, batches in the shared space, further negatives. Each defines its own binding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from index.geo import uniform_on_sphere
from index.records import Modality
from train.batching.batches import Batch
from train.batching.streams import Stream, generator
from train.objective.contrast import ContrastOptions, PlaceQueue
from train.objective.distributed import gather_rows
from train.objective.losses import Targets, on_sphere

TOWERS: tuple[Modality, ...] = ("articles", "tiles")


@dataclass(frozen=True)
class Bound:
    """A batch in the shared space: unit ``vectors`` and unit ``locations`` of their places, both [B, D]; lat, lon [B], degrees."""

    modality: Modality
    vectors: Tensor
    locations: Tensor
    lat: Tensor
    lon: Tensor

    @property
    def places(self) -> Tensor:
        return on_sphere(self.lat, self.lon)


class Architecture(nn.Module):
    """``encoders`` has 'locations' and the towers bound to it, 'articles' and 'tiles'.

    A step is ``forward``: encode each batch, then bind. The two can also be called one after the other, so a batch too large
    to encode with gradients at once can be encoded in parts. Each defines its ``contrasts`` by modality.
    """

    contrasts: nn.ModuleDict

    def __init__(self, encoders: nn.ModuleDict, options: ContrastOptions, seed: int = 0) -> None:
        super().__init__()
        self.encoders, self.options, self.seed = encoders, options, seed
        self.queue = PlaceQueue(options.gps_queue) if options.gps_queue else None
        self.distillation = nn.ModuleList()  # a run puts its teachers here, to be saved with the rest

    def forward(self, batches: list[Batch], step: int) -> dict[str, Tensor]:
        """Losses by name, among them 'total'."""
        return self.bind([self.encode(batch, step) for batch in batches], step)

    def encode(self, batch: Batch, step: int) -> Bound:
        vectors = F.normalize(batch.encode(self.encoders[batch.modality]).float(), dim=-1)
        return Bound(batch.modality, vectors, self.locate(batch.lat, batch.lon, step), batch.lat, batch.lon)

    def locate(self, lat: Tensor, lon: Tensor, step: int) -> Tensor:
        """Unit vectors [B, D] of places."""
        return F.normalize(self.encoders["locations"](lat, lon).float(), dim=-1)

    def bind(self, bound: list[Bound], step: int) -> dict[str, Tensor]:
        """Losses by name, among them 'total', of this process's rows."""
        raise NotImplementedError

    def bind_to_places(self, contrast: nn.Module, bound: Bound, further: tuple[Tensor, Tensor]) -> Tensor:
        """1/2 [CE(Z [G, further]^T) + CE(G Z^T)] of this process's rows against those of all processes."""
        vectors, locations, places = gather_rows(bound.vectors), gather_rows(bound.locations), gather_rows(bound.places)
        more, more_places = further
        falloff_km = self.options.target_falloff_km
        to_place = contrast(
            bound.vectors, torch.cat([locations, more]), Targets(bound.places, torch.cat([places, more_places]), falloff_km)
        )
        from_place = contrast(bound.locations, vectors, Targets(bound.places, places, falloff_km))
        return (to_place + from_place) / 2

    def plan(self, epoch_steps: dict[Modality, int]) -> None:
        """Called before training with the modalities and the number of batches that cover the records of each."""

    def active(self, step: int, modalities: tuple[Modality, ...]) -> tuple[Modality, ...]:
        """Which of the modalities take part in this step."""
        return modalities

    def learns_places(self, step: int) -> bool:
        """Whether the location encoder is trained in this step."""
        return True

    @property
    def location_checkpoint(self) -> Path | None:
        """The finished checkpoint that the location encoder starts from, if there is one."""
        return None

    def start(self) -> None:
        """Called once at the start of a fresh run, when the encoders have their initial weights."""

    def negatives(self, step: int) -> tuple[Tensor, Tensor]:
        """Unit vectors [N, D] of further places and these places [N, 3]: those of the queue, and some drawn uniformly over the
        sphere. They depend on seed and step alone, so all processes have the same ones."""
        device = next(self.encoders["locations"].parameters()).device
        lats, lons = [], []
        if self.queue is not None:
            lat, lon = self.queue.places()
            lats, lons = [lat], [lon]
        if self.options.uniform_negatives:
            rng = generator(self.seed, step, Stream.NEGATIVES)
            for degrees, found in zip((lats, lons), uniform_on_sphere(self.options.uniform_negatives, rng), strict=True):
                degrees.append(torch.from_numpy(found).to(device))
        lat, lon = (torch.cat(each) if each else torch.empty(0, dtype=torch.float64, device=device) for each in (lats, lons))
        return self.locate(lat, lon, step), on_sphere(lat, lon)

    def remember(self, bound: list[Bound]) -> None:
        """Put the places of this step's batches into the queue."""
        if self.queue is not None and self.training:
            for each in bound:
                self.queue.add(gather_rows(each.lat), gather_rows(each.lon))
