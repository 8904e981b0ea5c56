"""Tiles per second of two sources next to bare rasterio reads of the same windows, and bytes per tile in the catalogue.

    python benchmarks/tiles.py [FOLDER OF GEOTIFFS]     default: ../shared/data/s2_tiles/geotiff, else invented tiles

Sentinel-2 scenes come from a server on loopback, so the network costs nothing and only our own work remains. The bare reads use the
same GDAL settings and, where the source uses threads, as many of them. Ours and bare alternate; the best of three runs counts.
"""

import logging
import multiprocessing
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import from_bounds
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from index.errors import InputError
from index.imagery.cog import GDAL_OPTIONS
from index.imagery.stac_views import BANDS
from index.records import Tile
from index.sources import geotiff_tiles, sentinel2_stac
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.threads import thread_count
from tests.stac_world import Invented, files_of, served

SIDE_PX = 2046  # of the invented scene
BOX = (48.06, 16.36, 48.19, 16.58)
RUNS = 3
SETTINGS = ((1, 0.0), (8, 0.0), (1, 0.03), (8, 0.03))  # threads, seconds that the server waits before each answer
Read = Callable[[str], int]


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("rasterio").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as scratch:
        files = sorted(folder.rglob("*.tif")) if folder.is_dir() else invented_tiles(Path(scratch))
        table = Table("source", "tiles/s", "bare rasterio", "share", title=f"{len(files)} files of {folder}", title_justify="left")
        local_rows(table, files, Path(scratch))
        stac_rows(table)
        Console(width=120).print(table)
        print_bytes(files, Path(scratch) / "catalogue")


def best(ours: Read, bare: Read, setting: Callable[[], AbstractContextManager[str]]) -> tuple[float, float]:
    """Tiles per second of both, alternating, the best of ``RUNS``; one run of each first, to load what is loaded once."""
    rates, counts = {ours: 0.0, bare: 0.0}, set[int]()
    for run in range(RUNS + 1):
        for read in rates:
            with setting() as where:
                started_s = time.perf_counter()
                count = read(where)
                taken_s = time.perf_counter() - started_s
            counts.add(count)
            rates[read] = max(rates[read], count / taken_s if run else 0)
    assert len(counts) == 1, f"both must read the same tiles, got {counts}"
    return rates[ours], rates[bare]


def local_rows(table: Table, files: list[Path], scratch: Path) -> None:
    """Tiles made by one thread, by as many as the source has, and those stored: read, hashed, measured, packed and committed."""
    many = thread_count()
    options = geotiff_tiles.Options.parse({"paths": files}, where="benchmark")

    def read_one(path: Path) -> bool:
        try:
            return bool(geotiff_tiles.read_tile(path, options))
        except InputError:
            return False

    def ours(_: str) -> int:
        return sum(isinstance(each, Tile) for each in geotiff_tiles.build(paths=tuple(files)).records())

    def stored(_: str) -> int:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            return ingest(Catalogue.open(folder, create=True), geotiff_tiles.build(paths=tuple(files))).added

    def row(title: str, read: Read, threads: int) -> None:
        add_row(table, title, *best(read, lambda _: bare_local(files, threads), lambda: nullcontext("")))

    row("geotiff_tiles, 1 thread", lambda _: sum(map(read_one, files)), 1)
    row(f"geotiff_tiles, {many} threads", ours, many)
    row(f"the same, stored in a catalogue, {many} threads", stored, many)


def bare_local(files: list[Path], threads: int) -> int:
    def read(path: Path) -> bool:
        with rasterio.open(path) as file:
            return bool(file.read().size)

    if threads == 1:
        return sum(map(read, files))
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(read, files))


def stac_rows(table: Table) -> None:
    scene = Invented("scene", side_px=SIDE_PX, noise=True)
    files = files_of([scene])
    for workers, delay_s in SETTINGS:

        def ours(url: str, workers: int = workers) -> int:
            return sum(isinstance(each, Tile) for each in source_at(url, workers).records())

        def bare(url: str, workers: int = workers) -> int:
            bounds = [cell.bounds for block in source_at(url, workers)._blocks() for cell in block]
            with ThreadPoolExecutor(workers) as pool:
                return sum(pool.map(lambda each: bare_windows(url, each), bounds))

        def setting(delay_s: float = delay_s) -> AbstractContextManager[str]:
            return server(scene, files, delay_s)

        name = f"sentinel2_stac, {workers} threads, {1000 * delay_s:.0f} ms"
        add_row(table, name, *best(ours, bare, setting))


