"""Work in threads with results in order, and values that are computed once for all threads."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

AHEAD_BYTES = 256 * 2**20  # of results that are read ahead; the making of one takes up to three times its size


class once(cached_property[Out]):
    """A ``cached_property`` that many threads may ask for at once: one of them makes it, with ``lock_of`` the object held, and the
    others wait. (Python's own has no lock from 3.12 on.)"""

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        with lock_of(instance):
            if self.attrname not in instance.__dict__:
                instance.__dict__[self.attrname] = self.func(instance)
            return instance.__dict__[self.attrname]


def lock_of(instance: Any) -> threading.RLock:
    """The one lock of an object under which its parts are loaded; a thread that holds it may take it again."""
    return instance.__dict__.setdefault("_lock_of_parts", threading.RLock())  # atomic, as a dict of texts is


def thread_count() -> int:
    """One for each core, at most 8: each holds a tile, and the work left to one thread limits the gain from more."""
    return min(8, os.cpu_count() or 1)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[In], Out], items: Iterable[In], ahead: int | Callable[[], int]
) -> Iterator[Out]:
    """``map`` in threads that starts no more than ``ahead`` items, at that time, before their results are wanted."""
    running: deque[Future[Out]] = deque()
    for item in items:
        running.append(pool.submit(work, item))
        while len(running) > (ahead if isinstance(ahead, int) else ahead()):
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def read_ahead(work: Callable[[In], Out], items: Iterable[In], bytes_of: Callable[[Out], int]) -> Iterator[Out]:
    """All results of ``work``, in order, by ``thread_count()`` threads: one ahead for each, fewer if so many of the largest
    result so far would exceed ``AHEAD_BYTES``."""
    pool = ThreadPoolExecutor(thread_count())
    largest: int | None = None

    def ahead() -> int:
        if largest is None:  # nothing is known of the results yet
            return 1
        return max(1, min(thread_count(), AHEAD_BYTES // max(1, largest)))

    try:
        for result in in_order(pool, work, items, ahead):
            largest = max(largest or 0, bytes_of(result))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)  # also when the reader stops in the middle
