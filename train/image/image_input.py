"""From a stored tile to the input of a network: the one way for all image towers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from index.errors import InputError
from index.imagery.sensors import SENSORS, Sensor


@dataclass(frozen=True)
class BandInput:
    """Which bands of a sensor a network takes, in its order, and their scale.

    ``mean`` and ``std``, one per band, are in the sensor's unit (``Sensor.scale``). With ``white`` values are first converted to a
    picture: 0 .. ``white`` becomes 0 .. 1, brighter values are 1; ``mean`` and ``std`` are then those of the picture.
    """

    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    white: float | None = None

    def normalise(self, values: Tensor, rows: list[int]) -> Tensor:
        """``values`` [k, H, W] of the bands with these numbers, in the sensor's unit -> the network's training range."""
        if self.white is not None:
            values = (values / self.white).clamp(0, 1)
        mean, std = torch.tensor(self.mean)[rows], torch.tensor(self.std)[rows]
        return (values - mean[:, None, None]) / std[:, None, None]


def prepare_tile(
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    bands: tuple[str, ...],
    sensor: Sensor,
    wanted: BandInput,
    size_px: int,
) -> tuple[Tensor, Tensor]:
    """A stored tile [c, H, W] with its bands' names -> normalised bands [C, S, S] in the network's order and which exist [C].

    The centre square is averaged down (or interpolated up) to ``size_px``. Pixels without data become their band's mean over
    land (``Sensor.mean``); bands missing from the tile are zero.
    """
    taken = [row for row, band in enumerate(bands) if band in wanted.bands]
    rows = [wanted.bands.index(bands[row]) for row in taken]
    full, present = torch.zeros(len(wanted.bands), size_px, size_px), torch.zeros(len(wanted.bands))
    if taken:
        values = wanted.normalise(_centre_square(pixels, bands, sensor)[taken], rows)
        full[rows], present[rows] = _resized(values, size_px), 1.0
    return full, present


def known_sensor(name: str) -> Sensor:
    """Raises ``InputError`` for an unknown name."""
    if name not in SENSORS:
        raise InputError(f"unknown sensor '{name}'; known: {', '.join(SENSORS)}")
    return SENSORS[name]


def _centre_square(pixels: npt.NDArray[np.generic], bands: tuple[str, ...], sensor: Sensor) -> Tensor:
    """[c, H, W] as stored -> [c, s, s] in the sensor's unit, s the shorter side; a pixel that is 0 in all bands is no data."""
    side = min(pixels.shape[1:])
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    stored = torch.from_numpy(pixels[:, top : top + side, left : left + side].astype(np.float32))
    mean = torch.tensor(sensor.mean)[[sensor.bands.index(band) for band in bands]]
    return torch.where((stored == 0).all(dim=0), mean[:, None, None], stored * sensor.scale)


def _resized(values: Tensor, size_px: int) -> Tensor:
    if values.shape[-1] == size_px:
        return values
    resized = F.interpolate(values[None], size=(size_px, size_px), mode="bilinear", antialias=True, align_corners=False)
    return resized[0]
