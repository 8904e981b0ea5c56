"""Tiles from Major TOM Core: Sentinel-2 L2A (or L1C) over the whole globe, in Parquet files with one GeoTIFF a band and row.

Every row is a cell of about 10.7 km (1,068 px at 10 m) and is cut into tiles. The offset of processing baseline 04.00 is still in
these files; the baseline is part of ``product_id``. Rows are read one at a time: memory does not grow with the file. Licence: CC
BY-SA 4.0, from Copernicus Sentinel data. Citation: Francis and Czerkawski, "Major TOM: Expandable Datasets for Earth Observation",
IGARSS 2024, arXiv:2402.12095. Volume: 2,245,886 rows, 23 TB, in files of 4.3 GB with about 500 rows.
"""

import re
from collections.abc import Container, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
from pydantic import Field

from index.errors import InputError, one_line
from index.imagery.raster import BandStack, Cutting, Scene, opened, rows_of_windows
from index.imagery.reflectance import OffsetRule, offset_statement, to_reflectance
from index.imagery.sensors import SENTINEL2
from index.records import Done, Modality, Rejected, Tile

LICENCE = "CC-BY-SA-4.0"
MAX_SIDE_PX = 2048  # a cell has 1,068
MAX_BAND_BYTES = 64 * 2**20
MASK = "cloud_mask"  # by SEnSeI; 0 is clear, other values are clouds and their shadows
_PRODUCT = re.compile(r"S2[A-Z]_MSI(L1C|L2A)_(\d{4})(\d\d)(\d\d)T\d{6}_N(\d\d)(\d\d)_\w{1,60}")
_CELL = re.compile(r"\d{1,5}[UD]_\d{1,5}[RL]")


class Options(Cutting):
    paths: tuple[Path, ...] = Field(description="Parquet files of Core-S2L2A or Core-S2L1C, or folders of them", min_length=1)
    offset: OffsetRule = Field("auto", description="the +1000 offset of processing baseline 04.00; auto: by the product's name")


def build(**options: Any) -> "MajorTom":
    return MajorTom(Options.parse(options, where="major_tom"))


class MajorTom:
    modality: Modality = "tiles"
    total: int | None = None

    def __init__(self, options: Options) -> None:
        self.options = options
        self.files = [file for path in options.paths for file in _parquets(path)]
        for file in self.files:
            _check_columns(file)
        # Not the paths: a cell has the same name wherever it lies.
        self.key = f"major_tom {options.model_dump_json(exclude={'paths'})}"

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile | Rejected | Done]:
        for file in self.files:
            try:
                with _open(file) as parquet:
                    yield from self._rows(file, parquet, finished)
            except InputError as error:
                yield Rejected(where=str(file), why=str(error))

    def _rows(self, file: Path, parquet: Any, finished: Container[str]) -> Iterator[Tile | Rejected | Done]:
        number = 0
        for group in range(parquet.num_row_groups):
            size = parquet.metadata.row_group(group).num_rows
            try:
                for offset, row in enumerate(_read_group(parquet, group, finished)):
                    if row:
                        yield from self._cell(row, where=f"{file}, row {number + offset + 1}")
            except (pa.ArrowException, OSError, UnicodeError) as error:
                last = f"-{number + size}" if size > 1 else ""
                why = f"this part of the file is damaged ({one_line(error)}); download it again"
                yield Rejected(where=f"{file}, row {number + 1}{last}", why=why)
            number += size

    def _cell(self, row: dict[str, Any], where: str) -> Iterator[Tile | Rejected | Done]:
        try:
            product, cell, (level, date, baseline) = _names(row)
            with ExitStack() as files:
                layers = {
                    name: files.enter_context(opened(_band_bytes(row, name), "GTiff", MAX_SIDE_PX))
                    for name in (*_bands(row), MASK)
                    if name != MASK or (self.options.clouds == "mask" and MASK in row)
                }
                stack = BandStack(layers, crs=str(row.get("crs") or ""))
                bands = tuple(name for name in layers if name != MASK)
                facts = {"level": level, "date": date, "source": f"Major TOM {product}", "licence": LICENCE}
                facts["assumed"] = offset_statement(self.options.offset)
                facts["title"] = f"Major TOM cell {cell} {date}"
                convert = partial(_to_reflectance, baseline=baseline, offset=self.options.offset)
                scene = Scene(
                    stack=stack, bands=bands, to_reflectance=convert, mask=MASK if MASK in layers else "",
                    hidden=tuple(range(1, 256)), facts=facts,
                )  # fmt: skip
                for windows in rows_of_windows(stack.height, stack.width, self.options):
                    yield from scene.tiles(windows, self.options.min_valid)
            yield Done(unit=_unit(row))
        except InputError as error:
            yield Rejected(where=where, why=str(error))


