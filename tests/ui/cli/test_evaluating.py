"""``placebind evaluate``: tables with floors in them, JSON, what is not run, and what is refused before anything is computed."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from index.geo import uniform_on_sphere
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval.figures.results import JSON_FILE as RETRIEVAL_FILE
from tests.conftest import NORTH, SOUTH, Records
from tests.test_docs import ROOT, commands
from tests.worlds import article, write_parquet
from train.checkpoint import Checkpoint
from train.probing.results import JSON_FILE, RESULTS_FILE


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """A folder with 60 stations, whose temperature falls with the latitude; one has none."""
    folder = tmp_path_factory.mktemp("labels")
    lat, lon = uniform_on_sphere(60, np.random.default_rng(0))
    rows = [{"lat": a, "lon": b, "mean_air_temp_c": 30 - abs(a) / 2} for a, b in zip(lat.tolist(), lon.tolist(), strict=True)]
    rows.append({"lat": 0.0, "lon": 0.0, "mean_air_temp_c": None})
    write_parquet(folder / "air_temperature_stations.parquet", rows)
    return folder


@pytest.fixture
def evaluate(run, world, labels, tmp_path):
    """``placebind evaluate`` on the tests' world, on the stations by default."""
    return lambda *more: run(
        "evaluate", "-c", world.folder, "--labels", labels, "--out", tmp_path / "out", "--workers", 1, "--tasks", "air_temperature",
        *more,
    )  # fmt: skip


def test_a_table_for_each_split_has_the_floors_and_both_layers_of_the_model(evaluate, world, tmp_path):
    code, out, err = evaluate("--split", "random", "--split", "block")
    assert code == 0, err
    digest = Checkpoint.open(world.checkpoint).digest[:8]
    for split in ("random", "block-10deg"):
        assert f"split: {split}" in out
    words = ("lonlat", "sh10", "sh40", "xyz (knn)", "idw (idw)", digest, "inputs", "untrained", "output", "hidden", "learning adds")
    for word in (*words, "air_temperature", "R2", "±"):
        assert word in out, word
    rows = pq.read_table(tmp_path / "out" / RESULTS_FILE).to_pylist()
    assert len(rows) == 2 * (5 + 1 + 2 * (1 + 3)), "floors, inputs, both layers and three untrained twins of each"
    assert {row["dropped"] for row in rows} == {1}
    for row in rows:
        assert f"{row['score']:.3f}" in out or "untrained" in row["features"]
        assert (tmp_path / "out" / "predictions" / row["predictions"]).is_file()
    for twins in [
        [row for row in rows if "untrained" in row["features"] and row["split"] == split] for split in ("random", "block-10deg")
    ]:
        assert f"{np.mean([row['score'] for row in twins if 'hidden' in row['features']]):.3f}" in out
    assert "probe (140 in all)" in err


