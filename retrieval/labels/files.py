"""Maps of classes as files, by the ending of the name: GeoTIFF, GeoParquet or PNG; complete or not written at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from index.errors import InputError
from index.extras import extra
from index.files import CHOOSE_ANOTHER, made_whole
from retrieval.heat.grids import WorldGrid
from retrieval.heat.heat_files import write_geotiff
from retrieval.labels.maps import UNSURE, Taught

ENDINGS = (".tif", ".tiff", ".parquet", ".geoparquet", ".png")


def check_ending(path: Path) -> None:
    """Raises ``InputError`` for a name with the ending of no known format."""
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"a map of classes is a {', '.join(ENDINGS)} file, got '{path.name}'")


def write_map(taught: Taught, path: Path, grid: WorldGrid) -> None:
    """A GeoTIFF has a band for each class and one for the uncertainty; GeoParquet a row for each location with the same as columns;
    a PNG shows the first class. Raises ``MissingExtraError`` without rasterio or geopandas, ``InputError`` where the file cannot be
    written."""
    check_ending(path)
    if path.suffix.lower() == ".png":
        with made_whole(path, InputError, CHOOSE_ANOTHER) as partial:
            partial.write_bytes(taught.png(grid))
        return
    bands = (*taught.classes, UNSURE)
    said = {"model_digest": taught.cells.model_digest, "labels": len(taught.labels), "verdict": taught.verdict.sentence}
    if path.suffix.lower() in (".tif", ".tiff"):
        tags = {f"PLACEBIND_{name.upper()}": str(value) for name, value in said.items()}
        write_geotiff(path, grid, {name: taught.raster(grid, name) for name in bands}, tags)
    else:
        _write_table(taught, path, bands, said)


def _write_table(taught: Taught, path: Path, bands: tuple[str, ...], said: dict[str, object]) -> None:
    geopandas = extra("geopandas")
    lat, lon = taught.cells.places.T
    columns = {name: np.round(taught.values(name), 4) for name in bands}
    frame = geopandas.GeoDataFrame(columns, geometry=geopandas.points_from_xy(lon, lat), crs="EPSG:4326")
    frame.attrs["placebind"] = json.dumps(said)
    with made_whole(path, InputError, CHOOSE_ANOTHER) as partial:
        frame.to_parquet(partial)
