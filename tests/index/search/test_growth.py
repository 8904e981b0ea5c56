"""A snapshot that grew is the table too: old rows keep their places, new ones come behind, nothing known is read again."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.search import growth, snapshot
from index.search.backends import exact, faiss
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.upkeep import optimize_table
from index.store.vectors import begin_vectors, finish_vectors, read_embeddings, write_vectors
from tests.worlds import Listed, articles, catalogue_with, clustered, index_with

MODEL, DIM = "3fa1" * 16, 8
VECTORS = clustered(200, DIM)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """100 of the articles, indexed."""
    catalogue = catalogue_with(tmp_path / "catalogue", articles=articles(100))
    fill(catalogue)
    return catalogue


@pytest.fixture
def written_whole(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows of every snapshot that was read from the table from its first to its last row."""
    rows: list[int] = []
    allocate = snapshot._allocate

    def counted(path: Path, dtype: str, shape: tuple[int, int]) -> Any:
        rows.append(shape[0])
        return allocate(path, dtype, shape)

    monkeypatch.setattr(snapshot, "_allocate", counted)
    return rows


def fill(catalogue: Catalogue) -> None:
    """Index what has no vector; which one a record gets follows from its id alone."""
    ids = begin_vectors(catalogue, "articles", MODEL, DIM)
    write_vectors(catalogue, "articles", ids, np.stack([VECTORS[int(id_, 16) % len(VECTORS)] for id_ in ids]))
    finish_vectors(catalogue, "articles", MODEL, {"name": "invented"})


def append(catalogue: Catalogue, count: int) -> None:
    """Ingest articles up to this number of them, and index those."""
    ingest(catalogue, Listed("articles", articles(count)))
    fill(catalogue)


def assert_is_the_table(found: Snapshot, catalogue: Catalogue) -> None:
    table = read_embeddings(catalogue, "articles")
    rows = found.row_of(table.ids)
    assert sorted(rows.tolist()) == list(range(len(found)))
    np.testing.assert_array_equal(found.vectors[rows], table.vectors)
    np.testing.assert_array_equal(found.places[rows], table.places)
    assert found.take(rows, ["id"])["id"].to_pylist() == list(table.ids)
    assert found.rows_at(found.row_ids).tolist() == list(range(len(found)))


def test_appended_rows_come_behind_the_old_ones_ordered_by_id(catalogue: Catalogue, written_whole: list[int]) -> None:
    old = open_snapshot(catalogue, "articles")
    for count in (130, 131, 160):
        append(catalogue, count)
        assert_is_the_table(open_snapshot(catalogue, "articles"), catalogue)
    new = open_snapshot(catalogue, "articles")
    assert (written_whole, new.sizes) == ([100], (100, 130, 131))
    ids = new.ids.to_pylist()
    assert ids[:100] == old.ids.to_pylist()
    for start, stop in ((100, 130), (130, 131), (131, 160)):
        assert ids[start:stop] == sorted(ids[start:stop])


def test_who_has_the_old_one_open_does_not_see_it_grow(catalogue: Catalogue) -> None:
    old = open_snapshot(catalogue, "articles")
    vectors = np.array(old.vectors)
    append(catalogue, 150)
    assert len(open_snapshot(catalogue, "articles")) == 150
    assert len(old) == 100
    np.testing.assert_array_equal(old.vectors, vectors)
    assert old.take([0, 99], ["id"])["id"].to_pylist() == old.ids.take([0, 99]).to_pylist()


def test_only_what_was_added_is_written(catalogue: Catalogue) -> None:
    old = open_snapshot(catalogue, "articles")
    inode = os.stat((old.folder or Path()) / "vectors.npy").st_ino
    append(catalogue, 120)
    new = open_snapshot(catalogue, "articles")
    file = os.stat((new.folder or Path()) / "vectors.npy")
    assert (file.st_ino, file.st_size) == (inode, 128 + 120 * DIM * 4)


