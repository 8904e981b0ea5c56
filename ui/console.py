"""How the command line speaks: progress bars and remarks on standard error, answers on standard output."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

PIPE_WIDTH = 120  # rich would take 80 where there is no terminal to ask

out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, highlight=False)


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
        self._bars = Bars(*columns, TextColumn("{task.fields[figures]}"), console=err, disable=not sys.stderr.isatty())
        self._task: TaskID | None = None
        self._best: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def start(self, title: str, total: int | None) -> None:
        self._task = self._bars.add_task(title, total=total, figures="")
        if self._bars.disable:
            err.print(f"{title} ({total} in all)" if total is not None else title)

    def advance(self, n: int, **figures: float) -> None:
        if self._task is None:
            return
        self._best |= {name: value for name, value in figures.items() if name in ("total", "val_median_km")}
        labels = {"total": "loss {:.3f}", "val_median_km": "text to place, median {:.0f} km"}
        shown = "  ".join(labels[name].format(value) for name, value in self._best.items())
        self._bars.update(self._task, advance=n, figures=shown)
