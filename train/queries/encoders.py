"""What a search needs of a model's encoders, in numpy: ``light`` has it by onnxruntime, ``trained`` by torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reads:
    """What the text tower was trained to read: ISO 639-1 codes, and scripts as ``train.text.reading`` names them."""

    languages: tuple[str, ...]
    scripts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Shown:
    """A tile as it is stored: ``pixels`` [c, H, W] with its bands' names, level and date where they are known."""

    pixels: npt.NDArray[Any]
    bands: tuple[str, ...]
    sensor: str
    level: str = ""
    date: str = ""


class QueryEncoders(Protocol):
    """All vectors are [N, dim] float32 of unit norm."""

    @property
    def runs_by(self) -> str:
        """onnxruntime or torch."""
        ...

    @property
    def reads(self) -> Reads | None:
        """None if the text tower does not say."""
        ...

    @property
    def appearance_dim(self) -> int:
        """How many of a place's first numbers are its appearance; 0 where the encoder keeps nothing apart."""
        ...

    def texts(self, wholes: Sequence[str], texts: Sequence[str]) -> Vectors:
        """``wholes`` as they are, and sentences out of ``texts`` beside them if the tower reads sentences."""
        ...

    def places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors:
        """WGS84 degrees, each [N]."""
        ...

    def tiles(self, tiles: Sequence[Shown]) -> Vectors: ...


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    """[N, D] of unit norm."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12), np.float32)
