"""Several processes write to one table. One whose commit conflicts with another's waits a moment and tries again."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

TRIES = 10
FIRST_WAIT_S = 0.05  # doubled each time: all waits together are less than a minute
# Lance has one type for all its errors. These texts mark the errors that another process's commit causes.
_CONFLICT = ("conflict", "contention", "already exists")


def persistently(action: Callable[[], Result]) -> Result:
    """What ``action`` returns; it is tried again, a bounded number of times, while commits of other processes get in its way."""
    for attempt in range(TRIES - 1):
        try:
            return action()
        except (OSError, RuntimeError, ValueError) as error:
            if not is_conflict(error):
                raise
            time.sleep(FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1))  # so that two processes do not collide again
    return action()


def is_conflict(error: BaseException) -> bool:
    """Whether a commit of another process caused the error."""
    return any(word in str(error).lower() for word in _CONFLICT)
