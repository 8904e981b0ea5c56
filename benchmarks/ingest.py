"""What an ingest costs as a table grows: disk beside one copy of the records, the time of a batch beside that of the first ones.

    OMP_NUM_THREADS=2 python benchmarks/ingest.py [--tiles 3000] [--articles 60000] [--small 20] [--folder DIR]

Records are noise, made while they are asked for, and that is not timed. First all tiles but a few are ingested at once, then the
rest in ``--small`` ingests of five; the disk ratio is what the table's folder weighs beside the files of its newest version. The
articles come in one ingest; the ratio of the times is that of the last quarter of its batches to the first, by medians.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Container, Iterator
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from index.records import Article, Done, Modality, Place, Record, Rejected, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest

TILE_PX, WORDS, TILES_EACH = 64, 60, 5


class Noise:
    """Records from ``start`` to ``stop``. Between two commits ``spent`` grows by the time of making them."""

    key = ""

    def __init__(self, modality: Modality, start: int, stop: int) -> None:
        self.modality: Modality = modality
        self.total: int | None = stop - start
        self.range, self.spent = range(start, stop), 0.0

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Record | Rejected | Done]:
        for number in self.range:
            begun = time.perf_counter()
            record = _tile(number) if self.modality == "tiles" else _article(number)
            self.spent += time.perf_counter() - begun
            yield record


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        catalogue = Catalogue.open(folder, create=True)
        large = options.tiles - options.small * TILES_EACH
        times = batch_times(catalogue, Noise("tiles", 0, large))
        print(f"{large:,} tiles at once: disk {disk_ratio(catalogue, 'tiles'):.2f} of one copy, {growth(times)}")
        starts = range(large, options.tiles, TILES_EACH)
        times = [sum(batch_times(catalogue, Noise("tiles", start, start + TILES_EACH))) for start in starts]
        print(f"{len(starts)} ingests of {TILES_EACH} more: disk {disk_ratio(catalogue, 'tiles'):.2f} of one copy, {growth(times)}")
        times = batch_times(catalogue, Noise("articles", 0, options.articles))
        print(f"{options.articles:,} articles at once: disk {disk_ratio(catalogue, 'articles'):.2f} of one copy, {growth(times)}")


def batch_times(catalogue: Catalogue, source: Noise) -> list[float]:
    """Seconds of each batch without the making of its records; what comes after the last one counts to that."""
    begun = time.perf_counter()
    ends: list[float] = []
    ingest(catalogue, source, lambda count: ends.append(time.perf_counter() - begun - source.spent))
    ends[-1] = time.perf_counter() - begun - source.spent
    times: list[float] = np.diff([0.0, *ends]).tolist()
    return times


def growth(times: list[float]) -> str:
    quarter = max(1, len(times) // 4)
    first, last = median(times[:quarter]), median(times[-quarter:])
    return f"{1000 * first:.0f} ms each at first, {last / first:.2f} times that at the end"


def disk_ratio(catalogue: Catalogue, modality: Modality) -> float:
    fragments = catalogue.table(modality).to_lance().get_fragments()
    one_copy = sum(file.file_size_bytes or 0 for each in fragments for file in each.metadata.files)
    folder = Path(catalogue.uri) / f"{modality}.lance"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / one_copy


def _tile(number: int) -> Tile:
    pixels = np.random.default_rng(number).integers(1, 4000, (4, TILE_PX, TILE_PX), np.uint16)
    lon = number % 360 - 180.0
    return Tile(
        place=Place(lat=number % 120 - 60, lon=lon), pixels=pixels, bands=("B02", "B03", "B04", "B08"), sensor="sentinel2",
        crs="EPSG:4326", bounds=(lon, 0, lon + 1, 1), level="L2A",
    )  # fmt: skip


def _article(number: int) -> Article:
    rng = random.Random(number)
    text = " ".join(f"{rng.getrandbits(32):08x}" for _ in range(WORDS))
    return Article(place=Place(lat=number % 120 - 60, lon=number % 360 - 180), title=f"place {number}", text=text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--tiles", type=int, default=3000)
    parser.add_argument("--articles", type=int, default=60_000)
    parser.add_argument("--small", type=int, default=20, help=f"ingests of {TILES_EACH} tiles")
    parser.add_argument("--folder", help="where the catalogue is made for the time of the run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
