"""``placebind evaluate``: what models know of places, next to floors and peers, and how well they find them, as tables."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from index.errors import ConfigError
from index.registry import names
from retrieval.figures.evaluate import evaluate_retrieval
from retrieval.figures.held_out import SLICES, gallery_in
from retrieval.figures.results import JSON_FILE as RETRIEVAL_FILE
from train.checkpoint import Checkpoint
from train.probing.evaluation import FLOORS, Plan, evaluate, features_of, tasks_of
from train.probing.features._features import Features
from train.probing.probes import PROBES
from train.probing.results import JSON_FILE, NotRun
from train.probing.splits import SPLITS, split_of
from train.probing.tasks._task import REGISTRY as TASKS
from ui.cli.retrieval_tables import print_retrieval
from ui.cli.task_tables import print_evaluated
from ui.console import ProgressBars, print_json, remark
from ui.report import write_report

LAYERS = ("output", "hidden")
PARTS = ("tasks", "retrieval")


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
    """Probe each checkpoint, beside floors, its untrained twins and peers, then ask it for places: both, or ``only`` one.

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
    """Floors, then models (inputs, then each layer after its untrained twins), then peers; ``range`` retrieves from the catalogue
    with the first model unless told otherwise."""
    from train.probing.features import inputs, placebind

    labels = _labels(checkpoints)
    models: list[Features] = []
    for path, label in zip(checkpoints, labels, strict=True):
        layers = [placebind.build(checkpoint=path, layer=layer, label=label) for layer in LAYERS]
        models += [inputs.build(checkpoint=path, label=label), *(each for layer in layers for each in (*layer.twins(), layer))]
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