@pytest.mark.parametrize("tail", [b"", b"left by a killed process" * 50])
@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_cannot_go_on_is_copied(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, tail: bytes, links: bool
) -> None:
    old = open_snapshot(catalogue, "articles")
    with ((old.folder or Path()) / "vectors.npy").open("ab") as file:
        file.write(tail)
    if not links:

        def unsupported(*_: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(growth.os, "link", unsupported)
    append(catalogue, 140)
    assert_is_the_table(open_snapshot(catalogue, "articles"), catalogue)
    np.testing.assert_array_equal(old.vectors, open_snapshot(catalogue, "articles").vectors[:100])


def test_two_that_grow_from_the_same_one_do_not_write_into_each_other(catalogue: Catalogue, tmp_path: Path) -> None:
    """The slower of two processes, which has seen fewer rows: the file goes on with those of the faster one."""
    base = open_snapshot(catalogue, "articles").folder or Path()
    append(catalogue, 120)
    earlier = catalogue.table("articles").to_lance()
    append(catalogue, 170)
    assert growth.grow(tmp_path / "fast", base, catalogue.table("articles").to_lance(), DIM, "float32")
    assert growth.grow(tmp_path / "slow", base, earlier, DIM, "float32")
    for name, count in (("fast", 170), ("slow", 120)):
        ids = snapshot.pa.ipc.open_file(str(tmp_path / name / "rows.arrow")).read_all()["id"].to_pylist()
        found = growth.mapped(tmp_path / name / "vectors.npy", (count, DIM))
        np.testing.assert_array_equal(found, np.stack([VECTORS[int(id_, 16) % len(VECTORS)] for id_ in ids]))


def test_rows_that_a_compaction_moved_are_found_where_they_are_now(catalogue: Catalogue, written_whole: list[int]) -> None:
    append(catalogue, 130)
    before = open_snapshot(catalogue, "articles")
    optimize_table(catalogue, "articles")
    after = open_snapshot(catalogue, "articles")
    assert after.row_ids.tolist() != before.row_ids.tolist()
    assert (after.ids.to_pylist(), after.sizes) == (before.ids.to_pylist(), before.sizes)
    assert_is_the_table(after, catalogue)
    assert written_whole == [130]


def test_a_changed_title_is_seen_and_no_vector_read_again(catalogue: Catalogue, written_whole: list[int]) -> None:
    open_snapshot(catalogue, "articles")
    catalogue.table("articles").update(where="title = 'place 7'", values={"title": "new", "lat": 33.0})
    after = open_snapshot(catalogue, "articles")
    assert_is_the_table(after, catalogue)
    (row,) = after.rows_where("title = 'new'")
    assert after.places[row, 0] == 33.0
    assert written_whole == [100]


def test_rows_that_are_gone_make_a_new_snapshot(catalogue: Catalogue, written_whole: list[int]) -> None:
    open_snapshot(catalogue, "articles")
    catalogue.table("articles").delete("title = 'place 3'")
    found = open_snapshot(catalogue, "articles")
    assert_is_the_table(found, catalogue)
    assert (written_whole[1:], found.sizes) == ([len(found)], ())


def test_vectors_made_anew_by_the_same_model_are_read_anew(catalogue: Catalogue, written_whole: list[int]) -> None:
    open_snapshot(catalogue, "articles")
    index_with(catalogue, "articles", clustered(100, DIM, seed=9), model=MODEL)
    assert_is_the_table(open_snapshot(catalogue, "articles"), catalogue)
    assert written_whole == [100, 100]


@pytest.mark.parametrize("name", ["fragments.json", "rows.arrow", "vectors.npy"])
def test_nothing_grows_from_a_damaged_snapshot(catalogue: Catalogue, name: str) -> None:
    path = (open_snapshot(catalogue, "articles").folder or Path()) / name
    path.write_bytes(path.read_bytes()[:100])
    append(catalogue, 120)
    found = open_snapshot(catalogue, "articles")
    assert_is_the_table(found, catalogue)
    assert found.sizes == ()


def test_half_precision_grows_too(catalogue: Catalogue) -> None:
    open_snapshot(catalogue, "articles", "float16")
    append(catalogue, 130)
    found = open_snapshot(catalogue, "articles", "float16")
    table = read_embeddings(catalogue, "articles")
    assert (found.vectors.dtype, found.sizes) == (np.float16, (100,))
    np.testing.assert_array_equal(found.vectors[found.row_of(table.ids)], table.vectors.astype(np.float16))


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_a_search_index_is_extended_and_not_trained_again(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    faiss.build(snapshot=open_snapshot(catalogue, "articles"), kind=kind, lists=5)

    def trained(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(faiss, "_train", trained)
    append(catalogue, 190)
    for _ in range(2):  # extended, and as it was saved then
        grown = open_snapshot(catalogue, "articles")
        search = faiss.build(snapshot=grown, kind=kind, lists=5, nprobe=5, refine=40)
        queries = np.array(grown.vectors[90:110])
        np.testing.assert_allclose(
            search.search(queries, 5)[1], exact.build(snapshot=grown).search(queries, 5)[1], atol=1e-6
        )  # fmt: skip
