"""Maps of cells that each have a colour."""

import numpy as np
import numpy.typing as npt

from retrieval.heat.cells import NO_DATA, Cells
from retrieval.heat.colours import rgba_png
from retrieval.heat.grids import Grid

Colours = npt.NDArray[np.uint8]


def paint(cells: Cells, colours: Colours, grid: Grid) -> Colours:
    """RGBA [H, W, 4]: each pixel has the colour of its nearest cell (``colours`` [N, 3]); transparent where none is in reach."""
    rows = cells.rows_on(grid)
    opacity = np.where(rows == NO_DATA, 0, 255).astype(np.uint8)
    painted = np.concatenate([colours[rows], opacity[..., None]], axis=-1)
    painted[rows == NO_DATA] = 0  # row -1 had indexed the last cell
    return painted


def painted_png(cells: Cells, colours: Colours, grid: Grid) -> bytes:
    return rgba_png(paint(cells, colours, grid))
