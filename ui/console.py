"""The output of the command line: progress bars and remarks on standard error, answers on standard output."""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

PIPE_WIDTH = 132  # rich would assume 80 without a terminal

# Of the processes that share a training (``--devices``, torchrun) the first one prints for all. The process that starts the others
# tells them so in their environment. Each prints its own errors, because it may be the only one with them.
IS_FIRST = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"

out = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH, quiet=not IS_FIRST)
err = Console(stderr=True, highlight=False, emoji=False)

# Characters that are no text to a terminal: 8-bit control characters (some take U+009B for ESC [), separators of lines and
# paragraphs, marks that turn the direction of the following text (CVE-2021-42574), halves of surrogate pairs; and what JSON escapes
# by itself.
_COMMANDS = "\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_IN_JSON, _IN_TEXT = re.compile(f"[{_COMMANDS}]"), re.compile(f"[\x00-\x1f{_COMMANDS}]")


def harmless(text: str) -> str:
    """Text from outside in one line, without characters that command a terminal or turn the direction of what follows."""
    return _IN_TEXT.sub(" ", text)


def plain(text: str) -> str:
    """Text from outside, safe to print within ours: ``harmless``, and without rich's markup."""
    return escape(harmless(text))


def print_json(value: Any) -> None:
    """Nothing is lost: characters that are no text to a terminal are escaped, as JSON does anyway for half of them."""
    if IS_FIRST:
        text = json.dumps(value, ensure_ascii=False, indent=1)
        sys.stdout.write(_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def remark(text: str) -> None:
    """A remark that is not an answer, on standard error."""
    if IS_FIRST:
        err.print(plain(text), soft_wrap=True)


WATCHED = {
    "total": "loss {:.3f}",
    "val_articles_median_km": "text {:,.0f} km",
    "val_articles_recall_at_10": "recall {:.2f}",
    "val_tiles_median_km": "tile {:,.0f} km",
    "val_tiles_recall_at_10": "recall {:.2f}",
}  # the figures that a bar shows, the newest of each


LINE_EVERY_S = 30.0


class ProgressBars:
    """``index.progress.Progress`` as rich bars; without a terminal (a pipe, CI) a line when a stage begins, and then one every
    ``LINE_EVERY_S`` with the time that is left. ``clock``: in seconds, from anywhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begun_s, self._told_s = clock, 0.0, 0.0
        self._title, self._done = "", 0
        self._total: int | None = None
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
        self._title, self._done, self._total = title, 0, total
        self._begun_s = self._told_s = self._clock()
        if self._bars.disable:
            remark(f"{title} ({total} in all)" if total is not None else title)

    def advance(self, n: int, **figures: float) -> None:
        if self._task is None:
            return
        self._newest |= {name: value for name, value in figures.items() if name in WATCHED}
        shown = "  ".join(label.format(self._newest[name]) for name, label in WATCHED.items() if name in self._newest)
        self._bars.update(self._task, advance=n, figures=shown)
        self._done += n
        if self._bars.disable and self._clock() - self._told_s >= LINE_EVERY_S:
            self._told_s = self._clock()
            remark("  ".join(part for part in (self._line(), shown) if part))

    def _line(self) -> str:
        if not self._total or not self._done:
            return f"{self._title}: {self._done} so far"
        left_s = (self._clock() - self._begun_s) * (self._total - self._done) / self._done
        return f"{self._title}: {self._done} of {self._total}, about {_spoken(left_s)} left"


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
