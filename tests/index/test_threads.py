"""Reading ahead: the order of the items, not too far ahead, and an end in the middle. What is made once for all threads."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from index.threads import AHEAD_BYTES, in_order, once, read_ahead


def small(result: int) -> int:
    return 8


def test_results_come_in_the_order_of_the_items_whichever_is_ready_first() -> None:
    last_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert last_done.wait(10), "a later item must be able to overtake"
        if item == 1:
            last_done.set()
        return item * item

    with ThreadPoolExecutor(2) as pool:
        assert list(in_order(pool, work, range(5), 2)) == [0, 1, 4, 9, 16]


def test_items_are_taken_only_a_little_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = read_ahead(lambda item: item, items(), small)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) <= 5 + 2
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 5 + 2


@pytest.mark.parametrize(("size", "ahead"), [(10, 8), (AHEAD_BYTES // 8, 8), (AHEAD_BYTES // 2, 2), (3 * AHEAD_BYTES, 1)])
def test_the_larger_the_results_the_fewer_are_read_ahead(monkeypatch: pytest.MonkeyPatch, size: int, ahead: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = read_ahead(lambda item: item, items(), lambda result: size)
    next(results)
    assert len(taken) == 1 + 1, "nothing is known of their size before the first"
    assert [next(results) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert len(taken) == 6 + ahead
    results.close()  # type: ignore[attr-defined]


def test_an_error_is_raised_where_its_result_would_have_come() -> None:
    results = read_ahead(lambda item: 1 // item, [1, 1, 0, 1], small)
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_reader_that_stops_in_the_middle_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    results = read_ahead(lambda item: item, range(1000), small)
    next(results)
    assert threading.active_count() > before
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


class Slow:
    """What it holds takes a while to make."""

    def __init__(self) -> None:
        self.made: list[str] = []

    @once
    def first(self) -> str:
        time.sleep(0.02)
        self.made.append("first")
        return "first"

    @once
    def second(self) -> str:
        """Made of the first: the same thread takes the lock again."""
        self.made.append("second")
        return f"{self.first} and second"


def test_what_many_threads_want_at_once_is_made_once() -> None:
    slow = Slow()
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda name: getattr(slow, name), ["second", "first"] * 8))
    assert got == ["first and second", "first"] * 8
    assert sorted(slow.made) == ["first", "second"]


def test_what_failed_once_is_made_at_the_next_try() -> None:
    class Failing:
        tries = 0

        @once
        def value(self) -> int:
            self.tries += 1
            if self.tries == 1:
                raise OSError("not yet")
            return self.tries

    failing = Failing()
    with pytest.raises(OSError, match="not yet"):
        _ = failing.value
    assert (failing.value, failing.value) == (2, 2)
