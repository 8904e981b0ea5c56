"""Checkpoints: one safetensors file with the weights and, in its header, the resolved configuration and the training records.

A folder holds ``model.safetensors`` once training has ended, ``training.safetensors`` while it is under way (weights and optimiser
state to resume from). Both are written under a temporary name and renamed. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np
from pydantic import Field
from safetensors import SafetensorError, safe_open

from index.digests import known_sha256
from index.errors import CheckpointError, one_line
from index.files import made_whole
from index.records import Modality
from index.registry import load
from index.settings import Settings
from train.config import ENCODER_OF, ENCODERS, TrainConfig

if TYPE_CHECKING:  # who only reads the card, as every search does, needs no torch
    import torch
    from torch import Tensor, nn

    from train.protocols import Encoder, ImageEncoder, LocationEncoder, TextEncoder

MODEL_FILE = "model.safetensors"
TRAINING_FILE = "training.safetensors"
CARD_FILE = "MODEL_CARD.md"  # what ``train.card`` writes beside it
_HEADER = "placebind"
_TEXT_SCALE = "contrasts.articles.log_scale"


class Origin(Settings):
    """The source of some of the records that a model learnt from."""

    modality: Modality
    source: str
    licence: str
    records: int


class TextConfidence(Settings):
    """How far a model's answers to texts can be trusted, fitted on held-out articles (retrieval/sureness/confidence.py).

    ``temperature`` divides cosines of texts and places to make a softmax of them. A text with a lower cosine than ``least_cosine``
    to its best place belongs to no place in particular. ``texts`` and ``articles`` are the numbers it was fitted on; ``figures``,
    by name, are of other articles."""

    temperature: float = Field(gt=0, allow_inf_nan=False)
    least_cosine: float = Field(allow_inf_nan=False)
    articles: int
    texts: int
    figures: dict[str, float] = Field(default_factory=dict)


class Card(Settings):
    """What is known about a model. ``trained_on``: records per modality, ``origins``: the same by source, ``data_digest``: a hash
    over their ids; ``figures``: validation results by name; ``confidence``: None until `placebind calibrate`; ``base_digests``:
    ``Checkpoint.digest_of`` the model that this one started from, if there is one."""

    config: TrainConfig
    trained_on: dict[Modality, int]
    origins: tuple[Origin, ...] = ()
    data_digest: str = ""
    sensors: tuple[str, ...] = ()
    figures: dict[str, float] = Field(default_factory=dict)
    placebind_version: str
    confidence: TextConfidence | None = None
    base_digests: dict[Modality, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A finished checkpoint on disk. ``digest`` is the SHA-256 of the model file: weights and configuration."""

    path: Path
    card: Card
    digest: str

    @classmethod
    def open(cls, folder: Path) -> Checkpoint:
        """Raises ``CheckpointError`` if there is none, or if it is damaged or of another version."""
        path = folder / MODEL_FILE
        if not path.is_file():
            unfinished = (folder / TRAINING_FILE).is_file()
            remedy = "its training was interrupted: run the same `placebind train` again" if unfinished else "run `placebind train`"
            raise CheckpointError(f"no finished checkpoint in {folder}; {remedy}")
        try:
            with safe_open(path, framework="np") as file:
                card = Card(**json.loads((file.metadata() or {})[_HEADER]))
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            raise CheckpointError(
                f"{path} is not a PlaceBind checkpoint of this version ({one_line(error)}); train it again"
            ) from None
        return cls(path, card, known_sha256(path))

    @cached_property
    def temperature(self) -> float | None:
        """The divisor of cosines of texts and places: as calibrated, else as learnt. None if the checkpoint has neither."""
        return self.card.confidence.temperature if self.card.confidence else self.learnt_temperature

    @cached_property
    def learnt_temperature(self) -> float | None:
        """The divisor of cosines of texts and places at the end of training."""
        with safe_open(self.path, framework="np") as file:
            if _TEXT_SCALE not in file.keys():  # noqa: SIM118
                return None
            return float(np.exp(-file.get_tensor(_TEXT_SCALE).astype(np.float32)))

    def with_confidence(self, confidence: TextConfidence) -> Checkpoint:
        """The same weights, written again with the fitted confidence; the file and its digest then change."""
        save_model(self.path.parent, self.weights(), self.card.model_copy(update={"confidence": confidence}))
        return Checkpoint.open(self.path.parent)

    def weights(self, prefix: str = "") -> dict[str, Tensor]:
        """The tensors of the file whose names begin with ``prefix``, which their names here lack."""
        with safe_open(self.path, framework="pt") as file:
            return {key.removeprefix(prefix): file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118

    def digest_of(self, modality: Modality) -> str:
        """The digest by which an index knows the encoder of this modality: that of the first model that had it."""
        learnt_here = modality in self.card.config.modalities or modality not in self.card.base_digests
        return self.digest if learnt_here else self.card.base_digests[modality]

    def learnt(self, modality: Modality) -> bool:
        """Whether there is an encoder for this modality; every model has one for locations."""
        return modality == "locations" or bool(self.card.trained_on.get(modality))

    @overload
    def encoder(self, modality: Literal["locations"], device: torch.device) -> LocationEncoder: ...
    @overload
    def encoder(self, modality: Literal["articles"], device: torch.device) -> TextEncoder: ...
    @overload
    def encoder(self, modality: Literal["tiles"], device: torch.device) -> ImageEncoder: ...
    @overload
    def encoder(self, modality: Modality, device: torch.device) -> Encoder: ...
    def encoder(self, modality: Modality, device: torch.device) -> Encoder:
        """One trained encoder, ready to use. Raises ``CheckpointError`` if the model never learnt that modality."""
        if not self.learnt(modality):
            remedy = "train one with `placebind train` on a catalogue that has them"
            raise CheckpointError(f"the model in {self.path.parent} was trained without {modality}; {remedy}")
        encoder = build_encoder(self.card.config, modality)
        try:
            encoder.load_state_dict(self.weights(f"encoders.{modality}."))
        except RuntimeError as error:
            raise CheckpointError(
                f"the weights in {self.path} do not fit their configuration ({one_line(error)}); train it again"
            ) from None
        return cast("Encoder", encoder.to(device).eval())


def build_encoder(config: TrainConfig, modality: Modality) -> nn.Module:
    """One encoder with fresh weights, as ``train.protocols`` defines it for its modality; ``config`` must be resolved."""
    component = config.encoder(modality)
    encoder: nn.Module = load(ENCODERS[ENCODER_OF[modality]], component.name).build(**component.options)
    return encoder


def save_model(folder: Path, weights: Mapping[str, Tensor], card: Card) -> None:
    """Write the finished model and remove the state of its interrupted run."""
    _write(folder / MODEL_FILE, weights, {_HEADER: card.model_dump_json()})
    (folder / TRAINING_FILE).unlink(missing_ok=True)


@dataclass(frozen=True)
class Progressed:
    """The state that a run needs to resume after ``step`` steps: weights, optimiser state by parameter, the records it learns from,
    and for early stopping the best weights with their figures and the number of validations since."""

    step: int
    weights: Mapping[str, Tensor]
    optimizer: Mapping[int, Mapping[str, Any]]
    data_digest: str
    best: dict[str, Tensor] | None
    best_figures: dict[str, float]
    waited: int


def save_training(folder: Path, state: Progressed, config: TrainConfig) -> None:
    """Write the state that a run needs to resume."""
    import torch

    tensors = {f"model/{name}": tensor for name, tensor in state.weights.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in (state.best or {}).items()}
    for index, values in state.optimizer.items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in values.items()}
    metadata = {"step": str(state.step), "config": config.model_dump_json(), "data_digest": state.data_digest}
    early_stop = json.dumps({"figures": state.best_figures, "waited": state.waited})
    _write(folder / TRAINING_FILE, tensors, {**metadata, "early_stop": early_stop})


