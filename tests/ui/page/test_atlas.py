"""The atlas page on the small trained world, its views one by one, and its tiles over HTTP."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from streamlit.testing.v1 import AppTest

from index.geo import geodesic_km
from index.records import Place
from index.search.snapshot import open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval.atlas.clouds import Clouds
from retrieval.atlas.clusters import Cluster, Named
from retrieval.atlas.layout import Layout
from retrieval.atlas.paint import paint
from retrieval.heat.grids import MercatorTile
from tests.worlds import Listed, articles, catalogue_with, index_with, location, unit
from ui.page.atlas import captions
from ui.page.atlas.charts import gap_chart, resolution_chart
from ui.page.atlas.neighbours import rows_near, rows_titled
from ui.page.atlas.sheet import sheet_data
from ui.page.atlas.views import cluster_name
from ui.page.map import Touched
from ui.page.panels import atlas as panel
from ui.page.plain import plain
from ui.server.atlas import atlas_of
from ui.server.routes.atlas import clusters_address, components_address, router, umap_address
from ui.server.uploads import Uploads
from ui.server.workspace import Workspace, Workspaces, served

SOUTH_OF_INDIA = Place(lat=5.0, lon=80.0)


def opened(folder: Path) -> Workspace:
    return Workspace("tiny", folder, folder / "checkpoint", Uploads(folder / "uploads"))


@pytest.fixture
def workspace(world, monkeypatch) -> Workspace:
    monkeypatch.setattr("ui.server.workspace._served", Workspaces([opened(world.folder)]))
    return served().get()


class Map:
    """In the place of the map: remembers what it was to show, and is clicked once at ``click``."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {}
        self.click: Place | None = None

    def __call__(self, name: str, **shown: Any) -> Touched:
        self.shown = shown
        clicked, self.click = self.click, None
        return Touched(place=clicked)


@pytest.fixture
def world_map(monkeypatch) -> Map:
    stand_in = Map()
    monkeypatch.setattr(panel, "world_map", stand_in)
    return stand_in


def page() -> None:
    from ui.page.panels.atlas import render
    from ui.server.workspace import served

    render(served().get())


def view(name: str) -> AppTest:
    at = AppTest.from_function(page, default_timeout=60)
    at.session_state["atlas-view"] = name
    return at.run()


def table(at: AppTest, number: int = 0) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = at.dataframe[number].value.to_dict("records")
    return rows


@pytest.mark.parametrize("name", list(panel.VIEWS))
def test_every_view_says_what_it_shows_beside_a_real_map(workspace: Workspace, name: str) -> None:
    at = view(name)
    assert not at.exception
    assert not at.error
    assert len(at.markdown[0].value.split()) > 8


def test_only_the_view_that_is_open_is_computed(workspace: Workspace, world_map: Map, monkeypatch) -> None:
    computed: list[str] = []
    for name in panel.VIEWS:
        monkeypatch.setitem(panel.VIEWS, name, lambda _, name=name: computed.append(name) or panel.Shown())
    view(captions.CLUSTERS)
    assert computed == [captions.CLUSTERS]


def test_colours_tell_how_much_of_the_variance_they_hold(workspace: Workspace, world_map: Map) -> None:
    at = view(captions.COLOURS)
    shares = atlas_of(workspace).components().explained
    assert [f"**{share:.1%}**" in line for share, line in zip(shares, at.markdown[1].value.splitlines(), strict=True)] == [True] * 3
    assert world_map.shown["overlays"] == [components_address(workspace)]


def test_a_umap_is_offered_only_where_it_can_be_made(workspace: Workspace, world_map: Map, monkeypatch) -> None:
    monkeypatch.setattr("ui.page.atlas.views.umap_is_installed", lambda: False)
    assert not view(captions.COLOURS).radio
    monkeypatch.setattr("ui.page.atlas.views.umap_is_installed", lambda: True)
    monkeypatch.setattr("ui.server.atlas.umap_scores", lambda vectors: vectors[:, :3])
    view(captions.COLOURS).radio(key="atlas-colours").set_value("umap").run()
    assert world_map.shown["overlays"] == [umap_address(workspace)]


