"""Sentinel-2 L2A tiles of any region or points, from a STAC API. Only the needed windows of its cloud-optimised GeoTIFFs are read.

Earth Search (Element 84, files on AWS) and Planetary Computer (Microsoft, files on Azure, read with short-lived tokens) are preset.
Licence: Copernicus Sentinel data, free and open; state "contains modified Copernicus Sentinel data" and the year. Citation: Drusch
et al. 2012, Remote Sensing of Environment 120. A tile of 256 px takes about 0.5 MB in the catalogue; a single one costs about 20 MB
to read (estimated, not measured), because blocks of 1024 px are read whole; neighbours share them.

The region is cut into fixed squares (index.imagery.utm_grid), 12 bands at 10 m each; clouds, their shadows and defects by the scene
classification (SCL) become 0. The search goes through index.http and not pystac-client (0.9.1), which reads answers of any size and
follows pages without end. Its retries would duplicate ours, and it brings over twenty packages for one GET in a loop.
"""

import csv
import re
import threading
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date as Date
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from index.errors import InputError, SourceError
from index.geo import wrap_lon
from index.http import Client
from index.imagery.cog import PIXEL_M, Cogs, Unreadable
from index.imagery.reflectance import OffsetRule, offset_statement
from index.imagery.sensors import SENTINEL2
from index.imagery.stac import StacApi, StacItem, Tokens, stac_item_of
from index.imagery.stac_providers import BANDS, PROVIDERS, Provider
from index.imagery.stac_views import View, median, ranked, view
from index.imagery.utm_grid import Cell, blocks_in, blocks_of, cell_at
from index.records import BBox, Done, Modality, Place, Rejected, Tile
from index.settings import Settings
from index.threads import in_order

MAX_CELLS = 2_000_000
RETRIES = 6
BACKOFF_S = 1.0
# For the estimate: block side and packed bytes of a pixel in Earth Search's files, size of a header, of a page of items; what a
# request and a byte cost on a common connection. Bands by pixel size in units of 10 m (SCL is one of those of 20 m).
BLOCK_PX, BYTES_PER_PX, HEADER_BYTES, PAGE_BYTES = 1024, 1.2, 32768, 10**6
REQUEST_S, BYTES_PER_S = 0.15, 10e6
BANDS_BY_FACTOR = {1: 4, 2: 7, 6: 2}

Outcome = list[Tile | Rejected | Done]
Job = Callable[[threading.Event], Outcome]


class Options(Settings):
    date: str = Field(description="first and last day, as 2023-06-01/2023-08-31")
    bbox: tuple[float, float, float, float] | None = Field(None, description="south,west,north,east in degrees")
    points: Path | None = Field(None, description="CSV with columns lat and lon: the tiles that hold these points")
    max_cloud: float = Field(30.0, ge=0, le=100, description="most clouds over a whole scene, percent")
    tile_px: int = Field(256, ge=16, le=2048, description="side of a tile in pixels of 10 m")
    per_place: int = Field(1, ge=1, le=1000, description="tiles of each place, of different days")
    composite: Literal["least-cloudy", "median"] = Field("least-cloudy", description="single scenes, or the median over them")
    max_scenes: int = Field(12, ge=1, le=1000, description="most scenes read for a place")
    min_valid: float = Field(0.9, gt=0, le=1, description="least share of a tile's pixels that are seen and free of clouds")
    provider: Literal["earth-search", "planetary-computer"] = Field("earth-search", description="who is asked")
    endpoint: str = Field("", description="another STAC API than the provider's")
    collection: str = Field("", description="collection of that API; absent: the provider's")
    offset: OffsetRule = Field("auto", description="the +1000 offset of processing baseline 04.00")
    workers: int = Field(8, ge=1, le=64, description="places read at once")


def build(**options: Any) -> "Sentinel2Stac":
    return Sentinel2Stac(Options.parse(options, where="sentinel2_stac"))


