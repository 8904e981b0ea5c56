"""Sentinel-2 tiles from a STAC API: the real client against a server on loopback that speaks, and fails, as the providers do."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import ConfigError, InputError, SourceError
from index.imagery.pixels import decode_pixels
from index.records import BBox, Done, Rejected, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest

pytest.importorskip("rasterio", reason="needs the [raster] extra")

from index.imagery import cog, stac_views
from index.imagery.utm_grid import blocks_in, cell_at, utm_epsg
from index.sources import sentinel2_stac
from index.sources.sentinel2_stac import PROVIDERS, build
from tests.stac_world import BANDS, PIXEL_M, Invented, World, files_of, served, value_at
from tests.worlds import contents

SIDE_M = 640  # of the tiles here: 64 px, which is no multiple of 60 m
BOX = (48.174, 16.376, 48.186, 16.394)  # four cells of the scene below
JUNE = "2023-06-01/2023-06-30"
CLOUDY, CIRRUS, SNOW = 9, 10, 11

EARLY = Invented("early", when="2023-06-02T10:00:00Z", cloud=20.0, shift=100)
CLEAR = Invented("clear", when="2023-06-04T10:00:00Z", cloud=1.0)
OVERCAST = Invented("overcast", when="2023-06-06T10:00:00Z", cloud=90.0, shift=300)
LATE = Invented("late", when="2023-06-20T10:00:00Z", cloud=10.0, shift=250)
SCENES = [EARLY, CLEAR, OVERCAST, LATE]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return files_of(SCENES)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as short as they can be, and nothing goes through a proxy."""
    monkeypatch.setattr(sentinel2_stac, "BACKOFF_S", 0.001)
    monkeypatch.setattr(sentinel2_stac, "RETRIES", 2)
    monkeypatch.setattr(cog, "RETRY_DELAY_S", 0.01)
    monkeypatch.setattr(cog, "GDAL_OPTIONS", cog.GDAL_OPTIONS | {"GDAL_HTTP_MAX_RETRY": 2})
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def world(files: dict[str, bytes]) -> Iterator[World]:
    with served(SCENES, dict(files)) as running:
        yield running


def of(world: World, **options: Any) -> sentinel2_stac.Sentinel2Stac:
    asked = {"date": JUNE, "tile_px": 64, "endpoint": world.endpoint, "workers": 2} | options
    return build(**asked) if "points" in asked else build(**({"bbox": BOX} | asked))


def tiles(source: sentinel2_stac.Sentinel2Stac) -> list[Tile]:
    found = list(source.records())
    assert [each for each in found if isinstance(each, Rejected)] == []
    return [each for each in found if isinstance(each, Tile)]


def expected(scene: Invented, bounds: tuple[float, float, float, float], shift: int | None = None) -> np.ndarray:
    """The tile as it must be: for the middle of each pixel of 10 m, the pixel of the band that it lies in."""
    left, bottom, right, top = bounds
    x, y = np.arange(left + 5, right, 10)[None, :], np.arange(top - 5, bottom, -10)[:, None]
    reach_m = scene.side_px * 10
    within = (x > scene.left) & (x < scene.left + reach_m) & (y < scene.top) & (y > scene.top - reach_m)
    layers = []
    for band in BANDS:
        row, column = (scene.top - y) // PIXEL_M.get(band, 20), (x - scene.left) // PIXEL_M.get(band, 20)
        layers.append(np.where(within, value_at(band, row, column) + (scene.shift if shift is None else shift), 0))
    return np.stack(layers).astype(np.uint16)


# What is read


def test_every_pixel_of_every_band_is_that_of_the_scene(world: World) -> None:
    found = tiles(of(world))
    assert len(found) == 4
    for each in found:
        assert (each.bands, each.sensor, each.level, each.crs) == (BANDS, "sentinel2", "L2A", "EPSG:32633")
        assert (each.date, each.valid, each.licence) == ("2023-06-04", 1.0, "Copernicus Sentinel data terms")
        assert each.url == f"{world.endpoint}/items/clear"
        np.testing.assert_array_equal(each.pixels, expected(CLEAR, each.bounds))


def test_tiles_do_not_overlap_and_lie_on_a_grid_that_does_not_depend_on_the_box(world: World) -> None:
    few = {each.bounds for each in tiles(of(world))}
    many = {each.bounds for each in tiles(of(world, bbox=(48.170, 16.370, 48.190, 16.400)))}
    assert few < many
    assert all(left % SIDE_M == bottom % SIDE_M == 0 for left, bottom, _, _ in many)
    assert all(right - left == top - bottom == SIDE_M for left, bottom, right, top in many)


def test_the_centre_of_each_tile_lies_in_the_box_and_is_its_place(world: World) -> None:
    box = BBox(south=BOX[0], west=BOX[1], north=BOX[2], east=BOX[3])
    for each in tiles(of(world)):
        assert box.contains(each.place.lat, each.place.lon)
        cell = cell_at(each.place, SIDE_M)
        assert cell is not None
        assert cell.bounds == each.bounds


