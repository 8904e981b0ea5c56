"""What the tiles of a catalogue measured: per sensor, level and band the number of valid pixels, their mean and spread.

Each row of the tiles table keeps three sums of its own pixels, and statistics are sums over rows: nothing has to be kept in step
with the rows, however an ingest was cut up, interrupted or repeated. The sums are whole numbers, so they are exact and their order
does not matter; that makes the merging of rounded moments (Chan, Golub and LeVeque, 1983) unnecessary.

These statistics describe the catalogue. The encoders scale their input by the constants in ``index.imagery.sensors``: a model must
not change with the catalogue on which it is used.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.imagery.pixels import decode_pixels
from index.imagery.sensors import SENSORS
from index.store.fragments import rows_at_once

SUMS = ("band_count", "band_sum", "band_sum_squares")
SUM_COLUMNS = [pa.field(name, pa.list_(pa.int64())) for name in SUMS]
# No source makes tiles of more than 2048 = 2**11 px a side, and a square is below 2**32: so many of them add up within 63 bits.
ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class BandStatistics:
    """``mean`` and the population standard deviation ``std`` over ``pixels`` valid pixels of ``tiles`` tiles, in the unit of
    ``index.imagery.sensors`` (Sentinel-2: reflectance)."""

    sensor: str
    level: str
    band: str
    tiles: int
    pixels: int
    mean: float
    std: float


def band_sums(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> dict[str, list[int]]:
    """The three sums of each band of [C, H, W], in the stored unit. 0 is no data: it is not counted, and adds nothing."""
    sums: dict[str, list[int]] = {name: [] for name in SUMS}
    for layer in pixels:  # one by one: the wide numbers take four times the memory
        wide = layer.astype(np.int64).ravel()
        for name, value in zip(SUMS, (np.count_nonzero(layer), wide.sum(), np.dot(wide, wide)), strict=True):
            sums[name].append(int(value))
    return sums


def band_statistics(table: Any) -> list[BandStatistics]:
    """The statistics of the tiles in a Lance table, by sensor, level and band; bands without a valid pixel are left out.

    Empty for a table that an older PlaceBind made, until the next ingest has measured its tiles (``add_sums``).
    """
    if not set(SUMS) <= set(table.schema.names):
        return []
    totals: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for batch in table.to_lance().to_batches(columns=["sensor", "level", "bands", *SUMS], batch_size=ROWS_AT_ONCE):
        for *key, tiles, count, total, squares in _grouped(batch):
            sensor, level, band = key
            known = totals[sensor, level, band]
            totals[sensor, level, band] = [known[0] + tiles, known[1] + count, known[2] + total, known[3] + squares]
    found = [_statistics(*key, *sums) for key, sums in totals.items() if sums[1]]
    return sorted(found, key=lambda each: (each.sensor, each.level, _position(each.sensor, each.band), each.band))


def _grouped(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    """(sensor, level, band, tiles, and the three sums) of one batch of rows."""
    rows = np.repeat(np.arange(batch.num_rows), batch["bands"].value_lengths().to_numpy(zero_copy_only=False))
    columns = {name: batch[name].take(pa.array(rows)) for name in ("sensor", "level")}
    columns |= {name: batch[name].flatten() for name in ("bands", *SUMS)}
    keys = ["sensor", "level", "bands"]
    wanted = [("bands", "count"), *((name, "sum") for name in SUMS)]
    grouped = pa.table(columns).group_by(keys).aggregate(wanted)
    values = (grouped[name].to_pylist() for name in (*keys, "bands_count", *(f"{name}_sum" for name in SUMS)))
    return list(zip(*values, strict=True))


def _statistics(sensor: str, level: str, band: str, tiles: int, count: int, total: int, squares: int) -> BandStatistics:
    scale = SENSORS[sensor].scale if sensor in SENSORS else 1.0
    spread = math.sqrt(count * squares - total**2) / count  # whole numbers up to the root: no cancellation
    return BandStatistics(
        sensor=sensor, level=level, band=band, tiles=tiles, pixels=count, mean=scale * total / count, std=scale * spread
    )  # fmt: skip


def _position(sensor: str, band: str) -> int:
    bands = SENSORS[sensor].bands if sensor in SENSORS else ()
    return bands.index(band) if band in bands else len(bands)


def add_sums(table: Any) -> None:
    """Measure the tiles of a table that an older PlaceBind made, in one commit."""
    import lance

    @lance.batch_udf(output_schema=pa.schema(SUM_COLUMNS))
    def measured(batch: pa.RecordBatch) -> pa.RecordBatch:
        sums = [
            band_sums(decode_pixels(row["pixels"], (len(row["bands"]), row["height"], row["width"]), row["dtype"]))
            for row in batch.to_pylist()
        ]
        return pa.RecordBatch.from_pylist(sums, schema=pa.schema(SUM_COLUMNS))

    dataset = table.to_lance()
    columns = ["pixels", "bands", "height", "width", "dtype"]
    dataset.add_columns(measured, read_columns=columns, batch_size=rows_at_once(dataset))
    table.checkout_latest()
