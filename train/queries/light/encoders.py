"""A model's encoders by onnxruntime: ``train.queries.encoders.QueryEncoders`` without torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy.typing as npt

from index.errors import CheckpointError
from index.records import Modality
from index.threads import once
from train.queries.encoders import Reads, Shown, Vectors
from train.queries.light.exported import Exported, exported_of
from train.queries.light.places import LightPlaces
from train.queries.light.texts import LightTexts
from train.queries.light.tiles import LightTiles
from train.weights.tensors import Arrays, mapped_tensors

RUNTIME = "onnxruntime"


class LightEncoders:
    """``model`` is the safetensors file, ``folder`` has the graphs that were made from it. What is not asked for is not opened."""

    runs_by = RUNTIME

    def __init__(self, model: Path, folder: Path, exported: Exported) -> None:
        self.model, self.folder, self.exported = model, folder, exported

    @classmethod
    def of(cls, model: Path, digest: str) -> LightEncoders | None:
        """None where the graphs of this model or onnxruntime are missing."""
        found = exported_of(model.parent, digest) if find_spec(RUNTIME) else None
        return cls(model, *found) if found else None

    @property
    def reads(self) -> Reads | None:
        said = self.exported.articles
        return Reads(said.languages, said.scripts) if said and said.scripts else None

    @property
    def appearance_dim(self) -> int:
        return self.exported.locations.appearance_dim if self.exported.locations else 0

    def texts(self, wholes: Sequence[str], texts: Sequence[str]) -> Vectors:
        return self._texts.vectors(wholes, texts)

    def places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors:
        return self._places.vectors(lat, lon)

    def tiles(self, tiles: Sequence[Shown]) -> Vectors:
        return self._tiles.vectors(tiles)

    @once
    def _texts(self) -> LightTexts:
        if self.exported.articles is None:
            raise self._missing("articles")
        return LightTexts(self.folder, self.exported.articles, self._weights("articles"))

    @once
    def _places(self) -> LightPlaces:
        if self.exported.locations is None:
            raise self._missing("locations")
        return LightPlaces(self.folder, self.exported.locations, self._weights("locations"))

    @once
    def _tiles(self) -> LightTiles:
        if self.exported.tiles is None:
            raise self._missing("tiles")
        return LightTiles(self.folder, self.exported.tiles, self._weights("tiles"))

    def _weights(self, modality: Modality) -> Arrays:
        """Of one encoder, by the names that its own tensors have."""
        prefix = f"encoders.{modality}."
        return {name.removeprefix(prefix): tensor for name, tensor in self._tensors.items() if name.startswith(prefix)}

    @once
    def _tensors(self) -> Arrays:
        return mapped_tensors(self.model)

    def _missing(self, modality: Modality) -> CheckpointError:
        why = self.exported.missing.get(modality)
        if why is None:
            remedy = "train one with `placebind train` on a catalogue that has them"
            return CheckpointError(f"the model in {self.model.parent} was trained without {modality}; {remedy}")
        return CheckpointError(f"the encoder of {modality} runs by torch only: {why}; open the space with encoders='torch'")
