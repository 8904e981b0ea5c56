from pathlib import Path

import numpy as np
import pytest

from index.records import Embeddings
from index.search.backends import exact, int8
from index.search.backends.exact import ExactSearch
from index.search.snapshot import Snapshot, open_snapshot
from retrieval.ranking.plan import Planner
from tests.worlds import catalogue_with, clustered, index_with, locations

COUNT, DIM = 2_000, 32


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    monkeypatch.setattr(int8, "FLAT_BELOW_ROWS", 100)
    catalogue = catalogue_with(tmp_path / "world", locations=locations(COUNT))
    index_with(catalogue, "locations", clustered(COUNT, DIM))
    return open_snapshot(catalogue, "locations")


def test_the_codes_take_a_byte_for_each_number_and_are_saved_once(snapshot: Snapshot) -> None:
    int8.build(snapshot=snapshot)
    (path,) = snapshot.folder.glob("*.faiss")
    written = path.stat()
    assert COUNT * DIM <= written.st_size < 1.1 * COUNT * DIM
    int8.build(snapshot=snapshot)
    assert path.stat().st_mtime_ns == written.st_mtime_ns


def test_it_answers_as_the_exact_search_does_and_says_how(snapshot: Snapshot) -> None:
    asked, oracle = clustered(40, DIM, seed=3), exact.build(snapshot=snapshot)
    found = Planner(snapshot, int8.build(snapshot=snapshot), oracle, exact_rows=0).search(asked, 10)
    rows, cosines = oracle.search(asked, 10)
    assert found.how == f"int8, {COUNT:,} rows"
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.cosines, cosines)


def test_under_a_filter_it_is_never_short(snapshot: Snapshot) -> None:
    planner = Planner(snapshot, int8.build(snapshot=snapshot), exact.build(snapshot=snapshot), exact_rows=0)
    allowed = np.arange(5, COUNT, 97)
    found = planner.search(clustered(10, DIM, seed=3), 10, allowed)
    assert found.rows.shape == (10, 10)
    assert set(found.rows.ravel().tolist()) <= set(allowed.tolist())


def test_few_rows_are_compared_exactly() -> None:
    vectors = clustered(50, DIM)
    few = Snapshot.in_memory(
        Embeddings(
            modality="locations", ids=[str(row) for row in range(50)], places=np.zeros((50, 2)), vectors=vectors, model_digest="0"
        )
    )
    assert isinstance(int8.build(snapshot=few), ExactSearch)
