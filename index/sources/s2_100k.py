"""Tiles from S2-100K, the data set SatCLIP was trained on: 100,000 Sentinel-2 L2A patches of 256 px all over the land.

Patches have 12 bands and no dates; they were sensed from January 2021 to May 2023, so some carry the offset of processing baseline
04.00 and some do not: the darkest pixels of each decide. Coordinates come from index.csv by the names of its columns (its order
of lon and lat differs between versions) and are checked against those of the file.
Licence: MIT (microsoft/satclip), Copernicus Sentinel data terms for the images. Citation: Klemmer et al., "SatCLIP: Global,
General-Purpose Location Embeddings with Satellite Imagery", AAAI 2025, arXiv:2311.17179. Volume: about 60 GB.
"""

import csv
import dataclasses
from collections.abc import Container, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from index.errors import InputError
from index.geo import geodesic_km
from index.records import Modality, Place, Rejected, Tile, bytes_in_memory
from index.settings import Settings
from index.sources import geotiff_tiles
from index.threads import read_ahead

LICENCE = "MIT, Copernicus Sentinel data terms"
FAR_KM = 5  # twice the side of a patch


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="folders with index.csv and images/", min_length=1)
    bands: tuple[str, ...] = Field((), description="band names in file order, for patches with other than the 12 bands")
    crs: str = Field("", description="coordinate system of patches that name none, for example EPSG:32632")


def build(**options: Any) -> "S2100k":
    return S2100k(Options.parse(options, where="s2_100k"))


class S2100k:
    modality: Modality = "tiles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.folders = options.paths
        self.total: int | None = sum(_count(folder) for folder in options.paths)
        self.reading = geotiff_tiles.Options.parse(options.model_dump(), where="s2_100k")

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile | Rejected]:
        for folder in self.folders:
            yield from read_ahead(partial(self._record, folder), enumerate(_rows(folder / "index.csv"), start=1), bytes_in_memory)

    def _record(self, folder: Path, numbered: tuple[int, dict[str, str]]) -> Tile | Rejected:
        number, row = numbered
        try:
            return self._tile(folder, row)
        except InputError as error:
            return Rejected(where=f"{folder / 'index.csv'}, row {number} ({(row.get('fn') or '')[:80]})", why=str(error))

    def _tile(self, folder: Path, row: dict[str, str]) -> Tile:
        name = row.get("fn") or ""
        place = _place(row)
        images = (folder / "images").resolve()
        file = images / name
        if Path(name).name != name or file.resolve().parent != images:
            raise InputError("fn must be the name of a file in images/; correct the row")
        facts = {"title": f"S2-100K {file.stem}", "level": "L2A", "source": "S2-100K", "licence": LICENCE}
        tile = geotiff_tiles.read_tile(file, self.reading, facts)
        _check_place(place, tile.place)
        return dataclasses.replace(tile, place=place)


def _check_place(stated: Place, measured: Place) -> None:
    """Refuse a row whose coordinates are not those of its file."""
    away_km = float(geodesic_km(stated.lat, stated.lon, measured.lat, measured.lon))
    if away_km <= FAR_KM:
        return
    swapped = abs(stated.lon) <= 90 and float(geodesic_km(stated.lon, stated.lat, measured.lat, measured.lon)) <= FAR_KM
    remedy = "lat and lon of index.csv are swapped; rename its columns" if swapped else "leave the patch out or download it again"
    here = f"{stated.lat:.4f}, {stated.lon:.4f}"
    raise InputError(f"index.csv says {here}, the file lies {away_km:,.0f} km from there (limit {FAR_KM}); {remedy}")


def _place(row: dict[str, str]) -> Place:
    try:
        return Place(lat=float(row["lat"]), lon=float(row["lon"]))
    except (TypeError, ValueError):
        got = f"lat '{row.get('lat')}', lon '{row.get('lon')}'"
        raise InputError(f"lat and lon must be numbers in degrees, got {got}; correct the row") from None


def _rows(index: Path) -> Iterator[dict[str, str]]:
    try:
        with index.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            missing = {"fn", "lat", "lon"} - set(rows.fieldnames or ())
            if missing:
                raise InputError(f"{index}: expected the columns fn, lat and lon, got {', '.join(rows.fieldnames or ())}")
            yield from rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{index}: not a readable CSV ({error}); give the folder that holds index.csv and images/") from None


def _count(folder: Path) -> int:
    return sum(1 for _ in _rows(folder / "index.csv"))
