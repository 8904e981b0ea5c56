"""What features are: a function of places, with a name for tables and a digest for cached values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from index.errors import PlaceBindError

REGISTRY = "train.probing.features"
Degrees = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
CHUNK = 4096  # points at a time through a network


class FeaturesUnavailableError(PlaceBindError):
    """Features are unavailable here: no weights, or no faithful implementation. The evaluation reports them as not run."""


def file_given(path: Path | None, what: str, remedy: str) -> Path:
    """The file that an option names. Raises ``FeaturesUnavailableError`` where it names none, or there is none."""
    if path is None or not path.is_file():
        raise FeaturesUnavailableError(f"no {what} at {path}; {remedy}")
    return path


class Features(Protocol):
    """``digest`` changes whenever a value would. ``probe``: the only probe that may read them, '' for the chosen one."""

    name: str
    digest: str
    probe: str

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """[N, D] float32 of points [N] in WGS84 degrees."""


@runtime_checkable
class Compared(Protocol):
    """Features whose score is compared with others': by a title, the digests of these. Of several the mean counts."""

    compared: Mapping[str, tuple[str, ...]]


@torch.inference_mode()
def through(network: Any, lat: Degrees, lon: Degrees) -> Vectors:
    """The output of ``network(lat [B], lon [B])`` for all points, chunk by chunk, [N, D] float32."""
    lats, lons = (torch.from_numpy(np.array(each, dtype=np.float64)) for each in (lat, lon))
    parts = [network(a, b).float() for a, b in zip(lats.split(CHUNK), lons.split(CHUNK), strict=True)]
    return torch.cat(parts).numpy()
