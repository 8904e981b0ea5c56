import base64
import csv
import io
import json
import math
import shutil
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from starlette.testclient import TestClient

from index.places.world_names import names_are_known
from index.records import Article, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.manifest import MANIFEST_KEY
from index.store.vectors import manifest_of
from retrieval import Space
from retrieval.asking.how import How
from retrieval.asking.parts import Part
from retrieval.asking.question import Question
from retrieval.export import vectors_of
from tests.conftest import Records
from tests.ui.conftest import open_to_visitors
from ui.server import front
from ui.server.workspace import Workspace, served

SNOW = "ice and snow in the far north"


def places_of(answer, modality="articles"):
    return [round(hit["lat"]) for hit in answer["hits"][modality]]


def pixels_of(response) -> np.ndarray:
    """RGBA [H, W, 4]."""
    return np.asarray(Image.open(io.BytesIO(response.content)).convert("RGBA"))


def tile_and_pixel(lat: float, lon: float, z: int) -> tuple[int, int, int, int]:
    """x and y of the Web Mercator tile, column and row of the pixel in it, by the formula of the OpenStreetMap wiki."""
    turns_x = (lon + 180) / 360 * 2**z
    turns_y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z
    return int(turns_x), int(turns_y), int(turns_x % 1 * 256), int(turns_y % 1 * 256)


def test_words_find_articles_tiles_and_places(visitor) -> None:
    answer = visitor.get("/api/v1/search", params={"text": SNOW, "k": 3}).json()
    assert {modality: len(hits) for modality, hits in answer["hits"].items()} == {"articles": 3, "tiles": 3, "locations": 3}
    assert places_of(answer) == [70, 70, 70]
    assert answer["query"] == SNOW
    first = answer["hits"]["articles"][0]
    assert (first["rank"], first["modality"]) == (1, "articles")
    assert first["title"].startswith("North")
    assert answer["ms"]["total"] > 0


def test_the_same_question_has_one_answer_however_it_is_asked(visitor) -> None:
    by_parameters = visitor.get("/api/v1/search", params={"text": SNOW, "kinds": ["articles", "tiles"], "k": 4}).json()
    as_json = {"parts": [{"text": SNOW}], "kinds": ["articles", "tiles"], "k": 4}
    by_json = visitor.post("/api/v1/search", json=as_json).json()
    by_link = visitor.get("/api/v1/search", params={"ask": by_parameters["ask"]}).json()
    assert set(by_parameters["hits"]) == {"articles", "tiles"}
    assert by_parameters["hits"] == by_json["hits"] == by_link["hits"]


def test_the_answer_has_the_question_as_it_was_read_and_says_what_was_read(visitor) -> None:
    text = "snow within 9000 km of 60.5 N, 10.5 E, north of 60°"
    answer = visitor.get("/api/v1/search", params={"text": text, "k": 3}).json()
    assert answer["question"] == {
        "parts": [{"text": "snow"}],
        "k": 3,
        "filter": {"near": "60.5,10.5,9000", "bbox": "60,-180,90,180"},
    }
    assert len(answer["notes"]) == 2
    assert all("was read as a filter" in note for note in answer["notes"])
    again = visitor.get("/api/v1/search", params={"ask": answer["ask"]}).json()
    assert (again["hits"], again["notes"]) == (answer["hits"], [])
    explicit = {"text": "snow", "near": "60.5,10.5,9000", "bbox": "60,-180,90,180", "k": 3}
    assert visitor.get("/api/v1/search", params=explicit).json()["hits"] == answer["hits"]


def test_the_next_page_can_be_asked_with_the_question_as_typed_or_as_read(visitor) -> None:
    asked = {"text": "snow north of 60°", "k": 2, "kinds": "articles"}
    first = visitor.get("/api/v1/search", params=asked).json()
    as_typed = visitor.get("/api/v1/search", params={**asked, "cursor": first["next"]}).json()
    as_read = visitor.get("/api/v1/search", params={"ask": first["ask"], "cursor": first["next"]}).json()
    assert as_typed["hits"] == as_read["hits"]
    assert [hit["rank"] for hit in as_read["hits"]["articles"]] == [3, 4]


def test_a_verbatim_question_is_not_read(visitor) -> None:
    answer = visitor.get("/api/v1/search", params={"text": "snow north of 60°", "verbatim": True, "k": 1}).json()
    assert answer["question"] == {"parts": [{"text": "snow north of 60°"}], "verbatim": True, "k": 1}
    assert answer["notes"] == []


