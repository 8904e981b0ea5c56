"""The matrix of an evaluation: every task x features x split, by a probe; finished rows are kept, so a stopped run resumes.

train/probing/tasks -> labels, train/probing/features -> features (encoded once, cached in the run's folder),
train/probing/splits.py -> folds, train/probing/probes.py -> scores -> train/probing/results.py. `placebind evaluate` prints the
table (ui/cli/evaluating.py).
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError, MissingExtraError, SourceError
from index.extras import extra
from index.progress import Progress, Quiet
from index.registry import load
from train.probing.features._features import REGISTRY as FEATURES
from train.probing.features._features import Compared, Features, FeaturesUnavailableError
from train.probing.paired import Difference, differences
from train.probing.probes import Score, Values, predict, score_folds
from train.probing.results import PROTOCOL, Key, NotRun, ResultsFolder, Row, load_features
from train.probing.splits import Fold, Rows, Split, held_out_together, interval_blocks
from train.probing.tasks import _coordbench
from train.probing.tasks._task import REGISTRY as TASKS
from train.probing.tasks._task import Kind, Labelled, Task, TaskUnavailableError

FLOORS = ("lonlat", "sh:degrees=10", "sh:degrees=40", "xyz", "idw")  # in every table
MAX_POINTS = 10_000  # of a task; larger tables of the field have 20,000 and more, and scores hardly change
KNOWN_CLASSES = 0.5  # of the test points must be of classes seen in training, else a score says nothing


@dataclass(frozen=True)
class Plan:
    """``probe`` reads all features but those that name their own (xyz: knn); ``lacking``: what could not be built."""

    tasks: Sequence[Task]
    features: Sequence[Features]
    splits: Sequence[Split]
    probe: str = "ridge"
    lacking: Sequence[NotRun] = ()
    max_points: int = MAX_POINTS


@dataclass(frozen=True)
class Evaluated:
    """The rows of the plan, in its order, what they add to others, and what could not be run."""

    rows: list[Row]
    not_run: list[NotRun]
    differences: list[Difference]


@dataclass(frozen=True)
class Cell:
    """One future row. ``groups`` [N] are held out together, an interval is drawn from ``blocks`` [N]; ``vectors`` is the file with
    its features, once they are encoded."""

    key: Key
    task: Task
    features: Features
    split: Split
    labelled: Labelled
    folds: list[Fold]
    groups: Rows
    blocks: Rows
    vectors: Path = field(default_factory=Path)


def evaluate(plan: Plan, folder: Path, progress: Progress | None = None, workers: int | None = None) -> Evaluated:
    """Run the rows that ``folder`` lacks, in ``workers`` processes of one thread each (default: one per core).

    Raises what encoding or reading labels raises, but unavailable labels, splits with too few points of a task
    and classes without a training point are only reported.
    """
    progress, results = progress or Quiet(), ResultsFolder(folder)
    cells, not_run = _cells(plan, progress)
    new = {cell.key: cell for cell in cells if cell.key not in results.rows}
    todo = _encoded(list(new.values()), results, progress)
    progress.start("probe", sum(len(cell.folds) for cell in todo))
    for cell, predicted, seconds in _predicted(todo, progress, workers or os.cpu_count() or 1):
        results.add(*_finish(cell, predicted, seconds, results))
    rows = [replace(results.rows[cell.key], features=cell.features.name) for cell in cells]  # stored ones may have another name
    asked = list(differences(results, rows))
    keys = {row.key for row in rows}
    earlier = differences(results, [row for key, row in results.rows.items() if key not in keys])
    results.write_json(rows, not_run, plan.tasks, [each.as_dict() for each in (*earlier, *asked)])
    return Evaluated(rows, not_run, asked)


def parts_of(text: str) -> list[tuple[str, dict[str, str]]]:
    """'geoclip:weights=x+sh:degrees=10' as names with their options. Raises ``InputError`` for an option without value."""
    found = []
    for part in text.split("+"):
        name, _, rest = part.partition(":")
        pairs = [each.partition("=") for each in rest.split(",")] if rest else []
        if not name or not all(key and equals for key, equals, _ in pairs):
            raise InputError(f"expected NAME or NAME:option=value,option=value, got '{text}'")
        found.append((name.strip(), {key.strip(): value.strip() for key, _, value in pairs}))
    return found


def features_of(
    texts: Sequence[str], defaults: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[list[Features], list[NotRun]]:
    """Features by name, as ``parts_of`` reads them; two with a + between are concatenated. ``defaults``: options by name.

    Unavailable features are reported; raises ``ConfigError`` for an unknown name or option.
    """
    made: list[Features] = []
    not_run: list[NotRun] = []
    for text in texts:
        parts = [(name, {**(defaults or {}).get(name, {}), **options}) for name, options in parts_of(text)]
        if len(parts) > 2:
            raise InputError(f"exactly two features can be concatenated, '{text}' has {len(parts)}")
        try:
            made.append(_built(parts))
        except (FeaturesUnavailableError, MissingExtraError) as error:
            not_run.append(NotRun(text, str(error)))
    return made, not_run


def tasks_of(texts: Sequence[str], **where: Any) -> list[Task]:
    """Tasks by name; ``where`` says where to look for their labels (``LabelOptions``). 'coordbench' alone is its whole suite."""
    named = [part for text in texts for part in parts_of(text)]
    of_each = [
        _coordbench.tasks(where, options) if name == _coordbench.NAME else [load(TASKS, name).build(**{**where, **options})]
        for name, options in named
    ]
    return [task for tasks in of_each for task in tasks]


def _built(parts: list[tuple[str, dict[str, Any]]]) -> Features:
    built: Features
    if len(parts) == 1:
        ((name, options),) = parts
        built = load(FEATURES, name).build(**options)
    else:
        first, second = ({"name": name, "options": options} for name, options in parts)
        built = load(FEATURES, "concat").build(first=first, second=second)
    return built


def _cells(plan: Plan, progress: Progress) -> tuple[list[Cell], list[NotRun]]:
    """All rows of the plan that make sense."""
    cells: list[Cell] = []
    not_run = [*plan.lacking]
    progress.start("labels", len(plan.tasks))
    for task in plan.tasks:
        try:
            labelled = task.load().at_most(plan.max_points)
        except (TaskUnavailableError, SourceError, MissingExtraError) as error:
            not_run.append(NotRun(task.name, str(error).removeprefix(f"{task.name}: ")))
        else:
            cells += _cells_of(task, labelled, plan, not_run)
        progress.advance(1)
    return cells, not_run


def _cells_of(task: Task, labelled: Labelled, plan: Plan, not_run: list[NotRun]) -> Iterator[Cell]:
    for split in plan.splits:
        try:
            folds = _folds(task, split, labelled)
        except (InputError, MissingExtraError) as error:
            not_run.append(NotRun(f"{task.name}, {split.name}", str(error)))
        else:
            groups, blocks = held_out_together(labelled, split), interval_blocks(labelled, split)
            for each in plan.features:
                key = Key(task.name, labelled.digest, each.digest, split.name, each.probe or plan.probe)
                yield Cell(key, task, each, split, labelled, folds, groups, blocks)


def _folds(task: Task, split: Split, labelled: Labelled) -> list[Fold]:
    """Raises ``InputError`` where a score would say nothing."""
    folds = split.folds(labelled)
    unseen = _unseen(task, labelled, folds)
    if unseen > 1 - KNOWN_CLASSES:
        raise InputError(f"{unseen:.0%} of the test points are of classes that no training point has")
    return folds


def _unseen(task: Task, labelled: Labelled, folds: Sequence[Fold]) -> float:
    if task.kind == "regression":
        return 0.0
    target = labelled.target
    missing = [~np.isin(target[fold.test], np.unique(target[fold.train])) for fold in folds]
    return float(np.concatenate(missing).mean())


def _encoded(cells: Sequence[Cell], results: ResultsFolder, progress: Progress) -> list[Cell]:
    """The same cells with the files of their features, each encoded once."""
    wanted = {(cell.features.digest, cell.labelled.places_digest): cell for cell in cells}
    progress.start("encode", len(wanted))
    files: dict[tuple[str, str], Path] = {}
    for pair, cell in wanted.items():
        files[pair] = results.features(cell.features, cell.labelled)
        progress.advance(1)
    return [replace(cell, vectors=files[cell.features.digest, cell.labelled.places_digest]) for cell in cells]


def _predicted(cells: Sequence[Cell], progress: Progress, workers: int) -> Iterator[tuple[Cell, list[Values], float]]:
    """Each cell as soon as all its folds are predicted, with the seconds that took."""
    joblib = extra("joblib")
    from threadpoolctl import threadpool_limits

    waiting: dict[int, dict[int, tuple[Values, float]]] = {number: {} for number in range(len(cells))}
    jobs = (
        joblib.delayed(_one_fold)(
            number, place, cell.vectors, cell.key.probe, cell.task.kind, cell.labelled.target, fold, cell.groups
        )
        for number, cell in enumerate(cells)
        for place, fold in enumerate(cell.folds)
    )
    # One worker is this process: the threads of its linear algebra have to be limited here.
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1), threadpool_limits(1):
        for number, place, said, seconds in joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(jobs):
            waiting[number][place] = (said, seconds)
            progress.advance(1)
            if len(waiting[number]) == len(cells[number].folds):
                done = waiting.pop(number)
                ordered = [done[place] for place in sorted(done)]
                yield cells[number], [said for said, _ in ordered], sum(seconds for _, seconds in ordered)


def _one_fold(
    number: int, place: int, vectors: Path, probe: str, kind: Kind, target: Values, fold: Fold, groups: Rows
) -> tuple[int, int, Values, float]:
    """In a process of its own: arguments are small, and features are read from their file."""
    started = time.process_time()  # of one thread: the cost, however busy the machine is
    said = predict(probe, kind, load_features(vectors), target, fold, groups)
    return number, place, said, time.process_time() - started


def _finish(cell: Cell, predicted: list[Values], seconds: float, results: ResultsFolder) -> tuple[Row, npt.NDArray[np.float64]]:
    labelled, kept = cell.labelled, len(cell.folds) if cell.split.once else 1
    name = f"{cell.key.short}.parquet"
    results.keep_predictions(name, labelled, cell.folds[:kept], predicted[:kept])
    score = score_folds(cell.task.kind, labelled.target, cell.folds, predicted, cell.blocks, pooled=cell.split.pooled)
    return _row(cell, score, seconds, name), score.resampled


def _row(cell: Cell, score: Score, seconds: float, predictions: str) -> Row:
    task, labelled = cell.task, cell.labelled
    is_regression = task.kind == "regression"
    return Row(
        task=task.name, kind=task.kind, unit=task.unit, metric="R2" if is_regression else "accuracy",
        features=cell.features.name, dim=int(load_features(cell.vectors).shape[1]), probe=cell.key.probe, split=cell.split.name,
        score=score.score, low=score.low, high=score.high, balanced=score.balanced, folds=score.folds,
        points=len(labelled), dropped=labelled.dropped, classes=None if is_regression else len(np.unique(labelled.target)),
        unseen=_unseen(task, labelled, cell.folds), seconds=seconds, blocks=score.blocks,
        source=labelled.source, predictions=predictions,
        labels_digest=labelled.digest, features_digest=cell.features.digest, protocol=PROTOCOL,
        compared=tuple(cell.features.compared.items()) if isinstance(cell.features, Compared) else (),
    )  # fmt: skip
