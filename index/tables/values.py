"""Single values of foreign files: numbers, texts, and JSON of any shape. Each reader takes whatever there is."""

import json
import re
from decimal import Decimal
from typing import Any

from index.errors import InputError

_POINT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


def number(value: Any, name: str, *, comma: bool = False, unit: str = " in degrees") -> float:
    """A number, or text that is one; with ``comma`` "48,2" is 48.2. Raises ``InputError``; NaN and infinity are not numbers."""
    if isinstance(value, bytes):
        value = text(value, name)
    if isinstance(value, str):
        said = value.strip().replace("−", "-")
        if comma and DECIMAL_COMMA.fullmatch(said):
            said = said.replace(",", ".")
        read = float(said) if _POINT.fullmatch(said) else None
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        size: Any = abs(value)
        read = float(value) if size < 1e300 else None  # NaN and what no float holds are not smaller
    else:
        read = None
    if read is None:
        hint = " (a decimal comma among decimal points)" if isinstance(value, str) and DECIMAL_COMMA.fullmatch(said) else ""
        shown = "" if value is None else str(value)[:60]
        raise InputError(f"{name} must be a number{unit}, got '{shown}'{hint}")
    return read


def text(value: Any, name: str) -> str:
    """Text of a cell: '' for none, numbers and dates as they are written.

    Raises ``InputError`` for nested values, and for bytes that are not UTF-8.
    """
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InputError(f"{name} is not valid UTF-8; convert the file") from None
    if isinstance(value, list | dict | tuple):
        raise InputError(f"{name} must be text, got a {'list' if isinstance(value, list | tuple) else 'structure'}")
    return "" if value is None else str(value)


def json_value(raw: str | bytes) -> Any:
    """Raises ``InputError`` for text that is not JSON, or is nested too deeply to be read."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected JSON ({str(error)[:100]})") from None


def as_mapping(value: Any) -> dict[str, Any]:
    """A JSON object; {} for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A JSON array; [] for anything else."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """A JSON string; '' for anything else."""
    return value if isinstance(value, str) else ""
