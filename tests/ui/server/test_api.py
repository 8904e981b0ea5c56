import csv
import io
import json
import math

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

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
from ui.server.workspace import Workspace

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
    answer = visitor.get("/api/search", params={"text": SNOW, "k": 3}).json()
    assert {modality: len(hits) for modality, hits in answer["hits"].items()} == {"articles": 3, "tiles": 3, "locations": 3}
    assert places_of(answer) == [70, 70, 70]
    assert answer["query"] == SNOW
    first = answer["hits"]["articles"][0]
    assert (first["rank"], first["modality"]) == (1, "articles")
    assert first["title"].startswith("North")
    assert answer["ms"]["total"] > 0


def test_the_same_question_has_one_answer_however_it_is_asked(visitor) -> None:
    by_parameters = visitor.get("/api/search", params={"text": SNOW, "in": ["articles", "tiles"], "k": 4}).json()
    as_json = {"parts": [{"text": SNOW}], "into": ["articles", "tiles"], "k": 4}
    by_json = visitor.post("/api/search", json=as_json).json()
    by_link = visitor.get("/api/search", params={"ask": by_parameters["ask"]}).json()
    assert set(by_parameters["hits"]) == {"articles", "tiles"}
    assert by_parameters["hits"] == by_json["hits"] == by_link["hits"]


def test_tiles_are_compared_by_position_or_themselves_however_it_is_asked(visitor, world) -> None:
    space = Space.open(world.checkpoint, world.folder)
    by_position = visitor.get("/api/search", params={"text": SNOW, "in": "tiles"}).json()
    direct = visitor.get("/api/search", params={"text": SNOW, "in": "tiles", "direct": True}).json()
    by_link = visitor.get("/api/search", params={"ask": direct["ask"]}).json()
    assert direct["hits"] == by_link["hits"]
    for answer, how in ((by_position, How()), (direct, How(direct=True))):
        expected = [hit.score for hit in space.search(SNOW, kinds=("tiles",), **dict(how))]
        assert [hit["score"] for hit in answer["hits"]["tiles"]] == pytest.approx(expected, abs=1e-5)
    assert by_position["hits"] != direct["hits"]


def test_an_answer_to_words_says_how_sure_it_is(visitor) -> None:
    said = visitor.get("/api/search", params={"text": SNOW}).json()["confidence"]
    assert said["nowhere"] is None
    assert "within 750 km of the best place" in said["sentence"]
    assert visitor.get("/api/search", params={"lat": 70, "lon": 10}).json()["confidence"] is None


def test_probability_is_drawn_where_it_lies(visitor, world) -> None:
    """Above 50 is left what holds half of the probability, above 0 all that is land."""
    heat = visitor.get("/api/heat", params={"text": SNOW}).json()
    address = f"/api/heat/{heat['name']}.png"
    half, whole = (
        pixels_of(visitor.get(address, params={"width": 256, "look": "probability", "above": above})) for above in (50, 0)
    )
    assert 0 < (half[..., 3] > 0).sum() < (whole[..., 3] > 0).sum()
    assert not half[64:, :, 3].any(), "nothing of it south of the equator"
    percentiles = pixels_of(visitor.get(address, params={"width": 256}))
    assert (percentiles != whole).any()
    assert visitor.get(address, params={"look": "colourful"}).status_code == 422


def test_a_place_is_asked_with_and_distances_are_measured_from_it(visitor) -> None:
    answer = visitor.get("/api/search", params={"lat": 70, "lon": 10, "in": "locations", "k": 200}).json()
    assert answer["origin"] == {"lat": 70, "lon": 10}
    nearest = min(answer["hits"]["locations"], key=lambda hit: hit["distance_km"])
    assert nearest["lat"] == 70
    assert abs(nearest["lon"] - 10) < 2


def test_filters_of_the_address_hold(visitor) -> None:
    in_box = visitor.get("/api/search", params={"text": SNOW, "in": "articles", "bbox": "0,170,10,-170"}).json()
    assert [(hit["lat"], hit["lon"]) for hit in in_box["hits"]["articles"]] == [(5, -180)], "one village on the antimeridian"
    near = visitor.get("/api/search", params={"text": SNOW, "in": "articles", "near": "5,0,100"}).json()
    assert [(hit["lat"], hit["lon"]) for hit in near["hits"]["articles"]] == [(5, 0)]
    nowhere = visitor.get("/api/search", params={"text": SNOW, "in": "articles", "country": "Atlantis"}).json()
    assert nowhere["hits"]["articles"] == []


