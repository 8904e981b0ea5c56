"""The cost of a vector: bytes, seconds and milliseconds at several sizes, their slopes, and the predictions for 1e7 to 1e9.

    OMP_NUM_THREADS=4 python benchmarks/scaling.py --rows 10000 100000 1000000 5000000 [--folder DISK]

Prints the tables to paste into docs/scaling.md. The vectors are the clustered ones of benchmarks/search.py, 512 float32,
in a real catalogue: written through the staging table as `placebind index build` writes them, searched through the planner as
`placebind search` does, without a filter. The time of an encoder is not included.

Bytes are extrapolated along a straight line through all sizes. Seconds and milliseconds start from the largest size and grow by the
power of the rows measured between the sizes (least squares on logarithms; sizes below 100,000 rows mostly measure the cost of
every call, and count only where there are no others), seconds at least in proportion. The last table also predicts the largest
size from the smaller ones alone, next to its measurement, as a check. 5,000,000 rows take 45 GB of disk and 20 GB of
memory.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when OpenMP starts; see search.py

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from search import NPROBE, REFINE, K, Places, Vectors, clustered_world, write

from index.search.backends import exact, faiss, lancedb
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.vector_column import VECTOR
from retrieval.ranking.plan import Planner

WANTED = (10**7, 10**8, 10**9)
LARGE = 100_000
GB = 1e9


@dataclass
class Measured:
    """The measurements at one size, by the name of the quantity."""

    rows: int
    bytes: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    ms: dict[str, float] = field(default_factory=dict)
    recall: dict[str, float] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where to put the catalogues; default: the system's temporary folder")
    arguments = parser.parse_args()
    found = [measure(rows, arguments.dim, arguments.queries, arguments.folder) for rows in sorted(arguments.rows)]
    print(
        f"\nMeasured at {arguments.dim} dimensions, {os.environ.get('OMP_NUM_THREADS', 'all')} threads of {os.cpu_count()} cores,"
    )
    print(f"load {os.getloadavg()[0]:.1f} at the end, {arguments.queries} queries.\n")
    for title, kind in (("bytes a row", "bytes"), ("seconds", "seconds"), ("p50 of one query, ms", "ms")):
        print_kind(title, kind, found)
    print_recall(found)
    print_machines(found)


# The measurement


def measure(rows: int, dim: int, queries: int, where: Path | None) -> Measured:
    found = Measured(rows)
    with tempfile.TemporaryDirectory(dir=where) as folder:
        catalogue = Catalogue.open(folder, create=True)
        asked = filled(catalogue, rows, dim, queries, found)
        found.seconds["LanceDB's index"] = seconds(lambda: lancedb.build_index(catalogue, "locations"))[0]
        found.seconds["snapshot"], snapshot = seconds(lambda: open_snapshot(catalogue, "locations"))
        options = {"kind": "ivf", "nprobe": NPROBE, "refine": REFINE}
        found.seconds["FAISS IVF"], index = seconds(lambda: faiss.build(snapshot=snapshot, **options))
        note_bytes(found, folder, snapshot)
        backends = {"exact": exact.build(snapshot=snapshot), "FAISS IVF": index}
        if lancedb.has_index(snapshot.table):
            backends["LanceDB"] = lancedb.build(snapshot=snapshot)
        else:
            del found.bytes["LanceDB's index"], found.seconds["LanceDB's index"]
        ask(found, snapshot, backends, asked)
    print(f"{rows:,} rows: {found}", flush=True)
    return found


def filled(catalogue: Catalogue, rows: int, dim: int, queries: int, found: Measured) -> Vectors:
    """The catalogue with its vectors; returns the queries. The vectors are freed because the searches need the memory."""
    world = clustered_world(rows, dim, queries)
    found.seconds["records"] = seconds(lambda: ingest(catalogue, Places(world.places)))[0]
    order = catalogue.column("locations", ["title"])["title"].to_numpy(zero_copy_only=False).astype(np.int64)
    found.seconds["vectors"] = seconds(lambda: write(catalogue, world.vectors, order))[0]
    return world.queries.copy()


def note_bytes(found: Measured, folder: str, snapshot: Snapshot) -> None:
    """On disk, in the files that the newest version of the table needs."""
    dataset = snapshot.table.to_lance()
    (vector,) = (each.id() for each in dataset.lance_schema.fields() if each.name() == VECTOR)
    files = [file for fragment in dataset.get_fragments() for file in fragment.metadata.files]
    found.bytes["vectors in Lance"] = sum(file.file_size_bytes for file in files if vector in file.fields)
    found.bytes["records in Lance"] = sum(file.file_size_bytes for file in files if vector not in file.fields)
    indexes = Path(folder) / "locations.lance" / "_indices"
    sizes = {
        each.parent.name: sum(file.stat().st_size for file in each.parent.iterdir()) for each in indexes.glob("*/auxiliary.idx")
    }
    found.bytes["LanceDB's index"] = sum(sizes.values())
    assert snapshot.folder is not None
    found.bytes["snapshot"] = sum((snapshot.folder / name).stat().st_size for name in ("vectors.npy", "rows.arrow"))
    found.bytes["FAISS IVF"] = sum(file.stat().st_size for file in snapshot.folder.glob("*.faiss"))


def ask(found: Measured, snapshot: Snapshot, backends: Mapping[str, Any], queries: Vectors) -> None:
    """One query at a time, the backends in turns; the first three warm up."""
    oracle = exact.build(snapshot=snapshot)
    truth = oracle.search(queries, K)[0]
    planners = {name: Planner(snapshot, backend, oracle) for name, backend in backends.items()}
    ms: dict[str, list[float]] = {name: [] for name in planners}
    hits: dict[str, int] = dict.fromkeys(planners, 0)
    for number in [0, 1, 2, *range(len(queries))]:
        for name, planner in planners.items():
            taken_s, answer = seconds(lambda planner=planner, number=number: planner.search(queries[number][None], K, None))
            ms[name].append(1000 * taken_s)
            hits[name] += len(set(answer.rows[0].tolist()) & set(truth[number].tolist())) if len(ms[name]) > 3 else 0
    found.ms = {name: float(np.median(taken[3:])) for name, taken in ms.items()}
    found.recall = {name: count / truth.size for name, count in hits.items()}


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started_s = time.perf_counter()
    result = work()
    return time.perf_counter() - started_s, result


# The slopes


def known(found: list[Measured], kind: str, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(rows, values) of one quantity, at the sizes where there is one."""
    pairs = [(each.rows, getattr(each, kind)[name]) for each in found if name in getattr(each, kind)]
    columns = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def exponent(found: list[Measured], kind: str, name: str) -> float:
    """The power of the rows by which it grows; 1 where only one size is known."""
    rows, values = known(found, kind, name)
    if kind != "bytes" and (rows >= LARGE).sum() > 1:
        rows, values = rows[rows >= LARGE], values[rows >= LARGE]
    return float(np.polyfit(np.log(rows), np.log(values), 1)[0]) if len(rows) > 1 else 1.0


