"""Named steps add what the tables of an older PlaceBind lack. The table's metadata holds the names of those done.

Reading needs none of them; the next ingest takes them. Each step may be repeated, because a process can be killed between a step
and its name. A restored version has its own list of names, so it is migrated again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from index.slices import in_report_block
from index.store.contention import persistently
from index.store.manifest import MIGRATIONS_KEY
from index.store.statistics import SUMS, add_sums
from index.store.unique import ids_are_unique, make_unique

_UPDATED_AT_ONCE = 1000


@dataclass(frozen=True)
class Migration:
    """A step (``apply``) for a LanceDB table that lacks something of this PlaceBind's schema for such tables."""

    name: str
    lacks: Callable[[pa.Schema, pa.Schema], bool]  # of the table's schema and ours
    apply: Callable[[Any, pa.Schema], None]


def _empty_columns(ours: pa.Schema) -> set[str]:
    """Columns that may be empty need no new schema version: rows of an older PlaceBind do not know the value, and '' says so."""
    return set(ours.names) - set(SUMS)


def _add_empty_columns(table: Any, ours: pa.Schema) -> None:
    if lacking := _empty_columns(ours) - set(table.schema.names):
        table.add_columns(dict.fromkeys(sorted(lacking), "''"))


def _lacks_sums(schema: pa.Schema, ours: pa.Schema) -> bool:
    return bool(set(SUMS) & set(ours.names) - set(schema.names))


def _add_sums(table: Any, ours: pa.Schema) -> None:
    if _lacks_sums(table.schema, ours):
        add_sums(table)


def _report_slice(table: Any, ours: pa.Schema) -> None:
    """What an older PlaceBind held out as 'val' in a report block becomes 'report', as an ingest stores it now."""
    if "split" not in table.schema.names:
        return
    held_out = table.to_lance().to_table(columns=["id", "lat", "lon"], filter="split = 'val'")
    inside = in_report_block(held_out["lat"].to_numpy(), held_out["lon"].to_numpy())
    ids = [f"'{name}'" for name in held_out["id"].filter(pa.array(inside)).to_pylist()]
    for start in range(0, len(ids), _UPDATED_AT_ONCE):
        table.update(where=f"id IN ({', '.join(ids[start : start + _UPDATED_AT_ONCE])})", values={"split": "report"})


UNIQUE_IDS = Migration("unique ids", lambda schema, ours: not ids_are_unique(schema), lambda table, ours: make_unique(table))
MIGRATIONS = (
    Migration("columns that may be empty", lambda schema, ours: bool(_empty_columns(ours) - set(schema.names)), _add_empty_columns),
    Migration("sums of the bands", _lacks_sums, _add_sums),
    UNIQUE_IDS,
    Migration("report slice", lambda schema, ours: False, _report_slice),  # no schema tells: only the name says that it was done
)


def names_of(migrations: Sequence[Migration]) -> str:
    """The form in which the metadata holds them."""
    return json.dumps([each.name for each in migrations])


def migrate(table: Any, ours: pa.Schema, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Take the steps that the table does not name yet or still lacks, each followed by its name."""
    for step in migrations:
        persistently(lambda step=step: _take(step, table, ours))  # type: ignore[misc]


def _take(step: Migration, table: Any, ours: pa.Schema) -> None:
    done = json.loads((table.to_lance().metadata or {}).get(MIGRATIONS_KEY, "[]"))
    if step.name in done and not step.lacks(table.schema, ours):
        return
    step.apply(table, ours)
    if step.name not in done:
        table.to_lance().update_metadata({MIGRATIONS_KEY: json.dumps([*done, step.name])})
