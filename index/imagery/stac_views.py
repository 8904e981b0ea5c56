"""What a Sentinel-2 L2A scene shows of a grid cell: 12 bands without clouds, in the catalogue's unit; and medians over several."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.imagery.cog import Cogs
from index.imagery.reflectance import BOA_OFFSET, OFFSET_BASELINE, OffsetRule, to_reflectance
from index.imagery.stac import StacItem
from index.imagery.stac_providers import BANDS
from index.imagery.utm_grid import Cell

MASKED_CLASSES = (0, 1, 3, 8, 9, 10)  # no data, defective, cloud shadow, cloud of medium and high probability, thin cirrus
IMPOSSIBLY_DARK = BOA_OFFSET - 200  # with the offset in, this is a reflectance of -0.02


@dataclass(frozen=True, slots=True)
class View:
    """``pixels`` [12, H, W] uint16 reflectance x 10,000, 0 for no data; ``valid`` is the share of pixels with data."""

    pixels: npt.NDArray[np.uint16]
    valid: float
    scenes: tuple[StacItem, ...]


def ranked(scenes: Iterable[StacItem], cell: Cell) -> list[StacItem]:
    """The scenes in the cell's own zone that reach it, best first: complete before partial, few clouds, early, newly processed."""
    mine = [scene for scene in scenes if scene.epsg == cell.epsg and _reach(scene, cell) > 0]
    return sorted(mine, key=lambda each: (-_reach(each, cell), each.cloud_percent, each.date, -float(each.baseline or 0), each.id))


def view(cogs: Cogs, scene: StacItem, cell: Cell, *, least_valid: float, offset: OffsetRule) -> View | None:
    """The cell in one scene, None where less than ``least_valid`` of it is seen. Raises ``index.imagery.cog.Unreadable``.

    The scene classification is read first: a cloudy cell costs one window instead of thirteen.
    """
    clear = ~np.isin(cogs.window(scene.hrefs["SCL"], cell.epsg, cell.bounds), MASKED_CLASSES)
    if not clear.any() or clear.mean() < least_valid:
        return None
    values = np.stack([cogs.window(scene.hrefs[band], cell.epsg, cell.bounds) for band in BANDS])
    clear &= values.any(axis=0)
    if not clear.any() or clear.mean() < least_valid:
        return None
    rule = offset_rule(scene, values[:, clear], offset)
    masked = np.ma.MaskedArray(values, mask=np.broadcast_to(~clear, values.shape))
    pixels = to_reflectance(masked, bands=BANDS, date=scene.date, baseline=scene.baseline, offset=rule)
    return View(pixels, float(clear.mean()), (scene,))


def offset_rule(scene: StacItem, values: npt.NDArray[np.uint16], asked: OffsetRule) -> OffsetRule:
    """The rule by which ``to_reflectance`` treats the offset of ``values`` [12, N].

    Earth Search removes the offset itself and says so by a flag. Its raster:bands still state -0.1 (Element84/earth-search issue
    9), so the flag counts. Some items wrongly deny the removal (issues 66 and 71, cirrus-geo/cirrus-earth-search issue 33). So a
    statement that the offset is still in is not believed if half of the pixels of a band would be darker than anything on Earth.
    """
    if asked != "auto":
        return asked
    if scene.offset_applied:
        return "none"
    if scene.offset_applied is False and scene.baseline:
        still_in = scene.baseline >= OFFSET_BASELINE
    elif scene.offset_stated is not None:
        still_in = scene.offset_stated < 0
    else:
        return "auto"
    return "remove" if still_in and np.median(values, axis=1).min() >= IMPOSSIBLY_DARK else "none"


def median(views: Sequence[View]) -> View:
    """Per pixel and band the median of the views that see it, rounded half up, in one [12, H, W]."""
    stack = np.stack([each.pixels for each in views])
    seen: npt.NDArray[np.bool_] = (stack != 0).any(axis=1)
    counts = seen.sum(axis=0)[None]  # [1, H, W]
    ordered = np.sort(np.where(seen[:, None], stack, np.uint16(65535)), axis=0)  # unseen pixels come last
    low, high = (
        np.take_along_axis(ordered, np.broadcast_to(rank, stack.shape[1:])[None], axis=0)[0].astype(np.uint32)
        for rank in (np.maximum(counts - 1, 0) // 2, np.minimum(counts // 2, len(views) - 1))
    )
    pixels = np.where(counts > 0, (low + high + 1) // 2, 0).astype(np.uint16)
    return View(pixels, float((counts > 0).mean()), tuple(scene for each in views for scene in each.scenes))


def _reach(scene: StacItem, cell: Cell) -> int:
    """2: the scene's raster holds the whole cell, 1: a part of it or not known, 0: nothing."""
    if scene.bounds is None:
        return 1
    left, bottom, right, top = scene.bounds
    west, south, east, north = cell.bounds
    if left <= west and bottom <= south and east <= right and north <= top:
        return 2
    return int(left < east and bottom < north and west < right and south < top)