def test_a_model_without_aspects_offers_no_choice_of_them(workspace: Workspace, world_map: Map, monkeypatch) -> None:
    monkeypatch.setattr("ui.page.atlas.views.umap_is_installed", lambda: False)
    at = view(captions.COLOURS)
    assert not at.radio
    assert at.markdown[0].value == captions.COLOURS_SAY["whole"]


@pytest.mark.parametrize("by", ["components", "umap"])
def test_each_aspect_is_chosen_explained_and_put_on_the_map(striped: Path, world_map: Map, monkeypatch, by: str) -> None:
    monkeypatch.setattr("ui.server.workspace._served", Workspaces([opened(striped)]))
    monkeypatch.setattr("ui.page.atlas.views.umap_is_installed", lambda: True)
    monkeypatch.setattr("ui.server.atlas.umap_scores", lambda vectors: vectors[:, :3])
    address = {"components": components_address, "umap": umap_address}[by]
    at = view(captions.COLOURS)
    at.radio(key="atlas-colours").set_value(by).run()
    assert at.radio(key="atlas-aspect").options == list(captions.COLOURS_ASPECTS.values())
    for aspect in captions.COLOURS_ASPECTS:
        at.radio(key="atlas-aspect").set_value(aspect).run()
        assert not at.exception
        assert at.markdown[0].value == captions.COLOURS_SAY[aspect]
        assert world_map.shown["overlays"] == [address(served().get(), aspect)]


def test_similar_places_wait_for_a_click_and_then_show_heat_and_places_far_away(workspace: Workspace, world_map: Map) -> None:
    at = view(captions.SIMILAR)
    assert [info.value for info in at.info] == [captions.SIMILAR_EMPTY]
    assert not world_map.shown["overlays"]
    world_map.click = SOUTH_OF_INDIA
    at.run()
    assert not at.info
    assert world_map.shown["overlays"][0].startswith("/api/v1/heat/")
    chosen, *others = world_map.shown["marks"]
    assert chosen.place == SOUTH_OF_INDIA
    assert len(table(at)) == len(others) > 2
    for row, mark in zip(table(at), others, strict=True):
        km = geodesic_km(SOUTH_OF_INDIA.lat, SOUTH_OF_INDIA.lon, mark.place.lat, mark.place.lon)
        assert row["km away"] == pytest.approx(km, abs=1)
        assert km > 1000
        assert row["Place"] == mark.label


def test_clusters_are_listed_with_names_and_the_chosen_one_is_marked(workspace: Workspace, world_map: Map) -> None:
    at = view(captions.CLUSTERS)
    rows = table(at)
    clusters = atlas_of(workspace).clusters(12).each
    assert [row["Named by"] for row in rows] == [cluster_name(each) for each in clusters]
    assert "South" in rows[0]["Named by"] or "North" in rows[0]["Named by"]
    assert sum(row["Area %"] for row in rows) == pytest.approx(100, abs=0.6)
    assert "rgb%28" in rows[0][""]
    assert world_map.shown["overlays"] == [clusters_address(workspace, 12)]
    assert not world_map.shown["marks"]
    at.select_slider(key="atlas-clusters").set_value(6).run()
    assert len(table(at)) == 6
    assert world_map.shown["overlays"] == [clusters_address(workspace, 6)]


def test_the_name_of_a_cluster_says_if_no_article_lies_in_it() -> None:
    def named(*titles: str, articles: int) -> str:
        return cluster_name(Cluster(1, 0.1, SOUTH_OF_INDIA, 0.9, Named(titles, articles), (0, 0, 0)))

    assert named("Nile", "Cairo", articles=7) == "Nile · Cairo"
    assert named("Nile", "Cairo", articles=0) == "no article here; like Nile · Cairo"
    assert named(articles=0) == "no articles are indexed"


def test_the_sheet_is_made_in_the_background_and_drawn_when_it_is_there(workspace: Workspace, world_map: Map) -> None:
    at = view(captions.SHEET)
    atlas_of(workspace).layout("tsne").layout.result(60)
    at.run()
    assert not at.info
    assert at.caption[-1].value.startswith("272 items of 272")


