"""Earlier versions: listed with what they held, kept by a tag, brought back whole."""

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from index.errors import CatalogueError, InputError
from index.search.backends import lancedb
from index.search.snapshot import open_snapshot
from index.store import upkeep
from index.store.catalogue import Catalogue
from index.store.ingest import BATCH_ROWS, ingest
from index.store.upkeep import extend_indexes, optimize_table
from index.store.vector_column import complete_fragments
from index.store.vectors import begin_vectors, manifest_of, read_embeddings
from index.store.versions import restore_version, tag_version, untag_version, versions_of
from retrieval.ranking.fulltext import build_text_index
from tests.index.disturbed import FLAT_BELOW_ROWS, world_for
from tests.index.store.test_vectors import MODEL, OTHER_MODEL, build, sorted_ids, vectors_for
from tests.worlds import Listed, articles, catalogue_with, contents, tile


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = catalogue_with(tmp_path, articles=articles(5))
    build(catalogue)
    return catalogue


def test_versions_tell_their_rows_their_vectors_and_their_model(catalogue: Catalogue) -> None:
    number = tag_version(catalogue, "articles", "five")
    ingest(catalogue, Listed("articles", articles(8)))
    build(catalogue)
    found = {each.number: each for each in versions_of(catalogue, "articles")}
    assert list(found) == sorted(found)
    five, newest = found[number], found[max(found)]
    assert (five.rows, five.indexed, five.model, five.tags) == (5, 5, MODEL, ("five",))
    assert (newest.rows, newest.indexed, newest.tags) == (8, 8, ())
    assert found[1].model is None
    assert five.committed <= newest.committed
    assert [each.number for each in versions_of(catalogue, "articles", newest=1)] == [number, newest.number]


@pytest.mark.parametrize("by_tag", [True, False])
def test_a_version_brought_back_is_the_table_again_and_can_be_undone(catalogue: Catalogue, by_tag: bool) -> None:
    before = contents(catalogue, "articles")
    number = tag_version(catalogue, "articles", "five")
    ingest(catalogue, Listed("articles", articles(8)))
    build(catalogue)
    after, grown = contents(catalogue, "articles"), catalogue.table("articles").version
    assert len(open_snapshot(catalogue, "articles")) == 8
    assert restore_version(catalogue, "articles", "five" if by_tag else str(number)) > grown
    assert contents(catalogue, "articles") == before
    np.testing.assert_array_equal(open_snapshot(catalogue, "articles").vectors, vectors_for(sorted_ids(5)))
    assert build(catalogue) == []
    restore_version(catalogue, "articles", str(grown))
    assert contents(catalogue, "articles") == after


def test_the_model_of_a_version_comes_back_with_it(catalogue: Catalogue) -> None:
    tag_version(catalogue, "articles", "first")
    build(catalogue, OTHER_MODEL, turn=1, rebuild=True)
    restore_version(catalogue, "articles", "first")
    manifest = manifest_of(catalogue, "articles")
    assert manifest is not None
    assert manifest.model_digest == MODEL
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(5)))
    assert begin_vectors(catalogue, "articles", MODEL, 4) == []


def test_a_tag_keeps_a_version_from_being_cleaned_away(catalogue: Catalogue) -> None:
    kept = tag_version(catalogue, "articles", "five")
    ingest(catalogue, Listed("articles", articles(8)))
    build(catalogue)
    tidied = optimize_table(catalogue, "articles", timedelta(0))
    assert tidied.versions_removed > 0
    numbers = [each.number for each in versions_of(catalogue, "articles")]
    assert numbers == [kept, catalogue.table("articles").version]
    restore_version(catalogue, "articles", "five")
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(5)))
    untag_version(catalogue, "articles", "five")
    optimize_table(catalogue, "articles", timedelta(0))
    assert kept not in [each.number for each in versions_of(catalogue, "articles")]


@pytest.mark.parametrize("wanted", ["nobody", "999", "", "-1", "1; DROP TABLE articles"])
def test_a_version_that_is_not_there_is_refused_with_the_remedy(catalogue: Catalogue, wanted: str) -> None:
    with pytest.raises(InputError, match=r"have no version .*`placebind index versions list"):
        restore_version(catalogue, "articles", wanted)
    with pytest.raises(InputError, match="have no version"):
        untag_version(catalogue, "articles", wanted)


@pytest.mark.parametrize("name", ["", "7", "five", "a/b", "a b", "../x", "x" * 5000])
def test_a_name_that_is_taken_or_cannot_be_one_is_refused(catalogue: Catalogue, name: str) -> None:
    tag_version(catalogue, "articles", "five")
    with pytest.raises(InputError):
        tag_version(catalogue, "articles", name)
    assert [each.tags for each in versions_of(catalogue, "articles") if each.tags] == [("five",)]


