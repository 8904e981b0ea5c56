"""The demo world in small: built without a training, the places first, and careful with what an earlier start has left."""

import shutil
from pathlib import Path

from index.records import MODALITIES
from index.store.catalogue import Catalogue
from index.store.vectors import manifest_of
from tests.conftest import World
from train.checkpoint import Checkpoint
from ui.cli.demo import EXAMPLE_TILE, QUESTION, run_demo

PLACES = {"grid": {"points": 300}}
RECORDS = {"gazetteer": {"places": 5}, "blue_marble": {"towns": 3, "grid": 3}}


def models_in(folder: Path) -> set[str]:
    catalogue = Catalogue.open(folder)
    return {manifest.model_digest for modality in MODALITIES if (manifest := manifest_of(catalogue, modality))}


def test_the_demo_answers_without_a_training_and_a_second_start_finds_it_built(shipped: Path, tmp_path: Path, capsys) -> None:
    folder, digest = tmp_path / "demo", Checkpoint.open(shipped).digest
    run_demo(folder, PLACES, RECORDS)
    said, on_the_way = capsys.readouterr()
    assert models_in(folder) == {digest}
    assert not list(folder.rglob("*.safetensors"))
    assert said.count(QUESTION) == 2
    assert all(asked in said for asked in ("example-nile-delta", "48.20°N 16.40°E"))
    first = said.index("Articles and satellite tiles follow")
    assert said.index(QUESTION) < first < said.rindex(QUESTION), "words are answered with places before there is anything else"
    assert "nothing was trained on this machine" in " ".join(said.split())
    assert str(shipped / "README.md") in said.replace("\n", "")
    assert on_the_way.index("index locations") < on_the_way.index("ingest gazetteer")
    run_demo(folder, PLACES, RECORDS)
    said, on_the_way = capsys.readouterr()
    assert said.count(QUESTION) == 1
    assert on_the_way == ""
    _another_model_makes_the_index_anew(shipped, folder, capsys)


def _another_model_makes_the_index_anew(shipped: Path, folder: Path, capsys) -> None:
    """As after an update of PlaceBind; nothing is ingested again."""
    model = shipped / "model.safetensors"
    raw = bytearray(model.read_bytes())
    raw[-1] ^= 1
    model.write_bytes(bytes(raw))
    run_demo(folder, PLACES, RECORDS)
    on_the_way = capsys.readouterr().err
    assert "is not of the model in" in on_the_way
    assert "ingest" not in on_the_way
    assert models_in(folder) == {Checkpoint.open(shipped).digest}


def test_a_demo_world_of_an_earlier_version_keeps_its_model_and_says_so(shipped: Path, own_world: World, capsys) -> None:
    shutil.copy(own_world.tile_file, own_world.folder / EXAMPLE_TILE)
    (shipped / "model.safetensors").unlink()  # it is not needed
    before = Checkpoint.open(own_world.checkpoint).digest
    run_demo(own_world.folder, PLACES, RECORDS)
    said, remarked = capsys.readouterr()
    assert f"the model in {own_world.checkpoint} was trained on this machine and is used" in remarked
    assert "The model was trained on 48 articles and 24 tiles, on this machine" in " ".join(said.split())
    assert models_in(own_world.folder) == {before}
    assert Catalogue.open(own_world.folder).count("locations") == 200


def test_training_on_the_demo_stays_beside_the_model_in_use_and_says_how_to_use_it(run, own_world: World, monkeypatch) -> None:
    monkeypatch.setattr("ui.cli.demo.RECORDS", {})  # they are there
    before = Checkpoint.open(own_world.checkpoint).digest
    small = ("dim=16", "article_batch=8", "tile_batch=4", "image.options.trunk=test_convnext")
    settings = [part for each in small for part in ("--set", each)]
    code, _, err = run("train", "--demo", "--catalogue", own_world.folder, "--steps", 2, *settings)
    assert code == 0, err
    config = Checkpoint.open(own_world.folder / "trained-here").card.config
    assert (config.steps, config.sentence_share, config.image.options["size_px"]) == (2, 0.5, 32)
    assert Checkpoint.open(own_world.checkpoint).digest == before
    command = err[err.index("index build --rebuild") :].partition(",")[0].split()
    assert run(*command)[0] == 0
    assert models_in(own_world.folder) == {Checkpoint.open(own_world.folder / "trained-here").digest}