def test_what_a_sheet_draws_is_text_and_numbers() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    layout = Layout(
        np.array([(0.123456, -1), (1, 1)], dtype=np.float32), np.array([0, 2], dtype=np.uint8), np.array([(1.23456, 2), (3, 4)]),
        (hostile, ""), "pca",
    )  # fmt: skip
    data = sheet_data(layout, "v1")
    assert data["items"] == [[0.1235, -1.0, 0, 1.235, 2.0, hostile], [1.0, 1.0, 2, 3.0, 4.0, ""]]
    assert data["version"] == "v1 pca"
    assert [kind["label"] for kind in data["kinds"]] == ["Articles", "Satellite tiles", "Places"]


def test_neighbours_of_a_record_come_from_each_other_kind(workspace: Workspace, world_map: Map) -> None:
    at = view(captions.NEIGHBOURS)
    assert [info.value for info in at.info] == [captions.NEIGHBOURS_EMPTY]
    at.text_input(key="atlas-title").set_value("SOUTH 7").run()
    assert at.selectbox(key="atlas-record").options == ["South 7"]
    kinds = [row["Kind"] for row in table(at)]
    assert kinds == ["Satellite tiles"] * 3 + ["Places"] * 3
    cosines = [row["Cosine"] for row in table(at)]
    assert cosines[:3] == sorted(cosines[:3], reverse=True)
    here, *others = world_map.shown["marks"]
    assert (here.place.lat, here.label) == (5.0, "South 7")
    assert [round(float(geodesic_km(here.place.lat, here.place.lon, m.place.lat, m.place.lon))) for m in others] == [
        row["km away"] for row in table(at)
    ]
    at.text_input(key="atlas-title").set_value("no such '; title").run()
    assert [info.value for info in at.info] == [captions.NEIGHBOURS_NONE]


def test_without_a_title_a_click_offers_the_records_nearest_to_it(workspace: Workspace, world_map: Map) -> None:
    at = view(captions.NEIGHBOURS)
    world_map.click = Place(lat=6.0, lon=-179.0)
    at.run()
    assert at.selectbox(key="atlas-record").options[:3] == ["South 0", "South 1", "South 23"]


def test_mutual_neighbours_are_told_for_every_pair(workspace: Workspace, world_map: Map) -> None:
    rows = table(view(captions.NEIGHBOURS))
    assert len({(row["From"], row["To"]) for row in rows}) == 6
    assert all(0 <= row["Mutual %"] <= 100 for row in rows)


def test_the_sentence_on_resolution_has_the_distance_and_the_wavelength_of_the_encoder(
    workspace: Workspace, world_map: Map
) -> None:
    measured = atlas_of(workspace).resolution()
    assert measured.half_wave_km == 5000  # harmonics up to degree 4
    sentence = view(captions.RESOLUTION).markdown[1].value
    assert f"**{measured.curves[0].half_km:,.0f} km**" in sentence
    assert "5,000 km" in sentence


def test_charts_show_what_was_measured(workspace: Workspace) -> None:
    clouds = [Clouds("articles", "tiles", 0.5, 0.1, 0.2, 0.6)]
    points = gap_chart(clouds).to_dict()["data"]["values"]
    assert [(each["distance"], each["mixing"]) for each in points] == [(0.5, 0.2), (0.1, 0.6)]
    measured = atlas_of(workspace).resolution()
    text = resolution_chart(measured).to_json()
    assert str(float(measured.curves[0].mean[3])) in text


def test_without_indexed_locations_the_page_says_what_to_do(own_world, world_map: Map, monkeypatch) -> None:
    Catalogue.open(own_world.folder).db.drop_table("locations")
    monkeypatch.setattr("ui.server.workspace._served", Workspaces([opened(own_world.folder)]))
    at = view(captions.COLOURS)
    assert f"placebind index build --catalogue {own_world.folder}" in at.info[0].value
    assert not at.tabs


def test_with_locations_only_the_views_of_several_kinds_say_so(own_world, world_map: Map, monkeypatch) -> None:
    for name in ("articles", "tiles"):
        Catalogue.open(own_world.folder).db.drop_table(name)
    monkeypatch.setattr("ui.server.workspace._served", Workspaces([opened(own_world.folder)]))
    assert view(captions.GAP).info[0].value == captions.GAP_EMPTY
    assert table(view(captions.CLUSTERS))[0]["Named by"] == captions.CLUSTERS_NAMELESS
    assert not view(captions.NEIGHBOURS).exception


