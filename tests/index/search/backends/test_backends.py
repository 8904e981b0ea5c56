"""What every backend promises, on a real catalogue: the best rows first, filters kept, exact cosines, close to the exact answer."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import CatalogueError, ConfigError, InputError
from index.records import BBox
from index.search.backends import exact, faiss, int8, lancedb
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import catalogue_with, clustered, index_with, locations, one_hot, unit

COUNT, DIM, K = 2000, 32, 10
Build = Callable[[Snapshot], Any]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """2,000 places all over the globe, their vectors in clusters; every tenth vector is also that of its neighbour."""
    catalogue = catalogue_with(tmp_path_factory.mktemp("world"), locations=locations(COUNT))
    vectors = clustered(COUNT, DIM)
    vectors[1::10] = vectors[::10]
    index_with(catalogue, "locations", vectors)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(lancedb, "FLAT_BELOW_ROWS", 100)
        assert lancedb.build_index(catalogue, "locations")
    return catalogue


@pytest.fixture(scope="module")
def snapshot(catalogue: Catalogue) -> Snapshot:
    return open_snapshot(catalogue, "locations")


def lance_over(snapshot: Snapshot, **options: Any) -> Any:
    with pytest.MonkeyPatch.context() as small:
        small.setattr(lancedb, "FLAT_BELOW_ROWS", 100)
        return lancedb.build(snapshot=snapshot, **options)


def int8_over(snapshot: Snapshot, **options: Any) -> Any:
    with pytest.MonkeyPatch.context() as small:
        small.setattr(int8, "FLAT_BELOW_ROWS", 100)
        return int8.build(snapshot=snapshot, **options)


BACKENDS: dict[str, Build] = {
    "exact": lambda snapshot: exact.build(snapshot=snapshot),
    "ivf": lambda snapshot: faiss.build(snapshot=snapshot, kind="ivf"),
    "hnsw": lambda snapshot: faiss.build(snapshot=snapshot, kind="hnsw"),
    "int8": int8_over,
    "lancedb": lance_over,
}


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest, snapshot: Snapshot) -> Any:
    return BACKENDS[request.param](snapshot)


def queries(count: int = 40) -> npt.NDArray[np.float32]:
    """Near the indexed vectors, but none of them."""
    return unit(clustered(COUNT, DIM)[:: COUNT // count] + 0.05 * np.random.default_rng(9).normal(size=(count, DIM)))


def slow_obvious_search(snapshot: Snapshot, asked: npt.NDArray[np.float32], k: int, rows: Any = None) -> list[list[int]]:
    allowed = range(len(snapshot)) if rows is None else [int(row) for row in rows]
    cosines = asked.astype(np.float64) @ snapshot.vectors.astype(np.float64).T
    return [sorted(allowed, key=lambda row: (-round(each[row], 6), row))[:k] for each in cosines]


def recall(found: npt.NDArray[np.int64], expected: list[list[int]]) -> float:
    pairs = zip(found, expected, strict=True)
    return float(np.mean([len(set(row.tolist()) & set(best)) / len(best) for row, best in pairs]))


FILTERS: dict[str, Callable[[Snapshot], npt.NDArray[np.int64]]] = {
    "one row": lambda _: np.array([1234]),
    "a few rows": lambda _: np.array([3, 17, 500, 501, 999, 1999]),
    "1 % at random": lambda _: np.sort(np.random.default_rng(3).choice(COUNT, COUNT // 100, replace=False)),
    "a third at random": lambda _: np.flatnonzero(np.random.default_rng(4).random(COUNT) < 0.33),
    "the first tenth": lambda _: np.arange(COUNT // 10),
    "across the antimeridian": lambda snapshot: np.flatnonzero(
        BBox(south=-90, west=170, north=90, east=-170).contains(*snapshot.places.T)
    ),
    "all rows": lambda _: np.arange(COUNT),
}


# Close to the exact answer


def test_nearly_all_of_the_ten_best_are_found(backend: Any, snapshot: Snapshot) -> None:
    found, _ = backend.search(queries(), K)
    assert found.shape == (40, K)
    assert recall(found, slow_obvious_search(snapshot, queries(), K)) >= 0.97


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_kept_and_nearly_all_of_the_best_it_leaves_are_found(backend: Any, snapshot: Snapshot, name: str) -> None:
    rows = FILTERS[name](snapshot)
    found, _ = backend.search(queries(), K, rows)
    assert found.shape == (40, min(K, len(rows)))
    assert set(np.unique(found)) <= {-1, *rows.tolist()}
    if not (isinstance(backend, faiss.FaissSearch) and len(rows) < COUNT / 20):  # the planner answers these exactly
        assert recall(found, slow_obvious_search(snapshot, queries(), K, rows)) >= 0.97


def test_the_rows_that_are_left_may_all_be_far_from_the_query(backend: Any, snapshot: Snapshot) -> None:
    asked = queries(1)[:1]
    cosines = (asked @ snapshot.vectors.T)[0]
    farthest = np.sort(np.argsort(cosines)[: COUNT // 3])
    found, values = backend.search(asked, K, farthest)
    assert set(found[0]) <= {-1, *farthest.tolist()}
    if not isinstance(backend, faiss.FaissSearch):  # which may not reach them, and says so
        assert (found >= 0).all()
    full = values[0][found[0] >= 0]
    assert full == pytest.approx(cosines[found[0][found[0] >= 0]], abs=1e-6)


# What is said is exact


def test_cosines_are_exact_and_fall(backend: Any, snapshot: Snapshot) -> None:
    asked = queries()
    for rows in (None, np.arange(0, COUNT, 2)):
        found, cosines = backend.search(asked, K, rows)
        expected = np.einsum("qd,qkd->qk", asked.astype(np.float64), snapshot.vectors[found].astype(np.float64))
        np.testing.assert_allclose(cosines, expected, atol=1e-6)
        assert (np.diff(cosines, axis=1) <= 0).all()


def test_a_cosine_is_the_same_number_whichever_backend_says_it_and_in_whatever_company(backend: Any, snapshot: Snapshot) -> None:
    oracle = exact.build(snapshot=snapshot)
    for rows in (None, np.arange(0, COUNT, 2), np.arange(0, COUNT, 50)):
        found, cosines = backend.search(queries(), K, rows)
        known = {(query, row): value for query, best in enumerate(zip(*oracle.search(queries(), 40), strict=True))
                 for row, value in zip(*best, strict=True)}  # fmt: skip
        pairs = [(query, row) for query, best in enumerate(found.tolist()) for row in best]
        same = [known[pair] == value for pair, value in zip(pairs, cosines.ravel(), strict=True) if pair in known]
        assert all(same)
        assert len(same) > 20


def test_a_stored_vector_finds_itself_and_its_double_in_the_order_of_rows(backend: Any, snapshot: Snapshot) -> None:
    for row in (0, 500, 1990):
        found, cosines = backend.search(snapshot.vectors[[row]], 2)
        assert found.tolist() == [[row, row + 1]]
        assert cosines == pytest.approx(np.ones((1, 2)), abs=1e-6)


def test_no_row_is_named_twice(backend: Any) -> None:
    found, _ = backend.search(queries(), 50)
    assert all(len(set(row)) == 50 for row in found.tolist())


def test_an_answer_can_be_repeated_and_does_not_depend_on_its_company(backend: Any) -> None:
    alone = np.concatenate([backend.search(query[None], K)[0] for query in queries()[:8]])
    together, _ = backend.search(queries()[:8], K)
    np.testing.assert_array_equal(alone, together)


# Edges


def test_more_hits_than_rows_are_all_rows_that_may_answer(backend: Any) -> None:
    rows = np.array([5, 9, 800])
    found, _ = backend.search(queries(2)[:1], 100, rows)
    assert found.shape == (1, 3)
    assert {*found[0].tolist()} - {-1} <= {5, 9, 800}


def test_nothing_is_found_where_nothing_may_answer_or_nothing_is_asked(backend: Any) -> None:
    assert backend.search(queries(4), K, np.empty(0, np.int64))[0].shape == (4, 0)
    assert backend.search(queries(4), 0)[0].shape == (4, 0)
    assert backend.search(np.empty((0, DIM), np.float32), K)[0].shape == (0, K)


@pytest.mark.parametrize("shape", [(DIM,), (1, DIM - 1), (1, 1, DIM)])
def test_a_query_of_another_dimension_is_refused(backend: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=rf"queries must be \[Q, {DIM}\]"):
        backend.search(np.ones(shape, np.float32), 1)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_query_that_is_no_direction_is_refused(backend: Any, poison: float) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        backend.search(np.full((1, DIM), poison, np.float32), 1)


# Which way is chosen


def test_a_small_table_is_searched_exactly_by_every_backend(tmp_path: Path) -> None:
    world = catalogue_with(tmp_path, locations=locations(4))
    index_with(world, "locations", one_hot(0, 1, 2, 3))
    small = open_snapshot(world, "locations")
    for build in (exact.build, faiss.build, lancedb.build):
        search = build(snapshot=small)
        assert isinstance(search, exact.ExactSearch)
        assert search.search(one_hot(2), 1)[0].tolist() == [[2]]


def test_an_empty_table_answers_with_nothing(tmp_path: Path) -> None:
    world = catalogue_with(tmp_path, locations=locations(1))
    index_with(world, "locations", one_hot(0))
    world.table("locations").delete("true")
    empty = open_snapshot(world, "locations")
    for search in (exact.build(snapshot=empty), faiss.build(snapshot=empty, kind="ivf"), lance_over(empty)):
        assert search.search(one_hot(2), 5)[0].shape == (1, 0)


def test_vectors_of_half_precision_give_nearly_the_same_answers(catalogue: Catalogue, snapshot: Snapshot) -> None:
    half = open_snapshot(catalogue, "locations", "float16")
    for search in (exact.build(snapshot=half), faiss.build(snapshot=half, kind="ivf")):
        for rows in (None, np.arange(0, COUNT, 2), np.arange(0, COUNT, 50)):
            found, cosines = search.search(queries(), K, rows)
            assert cosines.dtype == np.float32
            assert recall(found, slow_obvious_search(half, queries(), K, rows)) >= 0.97
            assert cosines == pytest.approx(exact.build(snapshot=snapshot).search(queries(), K, rows)[1], abs=2e-3)


@pytest.mark.parametrize("rows", [None, np.arange(0, COUNT, 2), np.arange(0, COUNT, 50)], ids=["all", "many", "few"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_exact_search_is_the_slow_loop_in_whatever_pieces_it_works(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, rows: Any, dtype: Any
) -> None:
    pieces = open_snapshot(catalogue, "locations", dtype)
    monkeypatch.setattr(exact, "_CHUNK_ROWS", 7)
    monkeypatch.setattr(exact, "_COSINES", 3 * COUNT)  # three queries at once
    found, _ = exact.build(snapshot=pieces).search(queries(), K, rows)
    assert found.tolist() == slow_obvious_search(pieces, queries(), K, rows)


@pytest.mark.parametrize(
    ("module", "wrong"), [(faiss, {"kind": "annoy"}), (faiss, {"nprobe": 0}), (lancedb, {"refine": 0}), (lancedb, {"kind": "ivf"})]
)
def test_a_wrong_option_is_refused_before_anything_is_built(snapshot: Snapshot, module: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        module.build(snapshot=snapshot, **wrong)


def test_lancedb_without_its_index_is_searched_exactly(tmp_path: Path) -> None:
    world = catalogue_with(tmp_path, locations=locations(200))
    index_with(world, "locations", clustered(200, 8))
    assert isinstance(lance_over(open_snapshot(world, "locations")), exact.ExactSearch)


def test_lancedb_says_that_its_index_was_cleaned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lancedb, "FLAT_BELOW_ROWS", 100)
    world = catalogue_with(tmp_path, locations=locations(200))
    index_with(world, "locations", clustered(200, 8))
    lancedb.build_index(world, "locations")
    old = lancedb.build(snapshot=open_snapshot(world, "locations"))
    lancedb.build_index(world, "locations")
    world.table("locations").to_lance().cleanup_old_versions(timedelta(0))
    with pytest.raises(CatalogueError, match=r"version \d+ of the locations cannot be read any more.*open the space again"):
        old.search(one_hot(0, dim=8), 3)


def test_lancedb_indexes_the_coordinates_of_a_small_table_but_not_its_vectors(tmp_path: Path) -> None:
    world = catalogue_with(tmp_path, locations=locations(20))
    index_with(world, "locations", clustered(20, 8))
    assert not lancedb.build_index(world, "locations")
    assert sorted(each.columns[0] for each in world.table("locations").list_indices()) == ["id", "lat", "lon"]


def test_lancedb_refuses_to_index_what_has_no_vectors_or_a_dimension_it_cannot_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lancedb, "FLAT_BELOW_ROWS", 10)
    world = catalogue_with(tmp_path, locations=locations(20))
    with pytest.raises(CatalogueError, match="not indexed"):
        lancedb.build_index(world, "locations")
    index_with(world, "locations", clustered(20, 12))
    with pytest.raises(CatalogueError, match="multiple of 8 dimensions, the vectors have 12; use the backend faiss"):
        lancedb.build_index(world, "locations")


def test_an_index_made_by_lancedb_does_not_make_the_snapshot_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lancedb, "FLAT_BELOW_ROWS", 100)
    world = catalogue_with(tmp_path, locations=locations(300))
    index_with(world, "locations", clustered(300, 8))
    before = open_snapshot(world, "locations")
    assert isinstance(lancedb.build(snapshot=before), exact.ExactSearch)
    lancedb.build_index(world, "locations")
    after = open_snapshot(world, "locations")
    assert after.folder == before.folder
    assert isinstance(lancedb.build(snapshot=after), lancedb.LanceSearch)


def test_lancedb_answers_with_rows_added_after_its_index_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lancedb, "FLAT_BELOW_ROWS", 100)
    world = catalogue_with(tmp_path, locations=locations(300))
    vectors = clustered(301, 8)
    index_with(world, "locations", vectors)
    lancedb.build_index(world, "locations")
    from index.store.vectors import begin_vectors, finish_vectors, write_vectors
    from tests.worlds import Listed, location

    ingest(world, Listed("locations", [location("late", lat=1, lon=1)]))
    new = begin_vectors(world, "locations", "3fa1" * 16, 8)
    write_vectors(world, "locations", new, -vectors[:1])
    finish_vectors(world, "locations", "3fa1" * 16, {"name": "invented"})
    snapshot = open_snapshot(world, "locations")
    search = lancedb.build(snapshot=snapshot)
    assert isinstance(search, lancedb.LanceSearch)
    assert search.search(-vectors[:1], 1)[0].tolist() == snapshot.row_of(new).reshape(1, 1).tolist()
