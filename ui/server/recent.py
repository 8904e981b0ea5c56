"""What a server keeps for a while."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The most recently used values by key, at most ``kept`` of them. Two threads that ask for the same missing key make it
    once."""

    def __init__(self, kept: int) -> None:
        self._kept, self._values = kept, OrderedDict[Any, Value]()
        self._lock, self._making = threading.Lock(), dict[Any, threading.Lock]()

    def get(self, key: Any, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    if len(self._values) > self._kept:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value
