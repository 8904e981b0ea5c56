"""The planner: few rows exactly, many by the index, and no answer that the filter has made short or wrong."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.geo import uniform_on_sphere, wrap_lon
from index.records import Embeddings
from index.search.backends import exact, faiss
from index.search.filters import Filter
from index.search.snapshot import Rows, Snapshot
from retrieval.ranking.plan import Backend, Found, Planner
from tests.worlds import one_hot, unit

COUNT, DIM, CLUSTERS, EXACT_ROWS = 30_000, 32, 60, 500
Vectors = npt.NDArray[np.float32]
WESTERN = Filter.parse({"bbox": "-90,-180,90,-72"})  # 30 % of the globe


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """What an encoder makes of the globe: records of one region lie in one direction, so that filters cut whole clusters away."""
    rng = np.random.default_rng(5)
    of = rng.integers(0, CLUSTERS, COUNT)
    lat, lon = uniform_on_sphere(CLUSTERS, rng)
    places = np.column_stack([lat[of].clip(-80, 80) + rng.uniform(-8, 8, COUNT), wrap_lon(lon[of] + rng.uniform(-12, 12, COUNT))])
    vectors = unit(rng.normal(size=(CLUSTERS, DIM))[of] + 0.7 * rng.normal(size=(COUNT, DIM)))
    ids = [f"{row:032x}" for row in range(COUNT)]
    return Snapshot.in_memory(Embeddings(ids=ids, vectors=vectors, modality="articles", model_digest="3fa1", places=places))


@pytest.fixture(scope="module")
def oracle(snapshot: Snapshot) -> Backend:
    return exact.build(snapshot=snapshot)


@pytest.fixture(scope="module", params=[{"kind": "ivf", "nprobe": 3}, {"kind": "hnsw"}], ids=["ivf", "hnsw"])
def approximate(snapshot: Snapshot, request: pytest.FixtureRequest) -> Backend:
    pytest.importorskip("faiss")
    return faiss.build(snapshot=snapshot, gpu=False, **request.param)


def queries_like(snapshot: Snapshot, count: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(snapshot), count)
    return unit(snapshot.vectors[rows] + 0.1 * rng.normal(size=(count, snapshot.dim)))


def slowly(snapshot: Snapshot, query: Vectors, k: int, rows: Rows) -> list[int]:
    """The obvious answer: sort them all."""
    return sorted(rows.tolist(), key=lambda row: (-float(query @ snapshot.vectors[row]), row))[:k]


def recall(found: Rows, true: Rows) -> float:
    return float(
        np.mean([len(set(some) & set(all_)) / len(all_) for some, all_ in zip(found.tolist(), true.tolist(), strict=True)])
    )


class Counting:
    """Passes everything on to a backend and notes how many queries it was asked."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.asked = backend, 0

    def search(self, queries: Vectors, k: int, rows: Rows | None = None) -> tuple[Rows, Vectors]:
        self.asked += len(queries)
        return self.backend.search(queries, k, rows)


# Which way is taken


def test_a_filter_that_leaves_few_rows_is_answered_exactly_on_them(snapshot: Snapshot, oracle: Backend) -> None:
    never: Any = None  # the approximate backend is not asked
    narrow = Filter.parse({"near": (*snapshot.places[7], 300)})
    rows = narrow.rows(snapshot)
    assert rows is not None
    assert 10 < len(rows) <= EXACT_ROWS
    queries = queries_like(snapshot, 3)
    found = Planner(snapshot, never, oracle, exact_rows=EXACT_ROWS).search(queries, 10, narrow)
    assert found.rows.tolist() == [slowly(snapshot, query, 10, rows) for query in queries]
    assert found.how == f"exact on {len(rows)} rows"


def test_without_a_filter_the_backend_answers_and_is_not_checked(snapshot: Snapshot, oracle: Backend, approximate: Backend) -> None:
    queries, counted = queries_like(snapshot, 20), Counting(oracle)
    found = Planner(snapshot, approximate, counted, exact_rows=EXACT_ROWS).search(queries, 10)
    rows, cosines = approximate.search(queries, 10)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.cosines, cosines)
    assert (found.how, counted.asked) == ("faiss, 30,000 rows", 0)


