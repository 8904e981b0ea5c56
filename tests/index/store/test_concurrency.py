"""Several ingests at once: every record is there once, and nobody fails."""

import subprocess
import sys
import threading
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import pytest

from index.records import Done, Record, Rejected
from index.store.catalogue import Catalogue
from index.store.contention import TRIES, persistently
from index.store.ingest import BATCH_ROWS, ingest
from index.store.upkeep import settle
from tests.worlds import Listed, articles, catalogue_with

BATCH, BATCHES = 20, 6


class InStep(Listed):
    """All that share the barrier deliver the last record of a batch at the same moment."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__("articles", articles(BATCH * BATCHES))
        self.barrier = barrier

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Record | Rejected | Done]:
        for number, record in enumerate(super().records(finished), start=1):
            if not number % BATCH:
                self.barrier.wait(60)
            yield record


@pytest.mark.parametrize("there_before", [0, 5])
def test_two_ingests_of_the_same_batches_at_the_same_moment_store_each_id_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there_before: int
) -> None:
    """Rows that were there before are in the index of the ids: with one Lance would not compare what the two have inserted."""
    monkeypatch.setitem(BATCH_ROWS, "articles", BATCH)
    catalogue = catalogue_with(tmp_path, articles=articles(there_before)) if there_before else Catalogue.open(tmp_path, create=True)
    if there_before:
        catalogue.table("articles").to_lance().optimize.optimize_indices()
    barrier, added = threading.Barrier(2), list[int]()
    threads = [
        threading.Thread(target=lambda: added.append(ingest(Catalogue.open(tmp_path, create=True), InStep(barrier)).added))
        for _ in range(2)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    ids = catalogue.column("articles", [])["id"].to_pylist()
    assert ids == sorted(each.id for each in articles(BATCH * BATCHES))
    assert sum(added) == BATCH * BATCHES - there_before


INGESTING = """
import sys
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import Listed, articles
report = ingest(Catalogue.open(sys.argv[1], create=True), Listed("articles", articles(int(sys.argv[2]))))
print(report.added, report.known)
"""


@pytest.mark.parametrize(
    ("processes", "count"),
    [(2, 300), pytest.param(2, 20_000, marks=pytest.mark.slow), pytest.param(4, 20_000, marks=pytest.mark.slow)],
)
def test_processes_that_make_and_fill_the_same_catalogue_end_with_each_record_once(
    tmp_path: Path, processes: int, count: int
) -> None:
    command = [sys.executable, "-c", INGESTING, str(tmp_path), str(count)]
    root = Path(__file__).parents[3]
    running = [subprocess.Popen(command, cwd=root, text=True, stdout=subprocess.PIPE) for _ in range(processes)]
    said = [process.communicate()[0].split() for process in running]
    assert [process.returncode for process in running] == [0] * processes
    assert sum(int(added) for added, _ in said) == count
    ids = Catalogue.open(tmp_path).column("articles", [])["id"].to_pylist()
    assert len(ids) == len(set(ids)) == count


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("index.store.contention.time.sleep", found.append)
    return found


def test_a_commit_that_meets_another_is_tried_again_after_growing_waits(waits: list[float]) -> None:
    left = [OSError("Retryable commit conflict for version 7")] * 5

    def commit() -> str:
        if left:
            raise left.pop()
        return "done"

    assert persistently(commit) == "done"
    assert len(waits) == 5
    assert waits[4] > 4 * waits[0]


def test_a_commit_that_always_meets_another_is_given_up_and_any_other_error_at_once(waits: list[float]) -> None:
    tries: list[str] = []

    def commit(message: str) -> None:
        tries.append(message)
        raise OSError(message)

    with pytest.raises(OSError, match="conflict"):
        persistently(lambda: commit("commit conflict"))
    assert len(tries) == TRIES
    with pytest.raises(OSError, match="no space"):
        persistently(lambda: commit("no space left on device"))
    assert len(tries) == TRIES + 1


def test_putting_in_order_is_left_to_the_next_ingest_where_another_process_was_faster(tmp_path: Path) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(1))
    for count in (2, 3):
        ingest(catalogue, Listed("articles", articles(count)))
    table = catalogue.table("articles")
    table.add(table.to_arrow().slice(0, 1).set_column(0, table.schema.field("id"), [["f" * 32]]))
    behind = table.to_lance()
    settle(table, "articles", BATCH)
    assert len(table.to_lance().get_fragments()) == 1

    class Behind:
        """A process that looked at the table before the four small files were merged."""

        def to_lance(self) -> Any:
            return behind

    with pytest.raises((OSError, RuntimeError), match="conflict"):
        behind.optimize.compact_files()
    settle(Behind(), "articles", BATCH)
    assert catalogue.count("articles") == 4
