"""What ``train.image.prepared`` makes of a stored tile, as tensors."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from index.imagery.sensors import Sensor
from train.image.prepared import BandInput, known_sensor, prepared

__all__ = ["BandInput", "known_sensor", "prepare_tile"]


def prepare_tile(
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    bands: tuple[str, ...],
    sensor: Sensor,
    wanted: BandInput,
    size_px: int,
) -> tuple[Tensor, Tensor]:
    """A stored tile [c, H, W] with its bands' names -> normalised bands [C, S, S] in the network's order and which exist [C]."""
    full, present = prepared(pixels, bands, sensor, wanted, size_px)
    return torch.from_numpy(full), torch.from_numpy(present)
