"""Heat as files: a GeoTIFF for a geographic information system, a PNG to look at. Complete or not written at all."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.files import CHOOSE_ANOTHER, made_whole
from index.imagery.raster import import_rasterio
from retrieval.heat.grids import WorldGrid
from retrieval.heat.heat import Heat, Scale

BANDS: tuple[Scale, ...] = ("cosine", "percentile")
MAX_TAG_CHARACTERS = 1000


def write_heat_geotiff(heat: Heat, path: Path, grid: WorldGrid, *, query: str) -> None:
    """``write_geotiff`` with cosines in band 1 and percentiles in band 2.

    Tags: PLACEBIND_QUERY (``query`` as text, at most 1,000 characters) and PLACEBIND_MODEL (digest).
    """
    tags = {"PLACEBIND_QUERY": query, "PLACEBIND_MODEL": heat.cells.model_digest}
    write_geotiff(path, grid, {scale: heat.raster(grid, scale) for scale in BANDS}, tags)


def write_geotiff(path: Path, grid: WorldGrid, bands: Mapping[str, npt.NDArray[np.float32]], tags: Mapping[str, str]) -> None:
    """A cloud-optimised GeoTIFF in EPSG:4326, float32, NaN for no data, with these bands [H, W] by name. Raises
    ``MissingExtraError`` without rasterio, ``InputError`` where the file cannot be written."""
    rasterio = import_rasterio()
    profile = {
        "driver": "COG",
        "count": len(bands),
        "height": grid.height,
        "width": grid.width,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "transform": rasterio.transform.from_bounds(-180, -90, 180, 90, grid.width, grid.height),
        "nodata": np.nan,
        "compress": "deflate",
        "predictor": "3",  # the predictor for floating point numbers
        "overview_resampling": "nearest",  # a mean would let the sea bleed into the coast
    }
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as file:
            for number, values in enumerate(bands.values(), start=1):
                file.write(values, number)
            file.descriptions = tuple(bands)
            file.update_tags(**{name: _printable(value) for name, value in tags.items()})
        _save(path, memory.read())


def write_heat_png(heat: Heat, path: Path, grid: WorldGrid, *, transparent_below: float = 0.0) -> None:
    """The percentiles as a picture of the whole world. Raises ``InputError`` where the file cannot be written."""
    _save(path, heat.png(grid, transparent_below=transparent_below))


def _printable(text: str) -> str:
    """One line that the XML of GDAL's metadata can hold."""
    return "".join(each if each.isprintable() else " " for each in text[:MAX_TAG_CHARACTERS])


def _save(path: Path, content: bytes) -> None:
    with made_whole(path, InputError, CHOOSE_ANOTHER) as partial:
        partial.write_bytes(content)
