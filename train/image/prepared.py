"""From a stored tile to the input of a network: the one way for all image towers, in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.imagery.sensors import SENSORS, Sensor

TILE_COLUMNS = ("bands", "sensor", "height", "width", "dtype", "pixels", "level", "date")  # of a row, that a tower reads
Floats = npt.NDArray[np.float32]


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

    def normalise(self, values: Floats, rows: Sequence[int]) -> Floats:
        """``values`` [k, H, W] of the bands with these numbers, in the sensor's unit -> the network's training range."""
        if self.white is not None:
            values = (values / np.float32(self.white)).clip(np.float32(0), np.float32(1))
        mean, std = (np.array(each, np.float32)[list(rows)] for each in (self.mean, self.std))
        return np.asarray((values - mean[:, None, None]) / std[:, None, None], np.float32)


@runtime_checkable
class SeesOneSize(Protocol):
    """An image encoder that can be exported: whatever the tile, its network sees a square of one size."""

    def seen_as(self, sensor_name: str) -> tuple[BandInput, int]:
        """How tiles of a sensor are prepared, and to how many pixels a side. Raises ``ConfigError`` where that depends on the
        tile."""
        ...


def prepared(
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bands: Sequence[str], sensor: Sensor, wanted: BandInput, size_px: int
) -> tuple[Floats, Floats]:
    """A stored tile [c, H, W] with its bands' names -> normalised bands [C, S, S] in the network's order and which exist [C].

    The centre square is averaged down (or interpolated up) to ``size_px``. Pixels without data become their band's mean over
    land (``Sensor.mean``); bands missing from the tile are zero.
    """
    taken = [row for row, band in enumerate(bands) if band in wanted.bands]
    rows = [wanted.bands.index(bands[row]) for row in taken]
    full, present = np.zeros((len(wanted.bands), size_px, size_px), np.float32), np.zeros(len(wanted.bands), np.float32)
    if taken:
        values = wanted.normalise(_centre_square(pixels, bands, sensor)[taken], rows)
        full[rows], present[rows] = _resized(values, size_px), 1.0
    return full, present


def known_sensor(name: str) -> Sensor:
    """Raises ``InputError`` for an unknown name."""
    if name not in SENSORS:
        raise InputError(f"unknown sensor '{name}'; known: {', '.join(SENSORS)}")
    return SENSORS[name]


def _centre_square(pixels: npt.NDArray[np.generic], bands: Sequence[str], sensor: Sensor) -> Floats:
    """[c, H, W] as stored -> [c, s, s] in the sensor's unit, s the shorter side; a pixel that is 0 in all bands is no data."""
    side = min(pixels.shape[1:])
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    stored = pixels[:, top : top + side, left : left + side].astype(np.float32)
    mean = np.array(sensor.mean, np.float32)[[sensor.bands.index(band) for band in bands]]
    return np.where((stored == 0).all(axis=0), mean[:, None, None], stored * np.float32(sensor.scale))


def _resized(values: Floats, size_px: int) -> Floats:
    """Bilinear; a pixel of a smaller picture is a mean of all that it covers, weighted by a triangle."""
    side = values.shape[-1]
    if side == size_px:
        return values
    weights = _triangles(side, size_px)
    return np.asarray(weights @ values @ weights.T, np.float32)


def _triangles(side: int, size_px: int) -> Floats:
    """[size_px, side]: the share of each old pixel in each new one, as torch's ``interpolate`` with ``antialias`` has it."""
    scale = side / size_px
    wide = max(scale, 1.0)
    centre = (np.arange(size_px)[:, None] + 0.5) * scale
    weights = np.maximum(1 - np.abs(np.arange(side)[None, :] + 0.5 - centre) / wide, 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
