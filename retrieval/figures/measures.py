"""From errors in km and ranks to the figures of a table, each with its 95 % interval over blocks of the globe."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.figures.placing import Placed
from train.curve.geolocation import ACCURACY_KM
from train.probing.probes import block_draws, interval_of
from train.probing.splits import MIN_TEST, enough_blocks

WITHIN_KM = (1, *ACCURACY_KM)  # the first is the street of image geolocation's usual five
RECALL_K = (1, 10, 100)
BEATS = "true_place_beats"
EQUALLY = "equally weighted"  # the end of the name of a group whose figures are means over groups, without an interval
Floats = npt.NDArray[np.float64]
Figures = dict[str, float | None]


def figures_of(placed: Placed, places: Floats) -> Figures:
    """``median_km``, ``mean_km``, ``within_<km>_km`` and ``true_place_beats`` (the median); for ranks also ``recall_at_<k>``,
    ``mrr`` and ``reachable`` (the share of the queries that any row could answer, the upper bound of recall). Each has ``_low`` and
    ``_high`` next to it.

    Queries [N] at ``places`` [N, 2]. The interval is a bootstrap over blocks, because neighbours are not independent. It is None
    where no size of blocks gives ``LEAST_BLOCKS`` of them: too few to say.
    """
    medians = {"median_km": placed.errors_km} | ({} if placed.beats is None else {BEATS: placed.beats})
    values = {name: float(np.median(column)) for name, column in medians.items()}
    columns = columns_of(placed)
    values |= {name: float(column.mean()) for name, column in columns.items()}
    figures: Figures = dict(values)
    blocks = enough_blocks(places[:, 0], places[:, 1])
    if blocks is None:
        return figures | {f"{name}{end}": None for name in values for end in ("_low", "_high")}
    numbers = np.unique(blocks, return_inverse=True)[1]
    draws = block_draws(int(numbers.max()) + 1)  # how often each block is drawn, [R, B]
    counts = draws @ np.bincount(numbers)  # of queries in each resample, [R]
    samples = {name: _medians(column, draws[:, numbers]) for name, column in medians.items()}
    samples |= {name: draws @ np.bincount(numbers, column) / counts for name, column in columns.items()}
    for name, values_of in samples.items():
        low, high = interval_of(values_of, draws.shape[1])
        figures |= {f"{name}_low": low, f"{name}_high": high}
    return figures


def columns_of(placed: Placed) -> dict[str, Floats]:
    """The values, one per query, whose mean is each figure but the medians."""
    errors_km, ranks = placed.errors_km, placed.ranks
    columns = {"mean_km": errors_km} | {f"within_{km}_km": (errors_km <= km).astype(np.float64) for km in WITHIN_KM}
    if ranks is not None:
        columns |= {f"recall_at_{k}": (ranks <= k).astype(np.float64) for k in RECALL_K}
        columns |= {"mrr": 1 / ranks, "reachable": np.isfinite(ranks).astype(np.float64)}
    if placed.answered is not None:
        columns["answered"] = placed.answered
    return columns


def equally_weighted(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, Any] | None:
    """The mean of each figure over the rows of groups that have at least ten queries; None for fewer than two such groups."""
    large = [row for row in rows if row["queries"] >= MIN_TEST]
    if len(large) < 2:
        return None
    means = {name: float(np.mean([row[name] for row in large])) for name in names if large[0].get(name) is not None}
    return {"queries": sum(row["queries"] for row in large), **means}


def _medians(values: Floats, draws: npt.NDArray[np.int64]) -> Floats:
    """The median of each resample [R], in which every value [N] occurs as often as the draws [R, N] say."""
    order = np.argsort(values)
    until, total = draws[:, order].cumsum(axis=1), draws.sum(axis=1, keepdims=True)
    lower, upper = ((until <= middle).sum(axis=1) for middle in ((total - 1) // 2, total // 2))
    return np.asarray((values[order][lower] + values[order][upper]) / 2)
