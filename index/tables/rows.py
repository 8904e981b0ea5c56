"""One bad row never ends an ingest: its fault becomes a rejection with its number, here and nowhere else.

The causes are few, because values are checked where they are read (``index.tables.values``, ``index.records``): a value that does
not fit, a number that no float holds, a nesting that no stack holds, half a character. Every other error is our own mistake and is
raised.
"""

from collections.abc import Callable
from typing import TypeVar

from index.errors import InputError, one_line
from index.records import Rejected

Made = TypeVar("Made")


def record_or_rejection(read: Callable[[], Made], where: str, remedy: str) -> Made | Rejected:
    """The record that ``read`` makes of one row, or its rejection. ``where`` names the row, ``remedy`` ends the message."""
    try:
        return read()
    except InputError as error:
        why = str(error)
    except OverflowError:
        why = "a number is too large"
    except RecursionError:
        why = "it is nested too deeply"
    except UnicodeError as error:
        why = f"a text is not valid Unicode ({one_line(error)})"
    return Rejected(where=where, why=f"{why}; {remedy}")