class Sentinel2Stac:
    modality: Modality = "tiles"

    def __init__(self, options: Options) -> None:
        if (options.bbox is None) == (options.points is None):
            raise InputError("expected either --bbox south,west,north,east or --points FILE; give one of them")
        if options.composite == "median" and options.per_place != 1:
            raise InputError(f"a median is one tile of a place, got --per-place {options.per_place}; leave it out")
        self.options, self.interval = options, _interval(options.date)
        self.provider = Provider.at(options.endpoint) if options.endpoint else PROVIDERS[options.provider]
        self.collection = options.collection or self.provider.collection
        self.side_m = options.tile_px * PIXEL_M
        self.unusable: list[Rejected] = []  # rows of the file of points
        self.points = self._read_points(options.points) if options.points else []
        self.total: int | None = self._count() * options.per_place
        self.client = Client(retries=RETRIES, backoff_s=BACKOFF_S)
        tokens = Tokens(self.client, self.provider.token_url, self.provider.signed_hosts)
        self.cogs = Cogs(tokens, Client(retries=1, backoff_s=BACKOFF_S))

    @property
    def key(self) -> str:
        """The provider and the request without the region, so that a place stays done when the region grows."""
        apart = {"bbox", "points", "workers", "provider", "endpoint", "date"}
        asked = self.options.model_dump(mode="json", exclude=apart) | {"collection": self.collection}
        said = " ".join(f"{name}={value}" for name, value in sorted(asked.items()))
        return f"sentinel2_stac {self.provider.endpoint} {self.interval} {said}"

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile | Rejected | Done]:
        """Tiles in the order of the grid, whatever the number of workers. A place is done unless a later run may do better."""
        yield from self.unusable
        todo = (cells for block in self._blocks() if (cells := [cell for cell in block if cell.name not in finished]))
        first = next(todo, None)
        if first is None:
            return
        api = StacApi(self.client, self.provider.endpoint)
        pool, stop = ThreadPoolExecutor(self.options.workers), threading.Event()
        try:
            found = in_order(pool, partial(self._search, api), chain([first], todo), self.options.workers)
            jobs = (job for jobs in found for job in jobs)
            for outcome in in_order(pool, lambda job: job(stop), jobs, 2 * self.options.workers):
                yield from outcome
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def estimate(self) -> dict[str, int]:
        """Requests, bytes, seconds and records to expect, without any request. Assumes that one scene serves each place."""
        scenes = self.options.max_scenes if self.options.composite == "median" else self.options.per_place
        requests, size, places = 1, 0.0, 0
        for cells in self._blocks():
            places += len(cells)
            requests, size = requests + 1, size + PAGE_BYTES
            for factor, bands in BANDS_BY_FACTOR.items():
                blocks = _file_blocks(cells, BLOCK_PX * PIXEL_M * factor)
                requests += scenes * bands * (2 + blocks)  # HEAD, header
                size += scenes * bands * (HEADER_BYTES + blocks * BLOCK_PX**2 * BYTES_PER_PX)
        seconds = requests * REQUEST_S / self.options.workers + size / BYTES_PER_S
        return {"requests": requests, "bytes": round(size), "seconds": round(seconds), "records": places * self.options.per_place}

    def _search(self, api: StacApi, cells: list[Cell]) -> list[Job]:
        """Finds the scenes of neighbouring cells and gives back the work for each cell."""
        try:
            items = api.items(self.collection, _around(cells), self.interval, self.options.max_cloud)
            found = [self._scene(item) for item in items]
        except (SourceError, InputError) as error:
            where = f"{len(cells)} places around {cells[0].lat:.3f}, {cells[0].lon:.3f}"
            rejected: Outcome = [Rejected(where=where, why=f"no answer to the search: {error}")]
            return [lambda stop: rejected]
        scenes = [each for each in found if isinstance(each, StacItem)]
        unusable: Outcome = [each for each in found if isinstance(each, Rejected)]
        return [lambda stop: unusable, *(partial(self._place, cell, scenes) for cell in cells)]

    def _scene(self, item: dict[str, Any]) -> StacItem | Rejected:
        scene = stac_item_of(item, self.provider.assets)
        if isinstance(scene, StacItem) and scene.cloud_percent > self.options.max_cloud:
            why = "the item does not say how cloudy it is (eo:cloud_cover); it was left out, take such scenes with --max-cloud 100"
            return Rejected(where=f"scene {scene.id}", why=why)
        return scene

    def _place(self, cell: Cell, scenes: list[StacItem], stop: threading.Event) -> Outcome:
        """The tiles of a cell, the rejections, and ``Done`` unless a failure that may pass kept tiles from it."""
        lost: Outcome = []
        views: list[View] = []
        settled = True
        try:
            for each in self._views(cell, ranked(scenes, cell), lost, stop):
                views.append(each)
                if self.options.composite == "least-cloudy" and len(views) == self.options.per_place:
                    break
        except SourceError as error:
            settled = False
            lost.append(Rejected(where=cell.name, why=f"{error}; the place is tried again when the command is repeated"))
        if self.options.composite == "median":
            whole = [median(views)] if views and settled else []
            views = [each for each in whole if each.valid >= self.options.min_valid]
        if not views and not lost:
            why = f"{len(scenes)} scenes around, none shows enough of it; widen --date, --max-cloud or --min-valid"
            return [Rejected(where=_where(cell), why=why), Done(unit=cell.name)]
        tiles = [self._tile(cell, each) for each in views]
        return [*lost, *tiles, *([Done(unit=cell.name)] if settled and (len(tiles) == self.options.per_place or not lost) else [])]

    def _views(self, cell: Cell, scenes: list[StacItem], lost: Outcome, stop: threading.Event) -> Iterator[View]:
        """The views of good scenes, one a day. A file that is gone or damaged is noted in ``lost``, and the next scene is taken.
        Other failures are raised, since an undisturbed run would not take the next scene."""
        days: set[str] = set()
        least = self.options.min_valid if self.options.composite == "least-cloudy" else 0.0
        for scene in scenes[: self.options.max_scenes]:
            if stop.is_set():
                raise SourceError("interrupted")
            if scene.date in days:
                continue
            try:
                shown = view(self.cogs, scene, cell, least_valid=least, offset=self.options.offset)
            except Unreadable as error:
                if not error.lasting:
                    raise
                lost.append(Rejected(where=f"{_where(cell)}, scene {scene.id}", why=f"{error}; the next best scene is taken"))
                continue
            if shown:
                days.add(scene.date)
                yield shown

    def _tile(self, cell: Cell, shown: View) -> Tile:
        single = len(shown.scenes) == 1 and self.options.composite == "least-cloudy"
        when = shown.scenes[0].date if single else self.options.date
        what = f"on {when}" if single else f"median of {len(shown.scenes)} days in {when}"
        return Tile(
            place=cell.place, pixels=shown.pixels, bands=BANDS, sensor=SENTINEL2.name, crs=f"EPSG:{cell.epsg}", bounds=cell.bounds,
            level="L2A", date=when, valid=shown.valid, title=f"Sentinel-2 at {cell.lat:.3f}, {cell.lon:.3f}, {what}",
            url=shown.scenes[0].url if single else "", source=f"Sentinel-2 L2A, {self.provider.title}",
            licence="Copernicus Sentinel data terms", assumed=offset_statement(self.options.offset),
        )  # fmt: skip

    def _blocks(self) -> Iterator[list[Cell]]:
        if self.options.bbox is None:
            return blocks_of(self.points)
        south, west, north, east = self.options.bbox
        return blocks_in(BBox(south=south, west=west, north=north, east=east), self.side_m)

    def _count(self) -> int:
        cells = 0
        for block in self._blocks():
            cells += len(block)
            if cells > MAX_CELLS:
                raise InputError(
                    f"expected at most {MAX_CELLS} tiles at a time, got more; ask for parts of the region, or --points"
                )
        if not cells and not self.unusable:
            raise InputError(f"no tile of {self.side_m} m has its centre in the box {self.options.bbox}; widen it or use --points")
        return cells

    def _read_points(self, path: Path) -> list[Cell]:
        try:
            with path.open(newline="", encoding="utf-8-sig") as stream:
                table = csv.DictReader(stream)
                if not {"lat", "lon"} <= set(table.fieldnames or ()):
                    raise InputError(f"{path}: expected the columns lat and lon, got {', '.join(table.fieldnames or ['none'])}")
                found = [self._point(row, f"{path}, row {number}") for number, row in enumerate(table, start=1)]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path}: not a readable CSV ({error})") from None
        self.unusable = [each for each in found if isinstance(each, Rejected)]
        return [each for each in found if isinstance(each, Cell)]

    def _point(self, row: dict[str, str], where: str) -> Cell | Rejected:
        try:
            cell = cell_at(Place(lat=float(row["lat"]), lon=float(row["lon"])), self.side_m)
        except (TypeError, ValueError):
            why = f"expected numbers in degrees, got lat {row['lat']!r}, lon {row['lon']!r}; correct the row"
            return Rejected(where=where, why=why)
        except InputError as error:
            return Rejected(where=where, why=f"{error}; correct the row")
        return cell or Rejected(
            where=where, why=f"no UTM zone at latitude {row['lat']}, Sentinel-2 does not go there; leave it out"
        )


