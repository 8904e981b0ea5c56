"""Classes over HTTP: taught by examples, drawn as tiles, saved as files."""

import io

import pytest

from retrieval.labels.labels import Labels
from retrieval.labels.maps import UNSURE

COLD = [{"lat": 70, "lon": lon, "label": "cold"} for lon in (0, 90)]
WARM = [{"lat": 5, "lon": lon, "label": "warm"} for lon in (0, 90)]


def taught(visitor, examples) -> dict:
    answer = visitor.post("/api/v1/classes", json={"examples": examples})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_two_classes_are_taught_and_the_answer_says_that_nothing_was_measured(visitor) -> None:
    said = taught(visitor, [*COLD, *WARM])
    assert said["classes"] == ["cold", "warm"]
    assert said["verdict"]["accuracy"] is None
    assert "not measured" in said["verdict"]["sentence"]
    assert said["next"]


def test_tiles_show_the_class_that_is_asked_for(visitor) -> None:
    said = taught(visitor, [*COLD, *WARM])
    pictures = {}
    for show in ("cold", "warm", UNSURE):
        tile = visitor.get(said["tiles"].format(z=0, x=0, y=0), params={"show": show, "above": 0.2})
        assert tile.status_code == 200
        assert tile.content.startswith(b"\x89PNG")
        pictures[show] = tile.content
    assert len(set(pictures.values())) == 3
    refused = visitor.get(said["tiles"].format(z=0, x=0, y=0), params={"show": "mild"})
    assert refused.status_code == 422
    assert "there is no class 'mild'" in refused.json()["error"]


def test_files_have_the_map_and_the_labels(visitor) -> None:
    rasterio = pytest.importorskip("rasterio")
    name = taught(visitor, [*COLD, *WARM])["name"]
    with rasterio.open(io.BytesIO(visitor.get(f"/api/v1/classes/{name}.tif", params={"width": 64}).content)) as file:
        assert file.descriptions == ("cold", "warm", UNSURE)
    labels = Labels.from_geojson(visitor.get(f"/api/v1/classes/{name}.geojson").json())
    assert labels.classes == ["cold", "cold", "warm", "warm"]


@pytest.mark.parametrize(
    ("examples", "status", "why"),
    [
        ([], 422, "examples"),
        (COLD[:1] * 1, 422, "examples"),
        (COLD[:1] * 2, 422, "at least two labels at different places"),
        ([*COLD, {"lat": 95, "lon": 0}], 422, "lat"),
        ([*COLD, {"lat": 5, "lon": 0, "label": "\x07"}], 422, "a class has a name"),
        ([{"lat": 1, "lon": lon / 100} for lon in range(1001)], 422, "examples"),
    ],
)
def test_what_cannot_be_taught_is_refused_in_a_sentence(visitor, examples, status: int, why: str) -> None:
    refused = visitor.post("/api/v1/classes", json={"examples": examples})
    assert refused.status_code == status
    assert why in refused.json()["error"]


def test_a_name_that_was_never_given_is_not_here(visitor) -> None:
    gone = visitor.get("/api/v1/classes/0123456789abcdef.tif")
    assert gone.status_code == 404
    assert "send them again" in gone.json()["error"]
