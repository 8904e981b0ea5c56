"""Ask for more until enough remains, for steps after a search that drop or reorder hits, so no answer is silently short."""

from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
FACTOR = 4  # each round costs about four of the one before, so all rounds together about a third more than the last


def widen(find: Callable[[int], Found], first: int, most: int, enough: Callable[[Found], bool]) -> Found:
    """``find(n)`` with n = ``first``, four times that, and so on, until it is ``enough`` or n is ``most``, the total number."""
    wanted = min(first, most)
    found = find(wanted)
    while wanted < most and not enough(found):
        wanted = min(FACTOR * wanted, most)
        found = find(wanted)
    return found