def test_regions_and_the_coast_are_filters_of_an_address(visitor) -> None:
    params = {"text": SNOW, "outside": ["afrika", "DE"], "coast_km": 20000, "kinds": "locations", "k": 2}
    answer = visitor.get("/api/v1/search", params=params).json()
    assert answer["question"]["filter"] == {"outside": ["Africa", "Germany"], "coast_km": 20000}
    refused = visitor.get("/api/v1/search", params={"text": SNOW, "inside": "Perru"})
    assert refused.status_code == 422
    assert "did you mean Peru?" in refused.json()["error"]


def test_a_heat_map_reads_coordinates_and_leaves_constraints_in_words(visitor) -> None:
    heat = visitor.get("/api/v1/heat", params={"text": "70.5 N, 10.5 E"}).json()
    assert heat["notes"] == ["'70.5 N, 10.5 E' was read as 70.5 N, 10.5 E (decimal degrees)"]
    assert heat["peaks"] == visitor.get("/api/v1/heat", params={"lat": 70.5, "lon": 10.5}).json()["peaks"]
    assert visitor.get("/api/v1/heat", params={"text": "snow in Africa"}).json()["notes"] == []


def test_tiles_are_compared_by_position_or_themselves_however_it_is_asked(visitor, world) -> None:
    space = Space.open(world.checkpoint, world.folder)
    by_position = visitor.get("/api/v1/search", params={"text": SNOW, "kinds": "tiles"}).json()
    direct = visitor.get("/api/v1/search", params={"text": SNOW, "kinds": "tiles", "direct": True}).json()
    by_link = visitor.get("/api/v1/search", params={"ask": direct["ask"]}).json()
    assert direct["hits"] == by_link["hits"]
    for answer, how in ((by_position, How()), (direct, How(direct=True))):
        expected = [hit.score for hit in space.search(SNOW, kinds=("tiles",), **dict(how))]
        assert [hit["score"] for hit in answer["hits"]["tiles"]] == pytest.approx(expected, abs=1e-5)
    assert by_position["hits"] != direct["hits"]


def test_an_answer_to_words_says_how_sure_it_is(visitor) -> None:
    said = visitor.get("/api/v1/search", params={"text": SNOW}).json()["confidence"]
    assert said["nowhere"] is None
    assert "within 750 km of the best place" in said["sentence"]
    assert visitor.get("/api/v1/search", params={"lat": 70, "lon": 10}).json()["confidence"] is None


def test_a_script_that_the_model_cannot_read_is_said_with_hits_and_heat(visitor) -> None:
    for route in ("search", "heat"):
        notes = visitor.get(f"/api/v1/{route}", params={"text": "χιόνι και πάγος"}).json()["notes"]
        assert notes == ["The model does not read Greek script (in 'χιόνι και πάγος'); ask in English instead."]
        assert visitor.get(f"/api/v1/{route}", params={"text": SNOW}).json()["notes"] == []
        assert visitor.get(f"/api/v1/{route}", params={"lat": 70, "lon": 10}).json()["notes"] == []


def test_probability_is_drawn_where_it_lies(visitor, world) -> None:
    """Above 50 is left what holds half of the probability, above 0 all that is land."""
    heat = visitor.get("/api/v1/heat", params={"text": SNOW}).json()
    address = f"/api/v1/heat/{heat['name']}.png"
    half, whole = (
        pixels_of(visitor.get(address, params={"width": 256, "look": "probability", "above": above})) for above in (50, 0)
    )
    assert 0 < (half[..., 3] > 0).sum() < (whole[..., 3] > 0).sum()
    assert not half[64:, :, 3].any(), "nothing of it south of the equator"
    percentiles = pixels_of(visitor.get(address, params={"width": 256}))
    assert (percentiles != whole).any()
    assert visitor.get(address, params={"look": "colourful"}).status_code == 422


def test_a_place_is_asked_with_and_distances_are_measured_from_it(visitor) -> None:
    answer = visitor.get("/api/v1/search", params={"lat": 70, "lon": 10, "kinds": "locations", "k": 200}).json()
    assert answer["origin"] == {"lat": 70, "lon": 10}
    nearest = min(answer["hits"]["locations"], key=lambda hit: hit["distance_km"])
    assert nearest["lat"] == 70
    assert abs(nearest["lon"] - 10) < 2