def _read_group(parquet: Any, group: int, finished: Container[str]) -> Iterator[dict[str, Any]]:
    """The rows of one row group, one at a time; an empty one for each row already in the catalogue."""
    names = parquet.read_row_group(group, columns=["product_id", "grid_cell"]).to_pylist()
    known = [_unit(row) in finished for row in names]
    if all(known):
        yield from ({} for _ in known)
        return
    have = parquet.schema_arrow.names
    columns = [name for name in ("product_id", "grid_cell", "crs", *SENTINEL2.bands, MASK) if name in have]
    for batch, skip in zip(parquet.iter_batches(1, row_groups=[group], columns=columns), known, strict=True):
        yield {} if skip else batch.to_pylist()[0]


def _unit(row: dict[str, Any]) -> str:
    return f"{row['product_id']} {row['grid_cell']}"


def _names(row: dict[str, Any]) -> tuple[str, str, tuple[str, str, str]]:
    """(product, cell, (level, date, baseline)). Raises ``InputError``."""
    product, cell = str(row["product_id"]), str(row["grid_cell"])
    match = _PRODUCT.fullmatch(product)
    if not match or not _CELL.fullmatch(cell):
        raise InputError(f"product_id '{product[:80]}' and grid_cell '{cell[:20]}' are not Major TOM's; download the file again")
    level, year, month, day, major, minor = match.groups()
    return product, cell, (level, f"{year}-{month}-{day}", f"{major}.{minor}")


def _bands(row: dict[str, Any]) -> list[str]:
    return [band for band in SENTINEL2.bands if band in row]


def _band_bytes(row: dict[str, Any], name: str) -> bytes:
    raw = row[name]
    if not isinstance(raw, bytes) or not 0 < len(raw) <= MAX_BAND_BYTES:
        raise InputError(f"{name} holds no GeoTIFF of at most {MAX_BAND_BYTES >> 20} MiB; download the file again")
    return raw


def _to_reflectance(counts: npt.NDArray[np.uint16], baseline: str, offset: OffsetRule) -> npt.NDArray[np.uint16]:
    return to_reflectance(np.ma.masked_equal(counts, 0), baseline=baseline, offset=offset)


def _open(file: Path) -> Any:
    try:
        return pyarrow.parquet.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"not a readable Parquet file ({one_line(error)}); download it again") from None


def _check_columns(file: Path) -> None:
    """A file of the wrong kind is refused before anything is read; a damaged one is reported when its turn comes."""
    try:
        with _open(file) as parquet:
            have = parquet.schema_arrow.names
    except InputError:
        return
    missing = [name for name in ("product_id", "grid_cell") if name not in have]
    if missing or not set(have) & set(SENTINEL2.bands):
        hint = "; metadata.parquet has no images, give files of images/" if "parquet_url" in have else ""
        raise InputError(f"{file}: expected the columns product_id, grid_cell and bands B01 to B12, got {', '.join(have)}{hint}")


def _parquets(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(each for each in path.rglob("*.parquet") if each.is_file() and each.name != "metadata.parquet")
    if not files:
        raise InputError(f"{path}: no such file, or no .parquet file in this folder")
    return files
