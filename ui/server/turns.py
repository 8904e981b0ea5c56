"""How many costly requests run at once. Each kind has a number of turns and a short queue; a full queue says when to try again.

A route takes a turn by ``dependencies=[SEARCHES.needed]``. Waiting holds no thread, so that what is cheap is answered meanwhile.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any

from fastapi import Depends

from index.errors import PlaceBindError
from ui.server.observed import RUNNING, WAITING

PATIENCE_S = 20.0
RETRY_AFTER_S = 5
_CORES = os.cpu_count() or 1


class TooBusyError(PlaceBindError):
    """So much of this sort is being done that nothing more can wait for it."""


class Turns:
    """At most ``running`` at a time, and ``waiting`` more in a line, first come, first served."""

    def __init__(self, what: str, running: int, waiting: int) -> None:
        self.what, self.waiting = what, waiting
        self._free, self._line, self._lock = running, deque[Future[None]](), threading.Lock()

    @property
    def needed(self) -> Any:
        """What makes a route take a turn, given back before the answer is sent: a slow reader holds none."""
        return Depends(self.take, scope="function")

    async def take(self) -> AsyncIterator[None]:
        """Raises ``TooBusyError`` where the line is full, or does not move."""
        turn = self._join()
        try:
            with WAITING.labels(self.what).track_inprogress():
                await asyncio.wait_for(asyncio.wrap_future(turn), PATIENCE_S)
        except (TimeoutError, asyncio.CancelledError) as error:
            if not turn.cancel():  # it came at the very moment
                self._give_back()
            if isinstance(error, TimeoutError):
                raise self._too_busy() from None
            raise
        try:
            with RUNNING.labels(self.what).track_inprogress():
                yield
        finally:
            self._give_back()

    def _join(self) -> Future[None]:
        """A place in the line; its turn has come when it has a result."""
        turn: Future[None] = Future()
        with self._lock:
            if self._free:
                self._free -= 1
                turn.set_result(None)
            else:
                self._line = deque(each for each in self._line if not each.cancelled())
                if len(self._line) >= self.waiting:
                    raise self._too_busy()
                self._line.append(turn)
        return turn

    def _give_back(self) -> None:
        with self._lock:
            while self._line:
                following = self._line.popleft()
                if following.set_running_or_notify_cancel():
                    following.set_result(None)
                    return
            self._free += 1

    def _too_busy(self) -> TooBusyError:
        return TooBusyError(f"the server has as many {self.what} to work at as it can; ask again in {RETRY_AFTER_S} seconds")


SEARCHES = Turns("searches", max(2, _CORES), 32)
HEATS = Turns("heat maps", max(2, _CORES), 128)  # of tiles a map asks for dozens at a time
ATLAS = Turns("tiles of the atlas", max(2, _CORES // 2), 64)
EXPORTS = Turns("exports", 2, 4)
UPLOADS = Turns("uploads", 1, 8)  # what a picture takes when it is decoded is bounded for one at a time
