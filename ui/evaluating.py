"""``placebind evaluate``: what models know of places, beside floors and peers, as one table for each split."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from index.errors import ConfigError
from index.registry import names
from train.evaluation import FLOORS, Evaluated, Plan, evaluate, features_of, tasks_of
from train.features._features import Features
from train.probes import PROBES
from train.results import JSON_FILE, NotRun, Row
from train.splits import SPLITS, split_of
from train.tasks._task import REGISTRY as TASKS
from ui.console import ProgressBars, out, plain, print_json, remark

LAYERS = ("output", "hidden")
SCORE_WIDTH = 6  # of "±0.012": a cell that is broken keeps its numbers whole


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
    as_json: bool,
) -> None:
    """Probe both layers of each checkpoint, the floors and the peers; ``where``: of labels, ``block``: options of the splits.

    Raises ``ConfigError`` for a name that does not exist, before anything is computed.
    """
    if probe not in PROBES:
        raise ConfigError(f"there is no probe '{probe}'; choose {', '.join(PROBES)}")
    chosen = tasks_of(_all_or(tasks, names(TASKS)), **where)
    asked = [split_of(name, **block) for name in _all_or(splits, SPLITS)]
    features, lacking = _features(checkpoints, catalogue, peers)
    with ProgressBars() as bars:
        found = evaluate(Plan(chosen, features, asked, probe, lacking), folder, bars, workers)
    if as_json:
        print_json(json.loads((folder / JSON_FILE).read_text(encoding="utf-8")))
    else:
        print_evaluated(found)
        remark(f"everything is in {folder}")


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


def _features(checkpoints: Sequence[Path], catalogue: Path, peers: Sequence[str]) -> tuple[list[Features], list[NotRun]]:
    """Floors, then models, then peers; ``range`` retrieves from the catalogue with the first model unless told otherwise."""
    from train.features.placebind import build

    labels = [path.name if len(checkpoints) > 1 else "" for path in checkpoints]
    if len(set(labels)) < len(labels):
        labels = [str(path) for path in checkpoints]
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
    text = f"{row.score:.3f} ±{(row.high - row.low) / 2:.3f}"
    return f"[bold]{text}[/]" if row.score == best else text


def _print_not_run(not_run: Sequence[NotRun]) -> None:
    for each in not_run:
        out.print(f"[yellow]not run[/] {plain(each.what)}: {plain(each.why)}", soft_wrap=True)
