"""Which points a probe is trained on and which it is tested on: at random, by blocks of the globe, or by continents.

A random split mostly measures interpolation: nearly every test point has a training point close by. ``Block`` and ``Continent``
hold whole regions out; with a ``buffer_km`` training points that close to any test point are left out too. ->
train/probing/evaluation.py
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from index.errors import ConfigError, InputError
from index.extras import extra
from index.geo import block_of, cell_of, chord_of_km, unit_xyz
from index.places.continents import NAMES

SPLITS = ("random", "block", "continent")
FOLDS = 5
TEST_SHARE = 0.2
MIN_TEST = 10  # points of a continent; fewer say nothing about it
INTERVAL_SIZES_DEG = (10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)  # neighbours within a block count as one witness
LEAST_BLOCKS = 20  # fewer are too few to say how much a score depends on where was asked
_SIZED = re.compile(r"block-(?P<size>\d+(\.\d+)?)(?P<unit>deg|km)")
_ELLIPSOID = 1.006  # a great circle on the mean sphere is at most so much longer than the geodesic, or shorter
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Training rows, in random order (probes choose among penalties by consecutive rows), and test rows."""

    name: str
    train: Rows
    test: Rows


class Points(Protocol):
    """What a split reads: train.probing.tasks._task.Labelled is one."""

    @property
    def lat(self) -> npt.NDArray[np.float64]: ...

    @property
    def lon(self) -> npt.NDArray[np.float64]: ...

    @property
    def continent(self) -> npt.NDArray[np.int64]: ...


class Split(Protocol):
    """``pooled``: one score over the points of all folds together, else the mean of the folds' scores; ``once``: no point
    is tested twice."""

    @property
    def name(self) -> str: ...

    @property
    def pooled(self) -> bool: ...

    @property
    def once(self) -> bool: ...

    def folds(self, points: Points) -> list[Fold]: ...


@dataclass(frozen=True)
class Random:
    """80/20 at random, five times: RANGE's."""

    name: str = "random"
    pooled: bool = False
    once: bool = False

    def folds(self, points: Points) -> list[Fold]:
        """Raises ``InputError`` for fewer than ten points."""
        count = _enough(points)
        orders = [np.random.default_rng(seed).permutation(count) for seed in range(FOLDS)]
        held_out = round(TEST_SHARE * count)
        return [Fold(f"seed {seed}", order[held_out:], order[:held_out]) for seed, order in enumerate(orders)]


@dataclass(frozen=True)
class Block:
    """Five folds of whole blocks, squares of ``size_deg`` degrees or, if ``size_km`` is given, equal-area cells of that size."""

    size_deg: float = 10.0
    size_km: float | None = None
    buffer_km: float = 0.0
    pooled: bool = False
    once: bool = True

    @property
    def name(self) -> str:
        size = f"{self.size_deg:g}deg" if self.size_km is None else f"{self.size_km:g}km"
        return f"block-{size}" + _buffer(self.buffer_km)

    def folds(self, points: Points) -> list[Fold]:
        """Raises ``InputError`` for fewer than ten points, or all in fewer than five blocks."""
        count, blocks = _enough(points), blocks_of(points.lat, points.lon, self.size_deg, self.size_km)
        found = len(np.unique(blocks))
        if found < FOLDS:
            raise InputError(f"{self.name}: the points lie in {found} blocks, {FOLDS} are needed; give a smaller size")
        parts = extra("sklearn.model_selection").GroupKFold(FOLDS).split(np.zeros(count), groups=blocks)
        return [_fold(f"blocks {number}", test, points, self.buffer_km) for number, (_, test) in enumerate(parts)]


@dataclass(frozen=True)
class Continent:
    """Each continent with at least ten points is held out once.

    Pooled: against a continent's own mean, which is unknown without a point there, R2 is far below zero for the small ones,
    and they would dominate a mean over continents. The folds' scores show each continent.
    """

    buffer_km: float = 0.0
    pooled: bool = True
    once: bool = True

    @property
    def name(self) -> str:
        return "continent" + _buffer(self.buffer_km)

    def folds(self, points: Points) -> list[Fold]:
        """Raises ``InputError`` if all points are on one continent."""
        _enough(points)
        counts = np.bincount(points.continent, minlength=len(NAMES))
        held_out = np.flatnonzero(counts >= MIN_TEST)
        if len(held_out) < 2:
            raise InputError(f"{self.name}: all points are on one continent, so none can be held out")
        return [_fold(NAMES[number], np.flatnonzero(points.continent == number), points, self.buffer_km) for number in held_out]


