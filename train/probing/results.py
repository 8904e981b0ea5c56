"""The folder of an evaluation: finished rows, predictions point by point, cached features. Everything in it is whole or absent.

    results.parquet       a row for each task, features, split and probe, written as it comes
    results.json          the same rows, their differences, what was not run and why, and where each task's labels are from
    predictions/*.parquet lat, lon, fold, target, predicted, residual of a row's test points
    resampled/*.npy       a row's score in each draw of the blocks, for intervals of differences (train/probing/paired.py)
    features/*.npy        encoded features, [N, D] float32; may be deleted at any time

The residual is predicted minus target; for a classification it is 0 where right and 1 where wrong. A random split keeps the points
of the first fold, the others those of all folds.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from index.errors import InputError, one_line
from index.files import made_whole
from train.probing.features._features import Features, Vectors
from train.probing.features._kinds import without_seed
from train.probing.probes import Values
from train.probing.splits import Fold
from train.probing.tasks._task import Labelled, Task

PROTOCOL = 2  # increases when the same request would give other numbers: older rows are then recomputed
RESULTS_FILE, JSON_FILE = "results.parquet", "results.json"


@dataclass(frozen=True)
class Key:
    """The fields that identify a row."""

    task: str
    labels_digest: str
    features_digest: str
    split: str
    probe: str
    protocol: int = PROTOCOL

    @property
    def short(self) -> str:
        return hashlib.sha256("|".join(map(str, asdict(self).values())).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Row:
    """One score. ``metric`` is R2 or accuracy, ``folds`` are the folds' own; ``unseen`` is the share of test points of a class that
    no training point of their fold has; the interval is from so many ``blocks``; ``seconds`` is the time it took on one core.
    ``compared``: titles of comparisons, each with the digests of the features whose mean score this one is compared with."""

    task: str
    kind: str
    unit: str
    metric: str
    features: str
    dim: int
    probe: str
    split: str
    score: float
    low: float
    high: float
    balanced: float | None
    folds: tuple[float, ...]
    points: int
    dropped: int
    classes: int | None
    unseen: float
    seconds: float
    blocks: int
    source: str
    predictions: str
    labels_digest: str
    features_digest: str
    protocol: int
    compared: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def mean_of_folds(self) -> float:
        """Over the folds that have a score: where the score is that of all points together, what a fold gets on average."""
        known = [score for score in self.folds if np.isfinite(score)]
        return float(np.mean(known)) if known else np.nan

    @property
    def key(self) -> Key:
        return Key(self.task, self.labels_digest, self.features_digest, self.split, self.probe, self.protocol)


@dataclass(frozen=True)
class NotRun:
    """A request that could not be met: never replaced by a number."""

    what: str
    why: str


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("task", "kind", "unit", "metric", "features")),
        ("dim", pa.int32()), ("probe", pa.string()), ("split", pa.string()),
        ("score", pa.float64()), ("low", pa.float64()), ("high", pa.float64()), ("balanced", pa.float64()),
        ("folds", pa.list_(pa.float64())), ("points", pa.int32()), ("dropped", pa.int32()), ("classes", pa.int32()),
        ("unseen", pa.float64()), ("seconds", pa.float64()), ("blocks", pa.int32()),
        *((name, pa.string()) for name in ("source", "predictions", "labels_digest", "features_digest")),
        ("protocol", pa.int32()), ("compared", pa.list_(pa.struct([("title", pa.string()), ("with", pa.list_(pa.string()))]))),
    ]
)  # fmt: skip


class ResultsFolder:
    """Opened at a new or a used folder; rows of another protocol are left out. Raises ``InputError`` for a damaged table."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[Key, Row] = {}
        file = path / RESULTS_FILE
        if file.is_file():
            try:
                found = pq.read_table(file).to_pylist()
                rows = [row_of(each) for each in found]
            except (pa.ArrowException, OSError, TypeError, KeyError) as error:
                raise InputError(f"{file} is not a table of results ({one_line(error)}); choose another --out") from None
            whole = [row for row in rows if row.protocol == PROTOCOL and self._resampled(row.key).is_file()]
            self.rows = {row.key: row for row in whole}

    def add(self, row: Row, resampled: npt.NDArray[np.float64]) -> None:
        """Store a finished row: the table is rewritten, and replaces the old one in one step."""
        with made_whole(self._resampled(row.key)) as partial, partial.open("wb") as stream:
            np.save(stream, resampled)
        self.rows[row.key] = row
        table = pa.Table.from_pylist([_as_dict(each) for each in self.rows.values()], schema=SCHEMA)
        with made_whole(self.path / RESULTS_FILE) as partial:
            pq.write_table(table, partial)

    def resampled(self, row: Row) -> npt.NDArray[np.float64]:
        """A row's score in each draw of the blocks [R]."""
        found: npt.NDArray[np.float64] = np.load(self._resampled(row.key), allow_pickle=False)
        return found

    def write_json(
        self, asked: Sequence[Row], not_run: Sequence[NotRun], tasks: Sequence[Task], differences: Sequence[dict[str, Any]]
    ) -> None:
        """The rows ``asked`` for last, under the names of this request, after those of earlier runs."""
        keys = {row.key for row in asked}
        earlier = [row for key, row in self.rows.items() if key not in keys]
        known = {field.name for field in fields(Task)} - {"load"}
        about = {task.name: {name: getattr(task, name) for name in sorted(known)} for task in tasks}
        rows = [_without_nan(_as_dict(row)) for row in (*earlier, *asked)]
        content = {
            "protocol": PROTOCOL, "rows": rows, "differences": [_without_nan(each) for each in differences],
            "not_run": [asdict(each) for each in not_run], "tasks": about,
        }  # fmt: skip
        with made_whole(self.path / JSON_FILE) as partial:
            partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")

    def _resampled(self, key: Key) -> Path:
        return self.path / "resampled" / f"{key.short}.npy"

    def features(self, features: Features, labelled: Labelled) -> Path:
        """The file with the features of these points [N, D], encoded if it is not there. Raises what encoding raises."""

        def make() -> Vectors:
            vectors = features.encode(labelled.lat, labelled.lon)
            _check(features, vectors, len(labelled))
            return vectors

        return kept_vectors(self.path, f"{features.digest}|{labelled.places_digest}", make)

    def keep_predictions(self, name: str, labelled: Labelled, folds: Sequence[Fold], predicted: Sequence[Values]) -> None:
        """``predictions/<name>``: the test points of these folds, one row each."""
        rows = np.concatenate([fold.test for fold in folds])
        said, true = np.concatenate(list(predicted)), labelled.target[rows]
        residual = (said != true).astype(np.float64) if said.dtype.kind in "OUT" else said - true
        columns: dict[str, Any] = {
            "lat": labelled.lat[rows],
            "lon": labelled.lon[rows],
            "fold": np.repeat([fold.name for fold in folds], [len(fold.test) for fold in folds]),
            "target": true,
            "predicted": said,
            "residual": residual,
        }
        with made_whole(self.path / "predictions" / name) as partial:
            pq.write_table(pa.table(columns), partial)


