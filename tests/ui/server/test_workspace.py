"""A workspace notices that its index has changed, wherever its catalogue lies."""

import time
from pathlib import Path

import pytest

from index.errors import NotHereError, PlaceBindError
from index.store.ingest import ingest
from retrieval.asking.question import Question
from retrieval.building.build import append_to_index, build_index
from tests.conftest import Records, fill
from tests.worlds import location
from train.checkpoint import Checkpoint
from ui.server import serve
from ui.server.uploads import Uploads
from ui.server.workspace import Workspace


@pytest.mark.parametrize("scheme", ["", "file-object-store://"])
def test_what_is_appended_is_seen_within_a_second_or_so(world, tmp_path, monkeypatch, scheme) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model, catalogue = Checkpoint.open(world.checkpoint), fill(f"{scheme}{tmp_path / 'store'}")
    build_index(model, catalogue)
    workspace = Workspace("far", Path(catalogue.uri), world.checkpoint, Uploads(tmp_path / "uploads"))
    before, encoder = workspace.version, workspace.space.encoder("locations")
    assert workspace.version == before
    ingest(catalogue, Records("locations", [location("late", lat=70, lon=1)]))
    append_to_index(model, catalogue)
    deadline = time.monotonic() + 10
    while workspace.version == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(workspace.space.searcher("locations").snapshot) == 201
    assert workspace.space.encoder("locations") is encoder, "the model is the same and was not loaded again"


def test_what_has_changed_is_warmed_up_before_anybody_asks(own_world, tmp_path, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(serve, "remark", said.append)
    workspace = Workspace("own", own_world.folder, own_world.checkpoint, Uploads(tmp_path / "uploads"))
    warmed = serve._warm_up(workspace, "")
    space = workspace.space
    assert "cells" in vars(space)
    assert serve._warm_up(workspace, warmed) == warmed
    assert (workspace.space is space, said) == (True, [])


def test_heat_maps_of_long_questions_are_forgotten_by_their_length(world, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("ui.server.workspace.QUESTIONS_KEPT_BYTES", 20_000)
    workspace = Workspace("own", world.folder, world.checkpoint, Uploads(tmp_path / "uploads"))
    asked, names = [Question.of(letter * 8000) for letter in "abc"], []
    for question in asked:
        names.append(workspace.heat_name(question))
        time.sleep(0.01)  # files are told apart by when they were used
    assert [workspace.question(name).parts for name in names[1:]] == [question.parts for question in asked[1:]]
    with pytest.raises(NotHereError, match="ask again"):
        workspace.question(names[0])


def test_another_process_of_the_server_draws_a_heat_map_that_this_one_named(world, tmp_path) -> None:
    one, other = (Workspace("own", world.folder, world.checkpoint, Uploads(tmp_path / "uploads")) for _ in range(2))
    question = Question.of("snow", unlike=("city",), combine="max", names=False)
    assert other.question(one.heat_name(question)) == question


def test_a_missing_index_is_said_once(tmp_path, world, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(serve, "remark", said.append)
    workspace = Workspace("bare", Path(fill(tmp_path / "bare").uri), world.checkpoint, Uploads(tmp_path / "uploads"))
    with pytest.raises(PlaceBindError, match="index build"):
        workspace.space.search("snow")
    warmed = serve._warm_up(workspace, "")
    assert serve._warm_up(workspace, warmed) == warmed
    assert len(said) == 1
