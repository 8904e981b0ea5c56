"""``placebind evaluate``: what models know of places, next to floors and peers, and how well they find them, as tables."""

import json
from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from rich.table import Table

from index.errors import ConfigError
from index.registry import names
from retrieval.figures.evaluate import evaluate_retrieval
from retrieval.figures.held_out import SLICES, gallery_in
from retrieval.figures.results import JSON_FILE as RETRIEVAL_FILE
from train.checkpoint import Checkpoint
from train.probing.evaluation import FLOORS, Evaluated, Plan, evaluate, features_of, tasks_of
from train.probing.features._features import Features
from train.probing.probes import PROBES
from train.probing.results import JSON_FILE, NotRun, Row
from train.probing.splits import SPLITS, split_of
from train.probing.tasks._task import REGISTRY as TASKS
from ui.cli.retrieval_tables import print_retrieval
from ui.console import ProgressBars, out, plain, print_json, remark
from ui.report import write_report

LAYERS = ("output", "hidden")
PARTS = ("tasks", "retrieval")
SCORE_WIDTH = 6  # of "±0.012": a wrapped cell keeps its numbers whole


def evaluate_models(
    checkpoints: Sequence[Path],
    catalogue: Path,
    folder: Path,
    *,
    peers: Sequence[str],
    tasks: Sequence[str],
    splits: Sequence[str],
    where: dict[str, Any],
    block: dict[str, Any],
    probe: str,
    workers: int | None,
    gallery: Path | None,
    part: str,
    only: str | None,
    as_json: bool,
) -> None:
    """Probe both layers of each checkpoint, the floors and the peers, then ask each checkpoint for places: both, or ``only`` one.

    ``where``: of labels, ``block``: options of the splits, ``gallery``: a file of places instead of the catalogue's locations,
    ``part``: one of the ``SLICES``.
    Raises ``ConfigError`` for a name that does not exist, ``InputError`` for a file, before anything is computed.
    """
    if probe not in PROBES:
        raise ConfigError(f"there is no probe '{probe}'; choose {', '.join(PROBES)}")
    if only not in (None, *PARTS):
        raise ConfigError(f"--only takes {' or '.join(PARTS)}, got '{only}'")
    if part not in SLICES:
        raise ConfigError(f"--slice takes {' or '.join(SLICES)}, got '{part}'")
    chosen = tasks_of(_all_or(tasks, names(TASKS)), **where)
    asked = [split_of(name, **block) for name in _all_or(splits, SPLITS)]
    features, lacking = _features(checkpoints, catalogue, peers)
    places = gallery_in(gallery) if gallery else None
    with ProgressBars() as bars:
        if only != "retrieval":
            found = evaluate(Plan(chosen, features, asked, probe, lacking), folder, bars, workers)
        if only != "tasks":
            rows = evaluate_retrieval(_named(checkpoints), catalogue, folder, places, bars, part)
    report = write_report(folder, checkpoints, datetime.now().astimezone())
    if as_json:
        print_json(_kept(folder, only))
    else:
        if only != "retrieval":
            print_evaluated(found)
        if only != "tasks":
            print_retrieval(rows)
        remark(f"the report is {report}; everything is in that folder")


def print_evaluated(found: Evaluated) -> None:
    """One table for each split: a row for each task, a column for each of the features; the best score of a row is bold."""
    for split in dict.fromkeys(row.split for row in found.rows):
        rows = [row for row in found.rows if row.split == split]
        columns = list(dict.fromkeys((row.features, row.probe) for row in rows))
        table = Table(title=f"split: {split}", title_justify="left", box=None)
        table.add_column("task", no_wrap=True)
        table.add_column("")
        for each in columns:
            table.add_column(plain(_title(*each)), min_width=SCORE_WIDTH)
        for task in dict.fromkeys(row.task for row in rows):
            scores = {(row.features, row.probe): row for row in rows if row.task == task}
            best = max(row.score for row in scores.values())
            cells = [_cell(scores.get(each), best) for each in columns]
            table.add_row(plain(task), next(iter(scores.values())).metric, *cells)
        out.print(table)
    _print_not_run(found.not_run)


def _kept(folder: Path, only: str | None) -> Any:
    """The results in the folder, as JSON: the scores of the tasks and, under 'retrieval', the rows of the other part."""
    read = {name: json.loads((folder / name).read_text(encoding="utf-8")) for name in _files(only)}
    return read.get(JSON_FILE, {}) | ({"retrieval": read[RETRIEVAL_FILE]} if RETRIEVAL_FILE in read else {})


def _files(only: str | None) -> list[str]:
    return [file for part, file in zip(PARTS, (JSON_FILE, RETRIEVAL_FILE), strict=True) if only in (None, part)]


def _labels(checkpoints: Sequence[Path]) -> list[str]:
    """The names of models: empty for a single model, else the names of their folders, or all of their paths."""
    labels = [path.name if len(checkpoints) > 1 else "" for path in checkpoints]
    return labels if len(set(labels)) == len(labels) else [str(path) for path in checkpoints]


def _named(checkpoints: Sequence[Path]) -> list[tuple[str, Checkpoint]]:
    opened = [Checkpoint.open(path) for path in checkpoints]
    return [(label or each.digest[:8], each) for label, each in zip(_labels(checkpoints), opened, strict=True)]


def _features(checkpoints: Sequence[Path], catalogue: Path, peers: Sequence[str]) -> tuple[list[Features], list[NotRun]]:
    """Floors, then models, then peers; ``range`` retrieves from the catalogue with the first model unless told otherwise."""
    from train.probing.features.placebind import build

    labels = _labels(checkpoints)
    models: list[Features] = [
        build(checkpoint=path, layer=layer, label=label)
        for path, label in zip(checkpoints, labels, strict=True)
        for layer in LAYERS
    ]
    defaults = {
        "range": {"checkpoint": checkpoints[0], "catalogue": catalogue, "label": labels[0]},
        "placebind": {"checkpoint": checkpoints[0], "label": labels[0]},
    }
    floors, _ = features_of(FLOORS)
    others, lacking = features_of(peers, defaults)
    return [*floors, *models, *others], lacking


def _all_or(given: Sequence[str], known: Sequence[str]) -> list[str]:
    named = [name for each in given for name in ([*known] if each == "all" else [each])]
    return list(dict.fromkeys(named))


def _title(features: str, probe: str) -> str:
    return features if probe == "ridge" else f"{features} ({probe})"


def _cell(row: Row | None, best: float) -> str:
    if row is None:
        return "—"
    text = f"{row.score:.3f} ±{(row.high - row.low) / 2:.3f}" if isfinite(row.low) else f"{row.score:.3f} (too few blocks for ±)"
    return f"[bold]{text}[/]" if row.score == best else text


def _print_not_run(not_run: Sequence[NotRun]) -> None:
    for each in not_run:
        out.print(f"[yellow]not run[/] {plain(each.what)}: {plain(each.why)}", soft_wrap=True)
