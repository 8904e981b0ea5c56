"""Small pictures of the world for docs/probes.md: where a description fits best, in few colours, with the best places numbered."""

from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.extras import extra
from index.files import made_whole
from index.places.packaged import is_land
from retrieval.heat.colours import palette
from retrieval.heat.grids import WorldGrid
from retrieval.heat.heat import Heat, Peak

GRID = WorldGrid(480, 240)
STEPS = (0, 50, 75, 90, 95, 98, 99, 99.7)  # percentiles: the best 1 % of the land has two colours of its own, the worst half one
SEA, OUTLINE, WHITE, BLACK = (232, 238, 243), (150, 160, 170), (255, 255, 255), (0, 0, 0)
RADIUS_PX = 6
Image = npt.NDArray[np.uint8]


def write_picture(heat: Heat, best: list[Peak], path: Path) -> None:
    """A PNG with a palette: percentiles in ``STEPS``, the outline of the land, and the best places by rank."""
    image = extra("PIL.Image").fromarray(_classes(heat), mode="P")
    image.putpalette([channel for colour in _colours() for channel in colour])
    draw, font = extra("PIL.ImageDraw").Draw(image), extra("PIL.ImageFont").load_default(size=9)
    draw.fontmode = "1"  # two colours: smoothed edges would not fit the palette
    for rank, peak in reversed(list(enumerate(best, start=1))):
        x, y = to_pixels(peak.place.lat, peak.place.lon)
        ring = (x - RADIUS_PX, y - RADIUS_PX, x + RADIUS_PX, y + RADIUS_PX)
        draw.ellipse(ring, fill=_row(WHITE), outline=_row(BLACK))
        draw.text((x + 1, y), str(rank), fill=_row(BLACK), font=font, anchor="mm")
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True, bits=4)
    with made_whole(path) as partial:
        partial.write_bytes(buffer.getvalue())


def to_pixels(lat: float, lon: float) -> tuple[int, int]:
    """Column and row of a point in the picture."""
    return int((lon + 180) / 360 * GRID.width) % GRID.width, min(int((90 - lat) / 180 * GRID.height), GRID.height - 1)


def _classes(heat: Heat) -> Image:
    """[H, W]: 0 for the sea, then a class for each step, the outline of the land as the last but two."""
    percentiles = heat.raster(GRID)
    classes = np.searchsorted(STEPS, np.nan_to_num(percentiles, nan=-1.0), side="right").astype(np.uint8)
    classes[_coast()] = _row(OUTLINE)
    return classes


@cache
def _coast() -> npt.NDArray[np.bool_]:
    """[H, W]: pixels of the sea next to land."""
    lat, lon = np.meshgrid(GRID.lat, GRID.lon, indexing="ij")
    land = is_land(lat, lon)
    beside = np.zeros_like(land)
    for step, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        beside |= np.roll(land, step, axis)
    return beside & ~land


@cache
def _colours() -> list[tuple[int, int, int]]:
    """At most 16: the sea, the steps from pale to dark (magma reversed, because the page is white), outline, white, black."""
    steps = palette()[np.linspace(250, 40, len(STEPS)).astype(np.int64), :3]
    return [SEA, *(tuple(int(each) for each in colour) for colour in steps), OUTLINE, WHITE, BLACK]


def _row(colour: tuple[int, int, int]) -> int:
    return _colours().index(colour)
