import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from index.imagery.sensors import NASA_COARSE, SENTINEL2
from index.records import Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests import worlds
from tests.conftest import Records, coarse_tile
from tests.ui.conftest import open_to_visitors
from ui.server import basemap, front
from ui.server.thumbnails import true_colour


def png(side: int = 32, colour=(200, 180, 120)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side // 2), colour).save(buffer, "PNG")
    return buffer.getvalue()


def send(visitor, content: bytes, name: str = "picture.png", kind: str = "image/png"):
    return visitor.post("/api/v1/uploads", files={"file": (name, content, kind)})


def rgba(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def bomb(side: int) -> bytes:
    """A PNG of side x side black pixels, a thousandth of that in bytes."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    lines = zlib.compressobj(9)
    body = b"".join(lines.compress(bytes(side // 8 + 1)) for _ in range(side)) + lines.flush()
    parts = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_geotiff_is_recognised_with_sensor_bands_and_place(visitor, world) -> None:
    said = send(visitor, world.tile_file.read_bytes(), "../../etc/passwd", "text/html").json()
    assert (said["kind"], said["sensor"], said["bands"]) == ("geotiff", "nasa_coarse", ["red", "green", "blue", "relief"])
    assert (said["width"], said["height"]) == (32, 32)
    assert said["place"] == pytest.approx({"lat": 70, "lon": 10})


def test_a_photo_is_recognised_whatever_it_is_called_and_can_be_asked_with(visitor) -> None:
    said = send(visitor, png(colour=(240, 245, 250)), "picture.tif", "image/tiff").json()
    assert (said["kind"], said["width"], said["height"], said["place"]) == ("photo", 32, 16, None)
    answer = visitor.get("/api/v1/search", params={"image": said["name"], "kinds": "tiles", "k": 3}).json()
    assert [round(hit["lat"]) for hit in answer["hits"]["tiles"]] == [70, 70, 70], "it is white as snow"
    assert answer["query"] == "image", "where it lies on the server is nobody's business"
    heat = visitor.get("/api/v1/heat", params={"image": said["name"]}).json()
    assert visitor.get(heat["tiles"].format(z=0, x=0, y=0)).status_code == 200


HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.mark.parametrize(
    "content", [HTML, SVG, b"GIF89a\x01\x00\x01\x00", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"II*\0" + bytes(99), b"MZ", b"\0"]
)
def test_what_is_no_picture_is_refused_in_a_sentence_and_not_kept(visitor, tmp_path, content) -> None:
    answer = send(visitor, content)
    assert answer.status_code == 422
    assert "; " in answer.json()["error"] or "save it again" in answer.json()["error"], "it says what to do"
    assert not list(tmp_path.glob("uploads/*"))


def test_an_upload_without_anything_is_refused(visitor) -> None:
    assert send(visitor, b"").status_code == 422
    assert visitor.post("/api/v1/uploads").status_code == 422
    assert visitor.post("/api/v1/uploads", data={"file": "a text"}).status_code == 422
    assert (
        visitor.post("/api/v1/uploads", content=b"x", headers={"content-type": "multipart/form-data; boundary=none"}).status_code
        == 422
    )


def test_a_picture_that_unpacks_to_more_than_memory_is_refused_before_it_is_unpacked(visitor) -> None:
    content = bomb(50_000)
    assert len(content) < 2**20
    answer = send(visitor, content)
    assert answer.status_code == 422
    assert "million pixels" in answer.json()["error"]


def test_a_geotiff_that_claims_to_be_huge_is_refused(visitor, tmp_path) -> None:
    import rasterio

    huge = {"count": 13, "width": 60_000, "height": 60_000, "dtype": "uint16", "crs": "EPSG:4326", "sparse_ok": True, "tiled": True}
    path = tmp_path / "huge.tif"
    with rasterio.open(
        path, "w", driver="GTiff", transform=rasterio.Affine(1e-4, 0, 0, 0, -1e-4, 0), compress="deflate", **huge
    ) as file:
        file.descriptions = SENTINEL2.bands
    assert path.stat().st_size < 16 * 2**20
    answer = send(visitor, path.read_bytes(), "huge.tif")
    assert answer.status_code == 422, answer.text


def test_thumbnails_are_in_true_colour_and_of_the_size_asked_for(visitor) -> None:
    hit = visitor.get("/api/v1/search", params={"text": "snow", "kinds": "tiles", "k": 1}).json()["hits"]["tiles"][0]
    small, large = (visitor.get(f"/api/v1/thumbnails/{hit['id']}.png", params={"size": size}) for size in (96, 256))
    assert rgba(small.content).shape == (96, 96, 4)
    assert rgba(large.content).shape == (256, 256, 4)
    assert rgba(large.content)[..., :3].min() > 200, "snow is white"
    assert visitor.get(f"/api/v1/thumbnails/{hit['id']}.png", headers={"if-none-match": small.headers["etag"]}).status_code == 304


def test_a_thumbnail_that_is_not_there_is_said_to_be_so(visitor) -> None:
    assert visitor.get(f"/api/v1/thumbnails/{'0' * 32}.png").status_code == 404
    assert visitor.get(f"/api/v1/thumbnails/{'0' * 31}'.png").status_code == 422
    assert visitor.get(f"/api/v1/thumbnails/{'0' * 32}.png", params={"size": 100_000}).status_code == 422


def test_reflectance_is_stretched_over_its_own_range_with_the_colours_in_balance() -> None:
    pixels = np.zeros((4, 10, 10), dtype=np.uint16)
    pixels[:3] = np.linspace(1000, 3000, 100).reshape(10, 10)  # B02, B03, B04: grey from dark to bright
    pixels[3] = 60_000  # B08 is not seen
    pixels[:, 0, 0] = 0  # no data
    shown = true_colour(pixels, ["B02", "B03", "B04", "B08"], SENTINEL2)
    assert shown[0, 0].tolist() == [0, 0, 0, 0]
    assert shown[9, 9].tolist() == [255, 255, 255, 255]
    assert shown[0, 1].tolist() == [0, 0, 0, 255]
    middle = shown[5, 0].astype(int)
    assert middle[0] == middle[1] == middle[2]
    assert abs(middle[0] - 255 * 0.5) < 8


def test_red_is_red_whatever_the_order_of_the_bands() -> None:
    pixels = np.full((3, 2, 2), 100, dtype=np.uint16)
    pixels[2] = 3000  # the red band, B04
    assert true_colour(pixels, ["B02", "B03", "B04"], SENTINEL2)[0, 0].tolist() == [255, 0, 0, 255]


def test_a_calm_sea_stays_dark_instead_of_showing_noise() -> None:
    pixels = np.random.default_rng(0).integers(200, 210, size=(3, 8, 8), dtype=np.uint16)
    assert true_colour(pixels, ["B02", "B03", "B04"], SENTINEL2)[..., :3].max() < 10


def test_a_tile_that_lacks_a_colour_is_grey_and_one_without_data_is_transparent() -> None:
    grey = true_colour(np.full((2, 4, 4), 900, dtype=np.uint16), ["B04", "B08"], SENTINEL2)
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 3] == 255).all()
    assert not true_colour(np.zeros((4, 4, 4), dtype=np.uint8), list(NASA_COARSE.bands), NASA_COARSE).any()


def test_an_oblong_tile_keeps_its_shape(tmp_path, monkeypatch, own_world) -> None:
    tile = worlds.tile(9)
    wide = worlds.Tile(
        place=tile.place, pixels=np.full((3, 10, 40), 500, dtype=np.uint16), bands=("B02", "B03", "B04"), sensor="sentinel2",
        crs=tile.crs, bounds=tile.bounds,
    )  # fmt: skip
    ingest(Catalogue.open(own_world.folder), Records("tiles", [wide]))
    visitor = open_to_visitors({"own": own_world.folder}, tmp_path, monkeypatch)
    assert rgba(visitor.get(f"/api/v1/thumbnails/{wide.id}.png").content).shape == (24, 96, 4)


def world_of_stripes(monkeypatch) -> None:
    """A world, half as large as the picture is, that is red in the east, green in the west and blue north of 45 N."""
    image = np.zeros((3, 900, 1800), dtype=np.uint8)
    image[0, :, 900:] = 255
    image[1, :, :900] = 255
    image[:, :225] = np.array([0, 0, 255])[:, None, None]
    monkeypatch.setattr(basemap, "_worlds", lambda: (image,) * (basemap.SHRUNK + 1))
    monkeypatch.setattr(basemap, "_tiles", basemap.Recent[bytes](10))


def test_the_base_map_is_where_the_places_are(monkeypatch) -> None:
    world_of_stripes(monkeypatch)
    whole = rgba(basemap.blue_marble_tile(0, 0, 0)).astype(int)
    assert whole.shape == (256, 256, 4)
    blue, red, green = whole[40, 60, :3], whole[200, 200, :3], whole[200, 60, :3]
    assert [int(np.argmax(each)) for each in (blue, red, green)] == [2, 0, 1]
    # 45 N lies at (1 - asinh(tan 45°) / pi) / 2 = 0.35972 of the height: row 92.09 of 256.
    column = whole[:, 200]
    edge = np.flatnonzero(column[:, 0] > column[:, 2])[0]
    assert edge in (92, 93)
    # Greenwich is the left edge of tile x = 1 of zoom 1.
    east, west = rgba(basemap.blue_marble_tile(1, 1, 1)).astype(int), rgba(basemap.blue_marble_tile(1, 0, 1)).astype(int)
    assert (east[:, 4:-4, 0] > 200).all()
    assert (west[:, 4:-4, 1] > 200).all()


def test_the_base_map_has_no_seam_at_the_antimeridian(monkeypatch) -> None:
    """A world of 16 columns of which the first, east of 180, is white: half of its light falls on either side of the meridian."""
    image = np.zeros((3, 8, 16), dtype=np.uint8)
    image[:, :, 0] = 255
    monkeypatch.setattr(basemap, "_worlds", lambda: (image,) * (basemap.SHRUNK + 1))
    monkeypatch.setattr(basemap, "_tiles", basemap.Recent[bytes](10))
    east, west = (rgba(basemap.blue_marble_tile(3, x, 3)).astype(int)[..., :3] for x in (7, 0))
    assert np.abs(east[:, -1] - 127.5).max() < 8
    assert np.abs(west[:, 0] - 127.5).max() < 8
    assert west[:, 60].min() > 220, "the middle of the white column is 11.25 degrees, 64 pixels, east of it"


def test_the_base_map_is_served_and_real(visitor) -> None:
    tile = visitor.get("/api/v1/basemap/blue-marble/2/2/1.jpg")
    assert (tile.status_code, tile.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in tile.headers["cache-control"]
    pixels = rgba(tile.content)
    assert pixels.shape == (256, 256, 4)
    sahara, sea = pixels[200, 60, :3].astype(int), pixels[20, 5, :3].astype(int)  # 25 N 21 E, and the Norwegian Sea
    assert sahara[0] > 150 > sea[0]


ATLAS = {
    "type": "Topology",
    "transform": {"scale": [1, 1], "translate": [-180, -90]},
    # A border of three points from 0 N 0 E; one along the cut of the map at 180 E; one that jumps from 179 E to 179 W.
    "arcs": [[[180, 90], [10, 0], [0, 5]], [[360, 90], [0, 10]], [[358, 100], [1, 0], [-358, 0], [1, 1]]],
}


def test_outlines_are_the_arcs_of_the_atlas_without_the_cuts_of_the_map(visitor, tmp_path, monkeypatch) -> None:
    (tmp_path / "world-atlas").mkdir()
    (tmp_path / basemap.OUTLINE_FILE).write_text(json.dumps(ATLAS))
    monkeypatch.setattr(front, "FOLDER", tmp_path)
    basemap.outline_geojson.cache_clear()
    answer = visitor.get("/api/v1/outline.geojson")
    basemap.outline_geojson.cache_clear()
    assert answer.headers["content-type"] == "application/geo+json"
    lines = answer.json()["geometry"]["coordinates"]
    assert lines == [[[0, 0], [10, 0], [10, 5]], [[178, 10], [179, 10]], [[-179, 10], [-178, 11]]]


def test_without_the_atlas_the_outline_says_how_to_get_it(visitor, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(front, "FOLDER", tmp_path)
    basemap.outline_geojson.cache_clear()
    answer = visitor.get("/api/v1/outline.geojson")
    assert answer.status_code == 404
    assert "npm ci --prefix" in answer.json()["error"]


def test_a_place_far_from_its_upload_is_kept(visitor, tmp_path) -> None:
    from index.sources.geotiff_tiles import write_tile

    write_tile(coarse_tile(Place(lat=-45, lon=179.5), 120), tmp_path / "seam.tif")
    said = send(visitor, (tmp_path / "seam.tif").read_bytes()).json()
    assert said["place"]["lat"] == pytest.approx(-45)
    assert abs(said["place"]["lon"]) == pytest.approx(179.5)