def test_a_broad_filter_around_the_query_is_left_to_the_index(snapshot: Snapshot, oracle: Backend, approximate: Backend) -> None:
    rows = WESTERN.rows(snapshot)
    assert rows is not None
    queries = snapshot.vectors[rows[::500]]  # of records that the filter lets through, and so are those around them
    counted = Counting(oracle)
    found = Planner(snapshot, approximate, counted, exact_rows=EXACT_ROWS).search(queries, 10, WESTERN)
    assert counted.asked <= 0.2 * len(queries)
    assert found.how.startswith(f"faiss, {len(rows):,} of 30,000 rows")
    assert recall(found.rows, oracle.search(queries, 10, rows)[0]) >= 0.99


def test_an_exact_backend_is_asked_as_it_is(snapshot: Snapshot, oracle: Backend) -> None:
    found = Planner(snapshot, oracle, oracle).search(queries_like(snapshot, 2), 10)
    assert found.how == "exact on 30,000 rows"


# What comes back is right


def test_far_hits_among_rows_that_are_all_about_as_near_are_found() -> None:
    """Clusters of some 20 rows in 64 dimensions: whoever may not be answered by its own has nothing but noise left."""
    pytest.importorskip("faiss")
    rng = np.random.default_rng(2)
    of = rng.integers(0, 1000, 20_000)
    vectors = unit(rng.normal(size=(1000, 64))[of] + 0.5 * rng.normal(size=(20_000, 64)))
    ids, nowhere = [f"{row:032x}" for row in range(20_000)], np.zeros((20_000, 2))
    crowd = Snapshot.in_memory(Embeddings(ids=ids, vectors=vectors, modality="articles", model_digest="3fa1", places=nowhere))
    good, rows = exact.build(snapshot=crowd), np.flatnonzero(of < 200)
    index = faiss.build(snapshot=crowd, gpu=False, kind="ivf", nprobe=2)
    queries = unit(vectors[of >= 200][:50] + 0.05 * rng.normal(size=(50, 64)))
    true = good.search(queries, 10, rows)[0]
    assert recall(index.search(queries, 10, rows)[0], true) < 0.95, "the index alone does not find them"
    assert recall(Planner(crowd, index, good, exact_rows=100).search(queries, 10, rows).rows, true) >= 0.99


def test_hits_that_the_index_loses_behind_a_filter_are_found(snapshot: Snapshot, oracle: Backend, approximate: Backend) -> None:
    rows, queries = WESTERN.rows(snapshot), queries_like(snapshot, 200, seed=1)
    assert rows is not None
    true = oracle.search(queries, 10, rows)[0]
    planned = Planner(snapshot, approximate, oracle, exact_rows=EXACT_ROWS).search(queries, 10, WESTERN)
    assert recall(approximate.search(queries, 10, rows)[0], true) < 0.9, "the index alone has to lose some, or this shows nothing"
    assert recall(planned.rows, true) >= 0.99
    assert (planned.rows >= 0).all()
    np.testing.assert_allclose(planned.cosines, np.einsum("qkd,qd->qk", snapshot.vectors[planned.rows], queries), atol=1e-5)
    assert "found too little, so exact for" in planned.how


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9])
def test_filters_of_any_breadth_are_right_and_never_short(
    snapshot: Snapshot, oracle: Backend, approximate: Backend, share: float
) -> None:
    queries = queries_like(snapshot, 100, seed=2)
    for west in (-180, 20, 150):  # the last crosses the antimeridian
        box = Filter.parse({"bbox": (-90, west, 90, float(wrap_lon(west + 360 * share)))})
        rows = box.rows(snapshot)
        assert rows is not None
        assert len(rows) > EXACT_ROWS
        found = Planner(snapshot, approximate, oracle, exact_rows=EXACT_ROWS).search(queries, 10, box)
        assert found.rows.shape == (100, 10)
        assert np.isin(found.rows, rows).all()
        assert recall(found.rows, oracle.search(queries, 10, rows)[0]) >= 0.99


def test_asking_for_more_than_there_is_gives_all_there_is(snapshot: Snapshot, oracle: Backend, approximate: Backend) -> None:
    query = queries_like(snapshot, 1)
    rows = np.arange(0, COUNT, 50)
    found = Planner(snapshot, approximate, oracle, exact_rows=EXACT_ROWS).search(query, 1000, rows)
    assert found.rows.tolist() == [slowly(snapshot, query[0], 1000, rows)]
    assert found.rows.shape == (1, 600)


def test_no_row_left_is_said_and_not_an_error(snapshot: Snapshot, oracle: Backend) -> None:
    found = Planner(snapshot, oracle, oracle).search(queries_like(snapshot, 2), 10, Filter.parse({"near": "-90,0,1"}))
    assert (found.rows.shape, found.cosines.shape, found.how) == ((2, 0), (2, 0), "no row passes the filter")


