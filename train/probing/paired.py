"""The difference of two scores with its own interval, paired over blocks: what learning adds, what a second encoder adds.

Two models are right and wrong at the same places, so their difference is known far better than either score. Scores of one task
and split are resampled by the same draws of blocks (train/probing/probes.py): the interval is that of the draws' differences.
-> `placebind evaluate`, the report
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from train.probing.features._kinds import is_twin, kind_of
from train.probing.features.placebind import LEARNING
from train.probing.probes import interval_of
from train.probing.results import Key, ResultsFolder, Row

ABOVE_FLOORS = "above the best floor"  # what a model has beyond the best of all floors but its twins


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
        numbers = {"difference": self.difference, "low": self.low, "high": self.high, "verdict": self.verdict}
        return _named(self.row) | {"title": self.title} | numbers | {"others": [_named(each) for each in self.others]}

    @property
    def verdict(self) -> str:
        """'adds', 'harms', or 'even' where the interval includes no difference; '' where there is none."""
        if not np.isfinite(self.low):
            return ""
        return "adds" if self.low > 0 else "harms" if self.high < 0 else "even"


def differences(folder: ResultsFolder, rows: Sequence[Row]) -> Iterator[Difference]:
    """Of each of the rows, all comparisons that it names if the folder has their rows; of a model also that with the best floor."""
    for row in rows:
        for title, digests in row.compared:
            keys = [replace(row.key, features_digest=digest) for digest in digests]
            if keys and all(key in folder.rows for key in keys):
                yield _difference(folder, title, row, tuple(folder.rows[key] for key in keys))
            if title == LEARNING and (floor := _best_floor(folder, row)):
                yield _difference(folder, ABOVE_FLOORS, row, (floor,))


def difference_of(values: Mapping[str, Any], rows: Mapping[Key, Row]) -> Difference:
    """From JSON, where null is not-a-number. Raises ``KeyError`` where ``rows`` lack one that it names."""
    numbers = {name: np.nan if values[name] is None else values[name] for name in ("difference", "low", "high")}
    return Difference(values["title"], rows[_key(values)], tuple(rows[_key(each)] for each in values["others"]), **numbers)


def _best_floor(folder: ResultsFolder, row: Row) -> Row | None:
    """The highest score of what has learnt nothing, twins aside: by the row's probe, or by the only one that may read it."""
    floors: dict[str, Row] = {}
    for each in folder.rows.values():
        is_same = (each.labels_digest, each.task, each.split) == (row.labels_digest, row.task, row.split)
        digest = each.features_digest
        if is_same and kind_of(digest) == "floor" and not is_twin(digest) and (each.probe == row.probe or digest not in floors):
            floors[digest] = each
    return max((each for each in floors.values() if np.isfinite(each.score)), key=lambda each: each.score, default=None)


def _difference(folder: ResultsFolder, title: str, row: Row, others: tuple[Row, ...]) -> Difference:
    resampled = folder.resampled(row) - np.mean([folder.resampled(each) for each in others], axis=0)
    low, high = interval_of(resampled, row.blocks)
    return Difference(title, row, others, row.score - float(np.mean([each.score for each in others])), low, high)


def _named(row: Row) -> dict[str, Any]:
    return asdict(row.key) | {"features": row.features}


def _key(values: Mapping[str, Any]) -> Key:
    return Key(**{field.name: values[field.name] for field in fields(Key)})