def test_a_tag_that_has_grown_old_does_not_stop_an_ingest(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tag_version(catalogue, "articles", "five")
    monkeypatch.setattr(upkeep, "KEPT", timedelta(0))
    assert ingest(catalogue, Listed("articles", articles(8))).added == 3
    assert kept in [each.number for each in versions_of(catalogue, "articles")]


def remove_version(catalogue: Catalogue, number: int) -> None:
    """As another program cleans it away, tag or not."""
    (Path(catalogue.uri) / "articles.lance" / "_versions" / f"{2**64 - 1 - number:020d}.manifest").unlink()


def test_a_version_that_was_cleaned_away_cannot_be_brought_back_or_read_and_the_remedy_is_said(catalogue: Catalogue) -> None:
    number, snapshot = tag_version(catalogue, "articles", "five"), open_snapshot(catalogue, "articles")
    ingest(catalogue, Listed("articles", articles(8)))
    remove_version(catalogue, number)
    with pytest.raises(CatalogueError, match=rf"version {number} cannot be read any more.*`placebind index versions list`"):
        restore_version(catalogue, "articles", "five")
    with pytest.raises(CatalogueError, match=rf"version {snapshot.version} .* cannot be read any more.*open the space again"):
        snapshot.rows_where("lat > 0")


# Upkeep


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_small_ingests_into_a_large_table_add_to_the_disk_what_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are replaced stay for a week: what is large must not be written again."""
    monkeypatch.setattr(upkeep, "SMALL_BYTES", 200_000)
    rng = np.random.default_rng(0)
    noise = [replace(tile(lon=number), pixels=rng.integers(1, 60_000, (2, 64, 64), np.uint16)) for number in range(120)]
    catalogue = catalogue_with(tmp_path, tiles=noise[:60])
    large = {each.fragment_id for each in catalogue.table("tiles").to_lance().get_fragments()}
    for count in range(63, 121, 3):
        ingest(catalogue, Listed("tiles", noise[:count]))
    dataset = catalogue.table("tiles").to_lance()
    assert large <= {each.fragment_id for each in dataset.get_fragments()}
    assert len(dataset.get_fragments()) < 10
    one_copy = sum(each.pixels.nbytes for each in noise)
    assert bytes_in(tmp_path / "tiles.lance" / "data") < 2 * one_copy, "a new tile is written twice, on average"


def test_the_batches_of_one_ingest_are_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BATCH_ROWS, "articles", 4)
    catalogue = catalogue_with(tmp_path, articles=articles(27))
    assert [each.count_rows() for each in catalogue.table("articles").to_lance().get_fragments()] == [4] * 6 + [3]


def test_rows_are_taken_into_the_indexes_once_they_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(5))

    def indexed() -> int:
        return int(catalogue.table("articles").list_indices()[0].num_indexed_rows)

    assert indexed() == 0
    monkeypatch.setattr(upkeep, "SMALL_BYTES", 1)
    for count in (6, 8, 40):
        ingest(catalogue, Listed("articles", articles(count)))
        assert indexed() == count
    (index,) = catalogue.table("articles").list_indices()
    assert index.num_segments == 1, "each was merged with those of its size and below"


def test_what_is_ingested_time_and_again_is_compacted_beside_those_with_vectors(catalogue: Catalogue) -> None:
    for until in (12, 20):
        complete = complete_fragments(catalogue.table("articles").to_lance())
        for count in range(until - 5, until):
            ingest(catalogue, Listed("articles", articles(count)))
        dataset = catalogue.table("articles").to_lance()
        assert complete_fragments(dataset) == complete != set()
        assert len(dataset.get_fragments()) <= 2 + len(complete), "what the last ingest added, and all before it"
        build(catalogue)
        assert len(complete_fragments(catalogue.table("articles").to_lance())) == len(dataset.get_fragments())
        optimize_table(catalogue, "articles")
        assert len(complete_fragments(catalogue.table("articles").to_lance())) == 1


def test_optimizing_makes_few_fragments_of_many_and_changes_no_record(catalogue: Catalogue) -> None:
    for count in (7, 9, 11):
        ingest(catalogue, Listed("articles", articles(count)))
        build(catalogue)
    before = contents(catalogue, "articles")
    tidied = optimize_table(catalogue, "articles")
    assert (tidied.fragments, tidied.versions_removed) == (1, 0)
    assert tidied.fragments_before > 1
    assert contents(catalogue, "articles") == before
    again = optimize_table(catalogue, "articles")
    assert (again.fragments_before, again.fragments) == (1, 1)


def test_rows_in_different_segments_of_a_vector_index_are_compacted_at_the_first_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lancedb, "FLAT_BELOW_ROWS", FLAT_BELOW_ROWS)
    catalogue = world_for("optimize", tmp_path / "built and appended to")
    before = contents(catalogue, "articles")
    tidied = optimize_table(catalogue, "articles")
    assert (tidied.fragments_before, tidied.fragments) == (2, 1)
    assert contents(catalogue, "articles") == before
    assert {each.num_unindexed_rows for each in catalogue.table("articles").list_indices()} == {0}


def test_a_version_is_kept_for_as_long_after_it_was_replaced(catalogue: Catalogue) -> None:
    """Who opened the newest version of a table that had long not changed goes on reading it when the table is put in order."""
    newest = open_snapshot(catalogue, "articles")
    time.sleep(1.1)
    ingest(catalogue, Listed("articles", articles(8)))
    build(catalogue)
    assert optimize_table(catalogue, "articles", timedelta(seconds=1)).versions_removed > 0
    assert newest.take([0], ["id"])["id"].to_pylist() == sorted_ids(5)[:1]
    assert newest.version in [each.number for each in versions_of(catalogue, "articles")]


def test_rows_that_wait_for_their_vectors_are_not_compacted_with_those_that_have_them(catalogue: Catalogue) -> None:
    ingest(catalogue, Listed("articles", articles(8)))
    assert optimize_table(catalogue, "articles").fragments == 2
    assert len(build(catalogue)) == 3


def test_new_rows_are_taken_into_the_indexes_as_segments_and_merged_when_optimized(catalogue: Catalogue) -> None:
    build_text_index(catalogue)
    ingest(catalogue, Listed("articles", articles(8)))
    build(catalogue)
    extend_indexes(catalogue, "articles")
    for expected in (None, 1):
        indexes = catalogue.table("articles").list_indices()
        assert {(each.num_indexed_rows, each.num_unindexed_rows) for each in indexes} == {(8, 0)}
        assert expected is None or {each.num_segments for each in indexes} == {expected}
        optimize_table(catalogue, "articles")