def test_the_same_tiles_come_in_the_same_order_from_1_and_from_8_workers(world: World) -> None:
    assert [each.id for each in tiles(of(world, workers=1))] == [each.id for each in tiles(of(world, workers=8))]


def test_both_providers_names_of_the_same_assets_give_the_same_tiles(
    world: World, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with planetary(files, monkeypatch) as other:
        theirs = tiles(build(bbox=BOX, date=JUNE, tile_px=64, provider="planetary-computer", offset="none"))
        assert other.tokens
    assert [each.id for each in theirs] == [each.id for each in tiles(of(world))]
    assert {each.source for each in theirs} == {"Sentinel-2 L2A, Planetary Computer"}


def test_only_the_windows_needed_are_read() -> None:
    # 2,048 px of noise: 8 MB a band of 10 m. A tile of 64 px needs at most 4 blocks of 256 px, of 128 kB each, and the header.
    big = Invented("big", side_px=2048 // 6 * 6, noise=True)
    with served([big], files_of([big])) as world:
        (tile,) = tiles(of(world, bbox=(48.100, 16.402, 48.106, 16.411), min_valid=0.99))
        ten_metres = [f"big/{band}.tif" for band in ("B02", "B03", "B04", "B08")]
        for name in ten_metres:
            assert len(world.files[name]) > 7.5e6
            assert 64 * 64 * 2 < world.bytes_sent[name] < 0.1 * len(world.files[name])
        left, _, _, top = tile.bounds
        row, column = round((big.top - top) / 10), round((left - big.left) / 10)
        np.testing.assert_array_equal(tile.pixels[1], big.layer("B02")[row : row + 64, column : column + 64])


def test_points_give_the_cells_that_hold_them_once(world: World, tmp_path: Path) -> None:
    rows = ["lat,lon", "48.180,16.385", "48.1801,16.3851", "48.19,16.36", "91,16", "north,16", "88.5,10"]
    (tmp_path / "points.csv").write_text("\n".join(rows))
    source = of(world, points=tmp_path / "points.csv")
    found = list(source.records())
    assert source.total == sum(isinstance(each, Tile) for each in found) == 2
    rejected = {each.where.rpartition(", ")[2]: each.why for each in found if isinstance(each, Rejected)}
    assert list(rejected) == ["row 4", "row 5", "row 6"]
    assert [re.search("swapped|lat must|numbers in degrees|no UTM zone", why) is not None for why in rejected.values()] == [
        True
    ] * 3
    for each in found:
        if isinstance(each, Tile):
            np.testing.assert_array_equal(each.pixels, expected(CLEAR, each.bounds))


def test_a_tile_at_the_edge_of_a_scene_is_0_beyond_it_and_counts_as_partly_valid(world: World) -> None:
    west = cell_at(dataclasses.replace(tiles(of(world))[0].place, lon=16.346), SIDE_M)
    assert west is not None
    assert west.bounds[0] < CLEAR.left < west.bounds[2]
    edge = (west.lat - 0.001, west.lon - 0.001, west.lat + 0.001, west.lon + 0.001)
    (tile,) = tiles(of(world, bbox=edge, min_valid=0.1))
    np.testing.assert_array_equal(tile.pixels, expected(CLEAR, tile.bounds))
    assert tile.valid == (west.bounds[2] - CLEAR.left) / SIDE_M
    (rejected, _) = of(world, bbox=edge, min_valid=0.9).records()
    assert isinstance(rejected, Rejected)
    assert "none shows enough of it; widen --date, --max-cloud or --min-valid" in rejected.why


def test_a_box_across_the_antimeridian_is_read_on_both_sides_in_two_zones() -> None:
    east = Invented("east", epsg=32701, left=180_000, top=8_120_040)
    west = Invented("west", epsg=32760, left=813_000, top=8_120_040, shift=40)
    with served([east, west], files_of([east, west])) as world:
        found = [each for each in of(world, bbox=(-17.02, 179.98, -17.005, -179.98)).records() if isinstance(each, Tile)]
        assert len(world.queries) == 2
    assert {each.crs for each in found} == {"EPSG:32701", "EPSG:32760"}
    for each in found:
        scene = east if each.crs == "EPSG:32701" else west
        assert (each.place.lon < 0) == (scene is east)
        np.testing.assert_array_equal(each.pixels, expected(scene, each.bounds))


# Which scene


def test_the_least_cloudy_scene_is_taken(world: World) -> None:
    assert {each.date for each in tiles(of(world))} == {"2023-06-04"}
    assert {each.date for each in tiles(of(world, date="2023-06-05/2023-06-30"))} == {"2023-06-20"}


def test_several_tiles_of_a_place_are_of_different_days_least_cloudy_first(world: World) -> None:
    found = tiles(of(world, per_place=3))
    assert [each.date for each in found[:3]] == ["2023-06-04", "2023-06-20", "2023-06-02"]
    assert len(found) == 12
    np.testing.assert_array_equal(found[1].pixels, expected(LATE, found[1].bounds))


def test_scenes_with_more_clouds_than_allowed_are_not_asked_for(world: World) -> None:
    (rejected, done, *_) = of(world, date="2023-06-05/2023-06-10", max_cloud=80).records()
    assert isinstance(rejected, Rejected)
    assert isinstance(done, Done)
    assert "query" in world.queries[0]
    assert not any("overcast" in path for path in world.asked)


def test_an_api_that_cannot_filter_by_clouds_gives_the_same(world: World) -> None:
    world.filters = False
    assert {each.date for each in tiles(of(world, per_place=4, max_scenes=4))} == {"2023-06-02", "2023-06-04", "2023-06-20"}
    assert "query" not in world.queries[0]


@pytest.mark.parametrize(
    ("kind", "masked"),
    [
        (0, True),
        (1, True),
        (3, True),
        (8, True),
        (9, True),
        (10, True),
        (2, False),
        (5, False),
        (6, False),
        (7, False),
        (11, False),
    ],
)
def test_clouds_shadows_and_defects_become_0_and_land_water_and_snow_stay(kind: int, masked: bool) -> None:
    # The north of the scene has the class, down to 132 rows of 20 m: 5,337,360 m, inside the cell that is asked for.
    half = Invented("half", cloudy=[(slice(0, 132), slice(None), kind)])
    with served([half], files_of([half])) as world:
        (tile,) = tiles(of(world, bbox=(48.180, 16.379, 48.181, 16.380), min_valid=0.3))
    _, bottom, _, top = tile.bounds
    assert bottom < 5_337_360 < top
    cut = round((top - 5_337_360) / 10)
    truth = expected(half, tile.bounds)
    if masked:
        truth[:, :cut] = 0
    np.testing.assert_array_equal(tile.pixels, truth)
    assert tile.valid == pytest.approx((64 - cut) / 64 if masked else 1.0)


def test_where_the_best_scene_is_cloudy_over_the_cell_the_next_is_taken_and_its_bands_are_not_read() -> None:
    hidden = Invented("hidden", cloud=0.0, when="2023-06-03T10:00:00Z", cloudy=[(slice(None), slice(None), CLOUDY)])
    with served([hidden, LATE], files_of([hidden, LATE])) as world:
        found = tiles(of(world))
        assert {each.date for each in found} == {"2023-06-20"}
        assert {path for path in world.asked if "hidden" in path} == {"/files/hidden/SCL.tif"}


def test_one_day_counts_once_though_two_scenes_overlap() -> None:
    twin = dataclasses.replace(CLEAR, name="twin", when="2023-06-04T10:00:14Z", cloud=2.0, shift=7)
    with served([CLEAR, twin], files_of([CLEAR, twin])) as world:
        assert [each.date for each in tiles(of(world, per_place=2))] == ["2023-06-04"] * 4


def test_of_two_processings_of_the_same_scene_the_newer_is_taken() -> None:
    old, new = (dataclasses.replace(CLEAR, name=f"n{b}", baseline=b, shift=s) for b, s in (("02.09", 1), ("05.10", 2)))
    with served([old, new], files_of([old, new])) as world:
        for each in tiles(of(world)):
            np.testing.assert_array_equal(each.pixels, expected(new, each.bounds))


# Median


def test_the_median_of_three_days_is_the_middle_one_and_of_two_the_mean_rounded_up(world: World) -> None:
    # Shifts of 0 (4 June), 100 (2 June) and 250 (20 June) over the same ground.
    for each in tiles(of(world, composite="median")):
        np.testing.assert_array_equal(each.pixels, expected(CLEAR, each.bounds, shift=100))
        assert each.date == JUNE
        assert "median of 3 days" in each.title
    for each in tiles(of(world, composite="median", date="2023-06-03/2023-06-30")):
        np.testing.assert_array_equal(each.pixels, expected(CLEAR, each.bounds, shift=125))


def test_a_median_passes_over_clouds_pixel_by_pixel() -> None:
    dark, light, lightest = (stac_views.View(np.full((12, 1, 4), value, np.uint16), 1.0, ()) for value in (10, 21, 60))
    light.pixels[:, 0, 1:] = 0  # seen in the first pixel only
    dark.pixels[:, 0, 2:] = 0
    lightest.pixels[:, 0, 3] = 0
    middle = stac_views.median([lightest, dark, light])
    assert middle.pixels[5, 0].tolist() == [21, 35, 60, 0]
    assert middle.valid == 0.75


def test_a_median_equals_that_of_numpy_on_any_holes() -> None:
    rng = np.random.default_rng(3)
    for days in (1, 2, 5, 8):
        stack = rng.integers(1, 65536, (days, 12, 9, 9)).astype(np.uint16)
        stack *= (rng.random((days, 1, 9, 9)) < 0.6).astype(np.uint16)
        truth = np.ma.median(np.ma.masked_equal(stack, 0), axis=0).filled(0)
        found = stac_views.median([stac_views.View(each, 1.0, ()) for each in stack])
        np.testing.assert_array_equal(found.pixels, np.floor(truth + 0.5))


# Reflectance


@pytest.mark.parametrize(
    ("baseline", "applied", "shift", "truth"),
    [
        ("02.14", None, 0, 0),  # before the offset came
        ("03.01", False, 1000, 1000),  # bright ground before the offset came
        ("04.00", None, 1000, 0),
        ("05.09", None, 1000, 0),
        ("05.09", False, 1000, 0),  # Collection 1 on Earth Search
        ("05.09", True, 0, 0),  # taken out by Earth Search
        ("05.09", True, 1000, 1000),  # bright ground, taken out
        ("05.09", False, 0, 0),  # Earth Search denies wrongly; pixels darker than anything on Earth say so
        ("", None, 1000, 0),  # unknown: the darkest pixels decide
        ("", None, 0, 0),
    ],
)
def test_the_offset_is_removed_where_it_is_in_and_only_there(baseline: str, applied: bool | None, shift: int, truth: int) -> None:
    scene = Invented("s", baseline=baseline, offset_applied=applied, shift=shift)
    with served([scene], files_of([scene])) as world:
        for each in tiles(of(world)):
            np.testing.assert_array_equal(each.pixels, expected(scene, each.bounds, shift=truth))


def test_two_scenes_with_and_without_offset_give_the_same_tile_in_a_median() -> None:
    old = dataclasses.replace(CLEAR, name="old", baseline="03.01", offset_applied=None, when="2023-06-05T10:00:00Z")
    new = dataclasses.replace(CLEAR, name="new", baseline="05.09", offset_applied=None, shift=1000)
    with served([old, new], files_of([old, new])) as world:
        for each in tiles(of(world, composite="median")):
            np.testing.assert_array_equal(each.pixels, expected(old, each.bounds))


def test_the_offset_can_be_kept_by_hand() -> None:
    scene = Invented("s", offset_applied=None, shift=1000)
    with served([scene], files_of([scene])) as world:
        for each in tiles(of(world, offset="none")):
            np.testing.assert_array_equal(each.pixels, expected(scene, each.bounds))


# Search


def test_results_on_several_pages_are_all_found(files: dict[str, bytes]) -> None:
    with served(SCENES, dict(files), page=1) as world:
        assert len(tiles(of(world, per_place=3))) == 12
        assert [query.get("token", "0") for query in world.queries] == ["0", "1", "2"]


def test_pages_that_lead_back_to_themselves_end_with_a_rejection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = world.search
    loop = [
        {
            "rel": "next",
            "href": f"{world.endpoint}/search?{'bbox=16,48,17,49&datetime=2023-06-01/2023-06-30&collections=sentinel-2-l2a'}",
        }
    ]
    monkeypatch.setattr(world, "search", lambda query: honest(query) | {"links": loop})
    (rejected,) = of(world).records()
    assert isinstance(rejected, Rejected)
    assert "pages of the answer do not end" in rejected.why


@pytest.mark.parametrize("href", ["file:///etc/passwd", "/etc/passwd", "/vsicurl/http://127.0.0.1/x", "ftp://127.0.0.1/x"])
def test_a_next_page_that_is_no_web_address_is_refused(world: World, monkeypatch: pytest.MonkeyPatch, href: str) -> None:
    honest = world.search
    monkeypatch.setattr(world, "search", lambda query: honest(query) | {"links": [{"rel": "next", "href": href}]})
    (rejected,) = of(world).records()
    assert isinstance(rejected, Rejected)
    assert "expected an http(s) address" in rejected.why


@pytest.mark.parametrize(
    "href", ["file:///etc/passwd", "/vsizip/x.zip/a.tif", "s3://bucket/B02.tif", "http:///B02.tif", "http://a b/B02.tif"]
)
def test_a_scene_whose_file_is_not_on_the_web_is_left_out_and_the_others_are_read(world: World, href: str) -> None:
    world.tampered["clear"] = {"assets": {"blue": {"href": href}}}
    found = list(of(world).records())
    assert [each.where for each in found if isinstance(each, Rejected)] == ["scene clear"]
    assert {each.date for each in found if isinstance(each, Tile)} == {"2023-06-20"}


@pytest.mark.parametrize(
    "damage",
    [
        {"assets": {"scl": {}}},
        {"assets": []},
        {"properties": {"proj:code": "EPSG:3857"}},
        {"properties": {"datetime": None}},
        {"properties": None},
    ],
)
def test_a_damaged_item_is_left_out_and_the_others_are_read(world: World, damage: dict[str, Any]) -> None:
    world.tampered["clear"] = damage
    found = list(of(world, max_cloud=100, date="2023-06-01/2023-06-05").records())
    assert [each.where for each in found if isinstance(each, Rejected)] == ["scene clear"]
    assert {each.date for each in found if isinstance(each, Tile)} == {"2023-06-02"}


def test_an_address_that_is_no_stac_api_is_one_line_with_the_remedy(world: World) -> None:
    with pytest.raises(SourceError, match=r"HTTP 404 .*check the address"):
        list(of(world, endpoint=f"{world.url}/elsewhere").records())
    world.landing = {"links": [{"rel": "self", "href": world.endpoint}, "nonsense"]}
    with pytest.raises(SourceError, match=r"not a STAC API with item search .*check the address"):
        list(of(world).records())
    world.fail("/stac", 200, times=1)  # answers 'out of order', which is no JSON
    with pytest.raises(SourceError, match=r"expected JSON of a STAC API, got b'out of order'"):
        list(of(world).records())
    with pytest.raises(InputError, match=r"expected an http\(s\) address, got '/etc/passwd'"):
        list(of(world, endpoint="/etc/passwd").records())


# Trouble


def test_429_and_503_are_waited_out_in_the_search_and_in_the_files(world: World) -> None:
    undisturbed = [each.id for each in tiles(of(world))]
    with served(SCENES, world.files) as other:
        other.fail("/stac/search", 429, times=1, Retry_After="0")
        other.fail("/stac/search", 503, times=1)
        other.fail("B03.tif", 503, times=1)
        other.fail("SCL.tif", 429, times=1, Retry_After="0")
        assert [each.id for each in tiles(of(other))] == undisturbed
        assert all(fault["times"] == 0 for fault in other.faults)


def test_a_half_sent_file_is_asked_for_again(world: World) -> None:
    world.fail("clear/B04.tif", 0, times=1)
    for each in tiles(of(world, workers=1)):
        np.testing.assert_array_equal(each.pixels, expected(CLEAR, each.bounds))
    assert world.faults[0]["times"] == 0


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_dead_file_is_rejected_with_the_remedy_and_the_next_best_scene_is_taken(world: World, status: int) -> None:
    if status == 404:
        del world.files["clear/B8A.tif"]
    else:
        world.fail("clear/B8A.tif", status)
    found = list(of(world).records())
    rejected = [each for each in found if isinstance(each, Rejected)]
    assert len(rejected) == 4
    assert all("scene clear" in each.where and "EPSG:32633" in each.where for each in rejected)
    assert all(re.search(rf"B8A\.tif: HTTP {status} .*the next best scene is taken", each.why) for each in rejected)
    assert [each.date for each in found if isinstance(each, Tile)] == ["2023-06-20"] * 4
    assert sum(isinstance(each, Done) for each in found) == 4


def test_a_place_whose_only_scene_is_dead_is_tried_again_next_time(world: World) -> None:
    body = world.files.pop("clear/B8A.tif")
    source = of(world, date="2023-06-04")
    assert {type(each) for each in source.records()} == {Rejected}
    world.files["clear/B8A.tif"] = body
    with served(SCENES, world.files) as healed:  # at another port: GDAL remembers for a while that a file was not there
        assert len(tiles(of(healed, date="2023-06-04"))) == 4


@pytest.mark.parametrize("status", [503, 429, 520, -1])  # 520: what stands before the server could not reach it
def test_a_server_that_stays_down_costs_the_place_its_turn_but_no_worse_scene_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(cog, "GDAL_OPTIONS", cog.GDAL_OPTIONS | {"GDAL_HTTP_TIMEOUT": 1, "GDAL_HTTP_MAX_RETRY": 0})
    monkeypatch.setattr("index.http.TIMEOUT_S", (1, 0.2))
    world.fail("clear/B8A.tif", status)
    found = list(of(world, workers=8).records())
    assert {type(each) for each in found} == {Rejected}
    assert len(found) == 4
    assert all("the place is tried again when the command is repeated" in each.why for each in found)


def test_a_redirect_loop_is_rejected_and_the_rest_goes_on(world: World) -> None:
    world.fail("clear/B02.tif", 302, Location="/files/clear/B02.tif")
    found = list(of(world, per_place=2, max_scenes=5).records())
    assert all("more than 5 redirects" in each.why for each in found if isinstance(each, Rejected))
    assert sum(isinstance(each, Rejected) for each in found) == 4


def test_a_server_without_ranges_gives_the_right_tiles_or_none(world: World) -> None:
    world.ranges = False
    for each in of(world, date="2023-06-04").records():
        if isinstance(each, Tile):
            np.testing.assert_array_equal(each.pixels, expected(CLEAR, each.bounds))


@pytest.mark.parametrize("body", [b"<html>sorry</html>" * 99, b"", b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>"])
def test_what_is_no_geotiff_is_rejected_and_the_next_scene_taken(world: World, body: bytes) -> None:
    world.files["clear/SCL.tif"] = body
    found = list(of(world).records())
    assert sum(isinstance(each, Rejected) for each in found) == 4
    assert {each.date for each in found if isinstance(each, Tile)} == {"2023-06-20"}


def test_a_truncated_file_is_rejected_and_the_next_scene_taken(world: World) -> None:
    world.files["clear/B02.tif"] = world.files["clear/B02.tif"][:9000]
    found = list(of(world).records())
    assert any(isinstance(each, Rejected) for each in found)
    for each in found:
        if isinstance(each, Tile) and each.date == "2023-06-04":
            np.testing.assert_array_equal(each.pixels, expected(CLEAR, each.bounds))


def geotiff(
    width: int = 60,
    height: int = 60,
    dtype: str = "uint16",
    crs: str = "EPSG:32633",
    step: float = 10,
    left: float = 600_000,
    **profile: Any,
) -> bytes:
    import rasterio
    from rasterio.transform import from_origin

    profile |= {"driver": "GTiff", "dtype": dtype, "count": 1, "width": width, "height": height, "crs": crs, "sparse_ok": True}
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile, transform=from_origin(left, 5_340_000, step, step)):
            pass
        return bytes(memory.getbuffer())


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (
            {"width": 200_000, "height": 200_000, "tiled": True, "blockxsize": 512, "blockysize": 512, "bigtiff": "yes"},
            "more than a Sentinel-2 band has",
        ),
        (
            {"width": 16_384, "height": 16_384, "tiled": True, "blockxsize": 16_384, "blockysize": 16_384},
            "more than a Sentinel-2 band has",
        ),
        ({"dtype": "float32"}, "unsigned integers"),
        ({"crs": "EPSG:32634"}, "expected EPSG:32633 as the item says"),
        ({"step": 30}, "pixels of 10, 20 or 60 m"),
        ({"left": 600_005}, "pixels of 10, 20 or 60 m"),
    ],
)
def test_a_file_that_is_no_sentinel_2_band_is_refused_before_its_pixels_are_read(
    world: World, facts: dict[str, Any], why: str
) -> None:
    world.files["clear/B02.tif"] = geotiff(**facts)
    found = list(of(world).records())
    assert {why in each.why for each in found if isinstance(each, Rejected)} == {True}
    assert {each.date for each in found if isinstance(each, Tile)} == {"2023-06-20"}


def test_a_search_that_fails_leaves_its_places_for_the_next_run(world: World) -> None:
    world.fail("/stac/search", 500)
    (rejected,) = of(world).records()
    assert isinstance(rejected, Rejected)
    assert "4 places around" in rejected.where
    assert "HTTP 500, 3 times; run the same command again later" in rejected.why


# Tokens


def planetary(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def running() -> Iterator[World]:
        with served(SCENES, dict(files), style="planetary-computer") as world:
            here = {"endpoint": world.endpoint, "token_url": f"{world.url}/sas/token", "signed_hosts": "127.0.0.1"}
            monkeypatch.setitem(PROVIDERS, "planetary-computer", type("Here", (PROVIDERS["planetary-computer"],), here))
            yield world

    return running()


def of_planetary(**options: Any) -> sentinel2_stac.Sentinel2Stac:
    return build(**({"bbox": BOX, "date": JUNE, "tile_px": 64, "provider": "planetary-computer", "offset": "none"} | options))


def test_files_are_read_with_one_token_for_their_container(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with planetary(files, monkeypatch) as world:
        assert len(tiles(of_planetary())) == 4
        assert [path for path in world.asked if path.startswith("/sas")] == ["/sas/token/127/files"]
        assert len(world.tokens) == 1


def test_a_token_that_is_about_to_end_is_renewed(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with planetary(files, monkeypatch) as world:
        world.token_lives_s = [30, 30]
        assert len(tiles(of_planetary(workers=1))) == 4
        assert len(world.tokens) == 3


def test_a_token_that_ends_before_its_time_is_renewed_once(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with planetary(files, monkeypatch) as world:
        world.refused_tokens = {"sv=2021&sig=token0"}
        assert len(tiles(of_planetary())) == 4
        assert len(world.tokens) == 2


def test_a_report_never_shows_a_token(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with planetary(files, monkeypatch) as world:
        del world.files["clear/B02.tif"]
        world.files["late/B02.tif"] = b"no geotiff"
        reports = [each.why for each in of_planetary().records() if isinstance(each, Rejected)]
        assert len(reports) == 8
        assert not any("sig=" in why for why in reports)


def test_a_token_is_not_sent_to_strangers(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with planetary(files, monkeypatch) as world, served(SCENES, dict(files)) as stranger:
        elsewhere = stranger.url.replace("127.0.0.1", "localhost")
        world.tampered["clear"] = {"assets": {"SCL": {"href": f"{elsewhere}/files/clear/SCL.tif"}}}
        seen: list[str] = []
        monkeypatch.setattr(stranger, "fault", lambda path: seen.append(path))
        monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
        assert len(tiles(of_planetary())) == 4
        assert seen
        assert not any("?" in path for path in seen)


def test_a_token_service_that_answers_nonsense_is_rejected_with_a_reason(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with planetary(files, monkeypatch) as world:
        world.fail("/sas/token", 200)
        found = list(of_planetary().records())
        assert len(found) == 4
        assert all(isinstance(each, Rejected) and "expected a token and msft:expiry" in each.why for each in found)


# Resume


def test_an_interrupted_ingest_completes_to_the_same_table(world: World, tmp_path: Path) -> None:
    whole = Catalogue.open(tmp_path / "whole", create=True)
    ingest(whole, of(world, per_place=2))
    broken = Catalogue.open(tmp_path / "broken", create=True)

    class Cut:
        """The source until its fifth word, as when Ctrl-C is pressed."""

        modality, total = "tiles", None

        def __init__(self, source: sentinel2_stac.Sentinel2Stac) -> None:
            self.source, self.key = source, source.key

        def records(self, finished: Any = frozenset()) -> Iterator[Any]:
            for number, each in enumerate(self.source.records(finished)):
                if number == 5:
                    raise KeyboardInterrupt
                yield each

    with pytest.raises(KeyboardInterrupt):
        ingest(broken, Cut(of(world, per_place=2)))
    assert (broken.count("tiles"), whole.count("tiles")) == (4, 8), "two tiles of two places, the second not noted as done"
    report = ingest(broken, of(world, per_place=2))
    assert (report.known, report.added) == (2, 4)
    assert contents(broken, "tiles") == contents(whole, "tiles")
    assert ingest(broken, of(world, per_place=2)).read == 0


def test_a_second_ingest_asks_the_server_for_nothing(world: World, tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    ingest(catalogue, of(world))
    world.asked.clear()
    assert ingest(catalogue, of(world)).read == 0
    assert not world.asked
    assert ingest(catalogue, of(world, date="2023-06-10/2023-06-30")).added == 4, "other dates are another question"


def test_an_outage_and_a_repeated_ingest_give_the_same_table_as_an_undisturbed_one(world: World, tmp_path: Path) -> None:
    whole = Catalogue.open(tmp_path / "whole", create=True)
    ingest(whole, of(world))
    with served(SCENES, world.files) as flaky:
        provider = of(flaky, workers=1)
        broken = Catalogue.open(tmp_path / "broken", create=True)
        flaky.fail("clear/B11.tif", 503, times=5)  # GDAL tries 3 times, then the probe twice: the first place is lost
        first = ingest(broken, provider)
        assert (len(first.rejected), first.added) == (1, 3)
        second = ingest(broken, of(flaky, workers=1))
        assert (len(second.rejected), second.added) == (0, 1)
    pixels = ["crs", "bounds", "date", "pixels", "valid"]
    assert broken.column("tiles", pixels).to_pylist() == whole.column("tiles", pixels).to_pylist()
    row = whole.column("tiles", ["pixels"]).to_pylist()[0]
    assert decode_pixels(row["pixels"], (12, 64, 64), "uint16").any()


def test_a_larger_region_asks_only_for_what_is_new(world: World, tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    ingest(catalogue, of(world))
    report = ingest(catalogue, of(world, bbox=(48.170, 16.370, 48.190, 16.400)))
    assert report.known == 0
    assert report.added == (of(world, bbox=(48.170, 16.370, 48.190, 16.400)).total or 0) - 4


# Questions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bbox": None}, "expected either --bbox"),
        ({"points": "x.csv", "bbox": BOX}, "expected either --bbox"),
        ({"bbox": None, "points": "nowhere.csv"}, r"nowhere\.csv: not a readable CSV"),
        ({"date": "June"}, r"expected --date FIRST/LAST .*got 'June'"),
        ({"date": "2023-06-31/2023-07-01"}, "expected --date"),
        ({"date": "2023-07-01/2023-06-01"}, "expected --date"),
        ({"bbox": (48.1800, 16.3850, 48.1801, 16.3851)}, "has its centre in the box"),
        ({"bbox": (85.0, 0.0, 86.0, 10.0)}, "has its centre in the box"),
        ({"bbox": (50.0, 0.0, 48.0, 10.0)}, "south <= north"),
        ({"composite": "median", "per_place": 2}, "a median is one tile of a place"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(**({"bbox": BOX, "date": JUNE, "tile_px": 64} | options))


def test_too_large_a_region_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentinel2_stac, "MAX_CELLS", 1000)
    with pytest.raises(InputError, match="expected at most 1000 tiles at a time, got more; ask for parts"):
        build(bbox=(40.0, 0.0, 50.0, 20.0), date=JUNE)


def test_unknown_providers_and_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="provider"):
        build(bbox=BOX, date=JUNE, provider="google")
    with pytest.raises(ConfigError, match="min_valid"):
        build(bbox=BOX, date=JUNE, min_valid=0)


def test_an_estimate_asks_nobody_and_counts_blocks_that_neighbours_share(world: World) -> None:
    lone = build(bbox=(48.18, 16.38, 48.2, 16.4), date=JUNE).estimate()
    town = build(bbox=(48.1, 16.2, 48.4, 16.6), date=JUNE).estimate()
    assert lone["records"] == 1
    assert 13 + 2 <= lone["requests"] <= 13 * 5 + 2
    assert 10e6 < lone["bytes"] < 80e6
    assert town["records"] > 100
    assert town["bytes"] / town["records"] < lone["bytes"] / 5
    assert set(town) == {"requests", "bytes", "seconds", "records"}
    assert (
        build(bbox=BOX, date=JUNE, tile_px=64, composite="median").estimate()["bytes"]
        > 5 * build(bbox=BOX, date=JUNE, tile_px=64).estimate()["bytes"]
    )
    assert not world.asked


# The grid


def test_zones_are_those_of_mgrs() -> None:
    places = {
        (48.2, 16.4): 32633,
        (-33.9, 151.2): 32756,
        (60.4, 5.3): 32632,
        (55.9, 5.3): 32631,
        (78.2, 15.6): 32633,
        (72.5, 20.9): 32633,
    }
    places |= {
        (0, 180): 32601,
        (0, -180): 32601,
        (-0.1, 179.9): 32760,
        (84.1, 0): 0,
        (-80.1, 0): 0,
        (71.9, 10): 32632,
        (80, 8.9): 32631,
    }
    assert {place: int(utm_epsg(*place)) for place in places} == places


@pytest.mark.parametrize(
    "box", [(60.0, 2.8, 60.1, 3.2), (-0.15, 35.9, 0.15, 36.1), (-17.0, 179.85, -16.8, -179.85), (77.9, 20.5, 78.05, 21.5)]
)
def test_cells_of_two_zones_do_not_overlap_and_hardly_leave_a_gap(box: tuple[float, float, float, float]) -> None:
    from pyproj import Transformer
    from shapely import STRtree, segmentize, transform
    from shapely import box as square

    south, west, north, east = box
    cells = [cell for block in blocks_in(BBox(south=south, west=west, north=north, east=east), 2560) for cell in block]
    assert len({cell.epsg for cell in cells}) > 1
    assert len({(cell.epsg, cell.row, cell.column) for cell in cells}) == len(cells)
    middle = (west + (east - west) % 360 / 2, (south + north) / 2)
    flat = f"+proj=laea +lat_0={middle[1]} +lon_0={middle[0]} +units=m"
    shapes = []
    to_plane = {epsg: Transformer.from_crs(epsg, flat, always_xy=True) for epsg in {cell.epsg for cell in cells}}
    for cell in cells:
        to_flat = to_plane[cell.epsg]
        shapes.append(
            transform(segmentize(square(*cell.bounds), 640), lambda xy, to=to_flat: np.stack(to.transform(*xy.T), axis=1))
        )
    tree = STRtree(shapes)
    for one, other in tree.query(shapes, predicate="intersects").T:
        if one < other:
            assert shapes[one].intersection(shapes[other]).area < 1000  # square metres, of 6.5 million
    corners = Transformer.from_crs(4326, flat, always_xy=True).transform([west, east], [south, north])
    assert sum(shape.area for shape in shapes) > 0.8 * abs(np.diff(corners[0])[0] * np.diff(corners[1])[0])


@pytest.mark.parametrize("said", [None, "cloudless"])
def test_a_scene_that_does_not_say_how_cloudy_it_is_is_left_out_with_a_sentence(said: Any) -> None:
    with served([CLEAR], files_of([CLEAR])) as world:
        world.tampered["clear"] = {"properties": {"eo:cloud_cover": said}}
        whys = [each.why for each in of(world).records() if isinstance(each, Rejected)]
        assert any("does not say how cloudy it is (eo:cloud_cover)" in why for why in whys)
        assert len(tiles(of(world, max_cloud=100))) == 4


def test_the_flag_of_earth_search_v0_keeps_snow_as_bright_as_it_is() -> None:
    snow = dataclasses.replace(CLEAR, shift=5000, offset_applied=None, baseline="04.00")
    with served([snow], files_of([snow])) as world:
        world.tampered["clear"] = {"properties": {"sentinel:boa_offset_applied": True}}
        for each in tiles(of(world)):
            np.testing.assert_array_equal(each.pixels, expected(snow, each.bounds))