def source_at(url: str, workers: int) -> sentinel2_stac.Sentinel2Stac:
    return sentinel2_stac.build(bbox=BOX, date="2023-06-01/2023-06-30", endpoint=f"{url}/stac", workers=workers, min_valid=1)


@contextmanager
def server(scene: Invented, files: dict[str, bytes], delay_s: float) -> Iterator[str]:
    """In a process of its own, which takes none of the reader's time; at a new port each time, so GDAL's cache starts empty."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=serve, args=(theirs, scene, files, delay_s), daemon=True)
    process.start()
    yield ours.recv()
    ours.send("done")
    process.join()


def serve(pipe: Any, scene: Invented, files: dict[str, bytes], delay_s: float) -> None:
    with served([scene], files) as world:
        world.delay_s = delay_s
        pipe.send(world.url)
        pipe.recv()


def bare_windows(url: str, bounds: tuple[float, float, float, float]) -> int:
    """12 bands and the classification of one tile, resampled by rasterio; 1 if it lies completely in the scene."""
    with rasterio.Env(**GDAL_OPTIONS):
        for band in ("SCL", *BANDS):
            with rasterio.open(f"/vsicurl/{url}/files/scene/{band}.tif") as file:
                left, bottom, right, top = file.bounds
                if not (left <= bounds[0] and bottom <= bounds[1] and bounds[2] <= right and bounds[3] <= top):
                    return 0
                file.read(1, window=from_bounds(*bounds, transform=file.transform), out_shape=(256, 256))
    return 1


def add_row(table: Table, name: str, ours: float, bare: float) -> None:
    table.add_row(name, f"{ours:.1f}", f"{bare:.1f}", f"{ours / bare:.2f}")


def print_bytes(files: list[Path], folder: Path) -> None:
    catalogue = Catalogue.open(folder, create=True)
    report = ingest(catalogue, geotiff_tiles.build(paths=tuple(files)))
    stored = sum(path.stat().st_size for path in (folder / "tiles.lance").rglob("*") if path.is_file()) / report.added
    rows = catalogue.column("tiles", ["pixels", "height", "width", "bands", "dtype"])
    packed = np.mean([len(each) for each in rows["pixels"].to_pylist()])
    sizes = zip(*(rows[name].to_pylist() for name in ("height", "width", "bands", "dtype")), strict=True)
    raw = np.mean([height * width * len(bands) * np.dtype(kind).itemsize for height, width, bands, kind in sizes])
    source = np.mean([path.stat().st_size for path in files])
    console = Console(width=120)
    console.print(f"bytes per tile: source files {source:,.0f}, catalogue {stored:,.0f} ({stored / source:.2f}),", soft_wrap=True)
    console.print(f"of which pixels {packed:,.0f}; raw {raw:,.0f}; {report.added} tiles, {len(report.rejected)} rejected")


def invented_tiles(folder: Path) -> list[Path]:
    """24 tiles of smooth ground with a little noise, as plain GeoTIFFs."""
    rng, paths = np.random.default_rng(0), []
    for number in range(24):
        ground = rng.normal(0, 30, (12, 256, 256)).cumsum(axis=1).cumsum(axis=2) / 40
        pixels = np.clip(1500 + ground + rng.normal(0, 20, ground.shape), 1, 10_000).astype(np.uint16)
        transform = rasterio.transform.from_origin(600_000 + 2560 * number, 5_340_000, 10, 10)
        profile = {"driver": "GTiff", "width": 256, "height": 256, "count": 12, "dtype": "uint16", "crs": "EPSG:32633"}
        paths.append(folder / f"{number}.tif")
        with rasterio.open(paths[-1], "w", **profile, transform=transform, compress="deflate", predictor=2) as file:
            file.write(pixels)
            file.descriptions = BANDS
    return paths


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "shared/data/s2_tiles/geotiff")
