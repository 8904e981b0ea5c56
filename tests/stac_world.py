"""A STAC API and a file server on loopback, in the formats of Earth Search and Planetary Computer, that also fail when told to.

``Scenery`` invents Sentinel-2 scenes as cloud-optimised GeoTIFFs whose every pixel is known by a formula.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
COLOURS = ("coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "nir09", "swir16", "swir22")
PIXEL_M = {"B01": 60, "B09": 60} | dict.fromkeys(("B02", "B03", "B04", "B08"), 10)  # all others, and SCL, 20 m
VEGETATION = 4
_WORLDS = count()


def value_at(band: str, row: Any, column: Any) -> Any:
    """What a band holds in a pixel of its own size: dark enough to be land, different in each band, row and column."""
    return 200 + 100 * BANDS.index(band) + (7 * row + 3 * column) % 89


@dataclass
class Invented:
    """A scene of ``side_px`` pixels of 10 m whose upper left corner is at (left, top) in the zone ``epsg``."""

    name: str
    epsg: int = 32633
    left: int = 600_000
    top: int = 5_340_000
    side_px: int = 600
    when: str = "2023-06-04T10:00:00Z"
    cloud: float = 5.0
    baseline: str = "05.09"
    offset_applied: bool | None = True
    shift: int = 0  # added to every pixel
    cloudy: list[tuple[slice, slice, int]] = field(default_factory=list)  # rows, columns (of 20 m) and class
    noise: bool = False  # pixels that cannot be compressed, to count bytes

    def layer(self, band: str) -> np.ndarray:
        size = self.side_px * 10 // PIXEL_M.get(band, 20)
        if band == "SCL":
            classes = np.full((size, size), VEGETATION, np.uint8)
            for rows, columns, kind in self.cloudy:
                classes[rows, columns] = kind
            return classes
        if self.noise:
            return np.random.default_rng(BANDS.index(band)).integers(1, 60_000, (size, size)).astype(np.uint16)
        row, column = np.indices((size, size))
        return np.asarray(value_at(band, row, column) + self.shift).astype(np.uint16)

    def file(self, band: str) -> bytes:
        """The band as a cloud-optimised GeoTIFF with overviews."""
        import rasterio
        from rasterio.transform import from_origin

        layer, step = self.layer(band), PIXEL_M.get(band, 20)
        profile = {"driver": "COG", "dtype": layer.dtype.name, "count": 1, "height": len(layer), "width": len(layer), "nodata": 0}
        profile |= {"crs": f"EPSG:{self.epsg}", "transform": from_origin(self.left, self.top, step, step)}
        with rasterio.MemoryFile() as memory:
            with memory.open(
                **profile, blocksize=128 if not self.noise else 256, compress="deflate", overview_resampling="average"
            ) as file:
                file.write(layer, 1)
            return bytes(memory.getbuffer())

    def box(self) -> list[float]:
        """west, south, east, north in degrees; west > east across the antimeridian."""
        from pyproj import Transformer

        reach = self.side_px * 10
        edges = Transformer.from_crs(self.epsg, 4326, always_xy=True).transform(
            np.array([self.left, self.left + reach] * 2), np.array([self.top, self.top, self.top - reach, self.top - reach])
        )
        lon, lat = (np.asarray(each) for each in edges)
        if np.ptp(lon) > 180:
            return [float(lon[lon > 0].min()), float(lat.min()), float(lon[lon < 0].max()), float(lat.max())]
        return [float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())]


class World:
    """What the server has and does. ``bytes_sent`` and ``asked`` count by path."""

    def __init__(self, scenes: list[Invented], files: dict[str, bytes], style: str, page: int) -> None:
        self.scenes, self.files, self.style, self.page = scenes, files, style, page
        self.asked: Counter[str] = Counter()
        self.bytes_sent: Counter[str] = Counter()
        self.queries: list[dict[str, str]] = []
        self.faults: list[dict[str, Any]] = []
        self.token_lives_s: list[float] = []  # of the tokens to come; then an hour
        self.tokens: list[str] = []
        self.refused_tokens: set[str] = set()
        self.tampered: dict[str, Any] = {}  # what to put into every item
        self.url = ""
        self.folder = f"world{next(_WORLDS)}"  # GDAL remembers files by address, and a port may come back
        self.ranges = True
        self.delay_s = 0.0  # before every answer, as a distant server has it
        self.filters = True  # whether the API says and does that it filters by properties
        self.landing: dict[str, Any] = {}  # what to put into the landing page
        self.lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"{self.url}/stac"

    def fail(self, part: str, status: int, *, times: int = 10**9, **headers: str) -> None:
        """The next ``times`` requests with ``part`` in their address get this status: 0 half a body, -1 no answer for 3 s."""
        self.faults.append({"part": part, "status": status, "times": times, "headers": headers})

    def fault(self, path: str) -> dict[str, Any] | None:
        with self.lock:
            for each in self.faults:
                if each["part"] in path and each["times"] > 0:
                    each["times"] -= 1
                    return each
        return None

    def item(self, scene: Invented) -> dict[str, Any]:
        names = COLOURS if self.style == "earth-search" else BANDS
        assets: dict[str, Any] = {}
        for name, band in [*zip(names, BANDS, strict=True), ("scl" if self.style == "earth-search" else "SCL", "SCL")]:
            step = PIXEL_M.get(band, 20)
            size = scene.side_px * 10 // step
            grid = [step, 0, scene.left, 0, -step, scene.top]
            href = f"{self.url}/files/{self.folder}/{scene.name}/{band}.tif"
            assets[name] = {"href": href, "type": "image/tiff; application=geotiff; profile=cloud-optimized"}
            assets[name] |= {"proj:shape": [size, size], "proj:transform": grid}
        facts: dict[str, Any] = {"datetime": scene.when, "eo:cloud_cover": scene.cloud, "s2:processing_baseline": scene.baseline}
        if self.style == "earth-search":
            facts |= {"proj:code": f"EPSG:{scene.epsg}"}
            facts |= {} if scene.offset_applied is None else {"earthsearch:boa_offset_applied": scene.offset_applied}
        else:
            facts |= {"proj:epsg": scene.epsg}
        item = {"type": "Feature", "stac_version": "1.0.0", "id": scene.name, "collection": "sentinel-2-l2a", "bbox": scene.box()}
        item |= {"properties": facts, "assets": assets, "links": [{"rel": "self", "href": f"{self.endpoint}/items/{scene.name}"}]}
        for key, value in self.tampered.get(scene.name, {}).items():
            item[key] = item[key] | value if isinstance(value, dict) else value
        return item

    def search(self, query: dict[str, str]) -> dict[str, Any]:
        west, south, east, north = (float(edge) for edge in query["bbox"].split(","))
        assert west <= east, "Earth Search has got boxes across the antimeridian wrong: never ask for one"
        first, last = query["datetime"].split("/")
        most = json.loads(query.get("query", "{}")).get("eo:cloud_cover", {}).get("lte", 100) if self.filters else 100

        def fits(scene: Invented) -> bool:
            left, bottom, right, top = scene.box()
            inside = (west <= right and left <= east) if left <= right else (east >= left or west <= right)
            return inside and south <= top and bottom <= north and first <= scene.when <= last and scene.cloud <= most

        found = [scene for scene in self.scenes if fits(scene) and query["collections"] == "sentinel-2-l2a"]
        start = int(query.get("token", "0"))
        links = []
        if start + self.page < len(found):
            rest = urlencode(query | {"token": str(start + self.page)})
            links = [{"rel": "next", "method": "GET", "href": f"{self.endpoint}/search?{rest}"}]
        return {"type": "FeatureCollection", "features": [self.item(s) for s in found[start : start + self.page]], "links": links}

    def token(self) -> dict[str, str]:
        life_s = self.token_lives_s.pop(0) if self.token_lives_s else 3600
        self.tokens.append(f"sv=2021&sig=token{len(self.tokens)}")
        expiry = datetime.now(UTC) + timedelta(seconds=life_s)
        return {"msft:expiry": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"), "token": self.tokens[-1]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body in one packet, and
    disable_nagle_algorithm = True  # no waiting for an acknowledgement between two
    world: World

    def log_message(self, *args: Any) -> None: ...

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        world = self.world
        self.path = self.path.replace(f"/files/{world.folder}/", "/files/")
        parts = urlsplit(self.path)
        time.sleep(world.delay_s)
        with world.lock:
            world.asked[parts.path] += 1
        fault = world.fault(self.path)
        if fault and fault["status"] > 0:
            self.answer(
                fault["status"], b"out of order", **{key.replace("_", "-"): value for key, value in fault["headers"].items()}
            )
        elif fault and fault["status"] == -1:
            time.sleep(3)
            self.close_connection = True
        elif parts.path.startswith("/files/"):
            self.send_file(parts.path.removeprefix("/files/"), parts.query, half=fault is not None)
        elif parts.path == "/stac":
            search = {"rel": "search", "type": "application/geo+json", "href": f"{world.endpoint}/search"}
            links = [search | {"method": method} for method in ("POST", "GET")]
            conforms = ["https://api.stacspec.org/v1.0.0/core"]
            conforms += ["https://api.stacspec.org/v1.0.0/item-search#query"] if world.filters else []
            self.json({"type": "Catalog", "id": "world", "links": links, "conformsTo": conforms} | world.landing)
        elif parts.path == "/stac/search":
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            with world.lock:
                world.queries.append(query)
            self.json(world.search(query))
        elif parts.path.startswith("/sas/token/"):
            with world.lock:
                token = world.token()
            self.json(token)
        else:
            self.answer(404, b"nothing here")

    def send_file(self, name: str, query: str, half: bool) -> None:
        world = self.world
        needs_token = world.style == "planetary-computer"
        if needs_token and (query not in world.tokens or query in world.refused_tokens):
            return self.answer(403, b"Server failed to authenticate the request")
        body = world.files.get(name)
        if body is None:
            return self.answer(404, b"NoSuchKey")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not wanted or not world.ranges:
            return self.answer(200, body, half=half, name=name)
        first, last = int(wanted.group(1)), min(int(wanted.group(2)), len(body) - 1)
        if first > last:
            return self.answer(416, b"", Content_Range=f"bytes */{len(body)}")
        return self.answer(206, body[first : last + 1], half=half, name=name, Content_Range=f"bytes {first}-{last}/{len(body)}")

    def json(self, answer: dict[str, Any]) -> None:
        self.answer(200, json.dumps(answer).encode())

    def answer(self, status: int, body: bytes, *, half: bool = False, name: str = "", **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        sent = body[: len(body) // 2] if half else body
        if self.command != "HEAD":
            with self.world.lock:
                self.world.bytes_sent[name] += len(sent)
            self.wfile.write(sent)
        if half:
            self.close_connection = True


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """GDAL hangs up when it is done: nothing to tell."""


def files_of(scenes: list[Invented]) -> dict[str, bytes]:
    return {f"{scene.name}/{band}.tif": scene.file(band) for scene in scenes for band in (*BANDS, "SCL")}


@contextmanager
def served(scenes: list[Invented], files: dict[str, bytes], style: str = "earth-search", page: int = 100) -> Iterator[World]:
    world = World(scenes, files, style, page)
    handler = type("BoundHandler", (Handler,), {"world": world})
    server = QuietServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
