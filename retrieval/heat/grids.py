"""Grids that heat is drawn on: the world by degrees, and 256 px web tiles. Pixels of one row share a latitude, pixels of one column
a longitude.

Both are hashable, so a result for a grid (the nearest cell of each pixel) can be cached under it.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import KM_PER_DEG

TILE_PX = 256
MAX_ZOOM = 22  # a pixel of 4 cm: finer ones are a mistake
MAX_PIXELS = 2**27  # 16,384 x 8,192: 512 MiB of nearest cells
Degrees = npt.NDArray[np.float64]


class Grid(Protocol):
    """``lat`` [H] and ``lon`` [W] are the centres of the pixels, from north to south and from west to east."""

    @property
    def lat(self) -> Degrees: ...
    @property
    def lon(self) -> Degrees: ...
    @property
    def half_diagonal_km(self) -> npt.NDArray[np.float64]:
        """[H]: how far a point in a pixel can be from the pixel's centre."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class WorldGrid:
    """The whole world, equirectangular (EPSG:4326): all pixels span the same degrees of longitude and of latitude."""

    width: int = 2048
    height: int = 1024

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or self.width * self.height > MAX_PIXELS:
            raise InputError(f"a world map needs between 1 and {MAX_PIXELS:,} pixels, got {self.width} x {self.height}")

    @property
    def lat(self) -> Degrees:
        return 90 - (np.arange(self.height) + 0.5) * 180 / self.height

    @property
    def lon(self) -> Degrees:
        return (np.arange(self.width) + 0.5) * 360 / self.width - 180

    @property
    def half_diagonal_km(self) -> npt.NDArray[np.float64]:
        return _half_diagonal_km(180 / self.height, 360 / self.width, self.lat)


@dataclass(frozen=True)
class MercatorTile:
    """One 256 px tile of the Web Mercator pyramid (EPSG:3857): ``y`` counts from the north, as in {z}/{x}/{y} addresses.

    The pyramid ends at 85.0511 degrees north and south, where the world is a square. Raises ``InputError`` for a tile outside it.
    Tiles are not wrapped around the antimeridian, which is the task of the map that asks for them.
    """

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        if not 0 <= self.z <= MAX_ZOOM:
            raise InputError(f"zoom must lie in [0, {MAX_ZOOM}], got {self.z}")
        last = 2**self.z - 1
        if not (0 <= self.x <= last and 0 <= self.y <= last):
            raise InputError(f"at zoom {self.z} x and y of a tile lie in [0, {last}], got x {self.x}, y {self.y}")

    @property
    def lat(self) -> Degrees:
        turns = self._turns(self.y)
        return np.degrees(np.arctan(np.sinh(math.pi * (1 - 2 * turns))))

    @property
    def lon(self) -> Degrees:
        return self._turns(self.x) * 360 - 180

    @property
    def half_diagonal_km(self) -> npt.NDArray[np.float64]:
        width_deg = 360 / (TILE_PX * 2**self.z)
        return _half_diagonal_km(width_deg * np.cos(np.radians(self.lat)), width_deg, self.lat)  # Mercator's pixels are square

    def _turns(self, tile: int) -> npt.NDArray[np.float64]:
        """Centres of the pixels [256] along one axis, as shares of the side of the world."""
        return (tile + (np.arange(TILE_PX) + 0.5) / TILE_PX) / 2**self.z


def _half_diagonal_km(height_deg: npt.ArrayLike, width_deg: float, lat: Degrees) -> npt.NDArray[np.float64]:
    return np.hypot(height_deg, width_deg * np.cos(np.radians(lat))) * KM_PER_DEG / 2
