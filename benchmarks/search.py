"""Latency and recall of our search next to raw numpy, raw FAISS and raw LanceDB, on the same vectors in one run.

    OMP_NUM_THREADS=4 python benchmarks/search.py [--rows 100000 1000000] [--dim 512] [--queries 200]
    OMP_NUM_THREADS=4 python benchmarks/search.py --catalogue FOLDER --modality articles       # real vectors

Synthetic vectors lie in clusters; a cluster has a home on the globe and its members live around it. A box on the map is therefore
also a piece of the space: the hard case for filters. Vectors of --catalogue are copied with their places; about every
ten-thousandth of them is held out as a query (no more than --queries). All contestants get the same queries one at a time, in
turns, because machines are shared. For numpy and FAISS two comparisons on arrays find the rows inside a box, and that is timed as
ours is; raw LanceDB filters by SQL over its BTREEs, before the search, as is its default. "FAISS" is what its wiki advises at this
size, with its own refinement by stored vectors; "LanceDB" uses the same table and the same IVF_RQ index as ours.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# Read when OpenMP starts. On a busy machine actively waiting threads delay the very threads they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from index.records import BBox, Done, Location, Modality, Place, Rejected
from index.search.backends import exact, faiss, int8, lancedb
from index.search.filters import Filter
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.vectors import begin_vectors, finish_vectors, write_vectors
from retrieval.ranking.plan import Planner

K = 10
NPROBE, REFINE, EF = 16, 10, 96  # for both FAISS and ours
SHARES = (None, 0.0003, 0.01, 0.30)  # of the rows, left by the boxes
CHUNK_ROWS = 65536
COMMIT_ROWS = 16384  # Lance's merge_insert may use 300 MB; 65,536 x 512 is too much for it
Vectors = npt.NDArray[np.float32]
Ask = Callable[[Vectors, BBox | None], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class World:
    """``vectors`` [N, D] and ``places`` [N, 2] (lat, lon) to index, ``queries`` [Q, D] to ask."""

    vectors: Vectors
    places: npt.NDArray[np.float64]
    queries: Vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--catalogue", type=Path, help="an indexed catalogue, for real vectors; --rows and --dim are then its own")
    parser.add_argument("--modality", default="articles")
    parser.add_argument("--hnsw", action="store_true", help="HNSW as well; slow to build")
    arguments = parser.parse_args()
    if arguments.catalogue:
        report(real_world(arguments.catalogue, arguments.modality, arguments.queries), arguments.hnsw)
        return
    for rows in arguments.rows:
        report(clustered_world(rows, arguments.dim, arguments.queries), arguments.hnsw)


def report(world: World, hnsw: bool) -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        snapshot = indexed(world, folder)
        contestants = {**raw_numpy(snapshot), **raw_faiss(snapshot, hnsw), **raw_lancedb(snapshot), **ours(snapshot, hnsw)}
        for share in SHARES:
            boxes = [None] if share is None else boxes_with(snapshot, share)
            Console(width=100).print(as_table(measured(contestants, snapshot, world.queries, boxes), snapshot, share))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{threads} OpenMP threads of {os.cpu_count()} cores; load {load:.1f} before, {os.getloadavg()[0]:.1f} after\n")


# The data


def clustered_world(rows: int, dim: int, queries: int) -> World:
    """About a hundred rows per cluster; places within some ten degrees of its home, none on a pole (which has every longitude)."""
    rng = np.random.default_rng(0)
    clusters = max(10, rows // 100)
    centres = rng.normal(size=(clusters, dim)).astype(np.float32)
    homes = np.stack([np.rad2deg(np.arcsin(rng.uniform(-1, 1, clusters))), rng.uniform(-180, 180, clusters)], axis=1)
    member = rng.integers(0, clusters, rows + queries)
    vectors = np.empty((rows + queries, dim), np.float32)
    for start in range(0, len(vectors), CHUNK_ROWS):
        part = vectors[start : start + CHUNK_ROWS]
        part[:] = centres[member[start : start + CHUNK_ROWS]] + 0.8 * rng.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    places = homes[member[:rows]] + rng.normal(scale=5, size=(rows, 2))
    places = np.stack([places[:, 0].clip(-89.9, 89.9), (places[:, 1] + 180) % 360 - 180], axis=1)
    return World(vectors[:rows], places, vectors[rows:])


def real_world(folder: Path, modality: Modality, queries: int) -> World:
    found = open_snapshot(Catalogue.open(folder), modality)
    asked = np.random.default_rng(0).permutation(len(found)) < queries
    return World(found.vectors[~asked].astype(np.float32), found.places[~asked], found.vectors[asked].astype(np.float32))


class Places:
    """The source of a world's rows; the title is the number of the row."""

    modality: Modality = "locations"
    key = ""

    def __init__(self, places: npt.NDArray[np.float64]) -> None:
        self.total: int | None = len(places)
        self._places = places.tolist()

    def records(self, finished: Any = frozenset()) -> Iterator[Location | Rejected | Done]:
        for row, (lat, lon) in enumerate(self._places):
            yield Location(place=Place(lat=lat, lon=lon), title=str(row))


