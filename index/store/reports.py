"""What became of a source's records: the counts, the first rejections, and a file with all of them, written as they come."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from index.errors import CatalogueError, one_line
from index.files import PARTIAL, remove
from index.records import Rejected

FIRST = 100  # rejections that are kept in memory: half a million took 987 MiB


@dataclass
class IngestReport:
    """``rejected`` are the first of the ``skipped`` records; ``remarks`` say how the source read what its files do not state.
    ``unchanged`` of the ``known`` ones have other values in their own columns than the source would give them."""

    read: int = 0
    added: int = 0
    known: int = 0
    skipped: int = 0
    unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def reject(self, rejected: Rejected) -> None:
        self.skipped += 1
        if len(self.rejected) < FIRST:
            self.rejected.append(rejected)

    def facts(self) -> dict[str, Any]:
        """All but the rejections."""
        counts = {"read": self.read, "added": self.added, "already_known": self.known, "skipped_count": self.skipped}
        return counts | ({"remarks": self.remarks} if self.remarks else {})

    def as_dict(self) -> dict[str, Any]:
        return {**self.facts(), "skipped": [_entry(each) for each in self.rejected]}


class ReportFile:
    """A JSON file being written: ``skipped`` as it comes, the counts at the end."""

    def __init__(self, path: Path, stream: TextIO) -> None:
        self._path, self._stream, self._before = path, stream, "\n"

    def reject(self, rejected: Rejected) -> None:
        with _room_for(self._path):
            self._stream.write(f"{self._before}  {json.dumps(_entry(rejected), ensure_ascii=False)}")
        self._before = ",\n"

    def end(self, report: IngestReport) -> None:
        with _room_for(self._path):
            self._stream.write(f"\n ],\n {json.dumps(report.facts(), ensure_ascii=False)[1:-1]}\n}}\n")


@contextmanager
def report_file(path: Path) -> Iterator[ReportFile]:
    """The report at ``path``, which is complete once the block succeeds. Errors of the block are not errors of the file."""
    partial = path.with_name(f"{path.name}{PARTIAL}{uuid.uuid4().hex[:12]}")
    with _room_for(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = partial.open("w", encoding="utf-8", errors="backslashreplace")
    try:
        with _room_for(path):
            stream.write('{\n "skipped": [')
        yield ReportFile(path, stream)
        with _room_for(path):
            stream.close()
            partial.replace(path)
    finally:
        remove(partial)


@contextmanager
def _room_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CatalogueError(f"cannot write {path}: {one_line(error)}; free some space there") from error


def _entry(rejected: Rejected) -> dict[str, str]:
    return {"where": rejected.where, "why": rejected.why}