def foretold(found: list[Measured], kind: str, name: str, rows: int) -> float:
    sizes, values = known(found, kind, name)
    if not len(sizes):
        return float("nan")
    if kind == "bytes" and len(sizes) > 1:
        return float(np.polyval(np.polyfit(sizes, values, 1), rows))
    power = exponent(found, kind, name)
    return float(values[-1] * (rows / sizes[-1]) ** (max(1.0, power) if kind == "seconds" else power))


# The tables


def names_of(found: list[Measured], kind: str) -> list[str]:
    return list(dict.fromkeys(name for each in found for name in getattr(each, kind)))


def print_kind(title: str, kind: str, found: list[Measured]) -> None:
    print_header(title, *(f"{each.rows:,}" for each in found), "exponent")
    for name in names_of(found, kind):
        values = [getattr(each, kind).get(name, float("nan")) for each in found]
        cells = [number(value / each.rows if kind == "bytes" else value) for value, each in zip(values, found, strict=True)]
        print_row(name, *cells, f"{exponent(found, kind, name):.2f}" if sum(map(bool, cells)) > 1 else "")
    print()


def print_recall(found: list[Measured]) -> None:
    print_header(f"recall@{K}", *(f"{each.rows:,}" for each in found))
    for name in names_of(found, "recall"):
        print_row(name, *(f"{each.recall[name]:.3f}" if name in each.recall else "" for each in found))
    print()


def print_machines(found: list[Measured]) -> None:
    """Disk: table, indexes and snapshot. Staging holds each vector a second time while a build lasts."""
    largest = found[-1].rows
    print_header("", f"{largest:,} from the smaller", f"{largest:,} measured", *(f"{rows:,}" for rows in WANTED))
    print_sum("disk, GB", found, "bytes", names_of(found, "bytes"), 1 / GB)
    print_sum("disk while it is built, GB", found, "bytes", [*names_of(found, "bytes"), "vectors in Lance"], 1 / GB)
    print_sum("memory for FAISS IVF, GB", found, "bytes", ["FAISS IVF"], 1 / GB)
    print_sum("page cache for exact, GB", found, "bytes", ["snapshot"], 1 / GB)
    for name in names_of(found, "seconds"):
        print_sum(f"{name}, hours", found, "seconds", [name], 1 / 3600)
    for name in names_of(found, "ms"):
        print_sum(f"{name}, p50 ms", found, "ms", [name], 1)


def print_sum(title: str, found: list[Measured], kind: str, names: list[str], unit: float) -> None:
    largest, smaller = found[-1], found[:-1]
    measured = sum(getattr(largest, kind).get(name, float("nan")) for name in names)
    later = [sum(foretold(found, kind, name, rows) for name in names) for rows in WANTED]
    earlier = sum(foretold(smaller, kind, name, largest.rows) for name in names)
    print_row(title, *(number(value * unit) for value in (earlier, measured, *later)))


def print_header(*cells: str) -> None:
    print_row(*cells)
    print("|---|" + "---:|" * (len(cells) - 1))


def print_row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def number(value: float | npt.NDArray[Any]) -> str:
    """Three significant digits; empty for unknown values."""
    if np.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
