"""What can go wrong, as one hierarchy: the command line prints any of these in one line and exits with code 2."""


class PlaceBindError(Exception):
    """Base of all expected errors. The message says what was expected, what arrived and what to do."""


class InputError(PlaceBindError):
    """Data or an argument from outside is unusable: a missing column, a latitude of 91, a corrupt file."""


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
