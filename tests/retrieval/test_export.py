"""Hits saved to files are read back as they were, by the libraries that others read them with."""

import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from index.errors import InputError
from index.records import Hit, Place
from retrieval.export import METADATA_KEY, Origin, export_hits, vectors_of
from tests.worlds import one_hot

HITS = [
    Hit(rank=1, modality="articles", id="a1", title='Suva, "Fiji"', place=Place(lat=-18.1416, lon=178.4419), score=0.75,
        distance_km=12.5, url="https://example.org/suva", country="Fiji", snippet="Zwei\nZeilen; „ü“"),
    Hit(rank=1, modality="tiles", id="t1", title="", place=Place(lat=90.0, lon=-180.0), score=-0.25),
]  # fmt: skip
ORIGIN = Origin(query="a harbour – ü", model_digest="3fa1" * 16, dim=4)
VECTORS = one_hot(2, 0, dim=4)


def test_geojson_is_a_feature_collection_of_points_longitude_first(tmp_path: Path) -> None:
    path = tmp_path / "hits.geojson"
    assert export_hits(HITS, path, ORIGIN) == 2
    found = json.loads(path.read_bytes())
    assert (found["type"], len(found["features"]), "crs" in found) == ("FeatureCollection", 2, False)
    assert found[METADATA_KEY] == {"query": ORIGIN.query, "model_digest": ORIGIN.model_digest}
    first = found["features"][0]
    assert (first["type"], first["id"]) == ("Feature", "a1")
    assert first["geometry"] == {"type": "Point", "coordinates": [178.4419, -18.1416]}
    assert [feature["properties"] for feature in found["features"]] == [hit.as_dict() for hit in HITS]


@pytest.mark.parametrize("name", ["hits.geojson", "hits.parquet", "hits.GeoParquet"])
def test_geopandas_reads_back_what_was_found_and_where(name: str, tmp_path: Path) -> None:
    export_hits(HITS, tmp_path / name, ORIGIN)
    read: Any = geopandas.read_file if name.endswith("json") else geopandas.read_parquet
    frame = read(tmp_path / name)
    assert frame.crs.to_epsg() == 4326
    assert [(point.y, point.x) for point in frame.geometry] == [(hit.place.lat, hit.place.lon) for hit in HITS]
    for column in ("id", "title", "snippet", "country", "link", "score", "rank", "modality"):
        assert frame[column].tolist() == [hit.as_dict()[column] for hit in HITS]
    assert frame["distance_km"][0] == 12.5
    assert np.isnan(frame["distance_km"][1])


