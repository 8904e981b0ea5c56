"""``placebind locate`` on texts and files, and what it refuses."""

import csv
import json
from pathlib import Path

import pytest

from index.places.world_names import names_are_known

pytestmark = pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")
TEXT = "From Vienna, Virginia we drove to Richmond."


def test_a_text_is_answered_by_a_table_or_by_json(run) -> None:
    code, table, _ = run("locate", TEXT)
    assert code == 0
    assert "Vienna, Virginia, United States" in table
    code, said, _ = run("locate", TEXT, "--json")
    names = json.loads(said)["names"]
    assert [(each["text"], each["country"], TEXT[each["start"] : each["end"]]) for each in names] == [
        ("Vienna", "US", "Vienna"), ("Virginia", "US", "Virginia"), ("Richmond", "US", "Richmond"),
    ]  # fmt: skip


def test_a_text_that_names_nothing_says_so(run) -> None:
    assert run("locate", "karst towers and bamboo rafts")[1] == "1: no places\n"


def test_documents_of_a_file_are_written_as_features_rows_and_lines(run, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(
        '{"id": "=a", "text": "In Vienna."}\n{"id": "b", "text": "no place"}\n{"text": "Lima, Peru"}\n', encoding="utf-8"
    )
    for ending in ("geojson", "csv", "jsonl"):
        code, _, said = run("locate", file, "--out", tmp_path / f"out.{ending}")
        assert code == 0
        assert "3 names of 3 documents" in said
    features = json.loads((tmp_path / "out.geojson").read_text())["features"]
    assert [feature["properties"]["document"] for feature in features] == ["=a", "3", "3"]
    assert features[0]["geometry"]["coordinates"] == [16.37208, 48.20849]
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["document"], row["text"], row["country"]) for row in rows] == [
        ("'=a", "Vienna", "AT"), ("3", "Lima", "PE"), ("3", "Peru", "PE"),
    ]  # fmt: skip
    assert [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["=a", "b", "3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["locate", "  "], "the text is empty; give a text or a file"),
        (["locate", "missing.csv"], "missing.csv: no such file; give one, or a text"),
        (["locate", TEXT, "--out", "places.shp"], "places are saved to a file ending in .geojson, .csv, .jsonl, got 'places.shp'"),
        (["search", "Vienna", "--meant", "Vienna"], "what a name means is written as Vienna=38.9,-77.27, or as Nice= for no place"),
    ],
)
def test_what_cannot_be_located_is_refused_in_one_line(run, arguments, message) -> None:
    code, _, error = run(*arguments)
    assert code == 2
    assert message in " ".join(error.split())


def test_a_search_says_what_a_name_was_taken_for_and_can_be_told_otherwise(run, world) -> None:
    ask = ("search", "Vienna", "--catalogue", world.folder, "-k", 1, "--in", "articles")
    assert "Vienna → Vienna, Austria; not Vienna, " in run(*ask)[1]
    assert "Vienna → Vienna, Virginia, United States; not Vienna, Austria" in run(*ask, "--meant", "Vienna=38.9,-77.27")[1]
    assert "→" not in run(*ask, "--no-names")[1]
    assert "Vienna, Austria 9" in " ".join(run(*ask, "--explain")[1].split())
