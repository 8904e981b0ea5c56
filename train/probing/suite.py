"""The mean of CoordBench over its data sets, as its paper has it: one number for each of the features in a split.

Scores of regressions below -1 count as -1, targets are averaged within their data set, and data sets weigh the same. Regressions
and classifications are averaged apart.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from train.probing.results import Row
from train.probing.tasks._coordbench import NAME

LEAST_R2 = -1.0


@dataclass(frozen=True)
class SuiteMean:
    """``score``: the mean over ``datasets`` of them; ``metric`` as in the rows."""

    features: str
    probe: str
    metric: str
    datasets: int
    score: float


def suite_means(rows: Iterable[Row]) -> list[SuiteMean]:
    """Of rows of one split, in their order; rows of other tasks do not count."""
    scores: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        suite, _, target = row.task.partition("/")
        if suite == NAME and np.isfinite(row.score):
            score = max(row.score, LEAST_R2) if row.kind == "regression" else row.score
            scores[row.features, row.probe, row.metric][target.partition(".")[0]].append(score)
    return [
        SuiteMean(*key, len(datasets), float(np.mean([np.mean(targets) for targets in datasets.values()])))
        for key, datasets in scores.items()
    ]
