"""Vectors on their way: written by many, in any order, more than once; put in where they belong, and only there."""

import shutil
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest

from index.errors import CatalogueError, InputError, ModelMismatchError
from index.store import filling, staging
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.staging import Staging, staging_name, staging_schema
from index.store.vectors import begin_vectors, check_model, finish_vectors, is_finished, manifest_of, read_embeddings, staging_of
from tests.index.store.test_vectors import DIM, MODEL, OTHER_MODEL, build, sorted_ids, vectors_for
from tests.worlds import Listed, articles, catalogue_with, one_hot


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return catalogue_with(tmp_path, articles=articles(5))


def begun(catalogue: Catalogue) -> tuple[list[str], Staging]:
    ids = begin_vectors(catalogue, "articles", MODEL, DIM)
    return ids, staging_of(catalogue, "articles")


def test_what_is_written_stays_beside_the_table_until_the_end(catalogue: Catalogue) -> None:
    ids, staged = begun(catalogue)
    staged.add(ids[:3], vectors_for(ids[:3]))
    assert catalogue.count("articles", "vector IS NOT NULL") == 0
    assert staged.missing(pa.array(ids)).to_pylist() == ids[3:]
    assert begin_vectors(catalogue, "articles", MODEL, DIM) == ids[3:]
    staged.add(ids[3:], vectors_for(ids[3:]))
    finish_vectors(catalogue, "articles", MODEL, {})
    assert catalogue.names() == ["articles"]
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(ids))


def test_a_worker_that_was_repeated_does_no_harm(catalogue: Catalogue) -> None:
    ids, staged = begun(catalogue)
    for part in (ids[:3], ids[2:], ids[::-1]):
        staged.add(part, vectors_for(part))
    assert finish_vectors(catalogue, "articles", MODEL, {}).rows == 5
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(ids))


def test_a_writer_elsewhere_appends_to_the_uri(catalogue: Catalogue) -> None:
    ids, staged = begun(catalogue)
    rows = pa.table({"id": ids, "vector": staging.column_of(vectors_for(ids))}, schema=staging_schema(DIM))
    lance.write_dataset(rows, staged.uri, mode="append")
    assert begin_vectors(catalogue, "articles", MODEL, DIM) == []
    finish_vectors(catalogue, "articles", MODEL, {})
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(ids))


def test_ids_that_the_table_does_not_have_are_passed_over(catalogue: Catalogue) -> None:
    ids, staged = begun(catalogue)
    staged.add(["gone", *ids], one_hot(0, *(int(id_, 16) % DIM for id_ in ids)))
    assert finish_vectors(catalogue, "articles", MODEL, {}).rows == 5
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(ids))


def test_rows_that_were_not_embedded_wait_for_the_next_build(catalogue: Catalogue) -> None:
    ids, staged = begun(catalogue)
    staged.add(ids[1:4], vectors_for(ids[1:4]))
    assert finish_vectors(catalogue, "articles", MODEL, {}).rows == 3
    assert list(read_embeddings(catalogue, "articles").ids) == ids[1:4]
    assert build(catalogue) == [ids[0], ids[4]]
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(ids))


@pytest.mark.parametrize("poison", [np.zeros(DIM), np.full(DIM, np.nan), np.ones(DIM)])
def test_what_is_no_direction_is_not_staged(catalogue: Catalogue, poison: Any) -> None:
    ids, staged = begun(catalogue)
    with pytest.raises(InputError, match="not of unit norm"):
        staged.add(ids[:2], np.stack([one_hot(0)[0], poison]).astype(np.float32))
    assert len(staged) == 0


def test_a_staging_table_of_another_dimension_is_refused(catalogue: Catalogue) -> None:
    begun(catalogue)
    with pytest.raises(
        ModelMismatchError, match=r"vectors of 4 dimensions, the model makes 8; run `placebind index build --rebuild`"
    ):
        Staging.open(catalogue, "articles", MODEL, 2 * DIM)


def test_nothing_is_written_to_a_table_where_no_build_was_begun(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="not indexed"):
        staging_of(catalogue, "articles")
    assert catalogue.names() == ["articles"]


# Into the column


@pytest.mark.parametrize("write_rows", [1, 3, 1000])
def test_vectors_land_on_their_rows_however_the_tables_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_rows: int
) -> None:
    monkeypatch.setattr(filling, "WRITE_ROWS", write_rows)
    monkeypatch.setattr(staging, "WRITE_ROWS", write_rows)
    catalogue = catalogue_with(tmp_path, articles=articles(20))
    for count in (30, 45):  # each in a fragment of its own, until the next ingest compacts them
        ingest(catalogue, Listed("articles", articles(count)))
    catalogue.table("articles").delete("title IN ('place 0', 'place 33')")
    build(catalogue, batch=7)
    found = read_embeddings(catalogue, "articles")
    assert len(found.ids) == 43
    np.testing.assert_array_equal(found.vectors, vectors_for(list(found.ids)))


def test_rows_that_were_compacted_with_indexed_ones_get_their_vectors_and_the_others_keep_theirs(catalogue: Catalogue) -> None:
    build(catalogue)
    ingest(catalogue, Listed("articles", articles(9)))
    table = catalogue.table("articles")
    table.to_lance().optimize.optimize_indices()  # of the same indexes as the others, they are no longer kept apart
    table.to_lance().optimize.compact_files()
    assert len(table.to_lance().get_fragments()) == 1
    assert build(catalogue) == sorted(set(sorted_ids(9)) - set(sorted_ids(5)))
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(9)))
    assert begin_vectors(catalogue, "articles", MODEL, DIM) == []