def column_title(features: str, probe: str) -> str:
    """The name of a column; the usual probe is omitted."""
    return features if probe == "ridge" else f"{features} ({probe})"


def averaged(rows: Sequence[Row]) -> list[Row]:
    """Untrained twins, which differ by their seed, as one row: means of the scores and of their intervals. All others stay."""
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = (row.task, row.labels_digest, row.split, row.probe, without_seed(row.features_digest))
        alike.setdefault(key, []).append(row)
    return [_mean_row(same) for same in alike.values()]


def _mean_row(rows: Sequence[Row]) -> Row:
    def mean(values: Iterable[float]) -> float:
        return float(np.mean([*values]))

    balanced = [row.balanced for row in rows if row.balanced is not None]
    return replace(
        rows[0],
        score=mean(row.score for row in rows),
        low=mean(row.low for row in rows),
        high=mean(row.high for row in rows),
        balanced=mean(balanced) if balanced else None,
        folds=tuple(mean(scores) for scores in zip(*(row.folds for row in rows), strict=True)),
        seconds=sum(row.seconds for row in rows),
        features_digest=without_seed(rows[0].features_digest),
    )


def row_of(values: dict[str, Any]) -> Row:
    """From the table or from JSON, where null is not-a-number. Rows of older versions name no comparisons."""
    numbers = {name: np.nan if values[name] is None else values[name] for name in ("score", "low", "high")}
    folds = tuple(np.nan if each is None else each for each in values["folds"])
    compared = tuple((each["title"], tuple(each["with"])) for each in values.get("compared") or ())
    return Row(**{**values, **numbers, "folds": folds, "compared": compared})


def _as_dict(row: Row) -> dict[str, Any]:
    return asdict(row) | {"compared": [{"title": title, "with": [*others]} for title, others in row.compared]}


def _check(features: Features, vectors: Vectors, count: int) -> None:
    if vectors.shape[0] != count or not np.isfinite(vectors).all():
        raise InputError(f"{features.name} gave {vectors.shape} features for {count} points, or some NaN")


def _without_nan(value: Any) -> Any:
    """None for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def kept_vectors(folder: Path, key: str, make: Callable[[], Vectors]) -> Path:
    """The file for ``key`` in ``folder``/features, computed if it is missing."""
    path = folder / "features" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"
    if not path.is_file():
        vectors = make()
        with made_whole(path) as partial, partial.open("wb") as stream:
            np.save(stream, vectors)
    return path


def load_features(path: Path) -> npt.NDArray[np.float32]:
    """[N, D] of a cached file, read on demand."""
    found: npt.NDArray[np.float32] = np.load(path, mmap_mode="r")
    return found
