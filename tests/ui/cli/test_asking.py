"""What the flags of ``placebind search`` ask for."""

import json

import numpy as np
import pytest
import rasterio
from PIL import Image

from index.errors import InputError
from index.records import Place
from retrieval import Space
from retrieval.asking.parts import Item
from ui.cli.asking import asked

ID = "0" * 31 + "a"


def test_everything_given_becomes_a_part_and_what_is_unlike_counts_against():
    question = asked("a fjord", lat=60.0, lon=5.0, like=[f"tiles:{ID}"], unlike=["a city", f"articles:{ID}"])
    assert [(part.what, part.weight) for part in question.parts] == [
        ("a fjord", 1.0), (Place(lat=60.0, lon=5.0), 1.0), (Item("tiles", ID), 1.0), ("a city", -1.0), (Item("articles", ID), -1.0),
    ]  # fmt: skip
    assert question.combine == "mean"


def test_either_takes_the_best_of_the_parts():
    assert asked("a fjord", like=[f"tiles:{ID}"], either=True).combine == "max"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "ask with a text"),
        ({"lat": 3.0}, "--lon"),
        ({"like": ["towns:x"]}, "articles:ID"),
        ({"like": ["tiles:x"]}, "32 hexadecimal"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_remedy(given, message):
    with pytest.raises(InputError, match=message):
        asked(None, **given)


def test_flags_reach_the_answer_and_hits_are_exported(run, world, tmp_path):
    file = tmp_path / "hits.geojson"
    code, out, err = run(
        "search", "snow", "--in", "locations", "--bbox", "0,-10,10,10", "--apart-km", 300, "-k", 3, "--json", "--export", file,
        "--catalogue", world.folder,
    )  # fmt: skip
    assert code == 0, err
    hits = json.loads(out)["hits"]["locations"]
    assert len(hits) == 3
    assert all(hit["lat"] == 5 and abs(hit["lon"]) <= 10 for hit in hits)
    assert [feature["id"] for feature in json.loads(file.read_text())["features"]] == [hit["id"] for hit in hits]


def test_tiles_are_compared_themselves_if_that_is_asked_for(run, world):
    scores = []
    for flags in ([], ["--direct"]):
        code, out, err = run("search", "snow", "--in", "tiles", *flags, "--json", "--catalogue", world.folder)
        assert code == 0, err
        scores.append([hit["score"] for hit in json.loads(out)["hits"]["tiles"]])
    direct = Space.open(world.checkpoint, world.folder).search("snow", kinds=("tiles",), k=5, direct=True)
    assert scores[1] == pytest.approx([hit.score for hit in direct], abs=1e-5)
    assert scores[0] != scores[1]


def test_a_filter_that_cannot_be_read_is_one_line(run, world):
    code, _, err = run("search", "snow", "--bbox", "1,2,3", "--catalogue", world.folder)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert "bbox" in err


@pytest.mark.parametrize("text", ["-33.92, 18.42", "-.5, 18.42", "33.92 S, 18.42 E"])
def test_coordinates_are_a_text_and_no_option_even_behind_a_minus(run, world, text):
    code, out, err = run("search", text, "--in", "locations", "-k", 1, "--json", "--catalogue", world.folder)
    assert code == 0, err
    answer = json.loads(out)
    assert answer["query"].startswith("place -")
    assert "was read as" in answer["notes"][0]


def test_a_negative_number_is_still_the_value_of_its_option_and_a_wrong_option_still_wrong(run, world):
    flags = ("--lat", "-33.92", "--lon", "18.42", "--bbox", "-40,-10,10,30", "--near", "-33,18,9000")
    code, out, err = run("search", *flags, "-k", 1, "--json", "--catalogue", world.folder)
    assert code == 0, err
    assert json.loads(out)["query"] == "place -33.9200, 18.4200"
    assert run("search", "snow", "--cuontry", "Kenya", "--catalogue", world.folder)[0] == 2
    assert run("search", "snow", "-x", "--catalogue", world.folder)[0] == 2


def test_a_constraint_in_the_text_filters_and_is_said_above_the_hits(run, world):
    asked = ("search", "snow within 3000 km of 5 N, 30.5 E", "--in", "locations", "-k", 20, "--catalogue", world.folder)
    code, out, err = run(*asked, "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["query"] == "snow"
    assert 0 < len(answer["hits"]["locations"]) <= 20
    assert all(hit["lat"] == 5 and abs(hit["lon"] - 30.5) < 28 for hit in answer["hits"]["locations"])
    code, out, err = run(*asked)
    assert "was read as a filter: within 3,000 km of 5 N, 30.5 E" in " ".join(out.split())


def test_a_verbatim_text_is_not_read(run, world):
    code, out, err = run("search", "-33.92, 18.42", "--verbatim", "-k", 1, "--json", "--catalogue", world.folder)
    assert code == 0, err
    assert (json.loads(out)["query"], json.loads(out)["notes"]) == ("-33.92, 18.42", [])


def test_a_heat_map_is_drawn_of_typed_coordinates(run, world, tmp_path):
    heat = ("heat", "-33.92, 18.42", "--width", 16, "--out", tmp_path / "heat.png", "--json", "--catalogue", world.folder)
    code, out, err = run(*heat)
    assert code == 0, err
    assert json.loads(out)["notes"] == ["'-33.92, 18.42' was read as 33.92 S, 18.42 E (decimal degrees)"]


def test_regions_are_flags_too(run, world):
    flags = ("--outside", "afrika", "--outside", "DE", "--coast-km", 2000)
    code, out, err = run("search", "snow", *flags, "--in", "locations", "-k", 3, "--json", "--catalogue", world.folder)
    assert code == 0, err
    assert len(json.loads(out)["hits"]["locations"]) == 3
    code, _, err = run("search", "snow", "--inside", "Perru", "--catalogue", world.folder)
    assert code == 2
    assert "did you mean Peru?" in " ".join(err.split())


def test_a_script_that_the_model_cannot_read_is_said_by_search_and_heat(run, world, tmp_path):
    note = "The model does not read Greek script (in 'χιόνι και πάγος'); ask in English instead."
    search = ("search", "χιόνι και πάγος", "-k", 1, "--catalogue", world.folder)
    heat = ("heat", "χιόνι και πάγος", "--width", 16, "--out", tmp_path / "heat.png", "--catalogue", world.folder)
    for command in (search, heat):
        code, out, err = run(*command)
        assert code == 0, err
        assert note in " ".join(f"{out} {err}".split())
        code, out, err = run(*command, "--json")
        assert code == 0, err
        assert json.loads(out)["notes"] == [note]


@pytest.mark.parametrize("name", ["heat.tif", "heat.png"])
def test_a_heat_map_is_drawn_and_its_peaks_are_named(run, world, tmp_path, name):
    code, out, err = run("heat", "snow and ice", "--out", tmp_path / name, "--width", 128, "--json", "--catalogue", world.folder)
    assert code == 0, err
    answer = json.loads(out)
    assert answer["locations"] == 200
    assert answer["peaks"][0]["lat"] == 70, "the north is where snow is"
    with rasterio.open(tmp_path / name) as picture:
        assert (picture.width, picture.height) == (128, 64)
        values = picture.read(1)
        assert len(np.unique(values[np.isfinite(values)])) > 10


def test_a_heat_map_of_an_unknown_kind_is_refused(run, world, tmp_path):
    code, _, err = run("heat", "snow", "--out", tmp_path / "heat.jpg", "--catalogue", world.folder)
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert ".tif or a .png" in err


def test_explanations_are_printed_and_come_with_the_json(run, world):
    asked = (
        "search",
        "snow and ice",
        "--unlike",
        "hot sand",
        "--in",
        "articles",
        "-k",
        2,
        "--explain",
        "--catalogue",
        world.folder,
    )
    code, out, err = run(*asked)
    assert code == 0, err
    assert " ".join(out.split()).count("why: snow and ice +") == 2
    code, out, err = run(*asked, "--json")
    hits = json.loads(out)["hits"]["articles"]
    assert all(sum(part["share"] for part in hit["why"]["parts"]) == pytest.approx(hit["score"], abs=1e-4) for hit in hits)


def test_a_photo_is_a_question_and_a_broken_one_is_one_line(run, world, tmp_path):
    snow, broken = tmp_path / "snow.png", tmp_path / "broken.png"
    Image.new("RGB", (40, 30), (235, 238, 240)).save(snow)
    broken.write_bytes(snow.read_bytes()[:60])
    code, out, err = run("search", "--image", snow, "--in", "tiles", "-k", 3, "--json", "--catalogue", world.folder)
    assert code == 0, err
    assert all(hit["lat"] == 70 for hit in json.loads(out)["hits"]["tiles"])
    code, _, err = run("search", "--image", broken, "--catalogue", world.folder)
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "broken.png" in err


def test_hits_that_cannot_be_exported_are_one_line(run, world, tmp_path):
    (tmp_path / "file").write_text("no folder")
    for name in ("file/hits.csv", "none/hits.geojson", "hits.exe"):
        code, _, err = run("search", "snow", "--export", tmp_path / name, "--catalogue", world.folder)
        assert (code, len(err.strip().splitlines())) == (2, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
