"""Many records in chunks side by side: a chunk by one thread is quicker than one after the other by all threads."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from index.threads import thread_count

Made = TypeVar("Made")


def side_by_side(work: Callable[[slice], Made], count: int, size: int) -> list[Made]:
    """What ``work`` makes of each ``size`` of ``count`` records, in order, by as many threads as OMP_NUM_THREADS says, else by one
    for each core."""
    chunks = [slice(start, start + size) for start in range(0, count, size)]
    threads = min(len(chunks), int(os.environ.get("OMP_NUM_THREADS") or 0) or thread_count())
    if threads < 2:
        return [work(chunk) for chunk in chunks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, chunks))
