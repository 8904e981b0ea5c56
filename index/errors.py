"""All expected errors, as one hierarchy. The command line prints any of them in one line and exits with code 2."""

from collections.abc import Iterator
from contextlib import contextmanager


class PlaceBindError(Exception):
    """Base of all expected errors. The message says what was expected, what arrived and what to do."""


class InputError(PlaceBindError):
    """Data or an argument from outside is unusable: a missing column, a latitude of 91, a corrupt file."""


class NotHereError(InputError):
    """What was asked for by its name or id is not here, or not any more."""


class SourceError(PlaceBindError):
    """A server or its answer cannot be used: it refuses, keeps failing, or sends something other than its format.

    ``status`` is the HTTP status of its last answer. It is None if there was no answer or the status was not the problem.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ConfigError(PlaceBindError):
    """A name or a setting does not exist or does not fit: an unknown encoder, a misspelt key."""


class CatalogueError(PlaceBindError):
    """The catalogue is missing, unreadable, of another schema version, or has nothing to work with."""


class CheckpointError(PlaceBindError):
    """A checkpoint is missing, incomplete or altered."""


class ModelMismatchError(PlaceBindError):
    """The index holds vectors of a different model from the one opened with it."""


class MissingExtraError(PlaceBindError):
    """An optional dependency is not installed; the message names the extra that brings it."""


def one_line(error: BaseException) -> str:
    """A library's error text, folded into one line of at most 200 characters, to be quoted in our messages."""
    return " ".join(str(error).split())[:200]


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn any error that Lance raises while writing into a ``CatalogueError``: a full disk, a read-only folder, a faster process.
    Each commit is complete or absent, so the command can be repeated. ``what`` says what could not be done."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise CatalogueError(
            f"{what}: {one_line(error)}; check that no other process writes to it, that it is writable and that the disk has room, "
            "then run the same command again: finished work is not lost"
        ) from error