def test_an_error_of_a_view_is_a_sentence_and_the_others_go_on(workspace: Workspace, world_map: Map, monkeypatch) -> None:
    monkeypatch.setattr("ui.page.atlas.views.CLUSTERS_FIRST", 48)
    monkeypatch.setattr("retrieval.atlas.clusters.MAX_CLUSTERS", 9)
    at = view(captions.CLUSTERS)
    assert at.error[0].value == plain("there can be 2 to 9 clusters, got 48")
    assert len(at.tabs) == 7


def test_an_atlas_is_kept_until_the_index_changes(own_world) -> None:
    workspace = opened(own_world.folder)
    before = atlas_of(workspace)
    assert atlas_of(workspace) is before
    assert before.components() is before.components()
    assert before.clusters(3) is not before.clusters(4)
    ingest(Catalogue.open(own_world.folder), Listed("locations", [location("A new one", 1.0, 2.0)]))
    assert atlas_of(workspace) is not before


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(router, prefix="/api/v1")
    with TestClient(app) as client:
        yield client


def at_tile(address: str, z: int, x: int, y: int) -> str:
    return address.format(z=z, x=x, y=y)


def test_the_address_that_maps_are_given_leads_to_a_tile_in_colour(client: TestClient, workspace: Workspace) -> None:
    atlas = atlas_of(workspace)
    colours = {
        components_address(workspace): atlas.components().colours,
        clusters_address(workspace, 5): atlas.clusters(5).colours,
    }
    for address, colour in colours.items():
        answer = client.get(at_tile(address, 1, 0, 0))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        picture = np.asarray(Image.open(io.BytesIO(answer.content)))
        np.testing.assert_array_equal(picture, paint(workspace.space.cells, colour, MercatorTile(1, 0, 0)))
        assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 3


def test_a_tile_of_this_version_is_kept_for_good_and_any_other_is_asked_for_again(client: TestClient, workspace: Workspace) -> None:
    address = at_tile(components_address(workspace), 0, 0, 0)
    assert "immutable" in client.get(address).headers["cache-control"]
    old = client.get(address.replace(workspace.version, "0" * 12))
    assert old.headers["cache-control"] == "private, no-cache"
    assert client.get(address, headers={"If-None-Match": old.headers["etag"]}).status_code == 304
    tags = {client.get(at_tile(clusters_address(workspace, count), 0, 0, 0)).headers["etag"] for count in (2, 3)}
    assert len(tags) == 2


@pytest.mark.parametrize("count", ["1", "65", "many", "..%2f..%2fetc"])
def test_a_number_of_clusters_that_cannot_be_is_refused_before_anything_is_computed(client: TestClient, count: str) -> None:
    assert client.get(f"/api/v1/atlas/clusters/{count}/0/0/0.png").status_code in (404, 422)


def test_titles_are_found_in_any_case_and_are_never_sql(tmp_path: Path) -> None:
    catalogue = catalogue_with(
        tmp_path, locations=[location("O'Brien's Ícaro", 1, 1), location("100% _Sand_", 2, 2), location("", 3, 3)]
    )
    index_with(catalogue, "locations", unit(np.eye(4)[:3]))
    snapshot = open_snapshot(catalogue, "locations")
    found = {
        text: snapshot.take(rows_titled(snapshot, text), ["title"])["title"].to_pylist()
        for text in ("o'b", "ÍCARO", "% _s", "%", "' OR 1=1")
    }
    assert found == {
        "o'b": ["O'Brien's Ícaro"],
        "ÍCARO": ["O'Brien's Ícaro"],
        "% _s": ["100% _Sand_"],
        "%": ["100% _Sand_"],
        "' OR 1=1": [],
    }


def test_the_nearest_records_are_nearest_across_the_antimeridian(tmp_path: Path) -> None:
    catalogue = catalogue_with(
        tmp_path, articles=articles(3), locations=[location("West", 0, -179), location("East", 0, 170), location("Far", 0, 0)]
    )
    index_with(catalogue, "locations", unit(np.eye(4)[:3]))
    snapshot = open_snapshot(catalogue, "locations")
    assert snapshot.take(rows_near(snapshot, Place(lat=0, lon=178)), ["title"])["title"].to_pylist() == ["West", "East", "Far"]
