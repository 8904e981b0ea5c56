"""What a batch is, and the records of one modality that batches are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from index.records import Modality

Chances = npt.NDArray[np.float64]  # [B, 2] uniform in [0, 1): the random numbers of each record of a batch


class Batch(Protocol):
    """Some records of one modality with their places: ``lat``, ``lon`` [B] in degrees."""

    modality: Modality
    lat: Tensor
    lon: Tensor

    def encode(self, encoder: nn.Module) -> Tensor:
        """[B, D] of these records, in order."""
        ...

    def to(self, device: torch.device) -> Batch: ...


@dataclass
class Records:
    """The records of one modality that a run may draw from, and how to make a batch of some of them."""

    modality: Modality
    ids: list[str]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    collate: Callable[[npt.NDArray[np.int64], Chances | None], Any]
    sources: list[str] = field(default_factory=list)  # of each record, where known
    occasions: list[tuple[str, int]] = field(default_factory=list)  # of each tile: its source and month, 0 if not known

    def __len__(self) -> int:
        return len(self.ids)

    def first(self, count: int) -> Records:
        """The first records, in the same order."""
        labels: dict[str, Any] = {"sources": self.sources[:count], "occasions": self.occasions[:count]}
        return replace(self, ids=self.ids[:count], lat=self.lat[:count], lon=self.lon[:count], **labels)

    def batch(self, rows: npt.NDArray[np.int64], chances: Chances | None = None) -> Any:
        """A ``Batch`` of these rows; with ``chances`` it is augmented. The augmentation of a record depends on its own row of them
        alone, so a batch may be made in parts."""
        return self.collate(rows, chances)
