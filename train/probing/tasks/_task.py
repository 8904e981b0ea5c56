"""What a downstream task is: points with a label, where the labels come from, and the error if they are not available.

``train/probing/tasks/<name>.py``, or a row in ``train/probing/tasks/tables``, builds a ``Task``; ``Task.load()`` gives
``Labelled``; ``train.probing.evaluation`` probes it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from index.errors import InputError, PlaceBindError
from index.geo import wrap_lon
from index.settings import Settings

REGISTRY = "train.probing.tasks"
Kind = Literal["regression", "classification"]


class TaskUnavailableError(PlaceBindError):
    """The labels of a task are not on this machine; the message says where they are and how to bring them."""


class LabelOptions(Settings):
    """Where labels are taken from: ``path``, else ``folder``, else a package that has them, else the network if that is allowed."""

    path: Path | None = Field(None, description="a table of labels in one of the formats that the task knows")
    folder: Path | None = Field(None, description="a folder in which files of known names are looked for")
    download: bool = Field(False, description="fetch what is not here from its publisher")


@dataclass(frozen=True)
class Labelled:
    """Points [N] in WGS84 degrees with ``target`` [N]: float64 for a regression, strings for a classification.

    ``source``: which data this is; ``dropped``: how many rows had no label or no position and were left out.
    """

    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    target: npt.NDArray[Any]
    source: str
    dropped: int = 0

    @classmethod
    def of(cls, lat: npt.ArrayLike, lon: npt.ArrayLike, target: npt.ArrayLike, kind: Kind, source: str) -> Self:
        """Columns of a table as they are: rows without label or position are dropped and counted.

        Raises ``InputError`` for a latitude beyond the poles, or if no row is left.
        """
        lat, lon = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
        values = np.asarray(target, dtype=np.float64 if kind == "regression" else object)
        known = np.isfinite(values) if kind == "regression" else np.array([_is_class(value) for value in values], dtype=bool)
        kept = known & np.isfinite(lat) & np.isfinite(lon)
        if not kept.any():
            raise InputError(f"{source}: none of {len(lat)} rows has a label and a position; look at its columns")
        if np.abs(lat[kept]).max() > 90:
            worst = lat[kept][np.abs(lat[kept]).argmax()]
            raise InputError(f"{source}: a latitude is {worst}, expected -90 to 90; are latitude and longitude swapped?")
        chosen = values[kept] if kind == "regression" else np.array([str(value) for value in values[kept]])
        return cls(lat[kept], wrap_lon(lon[kept]), chosen, source, int((~kept).sum()))

    def __len__(self) -> int:
        return len(self.lat)

    @cached_property
    def continent(self) -> npt.NDArray[np.int64]:
        """Place of each point's continent in ``index.places.continents.NAMES`` [N]. Raises ``MissingExtraError`` without [demo]."""
        from index.places.continents import continent_of

        return continent_of(self.lat, self.lon)

    @cached_property
    def places_digest(self) -> str:
        """SHA-256 of the points: the key of cached features."""
        return _digest(self.lat, self.lon)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of points and labels: the key of finished rows."""
        return _digest(self.lat, self.lon, self.target)

    def take(self, rows: npt.NDArray[np.int64]) -> "Labelled":
        return Labelled(self.lat[rows], self.lon[rows], self.target[rows], self.source, self.dropped)

    def at_most(self, count: int) -> "Labelled":
        """All of them, or ``count`` chosen by a fixed seed, in their order."""
        if len(self) <= count:
            return self
        return self.take(np.sort(np.random.default_rng(0).choice(len(self), count, replace=False)))


@dataclass(frozen=True)
class Task:
    """``load`` raises ``TaskUnavailableError`` (or what a download or a missing package raises) if the labels are not available."""

    name: str
    kind: Kind
    unit: str
    source: str
    licence: str
    citation: str
    load: Callable[[], Labelled] = field(repr=False)


def _digest(*columns: npt.NDArray[Any]) -> str:
    found = hashlib.sha256()
    for column in columns:
        found.update(column.dtype.str.encode() + np.ascontiguousarray(column).tobytes())
    return found.hexdigest()


def _is_class(value: Any) -> bool:
    """Whether a cell holds the name or number of a class; '' and what pandas considers missing do not."""
    return value is not None and value == value and value != ""
