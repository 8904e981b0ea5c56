"""The difference of two scores with its own interval, paired over blocks: what learning adds, what a second encoder adds.

Two models are right and wrong at the same places, so their difference is known far better than either score. Scores of one task
and split are resampled by the same draws of blocks (train/probing/probes.py): the interval is that of the draws' differences.
-> `placebind evaluate`, the report
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.probing.probes import interval_of
from train.probing.results import ResultsFolder, Row


@dataclass(frozen=True)
class Difference:
    """``row`` minus the mean of ``others``, with its 95 % interval, two NaN where there are too few blocks to say."""

    title: str
    row: Row
    others: tuple[Row, ...]
    difference: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        row = self.row
        which = {"task": row.task, "split": row.split, "features": row.features, "probe": row.probe, "title": self.title}
        keys = {"labels_digest": row.labels_digest, "features_digest": row.features_digest}
        return which | {"difference": self.difference, "low": self.low, "high": self.high, "verdict": self.verdict} | keys

    @property
    def verdict(self) -> str:
        """'adds', 'harms', or 'even' where the interval includes no difference; '' where there is none."""
        if not np.isfinite(self.low):
            return ""
        return "adds" if self.low > 0 else "harms" if self.high < 0 else "even"


def differences(folder: ResultsFolder, rows: Sequence[Row]) -> Iterator[Difference]:
    """Of each of the rows, all comparisons that it names and whose other rows the folder has."""
    known = {(row.labels_digest, row.task, row.split, row.probe, row.features_digest): row for row in folder.rows.values()}
    for row in rows:
        for title, digests in row.compared:
            keys = [(row.labels_digest, row.task, row.split, row.probe, digest) for digest in digests]
            if keys and all(key in known for key in keys):
                yield _difference(folder, title, row, tuple(known[key] for key in keys))


def _difference(folder: ResultsFolder, title: str, row: Row, others: tuple[Row, ...]) -> Difference:
    resampled = folder.resampled(row) - np.mean([folder.resampled(each) for each in others], axis=0)
    low, high = interval_of(resampled, row.blocks)
    return Difference(title, row, others, row.score - float(np.mean([each.score for each in others])), low, high)
