"""Which pixels of a raster were measured: no data is masked before any number is scaled.

The file's own statement counts: nodata tag, internal mask, alpha. If a layer has no nodata tag, the fill values of common tools are
masked too, as they cannot be reflectance.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from index.imagery.georeference import Georeference

FILL = (0, -9999, -32768)
ENDLESS = 1e30  # the lowest 32-bit number, -3.4e38, and similar fill values


def measured(raster: Any, layers: Sequence[int], where: Georeference) -> np.ma.MaskedArray[Any, Any]:
    """[C, H, W] of these layers (from 0) of an opened raster, north up."""
    values = raster.read([layer + 1 for layer in layers], masked=True)
    mask = np.ma.getmaskarray(values)
    for row, layer in enumerate(layers):
        if raster.nodatavals[layer] is None:
            mask[row] |= np.isin(values.data[row], FILL)
        if np.issubdtype(values.dtype, np.floating):
            with np.errstate(invalid="ignore"):
                mask[row] |= ~(np.abs(values.data[row]) < ENDLESS)  # NaN is not < ENDLESS
    return np.ma.MaskedArray(where.north_up(values.data), mask=where.north_up(mask))