def indexed(world: World, folder: str) -> Snapshot:
    """A catalogue of the world's rows, with LanceDB's index; prints the time of each step."""
    catalogue = Catalogue.open(folder, create=True)
    timed("records", len(world.places), lambda: ingest(catalogue, Places(world.places)))
    order = catalogue.column("locations", ["title"])["title"].to_numpy(zero_copy_only=False).astype(np.int64)
    timed("vectors", len(order), lambda: write(catalogue, world.vectors, order))
    timed("LanceDB's indexes", len(order), lambda: lancedb.build_index(catalogue, "locations"))
    snapshot: Snapshot = timed("snapshot", len(order), lambda: open_snapshot(catalogue, "locations"))
    return snapshot


def write(catalogue: Catalogue, vectors: Vectors, order: npt.NDArray[np.int64]) -> None:
    """Write into the table, whose i-th id is that of row ``order[i]``."""
    model = "0" * 64
    ids = begin_vectors(catalogue, "locations", model, vectors.shape[1])
    for start in range(0, len(ids), COMMIT_ROWS):
        part = slice(start, start + COMMIT_ROWS)
        write_vectors(catalogue, "locations", ids[part], vectors[order[part]])
    finish_vectors(catalogue, "locations", model, {})


def boxes_with(snapshot: Snapshot, share: float, count: int = 5) -> list[BBox]:
    """Boxes around rows, grown until this share of all rows is in them; they end at the antimeridian, as raw SQL requires."""
    rng = np.random.default_rng(1)
    wanted = max(K, round(share * len(snapshot)))
    boxes = []
    for lat, lon in snapshot.places[rng.choice(len(snapshot), count, replace=False)]:
        half_deg = np.partition(np.abs(snapshot.places - [lat, lon]).max(axis=1), wanted)[wanted] + 1e-6  # no row on an edge
        south, north = max(-90.0, lat - half_deg), min(90.0, lat + half_deg)
        boxes.append(BBox(south=south, west=max(-180.0, lon - half_deg), north=north, east=min(180.0, lon + half_deg)))
    return boxes


# The contestants


def raw_numpy(snapshot: Snapshot) -> dict[str, Ask]:
    vectors, places = np.array(snapshot.vectors), np.array(snapshot.places)

    def ask(query: Vectors, box: BBox | None) -> npt.NDArray[np.int64]:
        rows = np.flatnonzero(inside(places, box)) if box else None
        cosines = (vectors if rows is None else vectors[rows]) @ query[0]
        top = np.argpartition(-cosines, min(K, len(cosines) - 1))[:K]
        top = top[np.argsort(-cosines[top])]
        return top if rows is None else rows[top]

    return {"numpy": ask}


def raw_faiss(snapshot: Snapshot, hnsw: bool) -> dict[str, Ask]:
    import faiss as library

    vectors, places = np.array(snapshot.vectors), np.array(snapshot.places)

    def built(factory: str) -> Any:
        index = library.index_factory(snapshot.dim, factory, library.METRIC_INNER_PRODUCT)
        index.train(vectors[:CHUNK_ROWS])
        index.add(vectors)
        return index

    def contestant(factory: str, parameters: Callable[..., Any]) -> Ask:
        index = timed(f"FAISS {factory}", len(snapshot), lambda: built(factory))

        def ask(query: Vectors, box: BBox | None) -> npt.NDArray[np.int64]:
            if box is None:
                found = index.search(query, K, params=parameters())[1]
            else:
                bits = np.packbits(inside(places, box), bitorder="little")
                selector = library.IDSelectorBitmap(len(places), library.swig_ptr(bits))
                found = index.search(query, K, params=parameters(sel=selector))[1]
            return np.asarray(found[0])

        return ask

    def refined(**given: Any) -> Any:
        inner = library.SearchParametersIVF(nprobe=NPROBE, **given)
        return library.IndexRefineSearchParameters(k_factor=REFINE, base_index_params=inner)

    lists = round(math.sqrt(len(snapshot)))
    contestants = {"FAISS IVF": contestant(f"IVF{lists},PQ{snapshot.dim // 4}x4fs,RFlat", refined)}
    if hnsw:
        contestants["FAISS HNSW"] = contestant("HNSW32,Flat", lambda **given: library.SearchParametersHNSW(efSearch=EF, **given))
    return contestants


