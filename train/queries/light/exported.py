"""``encoders.json``: which graphs were made from a model, and what numpy does before each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from index.errors import CheckpointError, one_line
from index.files import cache_folder
from index.records import Modality
from index.settings import Settings

FOLDER, FILE = "onnx", "encoders.json"
VERSION: Literal[1] = 1


class Texts(Settings):
    """``parts``: what is made of a text, side by side: minilm, use, words. ``passages``: the whole and its sentences."""

    parts: tuple[Literal["minilm", "use", "words"], ...]
    bits: int = 0
    words: int = 0
    passages: int = 1
    languages: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


class Places(Settings):
    """``inputs``: some of look, zonal, waves; without any the graph reads latitude and longitude. ``appearance_dim``: see
    ``QueryEncoders``."""

    inputs: tuple[Literal["look", "zonal", "waves"], ...] = ()
    degrees: int = 0
    appearance_dim: int = 0


class Sensor(Settings):
    """How tiles of a sensor are prepared (``train.image.prepared``)."""

    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    white: float | None = None
    size_px: int


class Exported(Settings):
    """``readings``: by modality, how its encoder reads if that ever changed (``READING`` of its file). ``missing``: why a modality
    has no graph."""

    version: Literal[1] = VERSION
    model_digest: str
    articles: Texts | None = None
    locations: Places | None = None
    tiles: dict[str, Sensor] | None = None
    readings: dict[Modality, str] = Field(default_factory=dict)
    missing: dict[Modality, str] = Field(default_factory=dict)

    def has(self, modality: Modality) -> bool:
        return getattr(self, modality) is not None


def folders_of(checkpoint: Path, digest: str) -> list[Path]:
    """Where the graphs of a model may lie, best first: beside it, or in the user's cache."""
    return [checkpoint / FOLDER, cache_folder() / "encoders" / digest[:16]]


def writable_of(checkpoint: Path, digest: str) -> Path:
    """Where they are written: beside the model if that is possible."""
    beside, cached = folders_of(checkpoint, digest)
    return beside if os.access(checkpoint, os.W_OK) else cached


def exported_of(checkpoint: Path, digest: str) -> tuple[Path, Exported] | None:
    """The folder of the graphs of this very model, and what it holds; None if there are none, or if they are of another model."""
    for folder in folders_of(checkpoint, digest):
        try:
            exported = Exported.model_validate_json((folder / FILE).read_text())
        except FileNotFoundError:
            continue
        except ValidationError:  # of another PlaceBind
            continue
        except OSError as error:
            raise CheckpointError(f"{folder / FILE} cannot be read ({one_line(error)}); run `placebind export-encoder`") from None
        if exported.model_digest == digest:
            return folder, exported
    return None
