"""Labels come from clicks and files, and stay in the catalogue."""

import json
from pathlib import Path

import pytest

from index.errors import CatalogueError, InputError
from index.records import Place
from index.store.catalogue import Catalogue
from retrieval.labels.labels import Label, Labels, read_labels, write_labels
from retrieval.labels.stored import label_sets, load_labels, save_labels, versions_of

QUARRY, LAKE = Place(lat=48.0, lon=16.0), Place(lat=-10.5, lon=179.5)


def test_plus_and_minus_are_two_classes_and_the_last_label_of_a_place_holds() -> None:
    labels = Labels.of([QUARRY, LAKE], [QUARRY])
    assert labels.classes == ["no", "yes"]
    assert labels.places.tolist() == [[48.0, 16.0], [-10.5, 179.5]]


@pytest.mark.parametrize("ending", [".geojson", ".csv", ".parquet"])
def test_a_file_gives_the_labels_that_it_has(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"labels{ending}"
    labels = Labels((Label(QUARRY, "quarry"), Label(LAKE, "lake")))
    if ending == ".geojson":
        write_labels(labels, path)
    else:
        import pandas as pd

        frame = pd.DataFrame({"lat": labels.places[:, 0], "lon": labels.places[:, 1], "class": labels.classes})
        frame.to_csv(path, index=False) if ending == ".csv" else frame.to_parquet(path)
    assert read_labels(path) == labels


def test_without_a_column_of_labels_all_are_examples_of_one_class(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("lat,lon\n48,16\n-10.5,179.5\n")
    assert read_labels(path).classes == ["yes", "yes"]


def test_signs_are_yes_and_no(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("lat,lon,label\n48,16,+\n-10.5,179.5,−\n0,0,-\n")
    assert read_labels(path).classes == ["yes", "no", "no"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "lat,lon,label\n48,16,quarry\n91,16,lake\n", "row 2.*lat must lie in"),
        ("a.csv", "lat,lon,label\n48,16,quarry\n-3,16,\n", "row 2 has no label"),
        ("a.csv", "lat,lon,label\n", "there are no labels"),
        ("a.shp", "", "labels are a .geojson"),
        ("a.geojson", "{}", "expected a GeoJSON FeatureCollection"),
        ("a.geojson", '{"type": "FeatureCollection", "features": [3]}', "expected a GeoJSON FeatureCollection"),
        (
            "a.geojson",
            json.dumps({"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, "properties": {}}),
            "feature 1 is LineString, labels are points",
        ),
        (
            "a.geojson",
            json.dumps({"type": "Feature", "geometry": {"type": "Point", "coordinates": [16, "x"]}, "properties": None}),
            "feature 1 has no position",
        ),
    ],
)
def test_what_is_not_certain_is_refused_in_one_line(tmp_path: Path, name: str, text: str, why: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=why) as refused:
        read_labels(path)
    assert "\n" not in str(refused.value)


def test_each_saving_is_a_version_that_can_be_had_again(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path / "world", create=True)
    first, second = Labels.of([QUARRY]), Labels.of([QUARRY], [LAKE])
    number = save_labels(catalogue, "quarries", first)
    save_labels(catalogue, "quarries", second)
    assert label_sets(catalogue) == ["quarries"]
    assert load_labels(catalogue, "quarries") == second
    assert load_labels(catalogue, "quarries", number) == first
    assert [each.labels for each in versions_of(catalogue, "quarries")] == [1, 2]
    with pytest.raises(CatalogueError, match="have no version 99"):
        load_labels(catalogue, "quarries", 99)
    with pytest.raises(CatalogueError, match=r"no labels 'lakes'.*choose from: quarries"):
        load_labels(catalogue, "lakes")
    with pytest.raises(InputError, match="a set of labels has a name"):
        save_labels(catalogue, "../quarries", first)
