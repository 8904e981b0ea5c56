"""The encoders alone: vectors of texts and places without a catalogue, and without torch.

    from train.encode import Encoder

    encoder = Encoder.open()  # the model that comes with PlaceBind, or Encoder.open("folder of a model")
    texts = encoder.texts(["a glacier calving into a fjord", "Salzwüste im Osten"])  # [2, 256] float32, unit norm
    places = encoder.places(lat=[78.2, -24.4], lon=[15.6, -69.0])
    print(texts @ places.T)  # cosines

``Encoder.open().module("locations")`` is the encoder of places as a module of torch, to be trained further or put elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy.typing as npt

from index.errors import CheckpointError, InputError
from index.records import Modality
from train.checkpoint import Checkpoint
from train.queries.encoders import QueryEncoders, Shown, Vectors
from train.queries.light.encoders import LightEncoders
from train.shipped import shipped_model

if TYPE_CHECKING:
    from torch import nn


class Encoder:
    """All vectors are [N, dim] float32 of unit norm; a cosine is their product."""

    def __init__(self, checkpoint: Checkpoint, encoders: QueryEncoders) -> None:
        self.checkpoint, self._encoders = checkpoint, encoders

    @classmethod
    def open(cls, folder: str | Path | None = None) -> Encoder:
        """The model in a folder, by default the one that comes with PlaceBind. Raises ``CheckpointError`` where there is none, or
        if it has no graphs (`placebind export-encoder`)."""
        checkpoint = Checkpoint.open(Path(folder) if folder else shipped_model())
        light = LightEncoders.of(checkpoint.path, checkpoint.digest)
        if light is None:
            raise CheckpointError(
                f"the model in {checkpoint.path.parent} has no graphs, or onnxruntime is missing; "
                f"run `placebind export-encoder {checkpoint.path.parent}`"
            )
        return cls(checkpoint, light)

    @property
    def dim(self) -> int:
        return self.checkpoint.card.config.dim

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Of texts of any length; the tower reads their beginning. Raises ``InputError`` for an empty one."""
        if any(not text.strip() for text in texts):
            raise InputError("a text is empty; leave it out")
        return self._encoders.texts(texts, texts)

    def places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors:
        """Of points in WGS84 degrees, each [N]."""
        return self._encoders.places(lat, lon)

    def tiles(self, tiles: Sequence[Shown]) -> Vectors:
        """Of stored tiles, as a satellite delivered them. Raises ``InputError`` for a sensor that the model was not trained on."""
        return self._encoders.tiles(tiles)

    def module(self, modality: Modality) -> nn.Module:
        """The encoder of one modality as a module of torch, with its weights."""
        import torch

        from train.queries.trained import TorchEncoders

        module: nn.Module = TorchEncoders(self.checkpoint, torch.device("cpu")).encoder(modality)  # type: ignore[assignment]
        return module
