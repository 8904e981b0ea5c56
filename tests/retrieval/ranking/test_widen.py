"""What came short is asked for again, four times as much, until it is enough or there is no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ranking.widen import widen


@pytest.mark.parametrize(
    ("first", "most", "needed", "asked"),
    [(10, 1000, 5, [10]), (10, 1000, 100, [10, 40, 160]), (10, 100, 5000, [10, 40, 100]), (10, 4, 5000, [4])],
    ids=["enough at once", "enough after some rounds", "all there is", "more asked for than there is"],
)
def test_it_asks_for_more_until_it_is_enough_or_all(first, most, needed, asked):
    sizes = []

    def find(n):
        sizes.append(n)
        return n

    assert widen(find, first, most, lambda n: n >= needed) == asked[-1]
    assert sizes == asked


@given(st.integers(1, 50), st.integers(1, 2000), st.sets(st.integers(0, 1999)))
def test_a_step_that_drops_hits_ends_with_as_many_as_there_are(k, most, good):
    found = widen(lambda n: [row for row in range(n) if row in good][:k], k, most, lambda kept: len(kept) == k)
    assert found == [row for row in range(most) if row in good][:k]