def test_filters_of_the_address_hold(visitor) -> None:
    in_box = visitor.get("/api/v1/search", params={"text": SNOW, "kinds": "articles", "bbox": "0,170,10,-170"}).json()
    assert [(hit["lat"], hit["lon"]) for hit in in_box["hits"]["articles"]] == [(5, -180)], "one village on the antimeridian"
    near = visitor.get("/api/v1/search", params={"text": SNOW, "kinds": "articles", "near": "5,0,100"}).json()
    assert [(hit["lat"], hit["lon"]) for hit in near["hits"]["articles"]] == [(5, 0)]
    nowhere = visitor.get("/api/v1/search", params={"text": SNOW, "kinds": "articles", "countries": "Atlantis"})
    assert nowhere.status_code == 422
    assert "country 'Atlantis'" in nowhere.json()["error"]


def test_more_and_less_of_a_record_are_parts_of_a_question(visitor) -> None:
    first = visitor.get("/api/v1/search", params={"text": SNOW, "kinds": "articles", "k": 1}).json()["hits"]["articles"][0]
    record = {"modality": "articles", "id": first["id"]}
    away = visitor.post("/api/v1/search", json={"parts": [{"record": record, "weight": -1}], "kinds": ["articles"], "k": 5}).json()
    assert places_of(away) == [5] * 5


def test_pages_go_on_where_the_one_before_ended(visitor) -> None:
    asked = {"text": SNOW, "kinds": "locations"}
    whole = visitor.get("/api/v1/search", params=asked | {"k": 200}).json()
    assert whole["next"], "there may be more"
    pages, cursor = [], {}
    while len(pages) < 4:
        page = visitor.get("/api/v1/search", params=asked | {"k": 70} | cursor).json()
        pages.append(page["hits"]["locations"])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert [len(page) for page in pages] == [70, 70, 60]
    assert [hit for page in pages for hit in page] == whole["hits"]["locations"]
    as_json = {"parts": [{"text": SNOW}], "kinds": ["locations"], "k": 70}
    by_json = visitor.post("/api/v1/search", json=as_json, params=cursor).json()
    assert by_json["hits"]["locations"] == pages[-1]


def test_a_cursor_is_of_one_question_and_one_index(visitor) -> None:
    asked = {"text": SNOW, "kinds": "articles", "k": 5}
    cursor = visitor.get("/api/v1/search", params=asked).json()["next"]
    other = visitor.get("/api/v1/search", params=asked | {"text": "sand", "cursor": cursor})
    assert (other.status_code, "of another question" in other.json()["error"]) == (422, True)
    skip, _, question = json.loads(base64.urlsafe_b64decode(cursor))
    earlier = base64.urlsafe_b64encode(json.dumps([skip, "0" * 12, question]).encode()).decode()
    changed = visitor.get("/api/v1/search", params=asked | {"cursor": earlier})
    assert (changed.status_code, "the index has changed" in changed.json()["error"]) == (422, True)
    for damaged in ("x", "bnVsbA==", base64.b64encode(b"[1]").decode(), cursor[:-6]):
        assert "damaged" in visitor.get("/api/v1/search", params=asked | {"cursor": damaged}).json()["error"]


def test_everything_of_a_question_fits_an_address(visitor) -> None:
    first, second = visitor.get("/api/v1/search", params={"text": SNOW, "kinds": "articles", "k": 2}).json()["hits"]["articles"]
    north = {"type": "Polygon", "coordinates": [[[-150, 60], [0, 60], [150, 60], [150, 80], [0, 80], [-150, 80], [-150, 60]]]}
    asked = {
        "text": SNOW, "lat": 70, "lon": 10, "like": f"articles:{first['id']}", "unlike": [f"articles:{second['id']}", "hot sand"],
        "combine": "mean", "kinds": ["articles", "locations"], "k": 3, "words": True, "apart_km": 1, "where": "lat > 0",
        "bbox": "0,-180,90,180", "near": "70,10,20000", "polygon": json.dumps(north), "explain": False,
    }  # fmt: skip
    answer = visitor.get("/api/v1/search", params=asked).json()
    question = answer["question"]
    assert [next(iter(part)) for part in question["parts"]] == ["text", "place", "record", "record", "text"]
    assert [part.get("weight", 1) for part in question["parts"]] == [1, 1, 1, -1, -1]
    assert {*question["filter"]} == {"bbox", "near", "polygon", "where"}
    assert (question["k"], question["words"], question["apart_km"], question["kinds"]) == (3, True, 1, ["articles", "locations"])
    assert set(answer["ways"]) == set(answer["hits"]) == {"articles", "locations"}
    assert not [hit for hits in answer["hits"].values() for hit in hits if "why" in hit]
    assert "why" in visitor.get("/api/v1/search", params=asked | {"explain": True}).json()["hits"]["articles"][0]