def _interval(said: str) -> str:
    """Two days as an RFC 3339 interval that includes both."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:/(\d{4}-\d\d-\d\d))?", said)
    try:
        first, last = (
            (Date.fromisoformat(day) for day in (match.group(1), match.group(2) or match.group(1))) if match else (None, None)
        )
    except ValueError:
        first = last = None
    if first is None or last is None or first > last:
        raise InputError(f"expected --date FIRST/LAST as 2023-06-01/2023-08-31, got '{said}'")
    return f"{first}T00:00:00Z/{last}T23:59:59Z"


def _around(cells: list[Cell]) -> BBox:
    """A box around the centres, a hundred metres wider; across the antimeridian where they are on both sides of it."""
    lat, lon = np.array([cell.lat for cell in cells]), np.array([cell.lon for cell in cells])
    offset = wrap_lon(lon - lon[0])
    west, east = (float(wrap_lon(lon[0] + edge)) for edge in (offset.min() - 0.001, offset.max() + 0.001))
    return BBox(south=max(-90.0, lat.min() - 0.001), west=west, north=min(90.0, lat.max() + 0.001), east=east)


def _file_blocks(cells: list[Cell], block_m: int) -> int:
    """How many blocks of a file of this block size the cells touch."""
    left, bottom, right, top = np.array([cell.bounds for cell in cells]).T
    corners = [(x, y) for x in (left, right - 1) for y in (bottom, top - 1)]
    touched = np.concatenate([np.stack([x // block_m, y // block_m], axis=1) for x, y in corners])
    return len(np.unique(touched, axis=0))


def _where(cell: Cell) -> str:
    return f"{cell.name} ({cell.lat:.4f}, {cell.lon:.4f})"
