"""Memory and recall of codes that a million real vectors can be searched by, each followed by exact cosines of the candidates.

    OMP_NUM_THREADS=1 python -m benchmarks.codes [--points 1000000] [--texts 100]

The vectors are those of points on land, evenly spread, by the model that comes with PlaceBind: neighbours lie as close together as
they do in a real index. The queries are texts. "bytes" are those of the codes in memory; the float32 vectors stay on disk, and only
candidates are read. Milliseconds are of CPU, as machines are shared.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import faiss
import numpy as np
import numpy.typing as npt

from index.registry import load
from train.encode import Encoder

K, BATCH = 10, 8192
KINDS = (
    "volcanic island",
    "salt flat",
    "glacier tongue",
    "rice terraces",
    "harbour city",
    "cold steppe",
    "coral reef",
    "oil field",
)
WHERE = ("in the north", "near the equator", "by the sea", "in the mountains", "in Asia", "in Africa", "of South America",
         "of Europe", "under snow", "in the dry season", "beside a lake", "with a railway", "near a city")  # fmt: skip
# FAISS' names, the numbers of candidates, what they are called here, and of how many lists the nearest are searched.
CODES = (
    ("SQ8", (10, 30, 100), "int8", 0),
    ("SQ4", (100, 300), "4 bits", 0),
    ("RaBitQ", (300, 1000, 3000), "binary (RaBitQ)", 0),
    ("RaBitQ4", (100, 300), "4 bits (RaBitQ)", 0),
    ("IVF1024,PQ64x4fs", (100, 300), "4 bits for 4 numbers, 16 of 1,024 lists", 16),
    ("IVF1024,SQ8", (30, 100), "int8, 16 of 1,024 lists", 16),
    ("IVF1024,SQ8", (100,), "int8, 64 of 1,024 lists", 64),
)
Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--texts", type=int, default=100)
    given = parser.parse_args()
    encoder = Encoder.open()
    grid = load("index.sources", "grid").build(points=given.points)
    vectors = np.concatenate(
        [
            encoder.places(grid.lat[start : start + BATCH], grid.lon[start : start + BATCH])
            for start in range(0, len(grid.lat), BATCH)
        ]
    )
    queries = encoder.texts([f"{kind} {where}" for where in WHERE for kind in KINDS][: given.texts])
    truth, exact_ms = asked(queries, lambda query: best(vectors, query, np.arange(len(vectors))))
    print(f"{len(vectors):,} vectors of {vectors.shape[1]} numbers, {len(queries)} texts\n")
    print("| codes | bytes a row | less memory | candidates | recall@10 | CPU ms | made in CPU s |\n|---|---|---|---|---|---|---|")
    print(f"| float32, all | {4 * vectors.shape[1]} | 1 | all | 1 | {exact_ms:.0f} | 0 |")
    for name, counts, called, lists in CODES:
        for line in lines(name, counts, called, lists, vectors, queries, truth):
            print(line, flush=True)


def lines(
    name: str, counts: tuple[int, ...], called: str, lists: int, vectors: Vectors, queries: Vectors, truth: list[Rows]
) -> Iterator[str]:
    index = faiss.index_factory(vectors.shape[1], name, faiss.METRIC_INNER_PRODUCT)
    started_s = time.process_time()
    index.train(vectors[np.sort(np.random.default_rng(0).choice(len(vectors), min(len(vectors), 262_144), replace=False))])
    index.add(vectors)
    made_s = time.process_time() - started_s
    if lists:
        index.nprobe = lists
    size = faiss.serialize_index(index).nbytes / len(vectors)
    for count in counts:
        found, ms = asked(queries, lambda query, count=count: best(vectors, query, index.search(query[None], count)[1][0]))
        recall = np.mean([len(set(mine) & set(theirs)) / K for mine, theirs in zip(found, truth, strict=True)])
        less = 4 * vectors.shape[1] / size
        yield f"| {called} | {size:.0f} | {less:.1f} | {count:,} | {recall:.3f} | {ms:.1f} | {made_s:.0f} |"


def asked(queries: Vectors, answer: Callable[[Vectors], Rows]) -> tuple[list[Rows], float]:
    """The answers, and the median CPU time of one in milliseconds."""
    found, taken_ms = [], []
    for query in queries:
        started_s = time.process_time()
        found.append(answer(query))
        taken_ms.append(1000 * (time.process_time() - started_s))
    return found, float(np.median(taken_ms))


def best(vectors: Vectors, query: Vectors, candidates: Rows) -> Rows:
    """The ``K`` candidates with the highest cosines; -1 is none."""
    rows = candidates[candidates >= 0]
    cosines = vectors @ query if len(rows) == len(vectors) else vectors[rows] @ query
    return rows[np.argsort(-cosines, kind="stable")[:K]]


if __name__ == "__main__":
    main()
