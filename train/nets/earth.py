"""What a location encoder reads of a place before any learnt weight, in numpy: harmonics, latitude, pictures of the Earth.

The same as ``train.nets.harmonics``, ``zonal`` and ``pictures`` compute for training in torch, for those who ask without it.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
LEVELS = 5  # of the pyramid of pictures, each with squares twice as wide as the one before
GAIN = 4.0  # of the pictures: makes them vary about as much as the harmonics
ZONAL_DEGREES = 10


def harmonics(lat: Floats, lon: Floats, degrees: int) -> Floats:
    """Orthonormal real spherical harmonics [B, degrees**2], as ``train.nets.harmonics.real_harmonics``."""
    phi, theta = np.radians(lat), np.radians(lon)
    columns = np.empty((degrees**2, len(phi)))
    columns[0] = math.sqrt(1 / (4 * math.pi))
    sectoral = np.full_like(phi, math.sqrt(2 / (4 * math.pi)))
    sin_lat, cos_lat = np.sin(phi), np.cos(phi)
    for degree in range(1, degrees):
        block = columns[degree**2 : (degree + 1) ** 2]
        order = np.arange(1 - degree, degree, dtype=np.float64)
        a = np.sqrt((4 * degree**2 - 1) / (degree**2 - order**2))[:, None]
        inner = block[1:-1]
        inner[:] = columns[(degree - 1) ** 2 : degree**2] * sin_lat * a
        if degree > 1:
            before = degree - 1
            b = np.sqrt((before**2 - order[1:-1] ** 2) / (4 * before**2 - 1))[:, None]
            inner[1:-1] -= a[1:-1] * b * columns[(before - 1) ** 2 : before**2]
        sectoral = sectoral * cos_lat * math.sqrt((2 * degree + 1) / (2 * degree))
        block[0], block[-1] = sectoral * np.sin(degree * theta), sectoral * np.cos(degree * theta)
    return columns.T


def zonal(lat: Floats) -> Floats:
    """[B, 11], as ``train.nets.zonal.zonal``."""
    share, sine = np.abs(lat) / 90, np.sin(np.radians(lat))
    waves = [np.ones_like(sine), sine]
    for n in range(1, ZONAL_DEGREES - 1):
        waves.append(((2 * n + 1) * sine * waves[n] - n * waves[n - 1]) / (n + 1))
    return np.stack([share, share**2, *waves[1:]], axis=-1)


class Pyramid:
    """Pictures ``pixels`` [C, H, W] of the globe, and their means over squares of 2, 4, 8 and 16 pixels a side."""

    def __init__(self, pixels: Pixels) -> None:
        self._levels: list[npt.NDArray[np.floating] | Pixels] = [pixels]

    def look(self, lat: Floats, lon: Floats) -> npt.NDArray[np.float32]:
        """[B, LEVELS * C], as ``train.nets.pictures.Pictures.look``."""
        down, across = (90 - lat) / 180, np.remainder(lon + 180, 360) / 360
        found = [_sample(self._level(number), down, across) for number in range(LEVELS)]
        return (GAIN * (np.concatenate(found, axis=1) - 0.3)).astype(np.float32)

    def _level(self, number: int) -> npt.NDArray[np.floating] | Pixels:
        while len(self._levels) <= number:
            finer = self._levels[-1]
            first, *others = [finer[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
            total = first.astype(np.float32)
            for each in others:
                total += each
            self._levels.append(total / np.float32(4))
        return self._levels[number]


def _sample(level: npt.NDArray[np.floating] | Pixels, down: Floats, across: Floats) -> Floats:
    """Bilinear [B, C] in [0, 1], around the globe; a pole is the mean of its row, half a pixel from it."""
    _, height, width = level.shape
    row, column = down * height - 0.5, across * width - 0.5
    row = np.where(row < 0, 2 * row, np.where(row > height - 1, 2 * row - (height - 1), row))
    top, left = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    lower, right = row - top, column - left

    def at(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Floats:
        values = level[:, rows.clip(0, height - 1), columns % width].astype(np.float64)
        for beyond, edge in ((rows < 0, 0), (rows > height - 1, height - 1)):
            if beyond.any():
                values[:, beyond] = level[:, edge].mean(axis=1, dtype=np.float64)[:, None]
        return values

    above = at(top, left) * (1 - right) + at(top, left + 1) * right
    below = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return ((above * (1 - lower) + below * lower) / 255).T
