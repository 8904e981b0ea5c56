"""The rows of a Parquet file. Only the columns that are needed are read: an unused one costs nothing, whatever it holds."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from index.errors import InputError, one_line
from index.tables.csv_table import Row

BATCH_ROWS = 1024


class ParquetTable:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.remarks: list[str] = []
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                self.schema, self.count = file.schema_arrow, int(file.metadata.num_rows)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: not a readable parquet file ({one_line(error)}); export it again") from None
        self.names = list(self.schema.names)
        self.metadata: dict[bytes, bytes] = self.schema.metadata or {}

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """The number of each row (from 1) with these columns. Raises ``InputError`` where the file cannot be read any further."""
        number = 0
        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
                    for values in _as_python(batch, columns):
                        number += 1
                        yield number, values
        except (pa.ArrowException, OSError) as error:
            raise InputError(one_line(error)) from None


def _as_python(batch: Any, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    values = {column: _values(batch.column(batch.schema.get_field_index(column))) for column in columns}
    for row in range(batch.num_rows):
        yield {column: of_column[row] for column, of_column in values.items()}


def _values(column: Any) -> list[Any]:
    """Text as bytes, so that one value that is not UTF-8 costs its own row and no other."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _values(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return list(column.cast(pa.large_binary() if pa.types.is_large_string(kind) else pa.binary()).to_pylist())
    try:
        return list(column.to_pylist())
    except (UnicodeDecodeError, ValueError, OverflowError):  # a text inside a structure, a date that no calendar has
        return [_value(each) for each in column]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (UnicodeDecodeError, ValueError, OverflowError):
        return []  # nested and unusable: refused where the column is needed, left out where it is not
