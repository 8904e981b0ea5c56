"""Findings about records, and the batches of rows that checks read: memory does not grow with the table."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from index.progress import Progress
from index.records import Modality
from index.store.catalogue import SCHEMAS, Catalogue

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
READ_ROWS = 4096
READ_AHEAD_BYTES = 32 * 2**20  # Lance would read 2 GiB ahead
NAMED_AT_ONCE = 1024  # rows read by number to describe findings
Rows = npt.NDArray[Any]  # row numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``error``: the record is wrong; ``warning``: probably wrong or worth leaving out; ``note``: a fact worth knowing.

    ``id`` and ``title`` are empty where a finding is about a whole table.
    """

    kind: str
    severity: Severity
    table: Modality
    id: str = ""
    title: str = ""
    why: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Batch:
    """Some rows of one table; ``columns`` holds a list for each column that was asked for."""

    table: Modality
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.columns["id"])

    @property
    def lat(self) -> npt.NDArray[np.float64]:
        return np.array(self.columns["lat"], dtype=np.float64)

    @property
    def lon(self) -> npt.NDArray[np.float64]:
        return np.array(self.columns["lon"], dtype=np.float64)

    def finding(self, row: int, kind: str, severity: Severity, why: str, remedy: str) -> Finding:
        """A finding about the record in this row of the batch."""
        id_, title = self.columns["id"][row], self.columns["title"][row]
        return Finding(kind=kind, severity=severity, table=self.table, id=id_, title=title, why=why, remedy=remedy)


class FrozenTable:
    """One version of one table: rows that a scan numbered can be taken by number, whatever other processes add meanwhile."""

    def __init__(self, catalogue: Catalogue, table: Modality) -> None:
        self.table = table
        self._data = catalogue.dataset(table)
        self.rows = int(self._data.count_rows())

    def batches(self, columns: Sequence[str], progress: Progress, task: str) -> Iterator[Batch]:
        """All rows in order. ``id`` and ``title`` are always among the columns."""
        wanted = [name for name in SCHEMAS[self.table].names if name in {"id", "title", *columns}]
        progress.start(task, self.rows)
        for part in self._data.to_batches(
            columns=wanted, batch_size=READ_ROWS, batch_readahead=2, fragment_readahead=1, io_buffer_size=READ_AHEAD_BYTES
        ):
            yield Batch(self.table, {name: _without_none(part[name].to_pylist(), name) for name in wanted})
            progress.advance(len(part))

    def take(self, rows: Rows | Sequence[int], columns: Sequence[str]) -> Batch:
        """The rows of these numbers."""
        wanted = list(dict.fromkeys(["id", "title", *columns]))
        part = self._data.take(np.asarray(rows, dtype=np.int64), columns=wanted)
        return Batch(self.table, {name: _without_none(part[name].to_pylist(), name) for name in wanted})


def _without_none(values: list[Any], name: str) -> list[Any]:
    """A missing string is an empty one, a missing number is NaN."""
    missing = float("nan") if name in ("lat", "lon", "valid") else ""
    return [missing if value is None else value for value in values]
