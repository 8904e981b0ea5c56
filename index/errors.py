"""What can go wrong, as one hierarchy: the command line prints any of these in one line and exits with code 2."""

from collections.abc import Iterator
from contextlib import contextmanager


class PlaceBindError(Exception):
    """Base of all expected errors. The message says what was expected, what arrived and what to do."""


class InputError(PlaceBindError):
    """Data or an argument from outside is unusable: a missing column, a latitude of 91, a corrupt file."""


class NotHereError(InputError):
    """What was asked for by its name or id is not here, or not any more."""


class SourceError(PlaceBindError):
    """A server, or what it sent, cannot be used: it refuses, keeps failing, or sends something else than its format.

    ``status`` is the HTTP status of its last answer, None where there was none or it is not what was wrong.
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
    """The index holds vectors of another model than the one opened with it."""


class MissingExtraError(PlaceBindError):
    """An optional dependency is not installed; the message names the extra that brings it."""


def one_line(error: BaseException) -> str:
    """What a library said, folded into one line of at most 200 characters: to be quoted in a message of ours."""
    return " ".join(str(error).split())[:200]


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Whatever Lance raises while it writes as one ``CatalogueError``: a full disk, a folder that may only be read, another process
    that was faster. Each commit is whole or not at all, so the command can be repeated. ``what`` is what could not be done."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise CatalogueError(
            f"{what}: {one_line(error)}; see that nothing else writes to it, that it may be written to and that there is room, "
            "then run the same command again: what was done is kept"
        ) from error
