"""Dense answers: how well every location cell fits a query, as maps, web tiles, peaks and probability.

    cells = Cells(snapshot.vectors, snapshot.places, model_digest=snapshot.manifest.model_digest)    # once
    heat = heat_of(cells, query)                                                                     # one pass over the vectors
    heat.tile_png(z, x, y), heat.raster(WorldGrid()), heat.peaks(), heat.mass(temperature)

Files are written by ``retrieval.heat.heat_files``.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import chord_of_km
from index.records import Place
from index.search.cosines import product
from index.threads import once
from retrieval.asking.names.added import Added
from retrieval.asking.names.resolve import Named
from retrieval.heat.cells import Cells
from retrieval.heat.colours import png, shade
from retrieval.heat.grids import Grid, MercatorTile, WorldGrid
from retrieval.heat.mass import probability_mass
from retrieval.ranking.percentile import percentiles_among

Scores = npt.NDArray[np.float32]
Scale = Literal["cosine", "percentile", "probability"]
NUMBERS = 2**22  # at a time, of widened vectors or of the cosines of several queries: 16 MiB


@dataclass(frozen=True)
class Peak:
    """A cell that is the best within the requested distance. ``percentile`` in [0, 100] is among all cells."""

    row: int
    place: Place
    cosine: float
    percentile: float


@dataclass(frozen=True)
class Heat:
    """Scores of all cells for one query and what follows from them: ``cosines`` [N], and what the places ``added`` that the query
    names. ``temperature`` is the model's; ``notes`` and ``names`` are as of an ``Answer``."""

    cells: Cells
    cosines: Scores
    temperature: float | None = None
    added: Added | None = None
    notes: tuple[str, ...] = ()
    names: tuple[Named, ...] = ()

    @once
    def scores(self) -> Scores:
        """[N]: what cells are compared by."""
        return self.cosines if self.added is None else self.cosines + self.added.everywhere()

    @once
    def percentiles(self) -> Scores:
        """[N], in [0, 100]: the percentage of the other cells that a cell beats."""
        return percentiles_among(self.scores)

    @once
    def outside(self) -> Scores:
        """[N], in [0, 100]: the percentage of the probability at places no denser than a cell, itself included. Cells of
        at least 10 are the smallest region that holds 90 % of it. Raises ``InputError`` without a temperature."""
        if self.temperature is None:
            raise InputError("the model has no temperature, so probability is unknown; ask for percentiles")
        mass = self.mass(self.temperature)
        order = np.argsort(self.scores)  # same order as the density; from the thinnest to the densest
        outside = np.empty(len(mass), dtype=np.float32)
        outside[order] = 100 * np.minimum(1, np.cumsum(mass[order]))
        return outside

    def raster(self, grid: Grid, scale: Scale = "percentile") -> Scores:
        """[H, W]: the score of the cell nearest to each pixel, NaN where none is in reach."""
        scores = self.outside if scale == "probability" else self.percentiles if scale == "percentile" else self.cosines
        # NO_DATA is -1, the last element: one gather serves cells and sea.
        return np.take(np.append(scores, np.float32(np.nan)), self.cells.rows_on(grid))

    def png(self, grid: Grid, *, transparent_below: float = 0.0, scale: Scale = "percentile") -> bytes:
        """The percentiles (or ``outside``) as a picture; no data, and values below ``transparent_below``, are transparent."""
        return png(shade(self.raster(grid, scale) / 100, transparent_below=transparent_below / 100))

    def _repr_png_(self) -> bytes:
        """As Jupyter shows it: the best tenth of the cells on the whole Earth."""
        return self.png(WorldGrid(720, 360), transparent_below=90.0)

    def tile_png(self, z: int, x: int, y: int, *, transparent_below: float = 0.0, scale: Scale = "percentile") -> bytes:
        """The 256 px web tile z/x/y, as ``png``. Raises ``InputError`` for a tile that does not exist."""
        return self.png(MercatorTile(z, x, y), transparent_below=transparent_below, scale=scale)

    def peaks(self, count: int = 10, *, min_km: float = 500.0) -> list[Peak]:
        """Up to ``count`` cells that are the best of all within ``min_km`` of them, best first; peaks lie farther apart than that.

        The flank of a peak is not a peak, however high, so there may be fewer than ``count``.
        """
        if count < 1 or not min_km > 0:
            raise InputError(f"expected at least 1 peak and a distance above 0 km, got {count} and {min_km} km")
        return [self._peak(row) for row in peak_rows(self.cells, self.scores, count, min_km)]

    def mass(self, temperature: float, *, by_area: bool = True) -> npt.NDArray[np.float64]:
        """The probability [N] of each cell at the model's temperature, weighted by its area unless told not to."""
        return probability_mass(self.scores, temperature, self.cells.area_shares if by_area else None)

    def _peak(self, row: int) -> Peak:
        lat, lon = self.cells.places[row]
        return Peak(row, Place(lat=float(lat), lon=float(lon)), float(self.cosines[row]), float(self.percentiles[row]))


def heat_of(cells: Cells, queries: npt.NDArray[np.floating], temperature: float | None = None, added: Added | None = None) -> Heat:
    """Score every cell for a query vector [D] of unit norm, or for several [Q, D]: the best of them counts."""
    asked = checked(cells.vectors, queries)
    cosines = cells.cosines.of(asked[0]) if len(asked) == 1 else best_cosines(cells.vectors, asked)
    return Heat(cells, cosines, temperature, added)


def best_cosines(vectors: npt.NDArray[Any], queries: npt.NDArray[np.floating]) -> Scores:
    """The inner product of each vector [N, D] with the query [D], or the greatest over several [Q, D]: float32 [N].

    Raises ``InputError`` for queries of another size, or with NaN.
    """
    asked = checked(vectors, queries)
    if len(asked) == 1:
        return product(vectors, asked[0])
    best = np.empty(len(vectors), dtype=np.float32)
    rows = max(1, NUMBERS // max(asked.shape))
    for start in range(0, len(vectors), rows):
        chunk = vectors[start : start + rows].astype(np.float32, copy=False)
        best[start : start + rows] = (chunk @ asked.T).max(axis=1)
    return best


def checked(vectors: npt.NDArray[Any], queries: npt.NDArray[np.floating]) -> Scores:
    """Queries [Q, D] for the vectors [N, D]. Raises ``InputError`` for queries of another size, or with NaN."""
    asked = np.atleast_2d(np.asarray(queries, dtype=np.float32))
    if asked.ndim != 2 or asked.shape[1] != vectors.shape[1] or not len(asked) or not np.isfinite(asked).all():
        raise InputError(f"expected finite queries of {vectors.shape[1]} numbers, got an array of {np.shape(queries)}")
    return asked


def peak_rows(cells: Cells, cosines: Scores, count: int, min_km: float) -> list[int]:
    """Rows of the peaks, best first, ties by row. The best remaining cell hides all within ``min_km``: being worse, none is a peak.

    Each search for the best is a pass over all cells (0.1 ms for a million), and a few dozen passes cost far less than sorting
    them. All best cells lie farther apart than ``min_km``, so at 500 km there are never more than some 2,400 passes.
    """
    chord = chord_of_km(min_km)
    left = cosines.copy()
    found: list[int] = []
    while len(found) < count:
        row = int(np.argmax(left))
        if left[row] == -np.inf:
            break
        near = np.array(cells.tree.query_ball_point(cells.xyz[row], chord, return_sorted=True))
        left[near] = -np.inf
        if near[np.argmax(cosines[near])] == row:  # else it is on the flank of a cell that was itself hidden
            found.append(row)
    return found
