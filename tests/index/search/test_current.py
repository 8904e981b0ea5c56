"""What one process notes of a table serves the next one until the next commit."""

from pathlib import Path

import numpy as np

from index.search.current import SNIPPET_CHARACTERS, current_of, manifests_at_hand
from index.search.snapshot import open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.vectors import manifests_of
from tests.worlds import Listed, article, articles, catalogue_with, clustered, index_with


def world(folder: Path) -> Catalogue:
    catalogue = catalogue_with(folder, articles=[*articles(5), article("long", lat=1.5, text="word " * 100)])
    index_with(catalogue, "articles", clustered(6, 8))
    return catalogue


def test_the_second_snapshot_is_opened_from_the_note_and_is_the_same(tmp_path: Path) -> None:
    catalogue = world(tmp_path / "world")
    assert current_of(catalogue, "articles") is None
    first = open_snapshot(catalogue, "articles")
    assert current_of(catalogue, "articles") is not None
    second = open_snapshot(Catalogue.open(tmp_path / "world"), "articles")
    assert "dataset" not in vars(second)
    assert second.ids.to_pylist() == first.ids.to_pylist()
    assert second.version == first.version
    np.testing.assert_array_equal(second.vectors, first.vectors)
    assert manifests_at_hand(catalogue) == manifests_of(catalogue)


def test_what_hits_show_is_what_the_table_holds(tmp_path: Path) -> None:
    catalogue = world(tmp_path / "world")
    open_snapshot(catalogue, "articles")
    snapshot, rows = open_snapshot(catalogue, "articles"), [3, 0, 3]
    shown = snapshot.shown(rows)
    assert "dataset" not in vars(snapshot)
    columns = ["id", "lat", "lon", "title", "url", "country", "text"]
    for record, row in zip(shown, snapshot.take(rows, columns).to_pylist(), strict=True):
        assert record == {**{name: row[name] for name in columns[:-1]}, "snippet": row["text"][:SNIPPET_CHARACTERS], "own": {}}


def test_a_commit_ends_what_was_noted(tmp_path: Path) -> None:
    catalogue = world(tmp_path / "world")
    open_snapshot(catalogue, "articles")
    ingest(catalogue, Listed("articles", [article("new", lat=-7.0)]))
    assert current_of(catalogue, "articles") is None
    assert open_snapshot(catalogue, "articles").version == catalogue.dataset("articles").version


def test_a_damaged_note_is_not_believed(tmp_path: Path) -> None:
    catalogue = world(tmp_path / "world")
    folder = open_snapshot(catalogue, "articles").folder
    assert folder is not None
    folder.parent.with_suffix(".json").write_text("{")
    assert current_of(catalogue, "articles") is None
    assert len(open_snapshot(catalogue, "articles")) == 6
