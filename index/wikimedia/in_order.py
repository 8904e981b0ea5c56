"""Work spread over processes whose results come back in order and never pile up: one process or many, the outcome is the same."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from index.errors import SourceError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # items under way for each worker: enough to work on while the parent commits what it has to the catalogue


def in_order(items: Iterable[Item], work: Callable[[Item], Iterable[Result]], workers: int) -> Iterator[Result]:
    """All results of ``work(item)``, item by item. One worker is this process.

    At most ``AHEAD`` items for each worker are under way. ``work`` must be a module-level function (it is sent by name).
    """
    if workers == 1:
        for item in items:
            yield from work(item)
        return
    # "spawn", because a fork of a process with threads (Lance, Arrow) may hang.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _leave_interrupts_to_the_parent) as pool:
        waiting = deque()  # type: ignore[var-annotated]
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= AHEAD * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool:
            raise SourceError("a worker process was killed, perhaps because memory ran out; repeat with fewer --workers") from None
        finally:
            for each in waiting:
                each.cancel()


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