# Bad backends


class Bad:
    """A backend with one fault, with most of them on every second query."""

    def __init__(self, good: Backend, fault: str, snapshot: Snapshot) -> None:
        self.good, self.fault, self.snapshot = good, fault, snapshot

    def search(self, queries: Vectors, k: int, rows: Rows | None = None) -> tuple[Rows, Vectors]:
        found, cosines = self.good.search(queries, k, rows)
        if self.fault == "narrow":
            return found[:, : k // 4], cosines[:, : k // 4]
        if self.fault == "forgetful":  # of the second best
            found, cosines = (np.delete(each, 1, axis=1) for each in self.good.search(queries, k + 1, rows))
        if self.fault == "few":
            found[::2, 3:], cosines[::2, 3:] = -1, -np.inf
        if self.fault == "far":  # allowed rows with their true cosines, but not the best
            found[::2] = rows[:k] if rows is not None else np.arange(k)
            cosines = np.einsum("qkd,qd->qk", self.snapshot.vectors[found], queries)
        if self.fault == "deaf":  # to the filter
            found[::2], cosines[::2] = (each[::2] for each in self.good.search(queries, k, None))
        return found, cosines


def asked_of(planner: Planner, queries: Vectors, filter: Filter | Rows | None) -> Found:
    found = planner.search(queries, 10, filter)
    assert "found too little, so exact" in found.how
    return found


@pytest.mark.parametrize("fault", ["narrow", "few", "far", "deaf"])
def test_a_bad_answer_under_a_filter_is_replaced_by_the_exact_one(snapshot: Snapshot, oracle: Backend, fault: str) -> None:
    queries, rows = queries_like(snapshot, 11, seed=3), WESTERN.rows(snapshot)
    planner = Planner(snapshot, Bad(oracle, fault, snapshot), oracle, exact_rows=EXACT_ROWS)
    found = asked_of(planner, queries, WESTERN)
    np.testing.assert_array_equal(found.rows, oracle.search(queries, 10, rows)[0])


def test_a_single_hit_that_the_sample_knows_is_missed(oracle: Backend, snapshot: Snapshot) -> None:
    small = Snapshot.in_memory(
        Embeddings(
            ids=[f"{row:032x}" for row in range(3000)],  # all of them in the sample
            vectors=snapshot.vectors[:3000],
            modality="articles",
            model_digest="3fa1",
            places=snapshot.places[:3000],
        )
    )
    good, rows, queries = exact.build(snapshot=small), np.arange(1000, 3000), queries_like(small, 9)
    found = asked_of(Planner(small, Bad(good, "forgetful", small), good, exact_rows=100), queries, rows)
    np.testing.assert_array_equal(found.rows, good.search(queries, 10, rows)[0])


@pytest.mark.parametrize("fault", ["narrow", "few"])
def test_a_short_answer_is_replaced_also_without_a_filter(snapshot: Snapshot, oracle: Backend, fault: str) -> None:
    queries = queries_like(snapshot, 11, seed=4)
    found = asked_of(Planner(snapshot, Bad(oracle, fault, snapshot), oracle), queries, None)
    np.testing.assert_array_equal(found.rows, oracle.search(queries, 10)[0])


def test_how_says_for_how_many_queries_the_index_was_not_enough(snapshot: Snapshot, oracle: Backend) -> None:
    found = Planner(snapshot, Bad(oracle, "few", snapshot), oracle).search(queries_like(snapshot, 11), 10)
    assert found.how == "test_plan, 30,000 rows; found too little, so exact for 6 of 11 queries"


def test_equal_cosines_are_no_evidence_against_an_answer() -> None:
    vectors = one_hot(*(row % 2 for row in range(2000)), dim=4)
    embeddings = Embeddings(
        ids=[f"{row:032x}" for row in range(2000)],
        vectors=vectors,
        modality="tiles",
        model_digest="3fa1",
        places=np.zeros((2000, 2)),
    )
    snapshot = Snapshot.in_memory(embeddings)
    good = exact.build(snapshot=snapshot)
    counted, rows = Counting(good), np.arange(500, 2000)
    found = Planner(snapshot, good, counted, exact_rows=100).search(one_hot(0, dim=4), 5, rows)
    assert found.rows.tolist() == [[500, 502, 504, 506, 508]]
    assert counted.asked == 0
