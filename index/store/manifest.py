"""The manifest of an index: which model made the vectors and how they are to be compared. Written last: no manifest, no index."""

import json
from typing import Any, Literal, Self

from pydantic import ValidationError

from index.errors import CatalogueError
from index.settings import Settings

SCHEMA_VERSION: Literal[1] = 1

# Keys in a Lance table's metadata.
MANIFEST_KEY = "placebind.manifest"
BUILDING_KEY = "placebind.building"
COMPLETE_KEY = "placebind.complete"
COLUMN_KEY = "placebind.column"
SCHEMA_KEY = "placebind.schema_version"
MIGRATIONS_KEY = "placebind.migrations"
UNITS_KEY = "placebind.units"  # with a digest of the source's key behind it


class Manifest(Settings):
    """``mean`` is the mean vector [dim] of this table's modality: what a correction of the modality gap subtracts. ``sensors`` are
    those whose tiles the model can embed; empty for other records, and in a manifest of an older PlaceBind."""

    schema_version: Literal[1] = SCHEMA_VERSION
    model_digest: str
    preprocessing: dict[str, Any]
    dim: int
    dtype: Literal["float32"] = "float32"
    metric: Literal["cosine"] = "cosine"
    rows: int
    mean: tuple[float, ...]
    source_dates: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Self:
        try:
            return cls(**json.loads(text))
        except (ValidationError, ValueError, TypeError):
            raise CatalogueError(
                "the index manifest is of another PlaceBind version; run `placebind index build --rebuild`"
            ) from None
