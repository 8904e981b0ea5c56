"""One writer and many readers of the same catalogue, each a process. The answers can be computed by hand at any time: an article
of one number is always the same, its vector follows from its id, and what is committed are always the first so many.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.records import Article
from index.search.backends import exact, faiss, lancedb
from index.search.filters import Filter
from index.search.snapshot import Rows, Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.upkeep import optimize_table
from index.store.vectors import begin_vectors, finish_vectors, write_vectors
from retrieval.ranking.fulltext import build_text_index, text_hits
from retrieval.ranking.plan import Backend, Planner
from tests.worlds import Listed, articles, unit

MODEL, DIM = "3fa1" * 16, 16
FIRST, STEP, MOST = 300, 7, 3000  # articles: before the writer starts, added at once, at most
OPTIMIZE_EVERY = 4  # appends
KEEP = timedelta(seconds=20)  # versions that were replaced; no reader is so slow
BACKENDS = ("exact", "faiss", "lancedb")
EXACT_ROWS = 10  # filters that leave more are answered by the backend


@cache
def known() -> list[Article]:
    return articles(MOST)


@cache
def numbers() -> dict[str, int]:
    return {each.id: number for number, each in enumerate(known())}


@cache
def vectors() -> npt.NDArray[np.float32]:
    """The vector [DIM] of every article, in the order of their numbers."""
    return unit([np.random.default_rng(int(each.id[:16], 16)).normal(size=DIM) for each in known()])


@cache
def places() -> npt.NDArray[np.float64]:
    return np.array([(each.place.lat, each.place.lon) for each in known()])


# The writer


def append(catalogue: Catalogue, start: int, stop: int) -> None:
    """Ingest and index articles number ``start`` to ``stop``, as ``placebind ingest`` and ``placebind index append`` do."""
    ingest(catalogue, Listed("articles", known()[start:stop]))
    ids = begin_vectors(catalogue, "articles", MODEL, DIM)
    write_vectors(catalogue, "articles", ids, vectors()[[numbers()[id_] for id_ in ids]])
    finish_vectors(catalogue, "articles", MODEL, {})
    build_text_index(catalogue)
    if not lancedb.has_index(catalogue.table("articles")):
        lancedb.build_index(catalogue, "articles")


def write(folder: Path, log: Path, seconds: float) -> dict[str, int]:
    """Append and optimise until the time is over; what is committed is in the log before anything more is written."""
    lancedb.FLAT_BELOW_ROWS = FIRST
    catalogue, end, count, appends, optimized = Catalogue.open(folder), time.monotonic() + seconds, FIRST, 0, 0
    while time.monotonic() < end and count + STEP <= MOST:
        append(catalogue, count, count + STEP)
        count, appends = count + STEP, appends + 1
        with log.open("a") as file:
            file.write(f"{count}\n")
        if appends % OPTIMIZE_EVERY == 0:
            optimize_table(catalogue, "articles", KEEP)
            optimized += 1
    return {"appends": appends, "optimized": optimized, "rows": count}


# The readers


@dataclass
class Seen:
    """What a reader did: questions that were answered, snapshots opened, and their row counts."""

    backend: str
    questions: int = 0
    opened: int = 0
    counts: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Opened:
    version: int
    snapshot: Snapshot
    planner: Planner


def read(folder: Path, log: Path, seconds: float, backend: str, seed: int) -> Seen:
    """Ask until the time is over, always of the newest version, as ``ui.server.workspace`` does; now and then of the one before it.

    Every answer is compared with the one computed by hand. Raises ``AssertionError`` for one that differs.
    """
    lancedb.FLAT_BELOW_ROWS = FIRST
    catalogue, rng, seen = Catalogue.open(folder), np.random.default_rng(seed), Seen(backend)
    now, before, end = None, None, time.monotonic() + seconds
    while time.monotonic() < end:
        if now is None or catalogue.table("articles").version != now.version:
            committed = int(log.read_text().split()[-1])
            now, before = open_newest(catalogue, backend), now
            seen.opened += 1
            seen.counts.add(len(now.snapshot))
            assert len(now.snapshot) >= max(committed, len(before.snapshot) if before else 0), "an older version than the last one"
            assert_whole(now.snapshot)
        for rows in filters(now.snapshot, rng):
            assert_answers(now.planner, rows, rng)
            seen.questions += 1
        assert_finds_words(now.snapshot, rng)
        if before:  # someone is still being answered by it
            assert_answers(Planner(before.snapshot, before.planner.exact, before.planner.exact), None, rng)
    return seen


def open_newest(catalogue: Catalogue, backend: str) -> Opened:
    version = catalogue.table("articles").version
    snapshot = open_snapshot(catalogue, "articles")
    oracle = exact.build(snapshot=snapshot)
    # Backends that look at every row: approximate by their ways, exact in their answers.
    searches: dict[str, Any] = {
        "exact": lambda: oracle,
        "faiss": lambda: faiss.build(snapshot=snapshot, kind="ivf", lists=8, nprobe=8, refine=MOST),
        "lancedb": lambda: lancedb.build(snapshot=snapshot, nprobe=1000, refine=MOST),
    }
    chosen: Backend = searches[backend]()
    assert (type(chosen) is type(oracle)) == (backend == "exact")
    return Opened(version, snapshot, Planner(snapshot, chosen, oracle, exact_rows=EXACT_ROWS))


def filters(snapshot: Snapshot, rng: np.random.Generator) -> Iterator[Rows | None]:
    """None, a box and an SQL condition, each checked against the places known."""
    yield None
    lat, count = int(rng.integers(-50, 50)), len(snapshot)
    inside = numbers_of(snapshot, np.arange(count))[:, None] == np.flatnonzero(places()[:count, 0] < lat)
    for asked in ({"bbox": f"-90,-180,{lat - 0.5},180"}, {"where": f"lat < {lat}"}):
        rows = Filter.parse(asked).rows(snapshot)
        assert rows is not None
        np.testing.assert_array_equal(rows, np.flatnonzero(inside.any(axis=1)))
        yield rows


def assert_whole(snapshot: Snapshot) -> None:
    """The first so many articles, a number that was committed, each with its own vector and place."""
    count = len(snapshot)
    assert (count - FIRST) % STEP == 0, f"{count} rows: never committed"
    at = numbers_of(snapshot, np.arange(count))
    np.testing.assert_array_equal(np.sort(at), np.arange(count))
    np.testing.assert_array_equal(snapshot.vectors, vectors()[at])
    np.testing.assert_array_equal(snapshot.places, places()[at])


def assert_answers(planner: Planner, rows: Rows | None, rng: np.random.Generator) -> None:
    """Compares with all cosines, sorted."""
    snapshot, k, query = planner.snapshot, int(rng.integers(1, 30)), unit(rng.normal(size=(1, DIM)))
    found = planner.search(query, k, rows)
    allowed = np.arange(len(snapshot)) if rows is None else rows
    at = numbers_of(snapshot, allowed)
    cosines = vectors()[at] @ query[0]
    best = np.argsort(-cosines)[:k]
    assert numbers_of(snapshot, found.rows[0]).tolist() == at[best].tolist(), found.how
    np.testing.assert_allclose(found.cosines[0], cosines[best], atol=1e-5)
    if planner.backend is not planner.exact or rng.random() < 0.5:
        titles = snapshot.take(found.rows[0], ["title"])["title"].to_pylist()
        assert titles == [f"place {number}" for number in at[best]]


def assert_finds_words(snapshot: Snapshot, rng: np.random.Generator) -> None:
    number = int(rng.integers(len(snapshot)))
    rows, _ = text_hits(snapshot, str(number), 1)
    assert numbers_of(snapshot, rows).tolist() == [number]


def numbers_of(snapshot: Snapshot, rows: Rows) -> Rows:
    """Which articles are in these rows."""
    return np.array([numbers()[id_] for id_ in snapshot.ids.take(rows).to_pylist()], dtype=np.int64)
