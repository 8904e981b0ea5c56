"""Sentinel-2 numbers brought to one unit: reflectance x 10,000 as uint16, 0 for no data, processing offset removed.

Since processing baseline 04.00 (25 January 2022) products carry +1,000 so that dark pixels do not clip (ESA, Sentinel-2 Products
Specification Document 14.9; Collection 1 has it for older dates too). A product's metadata says which baseline it is; where there
is no metadata, the darkest pixels decide.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

BOA_OFFSET = 1000
OFFSET_BASELINE = "04.00"
OFFSET_SINCE = "2022-01-25"
FRACTION_LIMIT = 2.5  # numbers whose 99th percentile is below this are reflectance as a fraction, not x 10,000
OffsetRule = Literal["auto", "none", "remove"]


def to_reflectance(
    values: np.ma.MaskedArray[Any, Any],
    *,
    bands: Sequence[str] = (),
    date: str = "",
    baseline: str = "",
    offset: OffsetRule = "auto",
) -> npt.NDArray[np.uint16]:
    """[C, H, W] of any number type, 0 or masked for no data -> uint16. Valid pixels keep at least 1.

    ``bands`` name the layers, ``date`` is ISO, ``baseline`` like "05.09"; any may be unknown. ``offset`` overrules them.
    """
    numbers = np.ma.filled(values.astype(np.float64), 0)
    valid = numbers != 0
    if np.issubdtype(values.dtype, np.floating) and valid.any() and np.quantile(numbers[valid], 0.99) <= FRACTION_LIMIT:
        numbers = numbers * 10_000
    if offset == "remove" or (offset == "auto" and has_offset(numbers, bands=bands, date=date, baseline=baseline)):
        numbers = numbers - BOA_OFFSET
    return np.where(valid, np.clip(np.rint(numbers), 1, 65535), 0).astype(np.uint16)


def has_offset(numbers: npt.NDArray[np.float64], *, bands: Sequence[str] = (), date: str = "", baseline: str = "") -> bool:
    """Whether the +1,000 offset is still in: by the baseline where it is known, else by the darkest pixels.

    Without the offset some band of a land scene is darker than 0.1 somewhere (water vapour and short-wave infrared over snow, blue
    over deserts), so a first percentile of at least 1,000 in every band means that it is there. Scenes older than the offset are
    trusted to have none, unless the cirrus band B10 says otherwise: it sees nothing of the ground, so only a scene that was
    processed again has 1,000 there.
    """
    if baseline:
        return baseline >= OFFSET_BASELINE
    floors = [np.quantile(layer[layer != 0], 0.01) for layer in numbers if (layer != 0).any()]
    bright = bool(floors) and min(floors) >= BOA_OFFSET
    return bright and ("B10" in bands or not (date and date < OFFSET_SINCE))
