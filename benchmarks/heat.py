"""Milliseconds of a heat map next to a bare numpy product of the same size, alternating in one run.

    python benchmarks/heat.py [--cells 100000] [--dim 512] [--width 2048] [--height 1024] [--dtype float32] [--runs 15]

Cells lie evenly on the sphere, vectors are random. "bare" is ``vectors @ query`` by numpy's BLAS with as many threads as it takes
(OMP_NUM_THREADS); ours scores the cells and adds, step by step, what a map and an answer need. Cached parts (tree, nearest
cell of each pixel) are made before and timed once. Medians, with the minimum of the runs in brackets.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from index.geo import fibonacci_sphere
from index.threads import thread_count
from retrieval.heat.cells import Cells
from retrieval.heat.grids import MercatorTile, WorldGrid
from retrieval.heat.heat import best_cosines, heat_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("cells", 100_000), ("dim", 512), ("width", 2048), ("height", 1024), ("runs", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32", help="of the stored vectors; bare is float32")
    asked = parser.parse_args()
    wide, cells = invented(asked.cells, asked.dim, asked.dtype)
    grid, query = WorldGrid(asked.width, asked.height), wide[0].copy()
    kept = {"tree": lambda: cells.tree, "nearest cells of the world": lambda: cells.rows_on(grid)}
    kept["nearest cells of a tile"] = lambda: cells.rows_on(MercatorTile(3, 4, 3))
    once = {name: milliseconds(make) for name, make in kept.items()}
    ways: dict[str, Callable[[], object]] = {
        "bare numpy product": lambda: wide @ query,
        "cosines of all cells": lambda: best_cosines(cells.vectors, query),
        "+ world of cosines": lambda: heat_of(cells, query).raster(grid, "cosine"),
        "+ percentiles (whole heat map)": lambda: heat_of(cells, query).raster(grid),
        "+ 10 peaks": lambda: (heat := heat_of(cells, query)).raster(grid) is not heat.peaks(10),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(asked.runs + 1):
        for name, way in ways.items():
            taken = milliseconds(way)
            times[name] += [taken] if run else []  # the first run loads what is loaded once
    show(
        times,
        once,
        f"{asked.cells:,} cells x {asked.dim} {asked.dtype}, {asked.width} x {asked.height} px, {thread_count()} threads",
    )


def invented(count: int, dim: int, dtype: str) -> tuple[np.ndarray, Cells]:
    vectors = np.random.default_rng(0).standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, Cells(vectors.astype(dtype, copy=False), np.stack(fibonacci_sphere(count), axis=1))


def milliseconds(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started_s)


def show(times: dict[str, list[float]], once: dict[str, float], title: str) -> None:
    table = Table("", "ms", "beside bare", title=title, title_justify="left")
    bare = statistics.median(times["bare numpy product"])
    for name, each in times.items():
        table.add_row(name, f"{statistics.median(each):.1f} ({min(each):.1f})", f"{statistics.median(each) / bare:.2f}")
    for name, taken in once.items():
        table.add_row(f"once: {name}", f"{taken:.0f}", "")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