def split_of(name: str, **options: Any) -> Split:
    """A split by its name; options that it lacks in ``options`` are ignored. 'block-20deg' and 'block-500km' state their size.

    Raises ``ConfigError`` naming the choices.
    """
    sized = _SIZED.fullmatch(name)
    if name == "random":
        return Random()
    if sized:
        size = {"size_deg": float(sized["size"]), "size_km": None} if sized["unit"] == "deg" else {"size_km": float(sized["size"])}
        return Block(**{**options, **size})
    if name == "block":
        return Block(**options)
    if name == "continent":
        return Continent(options.get("buffer_km", 0.0))
    raise ConfigError(f"there is no split '{name}'; choose {', '.join(SPLITS)}, or a size as block-20deg or block-500km")


def blocks_of(lat: Any, lon: Any, size_deg: float = 10.0, size_km: float | None = None) -> Rows:
    """Number of the block of each point [N]; at a pole, where all longitudes are one place, there is one block."""
    at_pole = np.abs(np.asarray(lat)) == 90
    lon = np.where(at_pole, 0.0, lon)
    return block_of(lat, lon, size_deg) if size_km is None else cell_of(lat, lon, size_km)


def held_out_together(points: Points, split: Split) -> Rows:
    """The number [N] of what this split holds out as a whole: blocks, continents; blocks too for a split at random."""
    if isinstance(split, Continent):
        return points.continent
    if isinstance(split, Block):
        return blocks_of(points.lat, points.lon, split.size_deg, split.size_km)
    return interval_blocks(points, split)


def interval_blocks(points: Points, split: Split) -> Rows:
    """Blocks [N] to draw an interval from: of 10 degrees, or smaller where the task is of a region or was split by smaller ones, so
    that there are at least ``LEAST_BLOCKS`` if any size gives so many."""
    largest = split.size_deg if isinstance(split, Block) and split.size_km is None else INTERVAL_SIZES_DEG[0]
    sizes = sorted({min(largest, size) for size in INTERVAL_SIZES_DEG}, reverse=True)
    found = enough_blocks(points.lat, points.lon, sizes)
    return blocks_of(points.lat, points.lon, sizes[-1]) if found is None else found


def enough_blocks(lat: Any, lon: Any, sizes_deg: Sequence[float] = INTERVAL_SIZES_DEG) -> Rows | None:
    """Blocks [N] of the first of these sizes that gives ``LEAST_BLOCKS`` with a point in them, None if none does."""
    blocks = (blocks_of(lat, lon, size) for size in sizes_deg)
    return next((found for found in blocks if len(np.unique(found)) >= LEAST_BLOCKS), None)


def outside_buffer(points: Points, test: Rows, buffer_km: float) -> npt.NDArray[np.bool_]:
    """Whether each point [N] is farther than ``buffer_km`` from all ``test`` points; test points themselves are not."""
    from scipy.spatial import cKDTree

    outside = np.ones(len(points.lat), dtype=bool)
    outside[test] = False
    if buffer_km > 0:
        places = unit_xyz(points.lat, points.lon)
        reach = chord_of_km(buffer_km * _ELLIPSOID)
        chord, _ = cKDTree(places[test]).query(places, distance_upper_bound=np.nextafter(reach, 3))
        outside &= np.isinf(chord)
    return outside


def _fold(name: str, test: Rows, points: Points, buffer_km: float) -> Fold:
    train = np.flatnonzero(outside_buffer(points, test, buffer_km))
    if len(train) < MIN_TEST:
        raise InputError(f"{name}: {len(train)} training points are left; give a smaller buffer or smaller blocks")
    return Fold(name, np.random.default_rng(0).permutation(train), test)


def _buffer(km: float) -> str:
    return f"-buffer{km:g}km" if km else ""


def _enough(points: Points) -> int:
    count = len(points.lat)
    if count < MIN_TEST:
        raise InputError(f"{count} points are too few to be split; {MIN_TEST} are needed")
    return count
