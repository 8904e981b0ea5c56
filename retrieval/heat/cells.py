"""Location cells: the points that a heat map scores, and which of them is nearest to each pixel of a grid.

What is expensive and the same for every query is computed once and kept: the tree over the unit sphere, the nearest cell of every
pixel (by grid) and the area of each cell. A new query then costs one pass over the vectors and one gather for each grid. Nearest
means on the sphere, so neither the antimeridian nor a pole is an edge.
"""

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import chord_km, chord_of_km, fibonacci_sphere, unit_xyz
from index.search.cosines import Cosines
from index.threads import once
from retrieval.heat.grids import Grid, MercatorTile

NO_DATA = -1  # the row of a pixel with no cell within reach
WORLDS_KEPT, TILES_KEPT = 4, 256  # 2 million pixels take 8 MiB, a tile 256 KiB
AREA_POINTS_PER_CELL, MIN_AREA_POINTS, AREA_CHUNK = 16, 200_000, 1_000_000
SPACING_SAMPLE = 10_000
FEW_POINTS = 64

Rows = npt.NDArray[np.int32]


class Cells:
    """``vectors`` [N, D] float32 or float16 of unit norm at ``places`` [N, 2] (lat, lon), as in a snapshot of the locations.

    A pixel farther than ``reach_km`` from every cell has no data (the sea); the default closes the gaps between neighbours. A pixel
    larger than that has data where a cell may lie in it. What is made of the places alone is written to ``folder``, if there is
    one. ``cosines`` are the snapshot's, if others use them too. Raises ``InputError`` where shapes do not match or are empty.
    """

    def __init__(
        self,
        vectors: npt.NDArray[Any],
        places: npt.NDArray[np.float64],
        *,
        reach_km: float | None = None,
        model_digest: str = "",
        folder: Path | None = None,
        cosines: Cosines | None = None,
    ) -> None:
        if vectors.ndim != 2 or places.shape != (len(vectors), 2) or not len(vectors):
            raise InputError(f"expected vectors [N, D] and places [N, 2] of at least one cell, got {vectors.shape}, {places.shape}")
        if reach_km is not None and not reach_km > 0:
            raise InputError(f"the reach of a cell must be more than 0 km, got {reach_km}")
        self.vectors, self.places, self.model_digest = vectors, places, model_digest
        self._reach_km, self.folder = reach_km, folder
        self.cosines = cosines or Cosines(vectors)
        self._on_worlds = lru_cache(WORLDS_KEPT)(self._rows_on)
        self._on_tiles = lru_cache(TILES_KEPT)(self._rows_on)

    def __len__(self) -> int:
        return len(self.vectors)

    @once
    def xyz(self) -> npt.NDArray[np.float64]:
        return unit_xyz(self.places[:, 0], self.places[:, 1])

    @once
    def tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self.xyz)

    def nearest(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The cell [P] nearest to each point. A tree takes longer to grow than a few points take to be compared with all cells."""
        points = np.atleast_2d(unit_xyz(np.atleast_1d(lat), np.atleast_1d(lon)))
        if len(points) > FEW_POINTS or "tree" in vars(self):
            return np.asarray(self.tree.query(points)[1], np.int64)
        return np.array([int((self.xyz @ point).argmax()) for point in points], np.int64)

    @once
    def reach_km(self) -> float:
        """As given, else 1.5 times the distance within which 19 of 20 cells have a neighbour; a single cell reaches everywhere."""
        if self._reach_km is not None:
            return self._reach_km
        if len(self) == 1:
            return math.inf
        some = np.linspace(0, len(self) - 1, min(len(self), SPACING_SAMPLE)).astype(np.int64)
        chord, _ = self.tree.query(self.xyz[some], k=2, workers=-1)
        return 1.5 * float(np.quantile(chord_km(chord[:, 1]), 0.95))

    def rows_on(self, grid: Grid) -> Rows:
        """The nearest cell of each pixel [H, W], ``NO_DATA`` where none is in reach. Cached: do not write into it."""
        return self._on_tiles(grid) if isinstance(grid, MercatorTile) else self._on_worlds(grid)

    def _rows_on(self, grid: Grid) -> Rows:
        lat, lon = np.meshgrid(grid.lat, grid.lon, indexing="ij")
        reach_km = np.maximum(self.reach_km, grid.half_diagonal_km)
        rows = self._nearest(lat, lon, np.broadcast_to(reach_km[:, None], lat.shape))
        rows.setflags(write=False)
        return rows

    def _nearest(self, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], reach_km: npt.ArrayLike) -> Rows:
        reach_km = np.asarray(reach_km)
        bound = chord_of_km(float(reach_km.max()))
        # The bound keeps the tree from searching far out at sea; a margin is added because the tree excludes points at the bound.
        chord, rows = self.tree.query(unit_xyz(lat, lon), distance_upper_bound=bound * (1 + 1e-9), workers=-1)
        return np.where(chord_km(chord) <= reach_km * (1 + 1e-9), rows, NO_DATA).astype(np.int32)

    @once
    def area_shares(self) -> npt.NDArray[np.float64]:
        """[N]: the share of the sphere that is nearest to each cell and within its reach; points out of reach do not count.

        Counted with points spread evenly over the sphere, at least 16 per cell; a cell without any point gets half a point, not 0.
        """
        return self._shares_of(np.arange(len(self)), max(MIN_AREA_POINTS, AREA_POINTS_PER_CELL * len(self)))

    def area_shares_of(self, group: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """[C]: the same for groups of cells, given the number [N] of each cell's group. Of a group many cells count together, so a
        million points are enough, which takes less time."""
        return self._shares_of(group, max(MIN_AREA_POINTS, min(AREA_CHUNK, AREA_POINTS_PER_CELL * len(self))))

    def _shares_of(self, group: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.float64]:
        lat, lon = fibonacci_sphere(count)
        points = np.zeros(int(group.max()) + 1)
        for start in range(0, count, AREA_CHUNK):
            rows = self._nearest(lat[start : start + AREA_CHUNK], lon[start : start + AREA_CHUNK], self.reach_km)
            points += np.bincount(group[rows[rows != NO_DATA]], minlength=len(points))
        return np.maximum(points, 0.5) / count
