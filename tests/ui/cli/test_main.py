"""The command line as a person and a script use it: true exit codes, one-line errors, JSON on standard output."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from index.records import Article, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.conftest import Records, World, fill
from tests.worlds import catalogue_with, tile
from ui.server.uploads import Uploads
from ui.server.workspace import Workspace

RECORD = {"title": "Here", "text": "A place by the sea.", "lat": 1.5, "lon": 2.5}


def write_parquet(path: Path, *records: dict) -> Path:
    pd.DataFrame(records).to_parquet(path)
    return path


def test_the_three_queries_answer_in_a_real_process(world: World):
    """What the README shows: words, an image, a place; a table each, exit code 0."""
    base = [sys.executable, "-m", "ui", "search", "--catalogue", str(world.folder), "-k", "2"]
    for question in (
        ["ice and snow"],
        ["--image", str(world.tile_file), "--in", "articles"],
        ["--lat", "70", "--lon", "10", "--in", "tiles"],
    ):
        done = subprocess.run([*base, *question], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "score" in done.stdout
        assert "openstreetmap.org" in done.stdout


def test_search_prints_json_that_a_machine_can_read(run, world):
    code, out, _ = run("search", "ice and snow", "--in", "articles", "-k", 3, "--json", "--catalogue", world.folder)
    answer = json.loads(out)
    assert code == 0
    assert [hit["rank"] for hit in answer["hits"]["articles"]] == [1, 2, 3]
    assert set(answer["hits"]["articles"][0]) >= {"id", "title", "lat", "lon", "score", "distance_km", "link"}


def test_a_second_ingest_changes_nothing(run, tmp_path):
    file = write_parquet(tmp_path / "a.parquet", RECORD, {**RECORD, "title": "There"})
    first = run("ingest", "parquet-articles", file, "--catalogue", tmp_path / "c", "--json")
    second = run("ingest", "parquet-articles", file, "--catalogue", tmp_path / "c", "--json")
    assert (json.loads(first[1])["added"], json.loads(second[1])["added"]) == (2, 0)
    assert json.loads(second[1])["already_known"] == 2


def test_bad_rows_are_named_counted_and_skipped_and_the_rest_is_kept(run, tmp_path):
    rows = [RECORD, {**RECORD, "lat": 91.0}, {**RECORD, "lon": float("nan")}, {**RECORD, "text": "  "}, {**RECORD, "title": "Last"}]
    file = write_parquet(tmp_path / "a.parquet", *rows)
    code, out, err = run("ingest", "parquet-articles", file, "--catalogue", tmp_path / "c")
    assert code == 2
    assert "2 added" in out
    assert "3 skipped" in out
    for row in (2, 3, 4):
        assert f"a.parquet, row {row}:" in err
    report = json.loads((tmp_path / "c" / "reports" / "ingest-parquet-articles.json").read_text())
    assert len(report["skipped"]) == 3
    assert Catalogue.open(tmp_path / "c").count("articles") == 2


def one_line_error(result: tuple[int, str, str], *words: str) -> None:
    code, _, err = result
    lines = [line for line in err.splitlines() if line.startswith("error:")]
    assert code == 2
    assert len(lines) == 1
    assert "Traceback" not in err
    for word in words:
        assert word in lines[0], lines[0]


def test_a_missing_column_is_named_with_the_flag_that_maps_it(run, tmp_path):
    file = write_parquet(tmp_path / "a.parquet", {"breite": 1.0, "lon": 2.0, "text": "x"})
    one_line_error(run("ingest", "parquet-articles", file, "--catalogue", tmp_path / "c"), "a.parquet", "--lat", "breite")
    assert run("ingest", "parquet-articles", file, "--lat", "breite", "--lon", "lon", "--catalogue", tmp_path / "c")[0] == 0


def test_a_corrupt_tiff_is_reported_and_the_good_one_kept(run, tmp_path, world):
    folder = tmp_path / "tiles"
    folder.mkdir()
    (folder / "good.tif").write_bytes(world.tile_file.read_bytes())
    (folder / "bad.tif").write_bytes(world.tile_file.read_bytes()[:200])
    code, out, err = run("ingest", "geotiff-tiles", folder, "--catalogue", tmp_path / "c")
    assert code == 2
    assert "1 added" in out
    assert "bad.tif" in err


def test_no_catalogue_no_model_and_no_index_each_say_what_to_run(run, tmp_path, world, shipped):
    one_line_error(run("search", "x", "--catalogue", tmp_path / "none"), "no catalogue", "placebind demo")
    one_line_error(run("info", "--catalogue", tmp_path / "none"), "placebind ingest")
    one_line_error(
        run("search", "x", "--catalogue", tmp_path / "none", "--checkpoint", world.checkpoint), "no catalogue", "placebind"
    )
    fill(tmp_path / "bare")
    one_line_error(run("search", "x", "--catalogue", tmp_path / "bare", "--checkpoint", world.checkpoint), "placebind index build")
    one_line_error(run("search", "x", "--catalogue", tmp_path / "bare", "--checkpoint", tmp_path), "no finished checkpoint in")
    (shipped / "model.safetensors").unlink()
    one_line_error(run("search", "x", "--catalogue", tmp_path / "bare"), "comes with PlaceBind", "pip install", "--checkpoint")
    assert "comes with PlaceBind" in run("info", "--catalogue", tmp_path / "bare")[1]


def test_a_catalogue_of_ones_own_is_indexed_and_asked_without_any_training(run, tmp_path, shipped):
    """Every command that takes a --checkpoint finds the shipped model by itself."""
    folder = tmp_path / "mine"
    fill(folder)
    code, out, err = run("index", "build", "--catalogue", folder)
    assert code == 0, err
    assert f"200 locations, by the shipped model in {shipped}" in out
    answer = json.loads(run("search", "ice and snow", "--in", "articles", "-k", 1, "--json", "--catalogue", folder)[1])
    assert answer["hits"]["articles"][0]["lat"] == 70
    assert run("heat", "ice and snow", "--width", 32, "--out", tmp_path / "heat.png", "--catalogue", folder)[0] == 0
    assert json.loads(run("info", "--json", "--catalogue", folder)[1])["checkpoint"] == str(shipped)
    assert "asked with the shipped model" in run("info", "--catalogue", folder)[1]
    assert Workspace("mine", folder, None, Uploads(tmp_path)).space.checkpoint.path.parent == shipped
    assert not (folder / "checkpoint").exists()


def test_a_server_finds_a_model_that_is_trained_while_it_runs(own_world, tmp_path, shipped):
    away = own_world.checkpoint.rename(tmp_path / "away")
    workspace = Workspace("mine", own_world.folder, None, Uploads(tmp_path / "uploads"))
    assert workspace.checkpoint_folder == shipped
    away.rename(own_world.checkpoint)
    assert workspace.checkpoint_folder == own_world.checkpoint


def test_a_damaged_checkpoint_is_one_line(run, own_world):
    model = own_world.checkpoint / "model.safetensors"
    model.write_bytes(model.read_bytes()[:1000])
    one_line_error(run("search", "x", "--catalogue", own_world.folder), "model.safetensors", "train it again")


def test_an_altered_checkpoint_is_another_model(run, own_world):
    model = own_world.checkpoint / "model.safetensors"
    raw = bytearray(model.read_bytes())
    raw[-1] ^= 1
    model.write_bytes(bytes(raw))
    one_line_error(run("search", "x", "--catalogue", own_world.folder), "index build --rebuild")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["search", "x", "--in", "pictures"], "articles, tiles, locations"),
        (["search", "--lat", "10"], "--lon"),
        (["search", "--lat", "91", "--lon", "0"], "got 91.0; are lat and lon swapped?"),
        (["search", "--lat", "nan", "--lon", "0"], "lat must lie in"),
        (["search"], "ask with a text"),
        (["search", ""], "empty"),
        (["search", "--image", "nowhere.tif"], "nowhere.tif"),
        (["train", "--set", "stepz=3"], "stepz"),
        (["train", "--location", "unheard_of"], "sh_siren"),
        (["train"], "--overwrite"),
    ],
)
def test_wrong_arguments_are_one_line_with_the_remedy(run, world, arguments, word):
    one_line_error(run(*arguments, "--catalogue", world.folder), word)


def test_info_counts_rows_and_what_is_not_indexed_yet(run, own_world):
    code, out, _ = run("info", "--json", "--catalogue", own_world.folder)
    assert code == 0
    assert json.loads(out)["tables"]["articles"]["rows"] == 48
    file = write_parquet(own_world.folder / "new.parquet", RECORD)
    run("ingest", "parquet-articles", file, "--catalogue", own_world.folder)
    tables = json.loads(run("info", "--json", "--catalogue", own_world.folder)[1])["tables"]
    assert (tables["articles"]["rows"], tables["articles"]["indexed"]) == (49, 48)
    code, out, _ = run("index", "build", "--catalogue", own_world.folder)
    assert code == 0
    assert "1 articles" in out


def test_info_shows_what_the_tiles_measured(run, tmp_path):
    catalogue_with(tmp_path, tiles=[tile(1000, bands=("B04",)), tile(3000, bands=("B04",), level="L1C")])
    code, out, err = run("info", "--json", "--catalogue", tmp_path)
    assert code == 0, err
    fixed = {"sensor": "sentinel2", "band": "B04", "tiles": 1, "pixels": 4, "std": 0.0}
    assert json.loads(out)["band_statistics"] == [fixed | {"level": "L1C", "mean": 0.3}, fixed | {"level": "L2A", "mean": 0.1}]
    code, out, _ = run("info", "--catalogue", tmp_path)
    assert [line.split() for line in out.splitlines() if "B04" in line] == [
        ["sentinel2", "L1C", "B04", "1", "4", "0.3000", "0.0000"],
        ["sentinel2", "L2A", "B04", "1", "4", "0.1000", "0.0000"],
    ]


def test_ingest_train_index_and_search_follow_each_other(run, tmp_path):
    rows = [
        {**RECORD, "title": f"Town {n}", "text": f"Town number {n} by the sea.", "lat": n * 1.5, "lon": n * 3.0} for n in range(20)
    ]
    file = write_parquet(tmp_path / "a.parquet", *rows)
    world = tmp_path / "c"
    assert run("ingest", "parquet-articles", file, "--catalogue", world)[0] == 0
    small = [
        "--set",
        "dim=16",
        "--set",
        "location.options.degrees=3",
        "--set",
        "location.options.hidden=16",
        "--set",
        "location.name=sh_siren",
    ]
    code, out, err = run("train", "--catalogue", world, "--steps", 5, *small, "--json")
    assert code == 0, err
    assert json.loads(out)["trained_on"] == {"articles": 20}
    assert run("index", "build", "--catalogue", world)[0] == 0
    answer = json.loads(run("search", "a town by the sea", "--catalogue", world, "--json")[1])
    assert len(answer["hits"]["articles"]) == 5


def test_every_command_has_help(run):
    for command in ([], ["ingest"], ["train"], ["index"], ["index", "build"], ["search"], ["info"], ["doctor"], ["demo"]):
        code, out, _ = run(*command, "--help")
        assert code == 0
        assert "Usage" in out
    for source in ("parquet-articles", "geotiff-tiles", "gazetteer", "blue-marble", "grid"):
        code, out, _ = run("ingest", source, "--help")
        assert code == 0
        assert "--catalogue" in out


def test_doctor_finds_this_installation_sound(run):
    code, out, err = run("doctor", "--json")
    assert code == 0, err
    checks = {check["what"]: check["ok"] for check in json.loads(out)}
    assert checks["torch"]
    assert checks["MiniLM weights"]
    assert checks["shipped model"]


def test_the_version_is_said(run):
    assert run("--version")[:2] == (0, f"placebind {version('placebind')}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_commands(shell):
    known = os.environ | {"_PLACEBIND_COMPLETE": f"complete_{shell}", "COMP_WORDS": "placebind ind", "COMP_CWORD": "1"}
    asked = known | {"_TYPER_COMPLETE_ARGS": "placebind ind", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    program = "import sys; sys.argv = ['placebind']; from ui.cli.main import app; app(prog_name='placebind')"
    done = subprocess.run([sys.executable, "-c", program], env=asked, capture_output=True, text=True, check=False)
    assert "index" in done.stdout
    assert "search" not in done.stdout


def test_on_a_stream_that_has_not_all_letters_an_answer_is_shown_with_question_marks(world: World, tmp_path):
    """A catalogue with a title in Greek, on a terminal of Windows' western code page."""
    folder = tmp_path / "world"
    shutil.copytree(world.folder, folder)
    greek = Article(place=Place(lat=80, lon=0), title="Χιόνι", text="Snow, snow and ice.")
    ingest(Catalogue.open(folder), Records("articles", [greek]))
    base = [sys.executable, "-m", "ui"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    subprocess.run([*base, "index", "append", "-c", str(folder)], check=True, capture_output=True, env=environment)
    done = subprocess.run(
        [*base, "search", "snow", "-c", str(folder), "-k", "60"], capture_output=True, env=environment, check=True
    )
    assert b"?????" in done.stdout


@pytest.mark.parametrize("command", ["ui", "search"])
def test_a_checkpoint_that_is_not_there_ends_the_command(run, world, command):
    words = ["snow"] if command == "search" else ["--port", 0, "--no-open"]
    code, _, err = run(command, *words, "--checkpoint", "/nope", "--catalogue", world.folder)
    assert code == 2
    assert "no finished checkpoint in /nope" in err


def test_own_columns_are_kept_listed_asked_for_shown_and_exported(run, own_world, tmp_path):
    file = tmp_path / "huts.csv"
    file.write_text("name,lat,lon,beds,height m,tags\nNorth hut,70.5,10.5,12,1200.5,a b\nSouth hut,-70.5,10.5,4,,\n")
    at = ("--catalogue", own_world.folder)
    code, out, _ = run("ingest", "points", file, "--keep", "beds,height m,tags=marks", *at)
    assert (code, "2 added" in out) == (0, True)
    assert run("index", "append", *at)[0] == 0
    assert "own columns of the locations: beds (integers), `height m` (floats), marks (text)" in run("info", *at)[1]
    asked = ("search", "ice and snow", "--where", "beds > 3", "-k", 2, *at)
    assert "beds: 12 · height m: 1200.5 · marks: a b" in run(*asked)[1]
    _, out, _ = run(*asked, "--json", "--export", tmp_path / "hits.csv")
    hits = json.loads(out)["hits"]
    assert [*hits] == ["locations"]
    assert {hit["title"]: hit["own"] for hit in hits["locations"]} == {
        "North hut": {"beds": 12, "height m": 1200.5, "marks": "a b"}, "South hut": {"beds": 4, "height m": None, "marks": None}
    }  # fmt: skip
    assert pd.read_csv(tmp_path / "hits.csv").set_index("title")["beds"].to_dict() == {"North hut": 12, "South hut": 4}
    one_line_error(run("ingest", "points", file, "--keep", "bedds", *at), "no column 'bedds' to keep", "name, lat, lon, beds")
    one_line_error(
        run("ingest", "points", file, "--keep", "tags=beds", *at), "'beds' of the locations holds integers", "text", "rename"
    )
    assert "findings" in json.loads(run("check", *at, "--json")[1])


def test_an_export_that_no_format_has_is_refused_before_anything_is_searched(run, tmp_path):
    code, _, err = run("search", "snow", "--export", tmp_path / "hits.txt", "--catalogue", "/nowhere")
    assert code == 2
    assert "ending in .geojson" in err


def test_heat_can_be_asked_with_a_record(run, world, tmp_path):
    answer = json.loads(run("search", "snow", "--in", "articles", "-k", 1, "--json", "--catalogue", world.folder)[1])
    like = f"articles:{answer['hits']['articles'][0]['id']}"
    code, out, _ = run("heat", "--like", like, "--out", tmp_path / "heat.png", "--json", "--catalogue", world.folder)
    assert code == 0
    assert json.loads(out)["peaks"][0]["lat"] > 0
