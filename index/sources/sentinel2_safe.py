"""Tiles from Sentinel-2 products as ESA delivers them: L1C and L2A, .SAFE folders or zips of them.

Every product is checked against its own checksums, read in place and in windows (a zip is never unpacked), brought to 10 m and cut
without gaps. Scale and offset of the numbers are those of its metadata, band by band. Licence: Copernicus Sentinel data terms, free
with the credit "contains modified Copernicus Sentinel data (year)". Format: ESA, Sentinel-2 Products Specification Document 14.9.
One product (110 km x 110 km) is 0.6 to 1.1 GB and makes 1,849 tiles of 256 px.
"""

import re
from collections.abc import Container, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from index.errors import InputError
from index.imagery.archive import Archive, open_archive
from index.imagery.raster import MAX_SCENE_SIDE_PX, BandStack, Cutting, Scene, opened, rows_of_windows
from index.imagery.reflectance import BOA_OFFSET, OffsetRule, counts_to_reflectance, offset_statement
from index.imagery.safe import Metadata, granules, read_metadata, verify
from index.imagery.sensors import SENTINEL2, canonical_band
from index.records import Done, Modality, Rejected, Tile
from index.settings import Settings

LICENCE = "Copernicus Sentinel data terms"
MASK = "SCL"  # scene classification, only in L2A
SCL_HIDDEN = (0, 1, 3, 8, 9, 10)  # no data, saturated, cloud shadow, cloud of medium and of high probability, thin cirrus


class Options(Cutting):
    paths: tuple[Path, ...] = Field(description=".SAFE folders, zips of them, or folders of either", min_length=1)
    bands: tuple[str, ...] = Field((), description="bands to take; absent: all of the level")
    offset: OffsetRule = Field("auto", description="the +1000 offset of processing baseline 04.00; auto: as the metadata says")


def build(**options: Any) -> "Sentinel2Safe":
    return Sentinel2Safe(Options.parse(options, where="sentinel2_safe"))


class Sentinel2Safe:
    modality: Modality = "tiles"
    total: int | None = None

    def __init__(self, options: Options) -> None:
        self.options = options
        self.products = [product for path in options.paths for product in _products(path)]
        named = {canonical_band(band) or _unknown(band) for band in options.bands}
        self.bands = tuple(band for band in SENTINEL2.bands if band in named)
        self.key = _key("sentinel2_safe", options)

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile | Rejected | Done]:
        for path in self.products:
            try:
                with open_archive(path) as archive:
                    said = read_metadata(archive)
                    for granule, images in granules(archive).items():
                        yield from self._granule(path, archive, said, granule, images, finished)
            except InputError as error:
                yield Rejected(where=str(path), why=str(error))

    def _granule(
        self, path: Path, archive: Archive, said: Metadata, granule: str, images: Mapping[str, str], finished: Container[str]
    ) -> Iterator[Tile | Rejected | Done]:
        wanted = self._layers(said.level, images)
        with ExitStack() as files:
            layers = {
                name: files.enter_context(opened(archive.gdal_path(images[name]), "JP2OpenJPEG", MAX_SCENE_SIDE_PX))
                for name in wanted
            }
            scene = self._scene(said, granule, BandStack(layers))
            rows = rows_of_windows(scene.stack.height, scene.stack.width, self.options)
            units = [f"{said.product} {granule} row {number}" for number in range(len(rows))]
            todo = [number for number, unit in enumerate(units) if unit not in finished]
            if todo:
                verify(archive, [images[name] for name in wanted])
            nothing = len(todo) == len(units)
            for number in todo:
                try:
                    for tile in scene.tiles(rows[number], self.options.min_valid):
                        nothing = False
                        yield tile
                except InputError as error:
                    nothing = False
                    yield Rejected(where=f"{path}, row {number} of tiles", why=str(error))
                else:
                    yield Done(unit=units[number])
            if nothing:
                share = f"{self.options.min_valid:.0%} of its pixels with data and without cloud"
                yield Rejected(where=f"{path}", why=f"no tile has {share}; lower --min-valid, or take --clouds keep")

    def _layers(self, level: str, images: Mapping[str, str]) -> list[str]:
        """The bands, and the cloud mask where one is needed; all must be there."""
        bands = self.bands or tuple(band for band in SENTINEL2.bands if level == "L1C" or band != "B10")
        masked = level == "L2A" and self.options.clouds == "mask"
        wanted = [*bands, *([MASK] if masked else [])]
        missing = [name for name in wanted if name not in images]
        if missing:
            have = ",".join(name for name in images if name != MASK)
            remedy = f"download it again, or take what it has: --bands {have}" + (" --clouds keep" if MASK in missing else "")
            raise InputError(f"{', '.join(missing)} not in the product; {remedy}")
        return wanted

    def _scene(self, said: Metadata, granule: str, stack: BandStack) -> Scene:
        bands = tuple(name for name in stack.files if name != MASK)
        stated = dict(zip(SENTINEL2.bands, said.offsets, strict=True))
        added = [{"auto": stated[band], "none": 0, "remove": -BOA_OFFSET}[self.options.offset] for band in bands]
        where = re.search(r"_T(\d\d[A-Z]{3})", granule)
        title = f"Sentinel-2 {where.group(1) if where else granule} {said.date}"
        facts = {"level": said.level, "date": said.date, "source": said.product, "licence": LICENCE, "title": title}
        facts["assumed"] = offset_statement(self.options.offset)
        convert = partial(counts_to_reflectance, added=np.array(added), quantification=said.quantification)
        mask = MASK if MASK in stack.files else ""
        return Scene(stack=stack, bands=bands, to_reflectance=convert, mask=mask, hidden=SCL_HIDDEN, facts=facts)


def _key(name: str, options: Settings) -> str:
    """What was asked for, without the paths: a product has the same name wherever it lies."""
    return f"{name} {options.model_dump_json(exclude={'paths'})}"


def _products(path: Path) -> list[Path]:
    """A product itself, or the products in a folder."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give the path of a .SAFE folder or a .zip")
    if path.is_file() or path.suffix.upper() == ".SAFE" or any(path.glob("MTD_MSIL*.xml")):
        return [path]
    inside = sorted(each for each in path.iterdir() if each.suffix.upper() == ".SAFE" or each.suffix.lower() == ".zip")
    if not inside:
        raise InputError(f"{path}: no .SAFE folder and no .zip in this folder")
    return inside


def _unknown(band: str) -> str:
    raise InputError(f"'{band}' is not a band of Sentinel-2; choose from {', '.join(SENTINEL2.bands)}")