@pytest.mark.parametrize(
    "path", ["/search", "/export.csv", "/heat", "/status", "/outline.geojson", "/basemap/blue-marble/0/0/0.jpg"]
)
def test_a_name_that_no_parameter_has_is_refused_and_not_dropped(visitor, path) -> None:
    answer = visitor.get(f"/api/v1{path}", params={"limit": 5})
    assert (answer.status_code, "there is no parameter 'limit' here" in answer.json()["error"]) == (422, True)


def test_a_whole_question_stands_alone(visitor) -> None:
    ask = json.dumps({"parts": [{"text": SNOW}], "kinds": ["articles"]})
    for beside in ({"k": 3}, {"kinds": "tiles"}, {"text": SNOW}):
        answer = visitor.get("/api/v1/search", params={"ask": ask} | beside)
        assert (answer.status_code, "cannot stand beside it" in answer.json()["error"]) == (422, True)
    assert visitor.get("/api/v1/search", params={"ask": ask, "explain": True}).status_code == 200


def test_a_heat_map_takes_only_what_it_knows_and_says_why(visitor) -> None:
    filtered = {"parts": [{"text": SNOW}], "filter": {"bbox": "0,0,1,1"}}
    answers = [
        visitor.get("/api/v1/heat", params={"text": SNOW, "bbox": "0,0,1,1"}),
        visitor.get("/api/v1/heat", params={"ask": json.dumps(filtered)}),
        visitor.post("/api/v1/heat", json=filtered),
    ]
    for answer in answers:
        assert (answer.status_code, "a heat map is of all locations on Earth" in answer.json()["error"]) == (422, True)
    plain, away = ({"text": SNOW}, {"text": SNOW, "unlike": "hot sand", "combine": "mean"})
    names = [visitor.get("/api/v1/heat", params=given).json()["name"] for given in (plain, away)]
    assert len(set(names)) == 2


def test_a_record_that_is_not_there_is_not_found_whoever_asks(visitor) -> None:
    nobody = "0" * 32
    answers = [
        visitor.get("/api/v1/search", params={"like": f"articles:{nobody}"}),
        visitor.get("/api/v1/heat", params={"like": f"tiles:{nobody}"}),
        visitor.get("/api/v1/export.csv", params={"like": f"locations:{nobody}"}),
        visitor.get(f"/api/v1/thumbnails/{nobody}.png"),
    ]
    for answer in answers:
        assert (answer.status_code, "copy an id from a hit" in answer.json()["error"]) == (404, True)


@pytest.mark.parametrize(
    ("by_address", "by_json"),
    [
        ({"text": SNOW, "k": 0}, {"parts": [{"text": SNOW}], "k": 0}),
        ({"text": SNOW, "k": 201}, {"parts": [{"text": SNOW}], "k": 201}),
        ({"text": SNOW, "bbox": "1,2"}, {"parts": [{"text": SNOW}], "filter": {"bbox": "1,2"}}),
        ({"text": SNOW, "sensors": "moon"}, {"parts": [{"text": SNOW}], "filter": {"sensors": "moon"}}),
        ({"text": SNOW, "moon": 1}, {"parts": [{"text": SNOW}], "moon": 1}),
        ({"text": " "}, {"parts": [{"text": " "}]}),
    ],
)
def test_one_mistake_has_one_status(visitor, by_address, by_json) -> None:
    answers = [
        visitor.get("/api/v1/search", params=by_address),
        visitor.post("/api/v1/search", json=by_json),
        visitor.get("/api/v1/search", params={"ask": json.dumps(by_json)}),
    ]
    assert [answer.status_code for answer in answers] == [422] * 3