def test_csv_has_one_line_for_each_hit_whatever_its_texts_hold(tmp_path: Path) -> None:
    path = tmp_path / "hits.csv"
    export_hits(iter(HITS), path)
    with path.open(newline="", encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    expected = [{name: "" if value is None else str(value) for name, value in hit.as_dict().items()} for hit in HITS]
    assert found == expected


def test_csv_keeps_texts_from_being_run_as_formulas_and_numbers_as_they_are(tmp_path: Path) -> None:
    formulas = {"id": "@SUM(1)", "title": "=HYPERLINK(1)", "country": "+1", "snippet": "-1+1", "url": "\t=1"}
    harmless = {"id": "a=1", "title": "'=1", "country": "", "snippet": " =1", "url": "https://example.org/?a=-1"}
    cold = Hit(rank=1, modality="articles", place=Place(lat=-18.5, lon=-70.25), score=-0.25, **formulas)
    plain = Hit(rank=2, modality="articles", place=Place(lat=0, lon=0), score=0, **harmless)
    export_hits([cold, plain, replace(cold, title="\r=1")], tmp_path / "hits.csv")
    with (tmp_path / "hits.csv").open(newline="", encoding="utf-8") as stream:
        first, second, third = csv.DictReader(stream)
    assert (first["lat"], first["lon"], first["score"], first["modality"]) == ("-18.5", "-70.25", "-0.25", "articles")
    assert [first["link" if name == "url" else name] for name in formulas] == [f"'{text}" for text in formulas.values()]
    assert [second["link" if name == "url" else name] for name in harmless] == list(harmless.values())
    assert third["title"] == "'\r=1"


@pytest.mark.parametrize("name", ["hits.geojson", "hits.parquet"])
def test_formats_that_no_spreadsheet_runs_keep_a_text_that_looks_like_a_formula(name: str, tmp_path: Path) -> None:
    export_hits([replace(HITS[0], title="=1+1")], tmp_path / name)
    read: Any = geopandas.read_file if name.endswith("json") else geopandas.read_parquet
    assert read(tmp_path / name)["title"].tolist() == ["=1+1"]


def test_geoparquet_says_which_model_and_query_the_hits_are_of_and_brings_their_vectors(tmp_path: Path) -> None:
    path = tmp_path / "hits.parquet"
    export_hits(HITS, path, ORIGIN, VECTORS)
    schema = pq.read_schema(path)
    assert schema.field("vector").type == pa.list_(pa.float32(), 4)
    assert json.loads(schema.metadata[b"geo"])["primary_column"] == "geometry", "still GeoParquet"
    said, vectors = vectors_of(path)
    assert said == {
        "query": ORIGIN.query,
        "model_digest": ORIGIN.model_digest,
        "dim": 4,
        "metric": "cosine",
        "vector_column": "vector",
    }
    np.testing.assert_array_equal(vectors, VECTORS)
    assert len(geopandas.read_parquet(path)["vector"][0]) == 4


def test_vectors_are_left_out_if_not_given(tmp_path: Path) -> None:
    export_hits(HITS, tmp_path / "hits.parquet", ORIGIN)
    said, vectors = vectors_of(tmp_path / "hits.parquet")
    assert (said["dim"], said["vector_column"], vectors) == (4, None, None)


@pytest.mark.parametrize("name", ["hits.geojson", "hits.parquet", "hits.csv"])
def test_no_hits_are_a_file_with_none(name: str, tmp_path: Path) -> None:
    assert export_hits([], tmp_path / name, ORIGIN) == 0
    if name.endswith("parquet"):
        assert pq.read_schema(tmp_path / name).field("score").type == pa.float64()
        assert len(geopandas.read_parquet(tmp_path / name)) == 0
    elif name.endswith("csv"):
        assert (tmp_path / name).read_text().splitlines()[0].startswith("rank,modality,id,title,lat,lon,score")
    else:
        assert json.loads((tmp_path / name).read_text())["features"] == []


@pytest.mark.parametrize(
    ("name", "vectors", "message"),
    [
        ("hits.shp", None, r"ending in \.geojson, .*got 'hits\.shp'"),
        ("hits", None, "got 'hits'"),
        ("hits.csv", VECTORS, "only be saved as .parquet or .geoparquet"),
        ("hits.parquet", VECTORS[:1], r"expected vectors \[2, 4\]"),
        ("hits.parquet", one_hot(0, 1, dim=5), r"expected vectors \[2, 4\], one for each hit, got \(2, 5\)"),
        ("missing/hits.csv", None, "there is no folder"),
    ],
)
def test_what_cannot_be_saved_is_said_in_one_line_and_leaves_nothing(name: str, vectors: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as refused:
        export_hits(HITS, tmp_path / name, ORIGIN, vectors)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["hits.geojson", "hits.parquet", "hits.csv"])
def test_a_failure_in_the_middle_leaves_the_file_that_was_there(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("what was there")
    broken: Any = [HITS[0], "no hit"]
    with pytest.raises(AttributeError):
        export_hits(broken, path)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert path.read_text() == "what was there"


def test_a_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("no parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    for name in ("text.parquet", "other.parquet", "missing.parquet"):
        with pytest.raises(InputError, match=f"{name} is not a GeoParquet file from PlaceBind"):
            vectors_of(tmp_path / name)


# Own columns

OWN_HITS = [
    replace(HITS[0], own={"beds": 12, "since": date(1999, 5, 1), "=code": "=1+1", "mixed": 7, "empty": None}),
    replace(HITS[1], own={"mixed": "seven", "share": 0.5, "open": True}),
]


def test_own_columns_are_properties_of_a_feature(tmp_path: Path) -> None:
    export_hits(OWN_HITS, tmp_path / "hits.geojson")
    first, second = (each["properties"] for each in json.loads((tmp_path / "hits.geojson").read_text())["features"])
    assert {name: first[name] for name in ("title", "beds", "since", "empty")} == {
        "title": 'Suva, "Fiji"', "beds": 12, "since": "1999-05-01", "empty": None
    }  # fmt: skip
    assert (second["mixed"], second["share"], second["open"], "own" in second) == ("seven", 0.5, True, False)


def test_own_columns_are_columns_of_a_csv_and_nothing_in_them_is_a_formula(tmp_path: Path) -> None:
    export_hits(OWN_HITS, tmp_path / "hits.csv")
    with (tmp_path / "hits.csv").open(newline="", encoding="utf-8") as stream:
        first, second = csv.DictReader(stream)
    own = ["beds", "since", "'=code", "mixed", "empty", "share", "open"]
    assert [first[name] for name in own] == ["12", "1999-05-01", "'=1+1", "7", "", "", ""]
    assert [second[name] for name in own] == ["", "", "", "seven", "", "0.5", "True"]


def test_own_columns_have_their_type_in_a_geoparquet_and_are_text_where_two_kinds_disagree(tmp_path: Path) -> None:
    export_hits(OWN_HITS, tmp_path / "hits.parquet", ORIGIN, VECTORS)
    table = pq.read_table(tmp_path / "hits.parquet")
    types = {
        "beds": pa.int64(),
        "since": pa.date32(),
        "mixed": pa.string(),
        "empty": pa.string(),
        "share": pa.float64(),
        "open": pa.bool_(),
    }
    assert {name: table.schema.field(name).type for name in types} == types
    assert table["mixed"].to_pylist() == ["7", "seven"]
    assert table["since"].to_pylist() == [date(1999, 5, 1), None]
    assert len(geopandas.read_parquet(tmp_path / "hits.parquet")) == 2
