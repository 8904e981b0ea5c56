"""Work in threads with results in order, for work that lets other threads run meanwhile: reading, packing and hashing pixels."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def thread_count() -> int:
    """One for each core, at most 8: each holds a tile, and the work left to one thread limits the gain from more."""
    return min(8, os.cpu_count() or 1)


def in_order(pool: ThreadPoolExecutor, work: Callable[[In], Out], items: Iterable[In], ahead: int) -> Iterator[Out]:
    """``map`` in threads that starts no more than ``ahead`` items before their results are wanted."""
    running: deque[Future[Out]] = deque()
    for item in items:
        running.append(pool.submit(work, item))
        if len(running) > ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def read_ahead(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """All results of ``work``, in order, by ``thread_count()`` threads; the memory of two results for each at most."""
    pool = ThreadPoolExecutor(thread_count())
    try:
        yield from in_order(pool, work, items, thread_count())
    finally:
        pool.shutdown(cancel_futures=True)  # also when the reader stops in the middle
