"""Own columns in a table: which names a user may not give, and how the table grows by new columns.

``Source.own`` -> ``grow`` -> ``index.store.ingest``, which fills them. Columns are added without data, so that rows of earlier
ingests hold nothing there and no file is rewritten; ``own_fields`` finds them again. Snapshots do not depend on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from index.errors import InputError
from index.records import Modality
from index.store.catalogue import SCHEMAS, Catalogue
from index.store.contention import persistently
from index.store.vector_column import VECTOR
from index.tables.own import DATE, TEXT, TIME, WORDS

# What the tables hold, what Lance adds to rows and what a hit says beside them in a file: all in lower case.
OUR_NAMES = frozenset(name for schema in SCHEMAS.values() for name in schema.names) | {
    VECTOR, "_rowid", "_rowaddr", "_rowoffset", "_distance", "_score", "_relevance_score",
    "rank", "modality", "score", "percentile", "distance_km", "link", "snippet", "why", "geometry", "own",
}  # fmt: skip

_LITERALS = {DATE: ", as date '2024-01-31'", TIME: ", as timestamp '2024-01-31 12:00:00'"}


def own_fields(schema: pa.Schema, modality: Modality) -> list[pa.Field]:
    """The own columns of a table with this schema, in their order."""
    return [field for field in schema if field.name not in SCHEMAS[modality].names and field.name != VECTOR]


def described(field: pa.Field) -> str:
    """'`height m` (integers)', as a condition has to write the name."""
    plain = field.name.isidentifier() and field.name.isascii()
    return f"{field.name if plain else f'`{field.name}`'} ({WORDS.get(field.type, field.type)}{_LITERALS.get(field.type, '')})"


def check_own(catalogue: Catalogue, modality: Modality, own: Mapping[str, pa.DataType]) -> None:
    """Raises ``InputError`` if the table cannot get these columns. Nothing has been written then."""
    if ours := [name for name in own if name.casefold() in OUR_NAMES]:
        raise InputError(f"PlaceBind uses the name '{ours[0]}' itself; rename the column with --keep '{ours[0]}=NAME'")
    if own and catalogue.has(modality):
        _lacking(catalogue.dataset(modality).schema, modality, own)


def grow(table: Any, modality: Modality, own: Mapping[str, pa.DataType]) -> None:
    """Add the columns that the table does not have; another process may be doing the same."""

    def add() -> None:
        table.checkout_latest()
        if fields := _lacking(table.schema, modality, own):
            table.add_columns(fields)

    if own:
        persistently(add)


def _lacking(schema: pa.Schema, modality: Modality, own: Mapping[str, pa.DataType]) -> list[pa.Field]:
    """The columns that are not there yet. Raises ``InputError`` for one that is there with another type, or in other letters."""
    there = {field.name.casefold(): field for field in own_fields(schema, modality)}
    for name, kind in own.items():
        field = there.get(name.casefold())
        if field is None:
            continue
        if field.name != name:
            raise InputError(
                f"the {modality} have a column '{field.name}'; keep this one as that with --keep '{name}={field.name}'"
            )
        if field.type != kind:
            stored, given = (WORDS.get(each, each) for each in (field.type, kind))
            as_text = f", or keep it as text with --keep '{name}:text'" if field.type == TEXT else ""
            raise InputError(
                f"the column '{name}' of the {modality} holds {stored}, here it holds {given}; "
                f"rename this one with --keep '{name}=NAME'{as_text}"
            )
    return [pa.field(name, kind) for name, kind in own.items() if name.casefold() not in there]
