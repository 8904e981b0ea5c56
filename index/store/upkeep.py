"""Keep a table in order: merge small files, add later rows to Lance's indexes, remove versions that are no longer needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from index.errors import writing
from index.records import Modality
from index.store.contention import is_conflict, persistently
from index.store.fragments import bytes_of, rows_at_once
from index.store.manifest import COMPLETE_KEY
from index.store.vector_column import VECTOR, complete_files, complete_fragments

if TYPE_CHECKING:
    from index.store.catalogue import Catalogue

KEPT = timedelta(days=7)
SMALL_BYTES = 8 * 2**20  # a smaller file is merged with others like it; this many new bytes are worth a segment of an index
FEWEST = 4  # small files that are merged at once
ONE_SEGMENT = 1_000_000  # more segments than an index ever has: all are merged
EVERY_VERSION = 1_000_000_000  # more than there ever are: the number at hand is too low once another process has committed


@dataclass(frozen=True)
class Tidied:
    """What was done to one table's files."""

    fragments_before: int
    fragments: int
    versions_removed: int
    bytes_removed: int


def optimize_table(catalogue: Catalogue, modality: Modality, keep: timedelta = KEPT) -> Tidied:
    """Fold new rows into a table's indexes, compact it, remove untagged versions replaced more than ``keep`` ago.

    Raises ``CatalogueError`` if another process changes the table meanwhile; the table is intact then, and the command can be
    repeated.
    """
    dataset = catalogue.table(modality).to_lance()
    before = len(dataset.get_fragments())
    with writing(f"the {modality} could not be put in order"):
        # Indexes first: Lance never compacts rows together that are in different segments of an index.
        dataset.optimize.optimize_indices(num_indices_to_merge=ONE_SEGMENT)
        dataset = catalogue.table(modality).to_lance()
        for apart in _waiting_and_complete(dataset):
            _merged(dataset, apart)
            dataset = catalogue.table(modality).to_lance()
        if VECTOR in dataset.schema.names and (noted := complete_files(dataset)) != (dataset.metadata or {}).get(COMPLETE_KEY):
            dataset.update_metadata({COMPLETE_KEY: noted})
            dataset = catalogue.table(modality).to_lance()
        removed = _remove_versions(dataset, keep)
    return Tidied(before, len(dataset.get_fragments()), removed.old_versions, removed.bytes_removed)


def extend_indexes(catalogue: Catalogue, modality: Modality) -> None:
    """Add later rows to Lance's indexes, as a new segment of each: the cost is that of the new rows."""
    with writing(f"the {modality} could not be put in order"):
        persistently(lambda: catalogue.table(modality).to_lance().optimize.optimize_indices(num_indices_to_merge=0))


def settle(table: Any, modality: Modality, full_rows: int) -> None:
    """After an ingest: merge small files, and add rows to the indexes once there are many.

    The cost of an ingest depends on what it adds, in time and on disk, where replaced files stay for ``KEPT``. Large files and
    those of ``full_rows``, a whole batch, are never rewritten; small ones are rewritten about as often as their number can be
    halved. If another process is at work on the table, all this is left to the next ingest.
    """
    with writing(f"the {modality} could not be put in order"):
        try:
            _merge_small_files(table.to_lance(), full_rows)
            _index_if_many(table.to_lance())
            _remove_versions(table.to_lance(), KEPT)
        except (OSError, RuntimeError, ValueError) as error:
            if not is_conflict(error):
                raise


def _merge_small_files(dataset: Any, full_rows: int) -> None:
    """Merge the last small fragments that wait for vectors and are in no index, once there are ``FEWEST`` of similar size: none is
    more than twice as large as all after it, so a row is rewritten a logarithmic number of times."""
    together: list[int] = []
    size = 0
    for fragment in reversed(_unindexed(dataset)):
        more = bytes_of(fragment)
        if more >= SMALL_BYTES or fragment.count_rows() >= full_rows or (together and more > 2 * size):
            break
        together.append(fragment.fragment_id)
        size += more
    if len(together) >= FEWEST:
        apart = [each.fragment_id for each in dataset.get_fragments() if each.fragment_id not in together]
        _merged(dataset, apart)


def _merged(dataset: Any, apart: list[int]) -> None:
    """Merge the small fragments but those ``apart``."""
    dataset.optimize.compact_files(excluded_fragment_ids=apart, batch_size=rows_at_once(dataset))


def _index_if_many(dataset: Any) -> None:
    """Rows that are in no index are scanned, which is quick while they are few. Segments are merged like files."""
    if sum(map(bytes_of, _unindexed(dataset))) < SMALL_BYTES:
        return
    for index in dataset.describe_indices():
        statistics = dataset.stats.index_stats(index.name)
        rows, merged = statistics["num_unindexed_rows"], 0
        for segment in reversed(statistics["num_indexed_rows_per_delta"]):
            if segment > rows:
                break
            rows, merged = rows + segment, merged + 1
        dataset.optimize.optimize_indices(num_indices_to_merge=merged, index_names=[index.name])


def _unindexed(dataset: Any) -> list[Any]:
    """The fragments, oldest first, that wait for vectors and are in no index."""
    segments = [segment for index in dataset.describe_indices() for segment in index.segments]
    apart = complete_fragments(dataset).union(*(segment.fragment_ids for segment in segments))
    return [each for each in dataset.get_fragments() if each.fragment_id not in apart]


def _waiting_and_complete(dataset: Any) -> tuple[list[int], list[int]]:
    """Fragments with rows that wait for their vectors, and those that have them all. The two are compacted separately: next to rows
    with vectors, new rows would be more expensive to fill (``index.store.filling``)."""
    complete = complete_fragments(dataset)
    waiting = [each.fragment_id for each in dataset.get_fragments() if each.fragment_id not in complete]
    return (waiting, sorted(complete)) if complete else ([], [])


def _remove_versions(dataset: Any, keep: timedelta) -> Any:
    """Remove the untagged versions that were replaced more than ``keep`` ago; a process that has opened one since can still read
    it.

    Lance counts from a version's own commit: the newest one of a table that has not changed for long would be removed as soon as it
    is replaced, while other processes have it open.
    """
    found, replaced = sorted(dataset.versions(), key=lambda each: each["version"]), datetime.now() - keep
    wanted = [old["version"] for old, new in pairwise(found) if new["timestamp"] <= replaced]
    which = {"versions": wanted} if wanted else {"retain_versions": EVERY_VERSION}  # Lance takes no empty list
    return dataset.cleanup_old_versions(**which, error_if_tagged_old_versions=False)
