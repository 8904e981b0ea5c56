"""Scores of downstream tasks in the terminal: floors, models, and what these add to each other, for each split."""

from collections.abc import Iterator, Sequence
from math import isfinite

from rich.table import Table

from train.probing.evaluation import Evaluated
from train.probing.paired import Difference
from train.probing.results import NotRun, Row, averaged, column_title
from train.probing.suite import SuiteMean, suite_means
from ui.console import out, plain

CELL, NAMES = 18, 34  # characters of a column with scores and of the one with names
Column = tuple[str, str]  # features and probe


def print_evaluated(found: Evaluated) -> None:
    """A column for each task, as many as fit the terminal. A row for each of the features, the best score bold, and below it one
    for each of its comparisons. Untrained twins are one row, their mean."""
    for split in dict.fromkeys(row.split for row in found.rows):
        rows = averaged([row for row in found.rows if row.split == split])
        differences = [each for each in found.differences if each.row.split == split]
        tasks, fit = list(dict.fromkeys(row.task for row in rows)), max(1, (out.width - NAMES) // CELL)
        for start in range(0, len(tasks), fit):
            out.print(_table(split, tasks[start : start + fit], rows, differences))
        _print_suite(split, suite_means(rows))
    _print_not_run(found.not_run)


def _table(split: str, tasks: Sequence[str], rows: Sequence[Row], differences: Sequence[Difference]) -> Table:
    table = Table(title=_heading(split), title_justify="left", box=None)
    table.add_column("", no_wrap=True)
    metrics = {row.task: row.metric for row in rows}
    for task in tasks:
        table.add_column(plain(f"{task} {metrics[task]}"), max_width=CELL)
    shown = [row for row in rows if row.task in tasks]
    for column in dict.fromkeys((row.features, row.probe) for row in shown):
        for name, cells in _lines(column, tasks, shown, differences):
            table.add_row(plain(name), *cells)
    return table


def _lines(
    column: Column, tasks: Sequence[str], rows: Sequence[Row], differences: Sequence[Difference]
) -> Iterator[tuple[str, list[str]]]:
    """The scores of these features, then their comparisons with others."""
    features, probe = column
    own = {row.task: row for row in rows if (row.features, row.probe) == column}
    best = {task: max(row.score for row in rows if row.task == task) for task in tasks}
    yield column_title(features, probe), [_score(own[task], best[task]) if task in own else "—" for task in tasks]
    compared = [each for each in differences if (each.row.features, each.row.probe) == column]
    for title in dict.fromkeys(each.title for each in compared):
        found = {each.row.task: each for each in compared if each.title == title}
        yield f"  {title}", [_difference(found[task]) if task in found else "—" for task in tasks]


def _score(row: Row, best: float) -> str:
    text = f"{row.score:.3f} ±{(row.high - row.low) / 2:.3f}" if isfinite(row.low) else f"{row.score:.3f} (too few blocks for ±)"
    text += f" [{row.mean_of_folds:.2f}]" if row.split.startswith("continent") else ""
    return f"[bold]{plain(text)}[/]" if row.score == best else plain(text)


def _difference(found: Difference) -> str:
    interval = f"{found.low:+.3f} to {found.high:+.3f}" if found.verdict else "too few blocks"
    return f"{found.difference:+.3f}\n{interval}"


def _heading(split: str) -> str:
    return f"split: {split}" + (plain("; in [] the mean over the continents") if split.startswith("continent") else "")


def _print_suite(split: str, means: Sequence[SuiteMean]) -> None:
    for each in means:
        name = plain(column_title(each.features, each.probe))
        out.print(f"CoordBench, {split}, {name}: mean {each.metric} {each.score:.3f} over {each.datasets} data sets")


def _print_not_run(not_run: Sequence[NotRun]) -> None:
    for each in not_run:
        out.print(f"[yellow]not run[/] {plain(each.what)}: {plain(each.why)}", soft_wrap=True)
