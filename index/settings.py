"""The base of every configuration: frozen, unknown keys rejected, errors in one line."""

import re
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from index.errors import ConfigError, InputError

SHOWN_CHARACTERS = 80  # of a given value, which comes from outside and may be long
_NO_CHARACTER = re.compile("[\ud800-\udfff]")  # what Python makes of bytes that are not UTF-8: encoders, files and pages refuse it


class Settings(BaseModel):
    """A frozen pydantic model. Use ``parse`` at the border: it turns pydantic's report into a one-line ``ConfigError``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, values: dict[str, Any], *, where: str) -> Self:
        """Check ``values``; ``where`` says in the message which file or part they belong to."""
        try:
            return cls(**values)
        except ValidationError as error:
            problems = "; ".join(_explain(cls, problem) for problem in error.errors())
            raise ConfigError(f"{where}: {problems}") from None
        except RecursionError:  # brackets in brackets: JSON reads more of them than Python can write out
            raise ConfigError(f"{where}: values are nested too deep; give plain numbers, texts and lists") from None


def check_characters(text: str, name: str) -> None:
    """Raises ``InputError`` for text that holds an invalid character."""
    if _NO_CHARACTER.search(text):
        raise InputError(f"{name} holds an invalid character (it was not UTF-8); type it again")


def _explain(model: type[BaseModel], problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        nested = len(problem["loc"]) > 1
        known = "" if nested else f" (known: {', '.join(model.model_fields)})"
        return f"unknown setting '{key}'{known}"
    given = repr(problem["input"])
    return f"{key}: {problem['msg']}, got {given if len(given) <= SHOWN_CHARACTERS else given[:SHOWN_CHARACTERS] + '…'}"
