"""Tiny invented worlds whose answers can be computed by hand."""

import csv
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from index.imagery.sensors import SENTINEL2
from index.records import Article, Done, Location, Modality, Place, Record, Rejected, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.vectors import begin_vectors, finish_vectors, write_vectors

# One reflectance x 10,000 per Sentinel-2 band: 100, 200, ... 1300. No two are alike, so a band in the wrong layer shows, and the
# darkest is far below the 1,000 that a scene with the offset of processing baseline 04.00 starts at.
DARK_LAND = {band: 100 * (number + 1) for number, band in enumerate(SENTINEL2.bands)}

# In UTM zone 32 north an easting of 500 km is the meridian 9 E and a northing of 0 the equator: both by definition.
UTM_ZONE_32 = "EPSG:32632"
EQUATOR_AT_9_EAST = (500_000.0, 0.0)


def article(
    title: str = "Null Island", lat: float = 0.0, lon: float = 0.0, text: str = "A buoy in the sea.", **more: Any
) -> Article:
    return Article(place=Place(lat=lat, lon=lon), title=title, text=text, **more)


def articles(count: int) -> list[Article]:
    """Article number i, all different, marching east and north around the globe."""
    return [
        article(f"place {i}", lat=i % 120 - 60, lon=i % 360 - 180, text=f"What is written about place {i}.") for i in range(count)
    ]


def location(title: str = "Null Island", lat: float = 0.0, lon: float = 0.0, **more: Any) -> Location:
    return Location(place=Place(lat=lat, lon=lon), title=title, **more)


def locations(count: int) -> list[Location]:
    """Location number i, all different; those of ``articles`` are at the same places."""
    return [location(f"place {i}", lat=i % 120 - 60, lon=i % 360 - 180) for i in range(count)]


def tile(
    value: int = 7, *, lat: float = 0.0, lon: float = 0.0, bands: Sequence[str] = ("B04", "B08"), side: int = 2, **more: Any
) -> Tile:
    """A Sentinel-2 tile [bands, side, side] with the same value in every pixel; its corner is at the place."""
    more = {"sensor": "sentinel2", "crs": "EPSG:4326", "bounds": (lon, lat, lon + 1, lat + 1), "level": "L2A"} | more
    pixels = np.full((len(bands), side, side), value, dtype=np.uint16)
    return Tile(place=Place(lat=lat, lon=lon), pixels=pixels, bands=tuple(bands), **more)


class Listed:
    """A source over a list. An exception in the list is raised when its turn comes: the process that dies in the middle.

    With a ``key`` the list is one of units, each ending with its ``Done``; units that are in already are left out.
    """

    def __init__(
        self,
        modality: Modality,
        records: Sequence[Record | Rejected | Done | BaseException],
        *,
        key: str = "",
        own: Mapping[str, pa.DataType] | None = None,
    ) -> None:
        self.modality: Modality = modality
        self.own = own or {}
        self.total: int | None = len(records)
        self.key = key
        self._records = records

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Record | Rejected | Done]:
        unit: list[Record | Rejected | Done] = []
        for record in self._records:
            if isinstance(record, BaseException):
                yield from unit
                raise record
            unit.append(record)
            if isinstance(record, Done):
                yield from [] if record.unit in finished else unit
                unit = []
        yield from unit


def catalogue_with(
    folder: Path, *, articles: Sequence[Article] = (), tiles: Sequence[Tile] = (), locations: Sequence[Location] = ()
) -> Catalogue:
    """A real catalogue in ``folder``; tables without records are not made."""
    catalogue = Catalogue.open(folder, create=True)
    given: dict[Modality, Sequence[Record]] = {"articles": articles, "tiles": tiles, "locations": locations}
    for modality, records in given.items():
        if records:
            ingest(catalogue, Listed(modality, records))
    return catalogue


def contents(catalogue: Catalogue, modality: Modality) -> list[dict[str, Any]]:
    """All that a table holds, ordered by id: equal for equal tables, whatever way and in how many commits they came about."""
    names = [name for name in catalogue.table(modality).schema.names if name != "id"]
    rows: list[dict[str, Any]] = catalogue.column(modality, names).to_pylist()
    return rows


def index_with(catalogue: Catalogue, modality: Modality, vectors: npt.NDArray[np.float32], model: str = "3fa1" * 16) -> list[str]:
    """Index a table to the end: row i of ``vectors`` [N, D] belongs to the i-th of all ids, which are returned in their order."""
    ids = begin_vectors(catalogue, modality, model, vectors.shape[1], rebuild=True)
    write_vectors(catalogue, modality, ids, vectors[: len(ids)])
    finish_vectors(catalogue, modality, model, {"name": "invented"})
    return ids


def clustered(count: int, dim: int, *, seed: int = 0, clusters: int = 50) -> npt.NDArray[np.float32]:
    """Unit vectors [count, dim] around ``clusters`` random directions, as those of an encoder lie."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(clusters, dim))
    return unit(centres[rng.integers(0, clusters, count)] + 0.5 * rng.normal(size=(count, dim)))


def unit(vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The directions of vectors [N, D]."""
    values = np.asarray(vectors, dtype=np.float64)
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def one_hot(*axes: int, dim: int = 4) -> npt.NDArray[np.float32]:
    """Unit vectors along these axes, [len(axes), dim]: their cosines are 0 or 1."""
    return np.eye(dim, dtype=np.float32)[list(axes)]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], **options: Any) -> Path:
    pyarrow.parquet.write_table(pa.Table.from_pylist(list(rows)), path, **options)
    return path


def write_geotiff(
    path: Path,
    layers: Mapping[str, Any] | Sequence[Any],
    *,
    side: int = 4,
    dtype: str = "uint16",
    crs: str | None = UTM_ZONE_32,
    centre: tuple[float, float] = EQUATOR_AT_9_EAST,
    pixel: float = 10.0,
    **more: Any,
) -> Path:
    """A GeoTIFF of ``side`` x ``side`` pixels around ``centre`` (in units of ``crs``).

    ``layers`` are values or arrays [side, side] in file order; a mapping also names the bands. ``tags``, ``scales`` and ``offsets``
    are written into the file, anything else (nodata, compress) is an option of rasterio.
    """
    import rasterio

    values = list(layers.values()) if isinstance(layers, Mapping) else list(layers)
    pixels = np.stack([np.broadcast_to(np.asarray(value), (side, side)) for value in values]).astype(dtype)
    inside = {name: more.pop(name, None) for name in ("tags", "scales", "offsets")}
    transform = rasterio.Affine(pixel, 0, centre[0] - side * pixel / 2, 0, -pixel, centre[1] + side * pixel / 2)
    profile = {
        "driver": "GTiff",
        "count": len(pixels),
        "height": side,
        "width": side,
        "dtype": dtype,
        "crs": crs,
        "transform": transform,
    }
    with rasterio.open(path, "w", photometric="MINISBLACK", **(profile | more)) as file:
        file.write(pixels)
        if isinstance(layers, Mapping):
            file.descriptions = tuple(layers)
        if inside["tags"]:
            file.update_tags(**inside["tags"])
        for name in ("scales", "offsets"):
            if inside[name]:
                setattr(file, name, inside[name])
    return path
