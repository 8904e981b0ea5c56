"""The atlas by aspects of the vectors: their colours, and their tiles over HTTP."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from retrieval.atlas.aspects import ASPECTS
from retrieval.atlas.paint import paint
from retrieval.heat.grids import MercatorTile
from tests.ui.conftest import open_to_visitors
from ui.server.atlas import atlas_of
from ui.server.routes.atlas import components_address, umap_address
from ui.server.workspace import served

EVERY_WAY = pytest.mark.parametrize("way", ["components", "umap"])


@pytest.fixture
def guest(striped: Path, tmp_path: Path, monkeypatch) -> TestClient:
    """Asks a server of a model that keeps appearance and identity apart."""
    monkeypatch.setattr("ui.server.atlas.umap_scores", lambda vectors: vectors[:, :3])
    return open_to_visitors({"striped": striped}, tmp_path, monkeypatch)


def test_where_each_latitude_looks_the_same_all_around_the_appearance_is_striped_and_the_identity_is_not(guest: TestClient) -> None:
    atlas, lat = atlas_of(served().get()), served().get().space.cells.places[:, 0]
    assert atlas.aspects == ASPECTS
    widest = {}
    for aspect in ASPECTS:
        colours = atlas.components(aspect).colours.astype(int)
        widest[aspect] = max(int(np.ptp(colours[lat == each], axis=0).max()) for each in np.unique(lat))
        assert len(np.unique(colours, axis=0)) > 5
    assert widest["appearance"] <= 3
    assert min(widest["identity"], widest["whole"]) > 50


@EVERY_WAY
def test_the_tile_of_an_aspect_has_its_colours_and_a_name_of_its_own(guest: TestClient, way: str) -> None:
    workspace, names = served().get(), set()
    atlas, address = atlas_of(workspace), {"components": components_address, "umap": umap_address}[way]
    for aspect in ASPECTS:
        answer = guest.get(address(workspace, aspect).format(z=0, x=0, y=0))
        assert answer.status_code == 200, answer.text
        assert "immutable" in answer.headers["cache-control"]
        names.add(answer.headers["etag"])
        colours = atlas.components(aspect).colours if way == "components" else atlas.umap(aspect)
        picture = np.asarray(Image.open(io.BytesIO(answer.content)))
        np.testing.assert_array_equal(picture, paint(workspace.space.cells, colours, MercatorTile(0, 0, 0)))
    assert len(names) == len(ASPECTS)


def test_an_address_without_an_aspect_is_of_the_whole(guest: TestClient) -> None:
    whole, bare = components_address(served().get()).format(z=0, x=0, y=0), "/api/v1/atlas/components/0/0/0.png"
    assert guest.get(bare).content == guest.get(whole).content


@EVERY_WAY
def test_an_aspect_that_the_model_lacks_is_refused_in_a_sentence(visitor: TestClient, way: str) -> None:
    answer = visitor.get(f"/api/v1/atlas/{way}/0/0/0.png?aspect=appearance")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("'appearance' needs a location encoder that keeps appearance and identity apart")


def test_an_aspect_that_nobody_knows_is_refused_with_those_that_there_are(visitor: TestClient) -> None:
    answer = visitor.get("/api/v1/atlas/components/0/0/0.png?aspect=looks")
    assert answer.status_code == 422
    assert "'whole', 'appearance' or 'identity'" in answer.json()["error"]