def test_json_is_what_the_folder_keeps(evaluate, tmp_path):
    code, out, err = evaluate("--split", "random", "--peer", "tte", "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said.pop("retrieval") == json.loads((tmp_path / "out" / RETRIEVAL_FILE).read_text())
    assert said == json.loads((tmp_path / "out" / JSON_FILE).read_text())
    assert len(said["rows"]) == 14
    assert {(each["features"].split()[1], each["title"]) for each in said["differences"]} == {
        (layer, title) for layer in ("output", "hidden") for title in ("learning adds", "above the best floor")
    }
    assert [each["what"] for each in said["not_run"]] == ["tte"]
    assert "figshare" in said["tasks"]["air_temperature"]["source"]


def test_a_second_run_goes_on_with_what_is_there(evaluate):
    assert evaluate("--split", "random")[0] == 0
    code, out, err = evaluate("--split", "random", "--peer", "xyz+sh:degrees=3")
    assert code == 0, err
    assert "probe (5 in all)" in err, "only what is new"
    assert "xyz + sh3" in out
    assert "lonlat" in out


def test_what_cannot_be_had_is_listed_with_its_remedy(evaluate):
    code, out, err = evaluate("--split", "random", "--tasks", "biome", "--peer", "geoclip:weights=nowhere", "--peer", "csp")
    assert code == 0, err
    lines = [line for line in out.splitlines() if line.startswith("not run")]
    assert [line.split(":")[0] for line in lines[:3]] == ["not run geoclip", "not run csp", "not run biome"]
    assert "Ecoregions2017.zip" in lines[2]
    assert [line.split(" (")[0] for line in lines[3:]] == [
        "not run text to location", "not run tile to location", "not run text to tile", "not run tile to text",
    ]  # fmt: skip
    assert "split = 'report'" in lines[3]


def test_several_models_are_told_apart_by_their_folders_and_range_retrieves_from_the_catalogue(evaluate, world, own_world):
    second = own_world.folder / "second"
    own_world.checkpoint.rename(second)
    code, out, err = evaluate(
        "--checkpoint", world.checkpoint, "--checkpoint", second, "--peer", "range", "--split", "random", "--json"
    )
    assert code == 0, err
    rows = json.loads(out)["rows"]
    scores = {row["features"]: row["score"] for row in rows}
    assert {"checkpoint output", "checkpoint hidden", "checkpoint range+ articles", "second output", "second hidden"} <= set(scores)
    assert scores["checkpoint hidden"] == scores["second hidden"], "they are copies of one model"
    assert "probe (75 in all)" in err, "so it is asked once"


@pytest.fixture
def asked_world(own_world):
    """A world of one's own with four held-out articles."""
    held = [
        article(f"held {lat}", lat, 3.0, (NORTH if lat > 50 else SOUTH).format(lat), split="report")
        for lat in (4.0, 6.0, 69.0, 71.0)
    ]
    ingest(Catalogue.open(own_world.folder), Records("articles", held))
    return own_world


def test_only_retrieval_asks_for_places_beside_floors(run, asked_world, tmp_path):
    out_folder = tmp_path / "out"
    code, out, err = run("evaluate", "-c", asked_world.folder, "--only", "retrieval", "--out", out_folder)
    assert code == 0, err
    digest = Checkpoint.open(asked_world.checkpoint).digest[:8]
    rows = json.loads((out_folder / RETRIEVAL_FILE).read_text())
    (ours,) = [row for row in rows if (row["query"], row["group"], row["model"]) == ("text to location", "all", digest)]
    (line,) = [line for line in out.splitlines() if line.startswith(digest)]
    assert line.split()[1:3] == ["4", f"{ours['median_km']:,.0f}"]
    for words in (
        "text to location: 200 answer",
        "TF-IDF nearest of all texts",
        "random order",
        "the same place for all",
        "gazetteer, first town named",
        "(too few to say)",
        "continent: ",
        "under 25 words",
        "the space",
    ):
        assert words in out, words
    assert f"intrinsic dimension of {digest}: location " in out
    assert "not run tile to location" in out
    assert "split:" not in out
    assert not (out_folder / JSON_FILE).exists()
    assert "text to location (4 in all)" in err


def test_those_that_chose_the_model_are_asked_only_when_told_to_be(run, asked_world, tmp_path):
    spot = article("chosen by", 48.0, 16.0, NORTH.format("a town"), split="val")
    ingest(Catalogue.open(asked_world.folder), Records("articles", [spot]))
    asked = ("evaluate", "-c", asked_world.folder, "--only", "retrieval", "--out", tmp_path / "out")
    assert "asked by the slice" not in run(*asked)[1]
    code, out, err = run(*asked, "--slice", "val")
    assert code == 0, err
    assert "asked by the slice val, which chose the model" in out
    code, _, err = run(*asked, "--slice", "train")
    assert code == 2
    assert "--slice takes report or val, got 'train'" in err


def test_places_of_a_file_answer_instead(run, asked_world, tmp_path):
    file = write_parquet(tmp_path / "places.parquet", [{"lat": 5.0, "lon": 3.0}, {"lat": 70.0, "lon": 3.0}])
    code, out, err = run(
        "evaluate", "-c", asked_world.folder, "--only", "retrieval", "--gallery", file, "--out", tmp_path / "out", "--json"
    )
    assert code == 0, err
    said = json.loads(out)
    assert [*said] == ["retrieval"]
    row = next(row for row in said["retrieval"] if row["query"] == "text to location")
    assert (row["gallery"], row["median_km"]) == (2, pytest.approx(111.3, abs=1)), "the model tells north from south"


def test_only_tasks_asks_for_no_places(evaluate, tmp_path):
    code, out, err = evaluate("--split", "random", "--only", "tasks", "--json")
    assert code == 0, err
    assert "retrieval" not in json.loads(out)
    assert not (tmp_path / "out" / RETRIEVAL_FILE).exists()


def test_several_models_stand_in_one_table_under_the_names_of_their_folders(run, asked_world, tmp_path):
    code, out, err = run(
        "evaluate", "-c", asked_world.folder, "--only", "retrieval", "--out", tmp_path / "out",
        "--checkpoint", asked_world.checkpoint, "--checkpoint", copy_of(asked_world.checkpoint, tmp_path / "second"),
    )  # fmt: skip
    assert code == 0, err
    assert "text length: under 25 words, checkpoint" in out
    assert "text length: under 25 words, second" in out
    assert out.count("TF-IDF nearest of all texts  ") == 1, "the floors are the same"


def copy_of(folder, to):
    shutil.copytree(folder, to)
    return to


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--split", "country"], ["random, block, continent"]),
        (["--tasks", "weather"], ["weather", "air_temperature"]),
        (["--probe", "lasso"], ["ridge"]),
        (["--peer", "resnet"], ["resnet", "geoclip"]),
        (["--peer", "sh:degrees=many"], ["degrees"]),
        (["--checkpoint", "nowhere"], ["placebind train"]),
        (["--only", "maps"], ["tasks or retrieval"]),
        (["--gallery", "nowhere.parquet"], ["nowhere.parquet", "lat and lon"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_does_not_exist_is_refused_in_one_line_before_anything_is_computed(flags, words, evaluate, tmp_path):
    code, out, err = evaluate(*flags)
    assert code == 2
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert all(word in line for word in words), line
    assert not (tmp_path / "out").exists()


def test_the_commands_of_the_page_on_evaluation_run(run, world, labels, tmp_path, monkeypatch):
    """In a folder that has what they name, without GeoCLIP's weights and without the tables of CoordBench."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "world").symlink_to(world.folder)
    (tmp_path / "labels").symlink_to(labels)
    write_parquet(tmp_path / "places.parquet", [{"lat": 1.0, "lon": 2.0}])
    shown = commands(ROOT / "docs" / "evaluation.md")
    assert len(shown) >= 4
    for command in shown:
        code, out, err = run(*command.split()[1:], "--workers", 1)
        assert code == 0, (command, err)
        expected = "coordbench/" if "coordbench" in command else "air_temperature" if "--tasks" in command else "text to location"
        assert expected in out, command
