"""Arrays that the benchmarks compute once and keep in the temporary folder: its content can be deleted at any time."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.files import made_whole
from index.records import content_id

FOLDER = Path(tempfile.gettempdir()) / "placebind-benchmarks"
Vectors = npt.NDArray[np.float32]


def kept(make: Callable[[], Vectors], *made_from: str) -> Vectors:
    """The result of ``make``, computed once for everything that it is ``made_from``."""
    path = FOLDER / f"{content_id(*made_from)}.npy"
    if not path.is_file():
        with made_whole(path) as partial, partial.open("wb") as stream:
            np.save(stream, make())
    found: Vectors = np.load(path)
    return found


def land_vectors(checkpoint: Any, points: int) -> tuple[npt.NDArray[np.float64], Vectors]:
    """(places [N, 2] as lat and lon, unit vectors [N, D]): about this many land points on an even grid, by this model."""
    import torch

    from index.sources.grid import build
    from train.curve.geolocation import encode_locations

    grid = build(points=points)

    def encode() -> Vectors:
        encoder = checkpoint.encoder("locations", torch.device("cpu"))
        return encode_locations(encoder, grid.lat, grid.lon).numpy()

    return np.stack([grid.lat, grid.lon], axis=1), kept(encode, "land", checkpoint.digest, str(points))
