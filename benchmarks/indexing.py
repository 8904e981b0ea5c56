"""The cost of an index's life: building it, appending one row to a hundred, tidying up; seconds, rows a second and memory.

    OMP_NUM_THREADS=4 python benchmarks/indexing.py [--rows 100000 1000000] [--dim 512] [--json FILE] [--folder DIR]

The vectors are given (in clusters, computed from the records' ids), so the times cover everything but the encoder: staging,
the vector column, the manifest, full text, the snapshot, and the index that Space would choose for so many rows. ``placebind index
build`` and ``append`` are timed as they are; ingesting the records is listed separately. An append is 1 % of the rows, after a
build that had none of them; "of a build" is its share of the build's time. Memory is the peak of the process's memory that belongs
to no file (RssAnon); mapped files come on top as far as there is room. The seconds of each stage follow the table.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from index.progress import Progress
from index.records import Done, Location, Modality, Place, Rejected
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.staging import Staging
from index.store.vector_column import WRITE_ROWS
from retrieval.building.build import append_to_index, build_index, optimize_index
from train.config import TrainConfig

SHARE = 0.01  # appended
ROWS_PER_CLUSTER = 100
NOISE = 0.8  # of each component, next to centres of standard deviation 1
Vectors = npt.NDArray[np.float32]


@dataclass
class Step:
    """Seconds of one step, the most memory it held, and the seconds of its stages."""

    seconds: float = 0.0
    peak_gib: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)


class Watch:
    """Times a step and its stages (it is a ``Progress``), and samples the process's memory meanwhile."""

    def __init__(self) -> None:
        self.step = Step()
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._look, daemon=True)
        self._stage: tuple[str, float] | None = None

    def __enter__(self) -> Self:
        self._started_s = time.perf_counter()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close_stage()
        self.step.seconds = time.perf_counter() - self._started_s
        self._done.set()
        self._watcher.join()

    def start(self, title: str, total: int | None) -> None:
        self._close_stage()
        self._stage = title, time.perf_counter()

    def advance(self, n: int, **figures: float) -> None: ...

    def _close_stage(self) -> None:
        if self._stage:
            title, started_s = self._stage
            self.step.stages[title] = time.perf_counter() - started_s

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self.step.peak_gib = max(self.step.peak_gib, held_gib())


class GivenVectors:
    """A model and an engine in one: the vector of a record follows from its id."""

    digest, path = "0" * 64, Path("none")

    def digest_of(self, modality: Modality) -> str:
        return self.digest

    def __init__(self, rows: int, dim: int) -> None:
        rng = np.random.default_rng(0)
        self._centres = rng.standard_normal((max(10, rows // ROWS_PER_CLUSTER), dim), dtype=np.float32)
        self._noise = NOISE * rng.standard_normal((WRITE_ROWS, dim), dtype=np.float32)
        self.card = SimpleNamespace(config=TrainConfig.parse({"dim": dim}, where="benchmark"), sensors=(), base_digests={})

    def learnt(self, modality: Modality) -> bool:
        return True

    def embed(
        self, checkpoint: Any, catalogue: Catalogue, modality: Modality, ids: pa.Array, staging: Staging, progress: Progress
    ) -> None:
        for start in range(0, len(ids), WRITE_ROWS):
            part = ids[start : start + WRITE_ROWS].to_pylist()
            staging.add(part, self.vectors(part))

    def vectors(self, ids: list[str]) -> Vectors:
        drawn = np.array([[int(each[:12], 16), int(each[12:24], 16)] for each in ids])
        found: Vectors = self._centres[drawn[:, 0] % len(self._centres)] + self._noise[drawn[:, 1] % len(self._noise)]
        return found / np.linalg.norm(found, axis=1, keepdims=True)


class Points:
    """The source of the rows from ``start`` to ``stop``: places all over the globe."""

    modality: Modality = "locations"
    key = ""

    def __init__(self, start: int, stop: int) -> None:
        self.total: int | None = stop - start
        self._numbers = range(start, stop)

    def records(self, finished: Any = frozenset()) -> Iterator[Location | Rejected | Done]:
        rng = np.random.default_rng(self._numbers.start)
        for number in self._numbers:
            lat, lon = np.rad2deg(np.arcsin(rng.uniform(-1, 1))), rng.uniform(-180, 180)
            yield Location(place=Place(lat=float(lat), lon=float(lon)), title=f"place {number}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--folder", type=Path, help="where the catalogues are made (and removed); default: the system's own")
    arguments = parser.parse_args()
    results = {}
    for rows in arguments.rows:
        results[rows] = life(rows, arguments.dim, arguments.folder)
        report(rows, arguments.dim, results[rows])
    if arguments.json:
        figures = {rows: {name: asdict(step) for name, step in steps.items()} for rows, steps in results.items()}
        arguments.json.write_text(json.dumps({"dim": arguments.dim, "rows": figures}, indent=1))


def life(rows: int, dim: int, folder: Path | None) -> dict[str, Step]:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        catalogue, given = Catalogue.open(scratch, create=True), GivenVectors(rows, dim)
        later = rows + max(1, round(SHARE * rows))
        model: Any = given
        return {
            "ingest": watched(lambda _: ingest(catalogue, Points(0, rows))),
            "build": watched(lambda progress: build_index(model, catalogue, progress=progress, engine=given)),
            "ingest 1 %": watched(lambda _: ingest(catalogue, Points(rows, later))),
            "append 1 %": watched(lambda progress: append_to_index(model, catalogue, progress=progress, engine=given)),
            "optimize": watched(lambda progress: optimize_index(catalogue, timedelta(0), progress=progress)),
        }


def watched(work: Callable[[Watch], Any]) -> Step:
    with Watch() as watch:
        work(watch)
    return watch.step


def report(rows: int, dim: int, steps: dict[str, Step]) -> None:
    table = Table("", title=f"{rows:,} x {dim}", title_justify="left")
    for heading in ("seconds", "rows/s", "of a build", "peak GiB"):
        table.add_column(heading, justify="right")
    for name, step in steps.items():
        count = round(SHARE * rows) if "1 %" in name else rows
        share = f"{step.seconds / steps['build'].seconds:.1%}"
        table.add_row(name, f"{step.seconds:,.2f}", f"{count / step.seconds:,.0f}", share, f"{step.peak_gib:.2f}")
    Console(width=100).print(table)
    for name, step in steps.items():
        for stage, seconds in step.stages.items():
            print(f"{name}: {stage}: {seconds:.2f} s")
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{threads} OpenMP threads of {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}\n", flush=True)


def held_gib() -> float:
    """Memory of this process that belongs to no file."""
    (line,) = (each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("RssAnon:"))
    return int(line.split()[1]) / 2**20


if __name__ == "__main__":
    main()