@pytest.mark.parametrize(
    "path", ["/api/search?text=x", "/api/openapi.json", "/api/heat/0123456789abcdef/0/0/0.png", "/api/v2/search"]
)
def test_an_old_address_says_where_the_api_is_now(visitor, path) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.json()["error"]) == (404, "the API is at /api/v1 now, and described at /api/docs")


def test_a_picture_that_the_browser_has_is_not_drawn_again(visitor, monkeypatch) -> None:
    address = visitor.get("/api/v1/heat", params={"text": SNOW}).json()["tiles"].format(z=1, x=0, y=0)
    known = {"if-none-match": visitor.get(address).headers["etag"]}

    def fail(self, name):
        raise AssertionError("drawn")

    monkeypatch.setattr(Workspace, "heat", fail)
    assert visitor.get(address, headers=known).status_code == 304
    assert visitor.get(f"{address}&above=1", headers=known).status_code == 500


def test_another_catalogue_in_the_same_place_is_seen(own_world, tmp_path, monkeypatch) -> None:
    """With the same tables at the same version numbers: what was found in the first is not found in the second."""
    visitor = open_to_visitors({"own": own_world.folder}, tmp_path, monkeypatch)
    asked = {"text": "a village", "kinds": "articles", "k": 1}
    before, version = visitor.get("/api/v1/search", params=asked).json(), served().get().version
    other = shutil.copytree(own_world.folder, tmp_path / "other")
    rewrite_alike(other / "articles.lance")
    shutil.rmtree(own_world.folder)
    other.rename(own_world.folder)
    after = visitor.get("/api/v1/search", params=asked).json()
    assert after["hits"]["articles"][0]["title"] == "Elsewhere"
    assert before["hits"]["articles"][0]["title"] != "Elsewhere"
    assert served().get().version != version


def test_hits_have_their_own_columns_also_in_a_file(own_world, tmp_path, monkeypatch) -> None:
    lance.dataset(own_world.folder / "locations.lance").add_columns({"north": "lat > 0", "day": "date '1999-05-01'"})
    visitor = open_to_visitors({"own": own_world.folder}, tmp_path, monkeypatch)
    asked = {"text": SNOW, "where": "north AND day < date '2000-01-01'", "k": 2}
    hits = visitor.get("/api/v1/search", params=asked).json()["hits"]
    assert {kind: [hit["own"] for hit in found] for kind, found in hits.items()} == {
        "locations": [{"north": True, "day": "1999-05-01"}] * 2
    }
    lines = visitor.get("/api/v1/export.csv", params=asked).text.splitlines()
    assert [line.split(",")[-2:] for line in lines] == [["north", "day"], *[["True", "1999-05-01"]] * 2]


