"""What a server keeps for a while."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The most recently used values by key: at most ``kept`` of them or, if ``size`` measures a value, as many as measure that much
    together; the newest always stays. Two threads that ask for the same missing key make it once."""

    def __init__(self, kept: int, size: Callable[[Value], int] = lambda value: 1) -> None:
        self._kept, self._values, self._size, self._total = kept, OrderedDict[Any, Value](), size, 0
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
                    self._total += self._size(value)
                    while self._total > self._kept and len(self._values) > 1:
                        self._total -= self._size(self._values.popitem(last=False)[1])
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value

    def peek(self, key: Any) -> Value | None:
        with self._lock:
            return self._values.get(key)
