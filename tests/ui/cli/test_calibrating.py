"""``placebind calibrate``: the model's file gets what was fitted, an index of the file before is not lost by surprise."""

import json
import os

import pytest

from index.records import Article, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.conftest import NORTH, SOUTH, Records, World
from train.checkpoint import Checkpoint


@pytest.fixture
def held_out(own_world: World) -> World:
    """With validation articles around the globe."""
    places = [(lat, 12.0 * n - 175, text) for n in range(30) for lat, text in ((69.0, NORTH), (6.0, SOUTH))]
    articles = [
        Article(place=Place(lat=lat, lon=lon), title=f"Held out {lon:.0f}", text=text.format(f"place {lon:.0f}"), split="val")
        for lat, lon, text in places
    ]
    ingest(Catalogue.open(own_world.folder), Records("articles", articles))
    return own_world


def test_an_index_of_the_model_is_not_lost_by_surprise(run, world: World) -> None:
    before = Checkpoint.open(world.checkpoint).digest
    code, _, err = run("calibrate", "--catalogue", world.folder)
    assert code == 2
    assert "calibrate before `placebind index build`" in err
    assert Checkpoint.open(world.checkpoint).digest == before


def test_calibrated_indexed_and_asked(run, held_out: World) -> None:
    at = ("--catalogue", held_out.folder)
    code, out, err = run("calibrate", "--overwrite", *at)
    assert code == 0, err
    assert "temperature" in out
    assert all(kind in out for kind in ("whole", "title", "sentence", "masked"))
    assert "index build --rebuild" in err
    model = Checkpoint.open(held_out.checkpoint)
    assert model.card.confidence is not None
    assert model.temperature == model.card.confidence.temperature
    assert "## Confidence" in (held_out.checkpoint / "MODEL_CARD.md").read_text()
    assert run("search", "snow", *at)[0] == 2, "the index is of another file"
    assert run("index", "build", "--rebuild", *at)[0] == 0
    said = json.loads(run("search", "ice and snow", "--json", *at)[1])["confidence"]
    assert said["calibrated"] is True
    assert said["sentence"] in run("search", "ice and snow", *at)[1].replace("\n", " ")
    code, _, err = run("calibrate", *at)
    assert code == 2
    assert "already calibrated" in err


def test_a_model_that_cannot_be_written_is_refused_before_any_work(run, held_out: World, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write everywhere
    code, _, err = run("calibrate", "--overwrite", "--catalogue", held_out.folder)
    assert code == 2
    assert "copy the model" in err


def test_an_uncalibrated_model_says_so_in_the_terminal(run, world: World) -> None:
    out = run("search", "ice and snow", "--catalogue", world.folder)[1]
    assert "not calibrated (placebind calibrate):" in out
