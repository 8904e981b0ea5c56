"""Tiles from EuroSAT's multispectral version: 27,000 labelled Sentinel-2 L1C patches of 64 px in Europe, from before 2018.

The files hold 13 bands without names and store B8A last: taken in the usual order, four bands would be mistaken for others.
A tile's title is its class. Licence: MIT for the collection, Copernicus Sentinel data terms for the images. Citation: Helber et
al., "EuroSAT: A Novel Dataset and Deep Learning Benchmark for Land Use and Land Cover Classification", IEEE JSTARS 2019,
doi:10.1109/JSTARS.2019.2918242. Volume: 2.1 GB as EuroSATallBands.zip.
"""

from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from index.errors import InputError
from index.records import Modality, Rejected, Tile, bytes_in_memory
from index.settings import Settings
from index.sources import geotiff_tiles
from index.threads import read_ahead

STORED_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A")
LICENCE = "MIT, Copernicus Sentinel data terms"


class Options(Settings):
    paths: tuple[Path, ...] = Field(
        description="the unpacked folder of EuroSATallBands, with one folder for each class", min_length=1
    )
    classes: tuple[str, ...] = Field((), description="classes to take, such as Forest; absent: all")


def build(**options: Any) -> "Eurosat":
    return Eurosat(Options.parse(options, where="eurosat"))


class Eurosat:
    modality: Modality = "tiles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.files = [file for path in options.paths for file in _patches(path)]
        known = {file.parent.name for file in self.files}
        unknown = set(options.classes) - known
        if unknown:
            raise InputError(f"no class {', '.join(sorted(unknown))}; choose from {', '.join(sorted(known))}")
        if options.classes:
            self.files = [file for file in self.files if file.parent.name in options.classes]
        self.total: int | None = len(self.files)
        # No offset: all of it was sensed before processing baseline 04.00.
        reading = {"paths": options.paths, "bands": STORED_BANDS, "offset": "none"}
        self.reading = geotiff_tiles.Options.parse(reading, where="eurosat")

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile | Rejected]:
        yield from read_ahead(self._record, self.files, bytes_in_memory)

    def _record(self, file: Path) -> Tile | Rejected:
        facts = {"title": file.parent.name, "level": "L1C", "source": "EuroSAT", "licence": LICENCE}
        try:
            return geotiff_tiles.read_tile(file, self.reading, facts)
        except InputError as error:
            why = f"{error}; expected a patch of the multispectral version, unpack EuroSATallBands.zip again"
            return Rejected(where=str(file), why=why)


def _patches(path: Path) -> list[Path]:
    """GeoTIFFs in the folders of their classes, below ``path``. A link may not lead out of it."""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder; unpack EuroSATallBands.zip and give the folder that holds the classes")
    root = path.resolve()
    found = sorted(file for file in path.rglob("*.tif") if file.is_file() and file.resolve().is_relative_to(root))
    files = [file for file in found if file.parent != path]
    if not files:
        raise InputError(f"{path}: no .tif in folders of classes; the RGB version of EuroSAT (.jpg) cannot be used")
    return files