def test_an_append_leaves_the_files_of_the_others_alone(catalogue: Catalogue) -> None:
    build(catalogue)
    before = set(filling.vector_files(catalogue.table("articles").to_lance()).values())
    ingest(catalogue, Listed("articles", articles(9)))
    build(catalogue)
    after = set(filling.vector_files(catalogue.table("articles").to_lance()).values())
    assert before < after


def test_the_mean_after_appends_is_that_of_all_vectors(catalogue: Catalogue) -> None:
    for count in (5, 8, 20):
        ingest(catalogue, Listed("articles", articles(count)))
        build(catalogue)
    catalogue.table("articles").delete("title = 'place 1'")
    ingest(catalogue, Listed("articles", articles(23)))  # the deleted one comes back
    build(catalogue)
    manifest, vectors = manifest_of(catalogue, "articles"), read_embeddings(catalogue, "articles").vectors
    assert manifest is not None
    assert manifest.rows == len(vectors) == 23
    np.testing.assert_allclose(manifest.mean, vectors.mean(axis=0), atol=1e-7)


# Killed


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("step", ["update_columns", "commit", "complete_files", "drop_staging"])
def test_a_build_killed_while_it_finishes_is_finished_by_the_next(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, step: str, append: bool
) -> None:
    if append:
        build(catalogue)
        ingest(catalogue, Listed("articles", articles(9)))
    ids, staged = begun(catalogue)
    staged.add(ids, vectors_for(ids))
    places = {"update_columns": lance.LanceFragment, "commit": lance.LanceDataset}

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(places.get(step, "index.store.vectors"), step, killed) if step in places else dying.setattr(
            f"index.store.vectors.{step}", killed
        )
        with pytest.raises(KeyboardInterrupt):
            finish_vectors(catalogue, "articles", MODEL, {"name": "invented"})
    if append:
        assert set(sorted_ids(5)) <= set(read_embeddings(catalogue, "articles").ids), "the old rows go on answering"
    assert not is_finished(catalogue, "articles")
    assert build(catalogue) == [], "nothing has to be embedded again"
    assert is_finished(catalogue, "articles")
    found, manifest = read_embeddings(catalogue, "articles"), manifest_of(catalogue, "articles")
    np.testing.assert_array_equal(found.vectors, vectors_for(sorted_ids(9 if append else 5)))
    assert manifest is not None
    assert manifest.rows == len(found.ids)
    assert catalogue.names() == ["articles"]


def test_a_staging_table_that_was_half_removed_by_a_killed_process_is_begun_anew(catalogue: Catalogue) -> None:
    build(catalogue)
    ids = sorted_ids(5)
    staged = Staging.open(catalogue, "articles", MODEL, DIM)
    staged.add(ids, vectors_for(ids))
    shutil.rmtree(Path(staged.uri) / "data")
    ingest(catalogue, Listed("articles", articles(9)))
    assert build(catalogue) == sorted(set(sorted_ids(9)) - set(ids))
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(9)))


def test_a_table_that_changed_meanwhile_is_said_and_nothing_is_lost(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, staged = begun(catalogue)
    staged.add(ids, vectors_for(ids))

    def conflict(*_: Any, **__: Any) -> None:
        raise OSError("Retryable commit conflict for version 7:\n preempted by a Rewrite")

    with monkeypatch.context() as busy:
        busy.setattr(lance.LanceDataset, "commit", conflict)
        with pytest.raises(
            CatalogueError, match=r"could not be put into their table: Retryable.*embedded vectors are not lost"
        ) as said:
            finish_vectors(catalogue, "articles", MODEL, {})
    assert "\n" not in str(said.value)
    assert build(catalogue) == []


# Which model


def test_an_index_of_another_dimension_or_preparation_is_refused_with_the_remedy(catalogue: Catalogue) -> None:
    build(catalogue)
    remedy = "run `placebind index build --rebuild` or open the checkpoint"
    with pytest.raises(ModelMismatchError, match=rf"has vectors of 4 dimensions, the checkpoint makes 8; {remedy}"):
        begin_vectors(catalogue, "articles", MODEL, 8)
    with pytest.raises(ModelMismatchError, match=rf"prepared in another way \(its name differ.*{remedy}"):
        begin_vectors(catalogue, "articles", MODEL, DIM, preprocessing={"name": "another"})
    with pytest.raises(ModelMismatchError, match=rf"prepared in another way \(its side differ.*{remedy}"):
        begin_vectors(catalogue, "articles", MODEL, DIM, preprocessing={"name": "invented", "side": 3})
    assert begin_vectors(catalogue, "articles", MODEL, DIM, preprocessing={"name": "invented"}) == []


def test_a_model_is_checked_by_digest_first(catalogue: Catalogue) -> None:
    build(catalogue)
    manifest = manifest_of(catalogue, "articles")
    assert manifest is not None
    check_model("articles", manifest, MODEL, DIM)
    with pytest.raises(ModelMismatchError, match="built with model 3fa13fa1…, the checkpoint is 9c209c20…"):
        check_model("articles", manifest, OTHER_MODEL, 8)


def test_what_another_model_had_staged_goes_when_a_build_is_begun(catalogue: Catalogue) -> None:
    begin_vectors(catalogue, "articles", OTHER_MODEL, DIM)
    begun(catalogue)
    assert catalogue.names() == ["articles", staging_name("articles", MODEL)]
