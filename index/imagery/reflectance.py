"""Sentinel-2 numbers brought to one unit: reflectance x 10,000 as uint16, 0 for no data, processing offset removed.

Since processing baseline 04.00 (25 January 2022) products carry +1,000 so that dark pixels do not clip (ESA, Sentinel-2 Products
Specification Document 14.9; Collection 1 has it for older dates too). A product's metadata says which baseline it is; where there
is no metadata, the darkest pixels decide.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

BOA_OFFSET = 1000
OFFSET_BASELINE = "04.00"
OFFSET_SINCE = "2022-01-25"
FRACTION_LIMIT = 2.5  # numbers whose 99th percentile is below this are reflectance as a fraction, not x 10,000
DARK_SHARE = 0.01  # dead pixels and glints among those that tell of the offset
OffsetRule = Literal["auto", "none", "remove"]


def offset_statement(rule: OffsetRule) -> str:
    """How a tile's row says that the user stated what to do about the offset."""
    return "" if rule == "auto" else f"offset stated as {rule}"


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
    fractions = np.issubdtype(values.dtype, np.floating) and spread(_nonzero(values), FRACTION_LIMIT).above <= DARK_SHARE
    factor = 10_000 if fractions else 1

    def numbers() -> Iterator[npt.NDArray[Any]]:
        """Layer by layer: copies of all layers would take several times the memory of the tile."""
        for layer in values:
            filled = np.ma.filled(layer, 0)
            yield filled.astype(np.float64) * factor if np.issubdtype(filled.dtype, np.floating) else filled

    shifted = offset == "remove" or (offset == "auto" and has_offset(numbers(), bands=bands, date=date, baseline=baseline))
    pixels = np.empty(values.shape, np.uint16)
    for into, layer in zip(pixels, numbers(), strict=True):
        into[...] = _without(BOA_OFFSET if shifted else 0, layer)
    return pixels


def _without(excess: int, numbers: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """One layer of numbers in the stored unit, 0 for no data, without what is added to them."""
    valid = numbers != 0
    if numbers.dtype in (np.uint8, np.uint16):  # nearly all files: the same in a fifth of the time, without fractions
        counts: npt.NDArray[np.uint16] = numbers.astype(np.uint16, copy=False)
        return np.where(valid, np.maximum(counts, excess + 1) - excess, 0).astype(np.uint16) if excess else counts
    return stored(numbers.astype(np.float64) - excess, valid)


def _nonzero(values: npt.NDArray[Any]) -> Iterator[Any]:
    return (np.ma.masked_equal(layer, 0) for layer in values)


class Spread(NamedTuple):
    """Of numbers: the share ``above`` a limit, the lowest if it is below 0, the highest if it is above 0."""

    above: float
    low: float
    high: float


def spread(layers: Iterable[Any], limit: float) -> Spread:
    """The spread of the numbers of all layers that are not masked. Each layer is read once."""
    above, total, low, high = 0, 0, 0.0, 0.0
    for layer in layers:
        numbers = np.ma.compressed(layer)
        above += int(np.count_nonzero(numbers > limit))
        total += numbers.size
        low, high = min(low, float(numbers.min(initial=0))), max(high, float(numbers.max(initial=0)))
    return Spread(above / max(1, total), low, high)


def counts_to_reflectance(counts: npt.NDArray[np.uint16], added: npt.NDArray[Any], quantification: float) -> npt.NDArray[np.uint16]:
    """Numbers [C, H, W] of a product that states what is ``added`` [C] and its ``quantification`` -> uint16; 0 stays no data."""
    reflectance = (counts.astype(np.float32) + added[:, None, None].astype(np.float32)) * np.float32(10_000 / quantification)
    return stored(reflectance, counts != 0)


def stored(reflectance: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """Reflectance x 10,000 rounded to uint16; valid pixels keep at least 1, the others are 0."""
    return np.where(valid, np.clip(np.rint(reflectance), 1, 65535), 0).astype(np.uint16)


def has_offset(numbers: Iterable[npt.NDArray[Any]], *, bands: Sequence[str] = (), date: str = "", baseline: str = "") -> bool:
    """Whether the +1,000 offset is still in these layers: by the baseline where it is known, else by the darkest pixels.

    Without the offset some band of a land scene is darker than 0.1 somewhere (water vapour and short-wave infrared over snow, blue
    over deserts), so the offset is there if at most one valid pixel in a hundred is below 1,000 in every band. Scenes older than
    the offset are trusted to have none, unless the cirrus band B10 says otherwise: it sees nothing of the ground, so only a
    reprocessed scene has 1,000 there.
    """
    if baseline:
        return baseline >= OFFSET_BASELINE
    if date and date < OFFSET_SINCE and "B10" not in bands:
        return False
    anything = False
    for layer in numbers:
        seen = int(np.count_nonzero(layer))
        dark = int(np.count_nonzero(layer < BOA_OFFSET)) - (layer.size - seen)  # no data is 0, which is below 1,000 too
        if dark > DARK_SHARE * seen:
            return False
        anything |= seen > 0
    return anything
