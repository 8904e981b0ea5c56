"""``placebind index``: each command does what it says, tells it in words or as JSON, and refuses in one line with the remedy."""

import json

import numpy as np
import pytest

from index.records import Article, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.vectors import manifest_of, read_embeddings
from retrieval.export import vectors_of
from tests.conftest import Records, fill
from tests.ui.cli.test_main import one_line_error


def one_more(folder, number):
    article = Article(place=Place(lat=1, lon=number), title=f"New {number}", text=f"A new place, number {number}.")
    ingest(Catalogue.open(folder), Records("articles", [article]))


def answer(run, *arguments):
    code, out, err = run("index", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_only_what_came_later_is_appended(run, own_world):
    folder = own_world.folder
    before = read_embeddings(Catalogue.open(folder), "articles")
    one_more(folder, 1)
    assert answer(run, "append", "--catalogue", folder)["added"] == {"articles": 1, "tiles": 0, "locations": 0}
    after = read_embeddings(Catalogue.open(folder), "articles")
    rows = [list(after.ids).index(id_) for id_ in before.ids]
    np.testing.assert_array_equal(after.vectors[rows], before.vectors)
    hit = json.loads(run("search", "New 1", "--words", "--in", "articles", "-k", 1, "--catalogue", folder, "--json")[1])
    assert hit["hits"]["articles"][0]["title"] == "New 1", "its words are indexed too"


def test_nothing_can_be_appended_to_what_was_never_built(run, own_world, tmp_path):
    fill(tmp_path / "bare")
    one_line_error(
        run("index", "append", "--catalogue", tmp_path / "bare", "--checkpoint", own_world.checkpoint), "placebind index build"
    )
    assert manifest_of(Catalogue.open(tmp_path / "bare"), "articles") is None


def test_info_tells_what_there_is_and_what_waits(run, own_world):
    one_more(own_world.folder, 1)
    tables = {each["modality"]: each for each in answer(run, "info", "--catalogue", own_world.folder)}
    assert {modality: (each["rows"], each["stale"]) for modality, each in tables.items()} == {
        "articles": (49, 1), "tiles": (24, 0), "locations": (200, 0),
    }  # fmt: skip
    articles = tables["articles"]
    assert (articles["manifest"]["rows"], articles["manifest"]["dim"]) == (48, 32)
    assert {"id_idx", "title_idx", "text_idx"} <= {part["name"] for part in articles["files"]}
    assert any(part["kind"] == "vectors" and part["size_bytes"] == 128 + 48 * 32 * 4 for part in articles["files"])
    assert articles["versions"][-1]["number"] == articles["version"]
    code, out, _ = run("index", "info", "--catalogue", own_world.folder)
    assert code == 0
    assert "1 to do: placebind index append" in out


def test_info_of_a_catalogue_without_an_index_says_what_to_run(run, tmp_path):
    fill(tmp_path)
    code, out, _ = run("index", "info", "--catalogue", tmp_path)
    assert code == 0
    assert out.count("not indexed; run `placebind index build`") == 3


def test_verify_passes_where_hits_are_found_and_fails_below_the_bound(run, world, monkeypatch):
    found = answer(run, "verify", "--catalogue", world.folder, "--queries", 12)
    assert len(found) == 3 * 4
    assert {each["recall"] for each in found} == {1.0}
    code, out, _ = run("index", "verify", "--catalogue", world.folder, "--queries", 12)
    assert (code, out.count("1.0000")) == (0, 12)

    from retrieval.ranking import plan

    search = plan.Planner.search

    def half_blind(self, queries, k, filter=None):
        found = search(self, queries, k, filter)
        found.cosines[:, 1::2] = -1
        return found

    monkeypatch.setattr(plan.Planner, "search", half_blind)
    result = run("index", "verify", "--catalogue", world.folder, "--queries", 12)
    one_line_error(result, "recall@10", "is 0.500, expected at least 0.95", "placebind index optimize", "--backend exact")
    assert run("index", "verify", "--catalogue", world.folder, "--queries", 12, "--at-least", 0.5)[0] == 0


def test_optimize_tells_what_it_removed(run, own_world):
    for number in range(3):
        one_more(own_world.folder, number)
        assert run("index", "append", "--catalogue", own_world.folder)[0] == 0
    tidied = answer(run, "optimize", "--catalogue", own_world.folder, "--keep-days", 0)
    assert set(tidied) == {"articles", "tiles", "locations"}
    assert tidied["articles"]["versions_removed"] > 0
    assert tidied["articles"]["fragments"] == 1
    assert len(read_embeddings(Catalogue.open(own_world.folder), "articles").ids) == 51
    code, out, _ = run("index", "optimize", "--catalogue", own_world.folder)
    assert code == 0
    assert "0 versions removed" in out


def test_exported_vectors_are_those_of_the_table(run, world, tmp_path):
    file = tmp_path / "tiles.parquet"
    code, out, err = run("index", "export", "--in", "tiles", "--out", file, "--catalogue", world.folder)
    assert code == 0, err
    assert "24 vectors" in out
    said, vectors = vectors_of(file)
    np.testing.assert_array_equal(vectors, read_embeddings(Catalogue.open(world.folder), "tiles").vectors)
    assert (said["modality"], said["dim"]) == ("tiles", 32)
    one_line_error(run("index", "export", "--in", "tiles", "--out", tmp_path / "x.csv", "--catalogue", world.folder), ".parquet")
    one_line_error(
        run("index", "export", "--in", "photos", "--out", file, "--catalogue", world.folder), "articles, tiles, locations"
    )


def test_a_tagged_version_is_brought_back(run, own_world):
    folder = own_world.folder
    assert run("index", "versions", "tag", "first", "--catalogue", folder)[0] == 0
    one_more(folder, 1)
    run("index", "append", "--catalogue", folder)
    listed = answer(run, "versions", "list", "--in", "articles", "--catalogue", folder)["articles"]
    (tagged,) = (each for each in listed if each["tags"] == ["first"])
    assert (tagged["rows"], listed[-1]["rows"]) == (48, 49)
    code, out, err = run("index", "versions", "restore", "first", "--catalogue", folder)
    assert code == 0, err
    assert out.count("restored from first") == 3
    assert len(read_embeddings(Catalogue.open(folder), "articles").ids) == 48
    assert run("search", "snow", "--catalogue", folder)[0] == 0
    number = listed[-1]["number"]
    one_line_error(
        run("index", "versions", "restore", number, "--catalogue", folder), f"name the table of version {number}", "--in"
    )
    assert run("index", "versions", "restore", number, "--in", "articles", "--catalogue", folder)[0] == 0
    assert len(read_embeddings(Catalogue.open(folder), "articles").ids) == 49
    assert run("index", "versions", "untag", "first", "--catalogue", folder)[0] == 0
    one_line_error(run("index", "versions", "restore", "first", "--catalogue", folder), "placebind index versions list")


def test_an_unknown_engine_is_refused(run, world):
    one_line_error(run("index", "build", "--engine", "steam", "--catalogue", world.folder), "local or ray", "steam")


@pytest.mark.parametrize(
    "command", ["build", "append", "optimize", "info", "verify", "export", "versions", "versions list", "versions restore"]
)
def test_every_command_has_help(run, command):
    code, out, _ = run("index", *command.split(), "--help")
    assert code == 0
    assert "Usage" in out


def test_after_a_training_on_fixed_positions_only_the_tiles_are_new_and_that_is_said(run, own_world):
    """The way of docs/own-tiles.md: the new model takes the place of the old one in the catalogue."""
    folder = own_world.folder
    (folder / "checkpoint").rename(folder / "before")
    small = ("--set", "image.options={width=8, hidden=16}", "--set", "tile_batch=8", "--steps", 2)
    code, _, err = run("train", "--catalogue", folder, "--from", folder / "before", "--only", "tiles", *small)
    assert code == 0, err
    code, out, err = run("index", "build", "--catalogue", folder)
    assert code == 0, err
    assert "articles and locations: vectors kept, the encoders are the same" in err
    assert "new vectors: 0 articles, 24 tiles, 0 locations" in out
    assert answer(run, "build", "--catalogue", folder)["inherited"] == ["articles", "locations"]
    code, out, err = run("search", "--image", own_world.tile_file, "--catalogue", folder, "-k", 1)
    assert code == 0, err
    assert "score" in out


def test_where_nothing_was_kept_nothing_is_said(run, own_world):
    code, _, err = run("index", "build", "--rebuild", "--catalogue", own_world.folder)
    assert code == 0, err
    assert "kept" not in err