def raw_lancedb(snapshot: Snapshot) -> dict[str, Ask]:
    def ask(query: Vectors, box: BBox | None) -> npt.NDArray[np.int64]:
        asked = snapshot.table.search(query[0]).distance_type("cosine").nprobes(20).refine_factor(REFINE).limit(K)
        if box:
            asked = asked.where(f"lat >= {box.south} AND lat <= {box.north} AND lon >= {box.west} AND lon <= {box.east}")
        return snapshot.rows_at(asked.with_row_id(True).select(["_distance"]).to_arrow()["_rowid"].to_numpy())

    return {"LanceDB": ask}


def ours(snapshot: Snapshot, hnsw: bool) -> dict[str, Ask]:
    """The backends through the planner, as ``placebind search`` uses them."""
    options = {"nprobe": NPROBE, "refine": REFINE, "ef_search": EF}
    kinds = ("ivf", "hnsw") if hnsw else ("ivf",)
    backends: dict[str, Any] = {"ours, exact": exact.build(snapshot=snapshot)}
    backends["ours, faiss 4bit"] = faiss.build(snapshot=snapshot, kind="ivf", codes="4bit", **options)
    for kind in kinds:
        backends[f"ours, faiss {kind}"] = timed(
            f"ours, faiss {kind}", len(snapshot), lambda kind=kind: faiss.build(snapshot=snapshot, kind=kind, **options)
        )
    backends["ours, int8"] = int8.build(snapshot=snapshot)
    backends["ours, lancedb"] = lancedb.build(snapshot=snapshot)

    def contestant(backend: Any) -> Ask:
        planner = Planner(snapshot, backend, exact.build(snapshot=replace(snapshot)))  # whose cosines are its own
        return lambda query, box: planner.search(query, K, Filter.parse({"bbox": box}, where="benchmark") if box else None).rows[0]

    return {name: contestant(backend) for name, backend in backends.items()}


def inside(places: npt.NDArray[np.float64], box: BBox) -> npt.NDArray[np.bool_]:
    lat, lon = places.T
    return (lat >= box.south) & (lat <= box.north) & (lon >= box.west) & (lon <= box.east)


# The measurement


def measured(
    contestants: dict[str, Ask], snapshot: Snapshot, queries: Vectors, boxes: list[BBox] | list[None]
) -> dict[str, tuple[list[float], list[float]]]:
    """Milliseconds and recall@10 of each query, by contestant; three queries come first and warm up."""
    taken_ms: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in contestants}
    for number, query in enumerate(np.concatenate([queries[:3], queries])):
        box = boxes[number % len(boxes)]
        expected = truth(snapshot, query, box)
        for name, ask in contestants.items():
            started_s = time.perf_counter()
            found = ask(query[None], box)
            ms = 1000 * (time.perf_counter() - started_s)
            if number >= 3:
                taken_ms[name][0].append(ms)
                taken_ms[name][1].append(len(expected & set(found.tolist())) / len(expected))
    return taken_ms


def truth(snapshot: Snapshot, query: Vectors, box: BBox | None) -> set[int]:
    rows = np.arange(len(snapshot)) if box is None else np.flatnonzero(inside(snapshot.places, box))
    cosines = snapshot.vectors @ query
    return set(rows[np.argsort(-cosines[rows], kind="stable")[:K]].tolist())


def as_table(results: dict[str, tuple[list[float], list[float]]], snapshot: Snapshot, share: float | None) -> Table:
    which = "no filter" if share is None else f"boxes with {share:.2%} of the rows"
    queries = len(next(iter(results.values()))[0])
    table = Table("", title=f"{len(snapshot):,} x {snapshot.dim}, {which}, {queries} queries", title_justify="left")
    for heading in ("p50 ms", "p99 ms", f"recall@{K}", "worst query"):
        table.add_column(heading, justify="right")
    for name, (ms, recalls) in results.items():
        times = (f"{np.percentile(ms, percent):,.2f}" for percent in (50, 99))
        table.add_row(name, *times, f"{np.mean(recalls):.4f}", f"{min(recalls):.1f}")
    return table


def timed(what: str, rows: int, work: Callable[[], Any]) -> Any:
    started_s = time.perf_counter()
    result = work()
    taken_s = time.perf_counter() - started_s
    print(f"{what}: {taken_s:.1f} s, {rows / taken_s:,.0f} rows/s", flush=True)
    return result


if __name__ == "__main__":
    main()
