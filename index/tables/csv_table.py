"""The rows of a CSV, each with its number; a quote that is never closed costs only its own row.

Python's csv would take everything after an open quote as one field, and pyarrow loses count of the rows. Here a field over several
lines is accepted only if its quote closes before a separator and the row then has as many fields as the header. Otherwise its first
line is a bad row of its own, and reading continues with the next line.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from index.errors import InputError, one_line
from index.tables.sniff import SEPARATORS, shape_of

MAX_ROW_CHARS = 64 * 2**20

Row = tuple[int, dict[str, Any] | InputError]


class CsvTable:
    """``remarks`` says what was guessed about the file."""

    count: int | None = None  # the number of rows is known only after reading

    def __init__(self, path: Path) -> None:
        self.path, self.shape = path, shape_of(path)
        self.names = list(self.shape.header)
        self.remarks = self.shape.remarks

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """The number of each row (the first after the header is 1) with these columns as text, or with what is wrong with it.

        Raises ``InputError`` where the file cannot be read any further.
        """
        at = {column: self.names.index(column) for column in columns}
        try:
            with self.path.open(newline="", encoding=self.shape.encoding, errors="surrogateescape") as stream:
                records = _Records(stream, self.shape.separator, len(self.names), spaced=self.shape.spaced)
                for _ in range(self.shape.skip):
                    stream.readline()
                for number, record in enumerate(records.read()):
                    if number:  # 0 is the header
                        yield number, record if isinstance(record, InputError) else _values(record, at)
        except (OSError, UnicodeError) as error:
            raise InputError(one_line(error)) from None


class _Records:
    """Fields of one record after another, from lines of text."""

    def __init__(self, stream: TextIO, separator: str, width: int, *, spaced: bool) -> None:
        self.stream, self.separator, self.width, self.spaced = stream, separator, width, spaced
        self.waiting: deque[str] = deque()  # lines that an open quote had taken
        self.line = 0
        csv.field_size_limit(2**31 - 1)

    def read(self) -> Iterator[list[str] | InputError]:
        while line := self._next():
            if line.strip():
                yield self._record(line)

    def _next(self) -> str:
        line = self.waiting.popleft() if self.waiting else self.stream.readline(MAX_ROW_CHARS)
        if len(line) >= MAX_ROW_CHARS:
            raise InputError(f"a line is longer than {MAX_ROW_CHARS // 2**20} MiB")
        self.line += 1
        return line

    def _record(self, line: str) -> list[str] | InputError:
        if '"' not in line:
            fields = line.rstrip("\r\n").split(self.separator)
            return self._checked([each.lstrip(" ") for each in fields] if self.spaced else fields)
        taken, begun = [line], self.line
        try:
            fields = next(self._reader(self._taking(taken)))
            if len(taken) == 1 or self._fits(fields):
                return self._checked(fields)
        except csv.Error:
            pass  # a quote that is not closed, or closes in the middle of a field: this line alone is the row
        further = taken[1:]
        self.waiting.extendleft(reversed(further))
        self.line = begun
        try:
            fields = next(self._reader(iter([line]), strict=True))
        except csv.Error as error:
            if "end of data" in str(error):
                return InputError(f"a quote opens in line {begun} and is not closed")
            fields = next(self._reader(iter([line]), strict=False))  # "Inn 24" Motel
        return self._checked(fields)

    def _taking(self, taken: list[str]) -> Iterator[str]:
        """The record's lines, as many as the reader asks for; all but the first are noted in ``taken``."""
        yield taken[0]
        size = len(taken[0])
        while size < MAX_ROW_CHARS and (line := self._next()):
            taken.append(line)
            size += len(line)
            yield line

    def _reader(self, lines: Iterator[str], *, strict: bool = True) -> Any:
        return csv.reader(lines, delimiter=self.separator, strict=strict, skipinitialspace=self.spaced)

    def _fits(self, fields: Sequence[str]) -> bool:
        return len(fields) >= self.width and not any(fields[self.width :])

    def _checked(self, fields: list[str]) -> list[str] | InputError:
        """Empty fields at the end are not a fault: spreadsheets write them."""
        if self._fits(fields):
            return fields
        named = SEPARATORS.get(self.separator, "the separator")
        return InputError(f"the row has {len(fields)} fields, expected {self.width}; quote fields that hold {named}")


def _values(fields: Sequence[str], at: dict[str, int]) -> dict[str, Any] | InputError:
    values = {column: fields[position] for column, position in at.items()}
    for column, value in values.items():
        if not value.isascii() and any("\udc80" <= each <= "\udcff" for each in value):
            return InputError(f"{column} is not valid UTF-8 as the rest of the file is; convert the file")
    return values
