"""Hammered: while one process ingests, appends and optimises, others ask; every answer is the exact one of a committed version."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from index.search.backends import lancedb
from index.store.catalogue import Catalogue
from tests.retrieval.ranking.hammering import BACKENDS, FIRST, STEP, append, read, write


@pytest.mark.parametrize(("readers", "seconds"), [(3, 5), pytest.param(16, 60, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_every_answer_is_that_of_a_committed_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readers: int, seconds: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(lancedb, "FLAT_BELOW_ROWS", FIRST)
    folder, log = tmp_path / "catalogue", tmp_path / "committed"
    append(Catalogue.open(folder, create=True), 0, FIRST)
    log.write_text(f"{FIRST}\n")
    context = multiprocessing.get_context("forkserver")
    # Imports are slow: once for all.
    context.set_forkserver_preload(["tests.retrieval.ranking.hammering", "lance", "lancedb"])
    with ProcessPoolExecutor(readers + 1, context) as pool:
        writer = pool.submit(write, folder, log, seconds)
        crowd = [pool.submit(read, folder, log, seconds, BACKENDS[seed % len(BACKENDS)], seed) for seed in range(readers)]
        seen, wrote = [each.result() for each in crowd], writer.result()
    print(wrote, *seen, sep="\n")
    committed = set(range(FIRST, wrote["rows"] + 1, STEP))
    assert {int(count) for count in log.read_text().split()} == committed
    assert set().union(*(each.counts for each in seen)) <= committed
    assert wrote["appends"] > 1
    assert all(each.questions and each.opened > 1 for each in seen)