def load_training(folder: Path, config: TrainConfig, *, overwrite: bool = False) -> Progressed | None:
    """The state of an interrupted run, None where there is none.

    A run with other settings, or a damaged one, is not resumed: ``CheckpointError``, or None if it may be overwritten.
    """
    path = folder / TRAINING_FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        if overwrite:
            return None
        raise CheckpointError(f"{path} is damaged ({one_line(error)}); start over with --overwrite") from None
    if metadata.get("config") != config.model_dump_json():
        if overwrite:
            return None
        remedy = "finish that one, choose another --out, or start over with --overwrite"
        raise CheckpointError(f"{path} is of a run with other settings; {remedy}")
    kinds: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        kinds[kind][name] = tensor
    optimizer: dict[int, dict[str, Tensor]] = {}
    for name, tensor in kinds["optimizer"].items():
        index, _, value = name.partition("/")
        optimizer.setdefault(int(index), {})[value] = tensor
    early_stop = json.loads(metadata["early_stop"])
    return Progressed(
        int(metadata["step"]), kinds["model"], optimizer, metadata["data_digest"],
        kinds["best"] or None, early_stop["figures"], early_stop["waited"],
    )  # fmt: skip


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    from safetensors.torch import save_file

    with made_whole(path, CheckpointError) as partial:
        try:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, partial, metadata=metadata)
        except SafetensorError as error:  # what safetensors makes of a full disk
            raise OSError(one_line(error)) from error
