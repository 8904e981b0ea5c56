"""What the last process found out about a table, so that the next one need not open it: version, manifest, snapshot, and hits.

A file beside the folder of the snapshots (``articles.json``) holds as long as the table's folder of versions is as it was: every
commit changes that. A search then maps files and neither Lance nor LanceDB is imported, which takes longer than the search. A table
in an object store has no folder, and is always asked.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.errors import CatalogueError
from index.files import made_whole
from index.records import MODALITIES, Modality
from index.store.catalogue import Catalogue
from index.store.derived import derived_folders
from index.store.manifest import Manifest
from index.store.own import own_fields
from index.store.vector_column import HAS_VECTOR
from index.store.vectors import manifest_of

SHOWN = "shown.arrow"
SHOWN_UP_TO_ROWS = 300_000  # of a table; what hits show of a million takes hundreds of megabytes
SNIPPET_CHARACTERS = 160
COLUMNS = ("title", "url", "country")  # that a hit shows, with own columns and the beginning of an article's text as its snippet


@dataclass(frozen=True)
class Current:
    """``versions``: the table's ``Catalogue.state``. ``manifest``: as JSON. ``snapshot``: the name of its folder without
    the type of numbers."""

    versions: str
    version: int
    manifest: str
    snapshot: str


def current_of(catalogue: Catalogue, modality: Modality) -> Current | None:
    """None if nothing was noted, or if the table has changed since."""
    versions = catalogue.state(modality)
    for folder in derived_folders(catalogue.uri, modality) if versions else ():
        with suppress(OSError, ValueError, TypeError):  # none there, or a damaged one
            current = Current(**json.loads(folder.with_suffix(".json").read_text()))
            if current.versions == versions:
                return current
    return None


def note(folder: Path, current: Current) -> None:
    """For the next process; ``folder`` is that of the snapshots."""
    with (
        suppress(CatalogueError),
        made_whole(folder.with_suffix(".json")) as partial,
    ):  # a note that cannot be written costs time only
        partial.write_text(json.dumps(asdict(current)))


def manifests_at_hand(catalogue: Catalogue) -> dict[Modality, Manifest]:
    """The manifests of the tables that are indexed."""
    found: dict[Modality, Manifest] = {}
    for modality in MODALITIES:
        current = current_of(catalogue, modality)
        manifest = (
            Manifest.from_json(current.manifest)
            if current
            else manifest_of(catalogue, modality)
            if catalogue.has(modality)
            else None
        )
        if manifest:
            found[modality] = manifest
    return found


def write_shown(path: Path, dataset: Any, modality: Modality, row_ids: Any) -> None:
    """What hits show of the rows with these ids, in their order."""
    rows = dataset.to_table(columns=shown_columns(dataset, modality), filter=HAS_VECTOR, with_row_id=True)
    order = np.argsort(rows["_rowid"].to_numpy())
    at = order[np.searchsorted(rows["_rowid"].to_numpy(), row_ids, sorter=order)]
    table = shown(rows.take(pa.array(at)).drop_columns(["_rowid"])).combine_chunks()
    with made_whole(path) as partial, pa.OSFile(str(partial), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def shown_columns(dataset: Any, modality: Modality) -> list[str]:
    """The columns of a table that ``shown`` needs."""
    own = [field.name for field in own_fields(dataset.schema, modality)]
    return [*COLUMNS, *own, *(["text"] if modality == "articles" else [])]


def shown(rows: pa.Table) -> pa.Table:
    """What hits have of rows of ``shown_columns``: these, and in place of a text its beginning as ``snippet``, '' where none is."""
    if "text" not in rows.column_names:
        return rows.append_column("snippet", [[""] * len(rows)])
    snippet = pc.utf8_slice_codeunits(rows["text"], 0, SNIPPET_CHARACTERS)
    return rows.drop_columns(["text"]).append_column("snippet", snippet)


def mapped_shown(path: Path, count: int) -> pa.Table | None:
    """None if it is not there, or not of so many rows."""
    with suppress(OSError, ValueError):  # what Arrow raises is a ValueError too
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        return table if len(table) == count else None
    return None