def test_more_and_less_of_a_record_are_parts_of_a_question(visitor) -> None:
    first = visitor.get("/api/search", params={"text": SNOW, "in": "articles", "k": 1}).json()["hits"]["articles"][0]
    record = {"modality": "articles", "id": first["id"]}
    away = visitor.post("/api/search", json={"parts": [{"record": record, "weight": -1}], "into": ["articles"], "k": 5}).json()
    assert places_of(away) == [5] * 5


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "ask with text="),
        ({"lat": 5}, "both lat and lon"),
        ({"text": "  "}, "empty"),
        ({"text": SNOW, "bbox": "1,2,3"}, "bbox must be south,west,north,east"),
        ({"text": SNOW, "in": "planets"}, "in.0"),
        ({"text": SNOW, "k": 100000}, "k: Input should be less than or equal to 200"),
        ({"text": SNOW, "catalogue": "atlantis"}, "choose of world"),
        ({"ask": "{"}, "the link is damaged"),
        ({"ask": '{"parts": [], "where": "1=1"}'}, "unknown setting 'where'"),
        ({"image": "0" * 64}, "upload it again"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_sentence(visitor, parameters, said) -> None:
    answer = visitor.get("/api/search", params=parameters)
    assert 400 <= answer.status_code < 500
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert set(answer.json()) == {"error"}


def test_what_nobody_expected_tells_the_visitor_nothing(visitor, monkeypatch) -> None:
    def fail(self, question):
        raise RuntimeError("/home/analyst/secret")

    monkeypatch.setattr(Workspace, "answer", fail)
    answer = visitor.get("/api/search", params={"text": SNOW})
    assert answer.status_code == 500
    assert "log" in answer.json()["error"]
    assert "secret" not in answer.text
    with pytest.raises(RuntimeError, match="secret"):  # and goes on to the server, which logs it
        TestClient(visitor.app, base_url="http://localhost").get("/api/search", params={"text": SNOW})


def test_heat_is_brightest_at_its_best_place(visitor) -> None:
    heat = visitor.get("/api/heat", params={"text": SNOW, "peaks": 1}).json()
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
    heat = visitor.get("/api/heat", params={"text": SNOW}).json()
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
    address = visitor.get("/api/heat", params={"text": SNOW}).json()["tiles"].format(z=0, x=0, y=0)
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
    before = visitor.get("/api/heat", params={"text": SNOW}).json()
    catalogue = Catalogue.open(own_world.folder)
    fresh = Article(place=Place(lat=71, lon=0), title="Fresh", text="Ice and snow in the far north, just fallen.")
    ingest(catalogue, Records("articles", [fresh]))
    table = visitor.get("/api/status").json()["tables"]["articles"]
    assert (table["rows"], table["stale"]) == (49, 1)
    build_index(Checkpoint.open(own_world.checkpoint), catalogue)
    assert visitor.get("/api/status").json()["tables"]["articles"]["stale"] == 0
    found = visitor.get("/api/search", params={"text": fresh.text, "in": "articles", "k": 1}).json()
    assert found["hits"]["articles"][0]["title"] == "Fresh"
    after = visitor.get("/api/heat", params={"text": SNOW}).json()
    assert after["name"] == before["name"]
    assert after["tiles"] != before["tiles"]


@pytest.mark.parametrize(("z", "x", "y"), [(0, 1, 0), (3, 8, 0), (3, 0, -1), (23, 0, 0), (-1, 0, 0), (10**12, 0, 0)])
def test_tiles_beside_the_map_are_refused(visitor, z, x, y) -> None:
    name = visitor.get("/api/heat", params={"text": SNOW}).json()["name"]
    for address in (f"/api/heat/{name}/{z}/{x}/{y}.png", f"/api/basemap/blue-marble/{z}/{x}/{y}.jpg"):
        answer = visitor.get(address)
        assert answer.status_code == 400, answer.text
        assert "zoom" in answer.json()["error"]


def test_a_heat_that_nobody_asked_for_is_not_there(visitor) -> None:
    answer = visitor.get("/api/heat/0123456789abcdef/0/0/0.png")
    assert answer.status_code == 404
    assert "ask again" in answer.json()["error"]


def test_heat_as_a_geotiff_has_both_scales_and_says_what_was_asked(visitor) -> None:
    import rasterio

    name = visitor.get("/api/heat", params={"text": SNOW}).json()["name"]
    answer = visitor.get(f"/api/heat/{name}.tif", params={"width": 512})
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as file:
        assert (file.count, file.width, file.height, file.crs.to_string()) == (2, 512, 256, "EPSG:4326")
        assert file.tags()["PLACEBIND_QUERY"] == SNOW
        assert np.nanmax(file.read(2)) == 100
    picture = visitor.get(f"/api/heat/{name}.png", params={"width": 512, "above": 50})
    assert pixels_of(picture).shape == (256, 512, 4)
    assert visitor.get(f"/api/heat/{name}.tif", params={"width": 10**9}).status_code == 422


def test_vectors_of_the_api_are_those_of_the_space(visitor, world) -> None:
    space = Space.open(world.checkpoint, world.folder)
    given = {"texts": [SNOW, "hot sand"], "places": [{"lat": 70, "lon": 10}]}
    answer = visitor.post("/api/embed", json=given).json()
    assert (answer["dim"], answer["model_digest"]) == (space.dim, space.checkpoint.digest)
    np.testing.assert_allclose(answer["texts"], space.embed_texts(given["texts"]), atol=1e-6)
    np.testing.assert_allclose(answer["places"], space.embed_places([70], [10]), atol=1e-6)
    assert visitor.post("/api/embed", json={}).status_code == 400
    assert visitor.post("/api/embed", json={"texts": ["x"] * 65}).status_code == 422


def test_hits_are_exported_in_three_formats(visitor, world, tmp_path) -> None:
    ask = json.dumps({"parts": [{"text": SNOW}], "into": ["articles"], "k": 3})
    hits = visitor.get("/api/search", params={"ask": ask}).json()["hits"]["articles"]
    features = visitor.get("/api/export.geojson", params={"ask": ask}).json()["features"]
    assert [each["id"] for each in features] == [hit["id"] for hit in hits]
    assert features[0]["geometry"]["coordinates"] == [hits[0]["lon"], hits[0]["lat"]]
    rows = list(csv.DictReader(visitor.get("/api/export.csv", params={"ask": ask}).text.splitlines()))
    assert [row["title"] for row in rows] == [hit["title"] for hit in hits]
    parquet = visitor.get("/api/export.parquet", params={"ask": ask})
    assert parquet.headers["content-disposition"] == 'attachment; filename="placebind-hits.parquet"'
    (tmp_path / "hits.parquet").write_bytes(parquet.content)
    said, _ = vectors_of(tmp_path / "hits.parquet")
    assert (said["query"], said["model_digest"]) == (SNOW, Space.open(world.checkpoint, world.folder).checkpoint.digest)
    assert visitor.get("/api/export.exe", params={"ask": ask}).status_code == 422


def test_status_says_what_is_indexed_by_which_model(visitor, world) -> None:
    status = visitor.get("/api/status").json()
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
    problem = visitor.get("/api/status").json()["problem"]
    assert "was built with model ffffffff" in problem
    answer = visitor.get("/api/search", params={"text": SNOW})
    assert (answer.status_code, answer.json()["error"]) == (409, problem)


def test_several_catalogues_are_served_side_by_side(own_world, world, tmp_path, monkeypatch) -> None:
    visitor = open_to_visitors({"first": world.folder, "zweite Wahl/ü": own_world.folder}, tmp_path, monkeypatch)
    assert visitor.get("/api/status").json()["catalogue"] == "first"
    second = visitor.get("/api/heat", params={"text": SNOW, "catalogue": "zweite Wahl/ü"}).json()
    assert visitor.get(second["tiles"].format(z=0, x=0, y=0)).status_code == 200
    first = visitor.get("/api/heat", params={"text": SNOW}).json()
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
    schema = visitor.get("/api/openapi.json").json()
    assert {"/search", "/heat", "/embed", "/uploads", "/status", "/outline.geojson"} <= set(schema["paths"])
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            assert route["summary"][0].isupper(), (path, method)
            undescribed = [each["name"] for each in route.get("parameters", []) if "description" not in each]
            assert set(undescribed) <= {"z", "x", "y", "version", "ending"}, (path, method)
