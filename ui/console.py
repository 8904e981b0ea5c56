"""How the command line speaks: progress bars and remarks on standard error, answers on standard output."""

import json
import os
import sys
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

PIPE_WIDTH = 132  # rich would take 80 where there is no terminal to ask

# Of the processes that share a training (``--devices``, torchrun) the first speaks for all. Whoever starts the others tells them so
# in their environment; errors are said by each, for it may be the only one that has it.
IS_FIRST = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"

out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH, quiet=not IS_FIRST)
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    if IS_FIRST:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def remark(text: str) -> None:
    """Something worth knowing that is no answer, on standard error."""
    if IS_FIRST:
        err.print(text, markup=False, soft_wrap=True)


WATCHED = {
    "total": "loss {:.3f}",
    "val_articles_median_km": "text {:,.0f} km",
    "val_articles_recall_at_10": "recall {:.2f}",
    "val_tiles_median_km": "tile {:,.0f} km",
    "val_tiles_recall_at_10": "recall {:.2f}",
}  # the figures that a bar shows, the newest of each


class ProgressBars:
    """``index.progress.Progress`` as rich bars; where nobody watches (a pipe, CI), one line a stage instead."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:<18}"),
            BarColumn(30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Bars(
            *columns, TextColumn("{task.fields[figures]}"), console=err, disable=not (IS_FIRST and sys.stderr.isatty())
        )
        self._task: TaskID | None = None
        self._newest: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def start(self, title: str, total: int | None) -> None:
        self._newest = {}
        self._task = self._bars.add_task(title, total=total, figures="")
        if self._bars.disable:
            remark(f"{title} ({total} in all)" if total is not None else title)

    def advance(self, n: int, **figures: float) -> None:
        if self._task is None:
            return
        self._newest |= {name: value for name, value in figures.items() if name in WATCHED}
        shown = "  ".join(label.format(self._newest[name]) for name, label in WATCHED.items() if name in self._newest)
        self._bars.update(self._task, advance=n, figures=shown)
