"""From errors in km and ranks to the figures of a table, each with its 95 % interval over blocks of the globe."""

import numpy as np
import numpy.typing as npt

from train.geolocation import ACCURACY_KM
from train.probing.probes import block_draws
from train.probing.splits import INTERVAL_SIZES_DEG, blocks_of

WITHIN_KM = (1, *ACCURACY_KM)  # the first is the street of image geolocation's usual five
RECALL_K = (1, 10, 100)
Floats = npt.NDArray[np.float64]


def figures_of(errors_km: Floats, ranks: Floats | None, places: Floats) -> dict[str, float | None]:
    """``median_km``, ``mean_km``, ``within_<km>_km``; for ranks also ``recall_at_<k>``, ``mrr`` and ``reachable`` (the share of the
    queries that any row could answer, the upper bound of recall). Each has ``_low`` and ``_high`` next to it.

    Queries [N] at ``places`` [N, 2]. The interval is a bootstrap over blocks of 10 degrees, because neighbours are not independent;
    it is None where all queries lie in one block.
    """
    numbers = np.unique(blocks_of(places[:, 0], places[:, 1], INTERVAL_SIZES_DEG[0]), return_inverse=True)[1]
    draws = block_draws(int(numbers.max()) + 1)  # how often each block is drawn, [R, B]
    counts = draws @ np.bincount(numbers)  # of queries in each resample, [R]
    figures: dict[str, float | None] = {}
    samples = {"median_km": _medians(errors_km, draws[:, numbers])}
    values = {"median_km": float(np.median(errors_km))}
    for name, column in columns_of(errors_km, ranks).items():
        values[name], samples[name] = float(column.mean()), draws @ np.bincount(numbers, column) / counts
    for name, value in values.items():
        low, high = np.quantile(samples[name], (0.025, 0.975)) if numbers.any() else (None, None)
        figures |= {name: value, f"{name}_low": _plain(low), f"{name}_high": _plain(high)}
    return figures


def columns_of(errors_km: Floats, ranks: Floats | None) -> dict[str, Floats]:
    """The values, one per query, whose mean is each figure but the median."""
    columns = {"mean_km": errors_km} | {f"within_{km}_km": (errors_km <= km).astype(np.float64) for km in WITHIN_KM}
    if ranks is not None:
        columns |= {f"recall_at_{k}": (ranks <= k).astype(np.float64) for k in RECALL_K}
        columns |= {"mrr": 1 / ranks, "reachable": np.isfinite(ranks).astype(np.float64)}
    return columns


def _medians(values: Floats, draws: npt.NDArray[np.int64]) -> Floats:
    """The median of each resample [R], in which every value [N] occurs as often as the draws [R, N] say."""
    order = np.argsort(values)
    until, total = draws[:, order].cumsum(axis=1), draws.sum(axis=1, keepdims=True)
    lower, upper = ((until <= middle).sum(axis=1) for middle in ((total - 1) // 2, total // 2))
    return np.asarray((values[order][lower] + values[order][upper]) / 2)


def _plain(value: float | None) -> float | None:
    return None if value is None else float(value)
