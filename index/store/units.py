"""Which units of a source are in the catalogue already, so that a repeated ingest does not fetch them again.

A unit counts only while the table with its rows says so. Units that are noted together share a token and refer to the token before
it; the newest token of a source stands in the metadata of the table with the rows. A table that was restored to an earlier version
names an earlier token, and a new table names none: units noted since are then fetched again. The metadata of the table is written
last, so that a process killed between the two has noted nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from index.errors import writing
from index.store.catalogue import Catalogue
from index.store.contention import persistently
from index.store.manifest import UNITS_KEY

TABLE = "units"
_OLDER_TABLE = "finished_units"  # of an older PlaceBind, which did not say what version of what table a unit was in
_SCHEMA = pa.schema([(name, pa.string()) for name in ("key", "unit", "token", "before")])


class FinishedUnits:
    """The units of the source with this ``key`` whose rows are in ``table``; none for a source without a key."""

    def __init__(self, catalogue: Catalogue, table: Any, key: str) -> None:
        self.key = key
        self.units: set[str] = set()
        if not key:
            return
        self._rows = table
        self._name = f"{UNITS_KEY}.{blake2b(key.encode(), digest_size=8).hexdigest()}"
        if _OLDER_TABLE in catalogue.names():
            catalogue.db.drop_table(_OLDER_TABLE, ignore_missing=True)
        self._table = catalogue.opened(TABLE, _SCHEMA)
        noted: dict[str, list[dict[str, str]]] = {}
        for row in self._table.to_lance().to_table(filter="key = '" + key.replace("'", "''") + "'").to_pylist():
            noted.setdefault(row["token"], []).append(row)
        token = self._newest()
        while token in noted:
            rows = noted.pop(token)
            self.units |= {row["unit"] for row in rows}
            token = rows[0]["before"]

    def add(self, units: Sequence[str]) -> None:
        """Note units whose rows are committed."""
        fresh = [unit for unit in dict.fromkeys(units) if unit not in self.units]
        if not self.key or not fresh:
            return
        token, count = uuid.uuid4().hex, len(fresh)
        with writing("what is finished could not be noted"):
            columns = {"key": [self.key] * count, "unit": fresh, "token": [token] * count, "before": [self._newest()] * count}
            self._table.add(pa.table(columns, schema=_SCHEMA))
            persistently(lambda: self._rows.to_lance().update_metadata({self._name: token}))
        self.units |= set(fresh)

    def _newest(self) -> str:
        newest: str = (self._rows.to_lance().metadata or {}).get(self._name, "")
        return newest