def rewrite_alike(folder: Path) -> None:
    """The same Lance table from new files, with other titles, at the same version number."""
    table = lance.dataset(folder)
    rows, metadata, version = table.to_table(), table.metadata, table.version
    at = rows.schema.get_field_index("title")
    rows = rows.set_column(at, rows.schema.field(at), pa.array(["Elsewhere"] * len(rows)))
    shutil.rmtree(folder)
    made = lance.write_dataset(rows, folder)
    while made.version < version:
        made.update_metadata(metadata)
        made = lance.dataset(folder)
    assert made.version == version


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "ask with text="),
        ({"lat": 5}, "both lat and lon"),
        ({"text": "  "}, "empty"),
        ({"text": SNOW, "bbox": "1,2,3"}, "bbox must be south,west,north,east"),
        ({"text": SNOW, "kinds": "planets"}, "kinds.0"),
        ({"text": SNOW, "k": 100000}, "k: Input should be less than or equal to 200"),
        ({"text": SNOW, "catalogue": "atlantis"}, "choose of world"),
        ({"ask": "{"}, "the link is damaged"),
        ({"ask": '{"parts": [], "where": "1=1"}'}, "unknown setting 'where'"),
        ({"image": "0" * 64}, "upload it again"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_sentence(visitor, parameters, said) -> None:
    answer = visitor.get("/api/v1/search", params=parameters)
    assert 400 <= answer.status_code < 500
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert set(answer.json()) == {"error"}


def test_what_nobody_expected_tells_the_visitor_nothing(visitor, monkeypatch) -> None:
    def fail(self, question, **how):
        raise RuntimeError("/home/analyst/secret")

    monkeypatch.setattr(Workspace, "answer", fail)
    answer = visitor.get("/api/v1/search", params={"text": SNOW})
    assert answer.status_code == 500
    assert "log" in answer.json()["error"]
    assert "secret" not in answer.text
    with pytest.raises(RuntimeError, match="secret"):  # and goes on to the server, which logs it
        TestClient(visitor.app, base_url="http://localhost").get("/api/v1/search", params={"text": SNOW})


def test_heat_is_brightest_at_its_best_place(visitor) -> None:
    heat = visitor.get("/api/v1/heat", params={"text": SNOW, "peaks": 1}).json()
    peak = heat["peaks"][0]
    assert (round(peak["lat"]), peak["percentile"]) == (70, 100)
    x, y, column, row = tile_and_pixel(peak["lat"], peak["lon"], 3)
    tile = visitor.get(heat["tiles"].format(z=3, x=x, y=y))
    assert tile.headers["content-type"] == "image/png"
    pixels = pixels_of(tile)
    assert pixels.shape == (256, 256, 4)
    assert "#" + bytes(pixels[row, column, :3]).hex() == heat["legend"][-1]["colour"]
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 10
    assert pixels[:, :, 3].min() == 0, "far from every location there is nothing"


def test_only_what_is_above_a_percentile_is_drawn(visitor, world) -> None:
    heat = visitor.get("/api/v1/heat", params={"text": SNOW}).json()
    address = heat["tiles"].format(z=0, x=0, y=0)
    drawn = [pixels_of(visitor.get(f"{address}&above={above}"))[..., 3] > 0 for above in (0, 50, 99)]
    space = Space.open(world.checkpoint, world.folder)
    percentiles = space.heat(Question(parts=(Part.of(SNOW),))).percentiles
    tropics = percentiles[space.cells.places[:, 0] == 5]
    expected = [bool((tropics >= above).any()) for above in (0, 50, 99)]
    assert [bool(each[100:].any()) for each in drawn] == expected, "5 N is at row 124 of 256, 70 N at row 57"
    assert expected[0] != expected[2]
    assert 0 < drawn[2].sum() < drawn[1].sum() < drawn[0].sum()
    assert visitor.get(f"{address}&above=nan").status_code == 422


def test_a_tile_is_kept_by_browsers_for_as_long_as_the_index_is_the_same(visitor) -> None:
    address = visitor.get("/api/v1/heat", params={"text": SNOW}).json()["tiles"].format(z=0, x=0, y=0)
    tile = visitor.get(address)
    assert "immutable" in tile.headers["cache-control"]
    again = visitor.get(address, headers={"if-none-match": tile.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = visitor.get(address.replace("version=", "version=0"))
    assert "no-cache" in other.headers["cache-control"]
    assert visitor.get(f"{address}&above=50").headers["etag"] != tile.headers["etag"]


def test_a_changed_index_has_other_addresses_and_other_answers(own_world, tmp_path, monkeypatch) -> None:
    from retrieval.building.build import build_index
    from train.checkpoint import Checkpoint

    visitor = open_to_visitors({"own": own_world.folder}, tmp_path, monkeypatch)
    before = visitor.get("/api/v1/heat", params={"text": SNOW}).json()
    catalogue = Catalogue.open(own_world.folder)
    fresh = Article(place=Place(lat=71, lon=0), title="Fresh", text="Ice and snow in the far north, just fallen.")
    ingest(catalogue, Records("articles", [fresh]))
    table = visitor.get("/api/v1/status").json()["tables"]["articles"]
    assert (table["rows"], table["stale"]) == (49, 1)
    build_index(Checkpoint.open(own_world.checkpoint), catalogue)
    assert visitor.get("/api/v1/status").json()["tables"]["articles"]["stale"] == 0
    found = visitor.get("/api/v1/search", params={"text": fresh.text, "kinds": "articles", "k": 1}).json()
    assert found["hits"]["articles"][0]["title"] == "Fresh"
    after = visitor.get("/api/v1/heat", params={"text": SNOW}).json()
    assert after["name"] == before["name"]
    assert after["tiles"] != before["tiles"]


@pytest.mark.parametrize(("z", "x", "y"), [(0, 1, 0), (3, 8, 0), (3, 0, -1), (23, 0, 0), (-1, 0, 0), (10**12, 0, 0)])
def test_tiles_beside_the_map_are_refused(visitor, z, x, y) -> None:
    name = visitor.get("/api/v1/heat", params={"text": SNOW}).json()["name"]
    for address in (f"/api/v1/heat/{name}/{z}/{x}/{y}.png", f"/api/v1/basemap/blue-marble/{z}/{x}/{y}.jpg"):
        answer = visitor.get(address)
        assert answer.status_code == 422, answer.text
        assert "zoom" in answer.json()["error"]


def test_a_heat_that_nobody_asked_for_is_not_there(visitor) -> None:
    answer = visitor.get("/api/v1/heat/0123456789abcdef/0/0/0.png")
    assert answer.status_code == 404
    assert "ask again" in answer.json()["error"]


def test_heat_as_a_geotiff_has_both_scales_and_says_what_was_asked(visitor) -> None:
    import rasterio

    name = visitor.get("/api/v1/heat", params={"text": SNOW}).json()["name"]
    answer = visitor.get(f"/api/v1/heat/{name}.tif", params={"width": 512})
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as file:
        assert (file.count, file.width, file.height, file.crs.to_string()) == (2, 512, 256, "EPSG:4326")
        assert file.tags()["PLACEBIND_QUERY"] == SNOW
        assert np.nanmax(file.read(2)) == 100
    picture = visitor.get(f"/api/v1/heat/{name}.png", params={"width": 512, "above": 50})
    assert pixels_of(picture).shape == (256, 512, 4)
    assert visitor.get(f"/api/v1/heat/{name}.tif", params={"width": 10**9}).status_code == 422


def test_vectors_of_the_api_are_those_of_the_space(visitor, world) -> None:
    space = Space.open(world.checkpoint, world.folder)
    given = {"texts": [SNOW, "hot sand"], "places": [{"lat": 70, "lon": 10}]}
    answer = visitor.post("/api/v1/embed", json=given).json()
    assert (answer["dim"], answer["model_digest"]) == (space.dim, space.checkpoint.digest)
    np.testing.assert_allclose(answer["texts"], space.embed_texts(given["texts"]), atol=1e-6)
    np.testing.assert_allclose(answer["places"], space.embed_places([70], [10]), atol=1e-6)
    assert visitor.post("/api/v1/embed", json={}).status_code == 422
    assert visitor.post("/api/v1/embed", json={"texts": ["x"] * 65}).status_code == 422


def test_hits_are_exported_in_three_formats(visitor, world, tmp_path) -> None:
    ask = json.dumps({"parts": [{"text": SNOW}], "kinds": ["articles"], "k": 3})
    hits = visitor.get("/api/v1/search", params={"ask": ask}).json()["hits"]["articles"]
    features = visitor.get("/api/v1/export.geojson", params={"ask": ask}).json()["features"]
    assert [each["id"] for each in features] == [hit["id"] for hit in hits]
    assert features[0]["geometry"]["coordinates"] == [hits[0]["lon"], hits[0]["lat"]]
    rows = list(csv.DictReader(visitor.get("/api/v1/export.csv", params={"ask": ask}).text.splitlines()))
    assert [row["title"] for row in rows] == [hit["title"] for hit in hits]
    parquet = visitor.get("/api/v1/export.parquet", params={"ask": ask})
    assert parquet.headers["content-disposition"] == 'attachment; filename="placebind-hits.parquet"'
    (tmp_path / "hits.parquet").write_bytes(parquet.content)
    said, _ = vectors_of(tmp_path / "hits.parquet")
    assert (said["query"], said["model_digest"]) == (SNOW, Space.open(world.checkpoint, world.folder).checkpoint.digest)
    assert visitor.get("/api/v1/export.exe", params={"ask": ask}).status_code == 422


def test_status_says_what_is_indexed_by_which_model(visitor, world) -> None:
    status = visitor.get("/api/v1/status").json()
    assert {name: table["rows"] for name, table in status["tables"].items()} == {"articles": 48, "tiles": 24, "locations": 200}
    assert all(table["stale"] == 0 for table in status["tables"].values())
    manifest = manifest_of(Catalogue.open(world.folder), "tiles")
    assert status["model_digest"] == status["tables"]["tiles"]["model_digest"] == manifest.model_digest
    assert status["problem"] is None


def test_an_index_of_another_model_is_a_problem_that_status_names_and_searches_say(own_world, tmp_path, monkeypatch) -> None:
    visitor = open_to_visitors({"own": own_world.folder}, tmp_path, monkeypatch)
    table = Catalogue.open(own_world.folder).table("tiles")
    manifest = manifest_of(Catalogue.open(own_world.folder), "tiles")
    table.to_lance().update_metadata({MANIFEST_KEY: manifest.model_copy(update={"model_digest": "f" * 64}).model_dump_json()})
    problem = visitor.get("/api/v1/status").json()["problem"]
    assert "was built with model ffffffff" in problem
    answer = visitor.get("/api/v1/search", params={"text": SNOW})
    assert (answer.status_code, answer.json()["error"]) == (409, problem)


def test_several_catalogues_are_served_side_by_side(own_world, world, tmp_path, monkeypatch) -> None:
    visitor = open_to_visitors({"first": world.folder, "zweite Wahl/ü": own_world.folder}, tmp_path, monkeypatch)
    assert visitor.get("/api/v1/status").json()["catalogue"] == "first"
    second = visitor.get("/api/v1/heat", params={"text": SNOW, "catalogue": "zweite Wahl/ü"}).json()
    assert visitor.get(second["tiles"].format(z=0, x=0, y=0)).status_code == 200
    first = visitor.get("/api/v1/heat", params={"text": SNOW}).json()
    assert first["name"] == second["name"]
    assert first["tiles"].partition("version=")[2] != second["tiles"].partition("version=")[2]


def test_the_documentation_of_the_api_needs_no_network(visitor, monkeypatch, tmp_path) -> None:
    assert visitor.get("/api").headers["content-type"].startswith("text/html"), "it leads to the documentation"
    monkeypatch.setattr(front, "FOLDER", front.FOLDER.parent / "nowhere")
    assert "https://cdn.jsdelivr.net/npm/swagger-ui-dist@" in visitor.get("/api/docs").text
    (tmp_path / "swagger-ui-dist").mkdir()
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        (tmp_path / "swagger-ui-dist" / name).touch()
    monkeypatch.setattr(front, "FOLDER", tmp_path)
    monkeypatch.setattr(front, "versions", lambda: {"swagger-ui-dist": "1.0.0"})
    page = visitor.get("/api/docs").text
    assert "http" not in page
    assert '"validatorUrl": null' in page


def test_every_route_and_parameter_is_described(visitor) -> None:
    schema = visitor.get("/api/v1/openapi.json").json()
    assert {"/search", "/heat", "/embed", "/uploads", "/status", "/outline.geojson"} <= set(schema["paths"])
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            assert route["summary"][0].isupper(), (path, method)
            undescribed = [each["name"] for each in route.get("parameters", []) if "description" not in each]
            assert set(undescribed) <= {"z", "x", "y", "version", "ending"}, (path, method)


@pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")
def test_an_answer_and_a_heat_tell_the_places_that_the_text_names(visitor) -> None:
    answer = visitor.get("/api/v1/search", params={"text": "Vienna", "k": 1}).json()
    (named,) = answer["names"]
    assert (named["text"], named["country"], named["chosen"]) == ("Vienna", "AT", False)
    virginia = {"text": "Vienna", "k": 1, "meant": "Vienna=38.9,-77.27"}
    assert visitor.get("/api/v1/search", params=virginia).json()["names"][0]["country"] == "US"
    assert visitor.get("/api/v1/search", params={"text": "Vienna", "names": False}).json()["names"] == []
    heats = [visitor.get("/api/v1/heat", params={"text": "Vienna", "names": names}).json() for names in (True, False)]
    assert [len(heat["names"]) for heat in heats] == [1, 0]
    assert heats[0]["name"] != heats[1]["name"]
    assert visitor.get("/api/v1/search", params={"ask": answer["ask"]}).json()["names"] == answer["names"]


@pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")
def test_texts_are_located_in_one_request(visitor) -> None:
    answer = visitor.post("/api/v1/locate", json={"texts": ["From Vienna, Virginia to Lima", "no place at all"]})
    first, second = answer.json()["texts"]
    assert [(each["text"], each["country"]) for each in first] == [("Vienna", "US"), ("Virginia", "US"), ("Lima", "PE")]
    assert second == []
    assert visitor.post("/api/v1/locate", json={"texts": []}).status_code == 422
