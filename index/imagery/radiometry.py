"""The numbers of a foreign Sentinel-2 raster as reflectance x 10,000: a stated unit replaces guessing.

The statement of the file's tags or the user (scale and offset, applied once) comes first, then the processing baseline, then the
darkest pixels (``index.imagery.reflectance``). Numbers that cannot be reflectance are refused and named: 8 bits, percents,
decibels.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.imagery.reflectance import (
    BOA_OFFSET,
    DARK_SHARE,
    FRACTION_LIMIT,
    OFFSET_BASELINE,
    OffsetRule,
    spread,
    stored,
    to_reflectance,
)

LARGEST_BYTE = 255
LOWEST = -0.2  # atmospheric correction overshoots to -0.1 (ESA's products can hold no less), resampling a little further
IMPOSSIBLY_DARK = BOA_OFFSET - 200  # a reflectance of -0.02 for half of a band's pixels
_STATE = "state the unit with --scale and --offset (reflectance = number x scale + offset; ESA's is 0.0001 and 0)"


@dataclass(frozen=True, slots=True)
class Stated:
    """reflectance = number x ``scale`` + ``offset``, one of each for every layer, as ``by`` states. ``whole``: also the offset."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    by: str
    whole: bool = True


def stated_unit(raster: Any, layers: Sequence[int], scale: float | None, offset: float | None) -> Stated | None:
    """The unit of these layers by the tags of an opened raster, else by the user. Raises ``InputError`` if both state one."""
    scales, offsets = (tuple(each[layer] for layer in layers) for each in (raster.scales, raster.offsets))
    if offset is not None and scale is None:
        raise InputError(f"--offset {offset:g} needs --scale too; {_STATE}")
    tagged = set(scales) != {1.0} or set(offsets) != {0.0}
    if tagged and scale is not None and (set(scales) != {scale} or set(offsets) != {offset or 0.0}):
        raise InputError(
            f"the file's tags say scale {scales[0]:g} and offset {offsets[0]:g}, the flags {scale:g} and {offset or 0:g}; leave "
            "the flags out, or correct the file with gdal_edit.py -scale … -offset …"
        )
    if tagged:
        return Stated(scales, offsets, "the file's tags")
    if scale is None:
        return None
    count = len(layers)
    return Stated((scale,) * count, (offset or 0.0,) * count, "--scale", whole=offset is not None)


def reflectance(
    values: np.ma.MaskedArray[Any, Any],
    unit: Stated | None,
    *,
    bands: Sequence[str],
    date: str = "",
    baseline: str = "",
    rule: OffsetRule = "auto",
) -> npt.NDArray[np.uint16]:
    """[C, H, W], masked where nothing was measured -> uint16, 0 for no data. Raises ``InputError`` for impossible numbers."""
    if unit:
        return _as_stated(values, unit, bands=bands, date=date, baseline=baseline, rule=rule)
    if values.dtype == np.uint8:
        raise InputError(f"8-bit numbers are not reflectance x 10,000; export the file with 16 bits or as float, or {_STATE}")
    if values.dtype == bool or np.issubdtype(values.dtype, np.complexfloating):
        raise InputError(f"{values.dtype} numbers are not reflectance; export the file with 16 bits or as float")
    if np.issubdtype(values.dtype, np.floating) and spread(values, FRACTION_LIMIT).above <= DARK_SHARE:
        _check_range(values, 1.0)
    elif (numbers := spread(values, LARGEST_BYTE)).above <= DARK_SHARE and numbers.high > 0:
        top = f"{np.quantile(values.compressed(), 1 - DARK_SHARE):g}"
        raise InputError(f"nearly all numbers lie below {top}, too dark for reflectance x 10,000 (8 bits? percent?); {_STATE}")
    else:
        _check_range(values, 1e-4)
    if rule == "auto" and baseline >= OFFSET_BASELINE:
        _check_baseline(values, bands, baseline)
    return to_reflectance(values, bands=bands, date=date, baseline=baseline, offset=rule)


def _as_stated(
    values: np.ma.MaskedArray[Any, Any], unit: Stated, *, bands: Sequence[str], date: str, baseline: str, rule: OffsetRule
) -> npt.NDArray[np.uint16]:
    def physical(factor: float = 1.0) -> Iterator[np.ma.MaskedArray[Any, Any]]:
        """Layer by layer: all at once would take four times the memory of the file's numbers, and more for each step."""
        for layer, scale, offset in zip(values, unit.scale, unit.offset, strict=True):
            yield np.ma.MaskedArray((layer.data.astype(np.float64) * scale + offset) * factor, mask=np.ma.getmaskarray(layer))

    # Tags may lead to reflectance x 10,000.
    factor = 1e-4 if unit.by != "--scale" and spread(physical(), LARGEST_BYTE).above > DARK_SHARE else 1.0
    _check_range(physical(factor), 1.0, unit.by)
    if rule == "remove" and any(unit.offset):
        raise InputError(
            f"the offset {min(unit.offset):g} of {unit.by} is taken off already, --offset remove would do so twice; leave it out"
        )
    # Tags without an offset mean that there is none to remove; --scale alone states only the unit.
    excess = BOA_OFFSET if unit.whole and rule == "remove" else 0
    pixels = np.empty(values.shape, np.uint16)
    for into, layer in zip(pixels, physical(factor), strict=True):
        into[...] = stored(np.ma.filled(layer, 0) * 10_000 - excess, ~np.ma.getmaskarray(layer))
    if unit.whole:
        return pixels
    return to_reflectance(np.ma.MaskedArray(pixels), bands=bands, date=date, baseline=baseline, offset=rule)


def _check_range(layers: Iterable[Any], scale: float, by: str = "") -> None:
    """Refuse what no surface reflects, naming the worst number."""
    numbers = spread(layers, FRACTION_LIMIT / scale)
    worst = numbers.low if numbers.low < LOWEST / scale else numbers.high
    if numbers.above > DARK_SHARE or worst < 0:
        how = f" with the scale of {by}" if by else ""
        raise InputError(
            f"{worst:g} is impossible as reflectance{how}; if it stands for no data, say so with gdal_edit.py -a_nodata {worst:g}, "
            f"else {_STATE}"
        )


def _check_baseline(values: np.ma.MaskedArray[Any, Any], bands: Sequence[str], baseline: str) -> None:
    for band, layer in zip(bands, values, strict=True):
        numbers = layer.compressed()
        if numbers.size and FRACTION_LIMIT < np.median(numbers) < IMPOSSIBLY_DARK:
            raise InputError(
                f"processing baseline {baseline} adds {BOA_OFFSET}, but half of {band} is below {IMPOSSIBLY_DARK}; if it is "
                "already taken off, say so with --offset none"
            )
