"""Keep a table in order: many small files into few, rows that came later into Lance's indexes, versions that nobody wants away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from index.errors import writing
from index.records import Modality
from index.store.manifest import COMPLETE_KEY
from index.store.vector_column import VECTOR, complete_files, complete_fragments

if TYPE_CHECKING:
    from index.store.catalogue import Catalogue

KEPT = timedelta(days=7)
ONE_SEGMENT = 1_000_000  # more segments than an index ever has: all are merged


@dataclass(frozen=True)
class Tidied:
    """What became of one table's files."""

    fragments_before: int
    fragments: int
    versions_removed: int
    bytes_removed: int


def optimize_table(catalogue: Catalogue, modality: Modality, keep: timedelta = KEPT) -> Tidied:
    """Fold new rows into a table's indexes, compact it, remove untagged versions replaced more than ``keep`` ago.

    Raises ``CatalogueError`` if another process changes the table meanwhile; it is whole then, and the command can be repeated.
    """
    dataset = catalogue.table(modality).to_lance()
    before = len(dataset.get_fragments())
    with writing(f"the {modality} could not be put in order"):
        # First the indexes: Lance compacts no rows together that are in different segments of one.
        dataset.optimize.optimize_indices(num_indices_to_merge=ONE_SEGMENT)
        dataset = catalogue.table(modality).to_lance()
        for apart in _waiting_and_complete(dataset):
            dataset.optimize.compact_files(excluded_fragment_ids=apart)
            dataset = catalogue.table(modality).to_lance()
        if VECTOR in dataset.schema.names and (noted := complete_files(dataset)) != (dataset.metadata or {}).get(COMPLETE_KEY):
            dataset.update_metadata({COMPLETE_KEY: noted})
            dataset = catalogue.table(modality).to_lance()
        removed = _remove_versions(dataset, keep)
    return Tidied(before, len(dataset.get_fragments()), removed.old_versions, removed.bytes_removed)


def extend_indexes(catalogue: Catalogue, modality: Modality) -> None:
    """Take rows that came later into Lance's indexes, each as a segment of its own: the cost is that of the new rows."""
    dataset = catalogue.table(modality).to_lance()
    with writing(f"the {modality} could not be put in order"):
        dataset.optimize.optimize_indices(num_indices_to_merge=0)


def settle(table: Any, modality: Modality) -> None:
    """After an ingest: make few files of its many, and take its rows into the indexes. Rows with vectors stay where they are."""
    with writing(f"the {modality} could not be put in order"):
        dataset = table.to_lance()
        dataset.optimize.compact_files(excluded_fragment_ids=_waiting_and_complete(dataset)[1])
        table.to_lance().optimize.optimize_indices()
        _remove_versions(table.to_lance(), KEPT)


def _waiting_and_complete(dataset: Any) -> tuple[list[int], list[int]]:
    """Fragments with rows that wait for their vectors, and those that have them all. The two are compacted apart: beside rows with
    vectors new ones would be dearer to fill (``index.store.filling``)."""
    complete = complete_fragments(dataset)
    waiting = [each.fragment_id for each in dataset.get_fragments() if each.fragment_id not in complete]
    return (waiting, sorted(complete)) if complete else ([], [])


def _remove_versions(dataset: Any, keep: timedelta) -> Any:
    """Remove the untagged versions that were replaced more than ``keep`` ago; whoever has opened one since can go on reading it.

    Lance counts from a version's own commit: the newest one of a table that nobody has touched for long would be gone as soon as it
    is replaced, under the feet of every process that has it open.
    """
    found, replaced = sorted(dataset.versions(), key=lambda each: each["version"]), datetime.now() - keep
    wanted = [old["version"] for old, new in pairwise(found) if new["timestamp"] <= replaced]
    which = {"versions": wanted} if wanted else {"retain_versions": len(found)}  # Lance takes no empty list
    return dataset.cleanup_old_versions(**which, error_if_tagged_old_versions=False)
