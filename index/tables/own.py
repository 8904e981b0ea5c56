"""Own columns: those of a user's file that PlaceBind has no place for, kept under their own names and with their type.

``--keep`` -> ``own_columns`` -> one ``Own`` for each column of a file; ``agreed`` brings several files to the same types. The types
of a Parquet file and of a file with geometries are stated; those of a CSV are guessed from all its values, in a pass of its own.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from index.errors import InputError
from index.records import OwnValue
from index.tables.located import Table
from index.tables.parquet_table import ParquetTable
from index.tables.values import number, text

ALL = "all"
HELP = "columns to keep under their own names, old=new renames one, old:text keeps it as text; all: every one that can be kept"
MAX_NAME_CHARACTERS = 64
WHOLE, NUMBER, TEXT = pa.int64(), pa.float64(), pa.string()
TRUTH, DATE, TIME = pa.bool_(), pa.date32(), pa.timestamp("us")
WORDS = {WHOLE: "integers", NUMBER: "floats", TEXT: "text", TRUTH: "booleans", DATE: "dates", TIME: "times"}
_AS_TEXT = ":text"
_NO_NAME = re.compile(r"[.`\x00-\x1f\x7f]")  # Lance takes a dot for a field in a structure; a backtick would end the name in SQL
# As programs write numbers: 007 and +43 1 are no numbers, but codes, and lose something if they are read as such.
_FORMS = {
    WHOLE: re.compile(r"-?(?:0|[1-9][0-9]{0,17})"),
    NUMBER: re.compile(r"-?(?:(?:0|[1-9][0-9]{0,17})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?"),
    TRUTH: re.compile(r"true|false", re.IGNORECASE),
    DATE: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    TIME: re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    ),
}


@dataclass(frozen=True, slots=True)
class Own:
    """A ``column`` of a file, its ``name`` in the catalogue and the ``type`` of its values, one of ``WORDS``."""

    column: str
    name: str
    type: pa.DataType

    def read(self, value: Any) -> OwnValue:
        """A cell's value; None for an empty one and for NaN. Raises ``InputError`` for a value that is not of the type, and
        ``UnicodeError`` for half a character."""
        if isinstance(value, bytes):
            value = text(value, self.column)
        said = value.strip() if isinstance(value, str) else value
        if said is None or said == "" or (isinstance(said, float) and math.isnan(said)):
            return None
        if self.type == NUMBER:
            return _finite(number(said, self.column, unit=""), self.column)
        if self.type == TEXT:
            whole = text(value, self.column)
            whole.encode()  # half a character is a fault of its row
            return whole
        try:
            return _READ[self.type](said)
        except (ValueError, TypeError, KeyError):
            expected = f"{self.column} must hold {WORDS[self.type]}, as the rest of the column"
            raise InputError(f"{expected}, got {str(value)[:40]!r}") from None


def own_columns(
    names: Sequence[str],
    types: Callable[[Sequence[str]], Mapping[str, pa.DataType]],
    keep: Sequence[str],
    *,
    used: Collection[str],
    taken: Collection[str],
    where: str,
) -> tuple[tuple[Own, ...], list[str]]:
    """The columns that ``keep`` names, and a remark about each that ``all`` leaves out. ``types`` of columns are asked for once;
    ``used`` columns have a place in the record already, ``taken`` are PlaceBind's own names.

    Raises ``InputError`` for a column that is named and cannot be kept.
    """
    chosen = {column: (column, False) for column in names if column not in used} if ALL in keep else {}
    chosen |= {column: (name, True) for column, name in (_read(entry, names, where) for entry in keep if entry != ALL)}
    plain = {column: name.removesuffix(_AS_TEXT) for column, (name, _) in chosen.items()}
    found = types([*chosen]) if chosen else {}
    own, remarks = list[Own](), list[str]()
    for column, (name, named) in chosen.items():
        stated = found.get(column, pa.null())
        kind = kind_of(stated)
        why = _fault(column, plain, names, taken) or ("" if kind else f"it holds {_described(stated)}; leave it out")
        if why and named:
            raise InputError(f"{where}: the column '{column}' cannot be kept: {why}")
        if why or kind is None:
            remarks.append(f"the column '{column}' is left out: {why}")
        else:
            own.append(Own(column, plain[column], TEXT if name != plain[column] else kind))
    return tuple(own), remarks


def agreed(files: Sequence[tuple[str, Sequence[Own]]]) -> list[tuple[Own, ...]]:
    """The own columns of several files with one type for each name: floats where some files have integers.

    Raises ``InputError`` for types that do not fit together.
    """
    types: dict[str, tuple[pa.DataType, str]] = {}
    for where, own in files:
        for each in own:
            known, before = types.setdefault(each.name, (each.type, where))
            if known != each.type and {known, each.type} != {WHOLE, NUMBER}:
                raise InputError(
                    f"{where}: the column '{each.column}' holds {WORDS[each.type]}, in {before} it holds {WORDS[known]}; "
                    f"keep it as text in all with --keep {each.column}:text"
                )
            if each.type == NUMBER:
                types[each.name] = NUMBER, where
    return [tuple(replace(each, type=types[each.name][0]) for each in own) for _, own in files]


def values_of(own: Iterable[Own], row: Mapping[str, Any]) -> dict[str, OwnValue]:
    """What a row holds in its own columns. Raises ``InputError``."""
    return {each.name: each.read(row[each.column]) for each in own}


def kind_of(stated: pa.DataType) -> pa.DataType | None:
    """The type that values of a file's type are kept as; None where they cannot be."""
    if pa.types.is_dictionary(stated):
        return kind_of(stated.value_type)
    kinds = (
        (WHOLE, (pa.types.is_integer,)),
        (NUMBER, (pa.types.is_floating, pa.types.is_decimal)),
        (TEXT, (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)),
        (TRUTH, (pa.types.is_boolean,)),
        (DATE, (pa.types.is_date,)),
        (TIME, (pa.types.is_timestamp,)),
    )
    return next((kind for kind, fits in kinds if any(each(stated) for each in fits)), None)


def types_of(table: Table, columns: Sequence[str]) -> dict[str, pa.DataType]:
    """As a Parquet file states them. Those of a CSV are guessed in a pass over the file, without rows that cannot be read."""
    if isinstance(table, ParquetTable):
        return {column: table.schema.field(column).type for column in columns if table.names.count(column) == 1}

    def readable() -> Iterator[Mapping[str, Any]]:
        with suppress(InputError):  # the file is damaged from here on: the ingest reports it with its row
            for _, values in table.rows(columns):
                if not isinstance(values, InputError):
                    yield values

    return guessed_types(readable(), columns)


def guessed_types(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, pa.DataType]:
    """The types of columns of text: the first that all their values have the form of, else text. Memory does not grow with rows."""
    possible = {column: list(_FORMS) for column in columns}
    empty = set(columns)
    for row in rows:
        for column, kinds in possible.items():
            if kinds and (said := (row.get(column) or "").strip()):
                empty.discard(column)
                kinds[:] = [kind for kind in kinds if _has_form(said, kind)]
    return {column: pa.null() if column in empty else next(iter(kinds), TEXT) for column, kinds in possible.items()}


def _has_form(said: str, kind: pa.DataType) -> bool:
    if not _FORMS[kind].fullmatch(said):
        return False
    try:
        return kind not in (DATE, TIME) or _READ[kind](said) is not None
    except ValueError:  # a 30th of February
        return False


def _read(entry: str, names: Sequence[str], where: str) -> tuple[str, str]:
    """(column, name) of 'old', 'old=new', 'old:text' or 'old=new:text'; the name keeps the ending ':text'."""
    if entry in names:
        return entry, entry
    old, equals, new = entry.rpartition("=")
    column = old if equals else entry.removesuffix(_AS_TEXT)
    if column not in names:
        raise InputError(f"{where}: no column '{column}' to keep; the file has {', '.join(names[:40])}")
    return column, new if equals else entry


def _fault(column: str, chosen: Mapping[str, str], names: Sequence[str], taken: Collection[str]) -> str:
    """What is wrong with the name of a column, with the remedy; '' if nothing."""
    name, rename = chosen[column], f"rename it with --keep '{column}=NAME'"
    if names.count(column) > 1:
        return "several columns have this name; give one of them another in the file"
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or _NO_NAME.search(name):
        return f"a name has 1 to {MAX_NAME_CHARACTERS} characters and no '.', '`' or line break; {rename}"
    if name.casefold() in taken:
        return f"PlaceBind uses the name '{name}' itself; {rename}"
    if any(other != column and each.casefold() == name.casefold() for other, each in chosen.items()):
        return f"two columns would be named '{name}'; {rename}"
    return ""


def _described(stated: pa.DataType) -> str:
    if pa.types.is_null(stated):
        return "nothing"
    if pa.types.is_struct(stated) or pa.types.is_map(stated) or stated == pa.json_():
        return "structures"
    return "lists" if pa.types.is_nested(stated) else f"values of the type {stated}"


def _whole(value: Any) -> int:
    if isinstance(value, bool | float) or (isinstance(value, str) and not _FORMS[WHOLE].fullmatch(value)):
        raise ValueError
    whole = int(value)
    if not -(2**63) <= whole < 2**63:
        raise ValueError
    return whole


def _truth(value: Any) -> bool:
    return {"true": True, "false": False}[str(value).lower()]


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _time(value: Any) -> datetime:
    """In UTC, without saying so; a time without a zone stays as it is written."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise InputError(f"{name} must hold finite numbers, got {value}")
    return value


_READ: dict[pa.DataType, Callable[[Any], OwnValue]] = {WHOLE: _whole, TRUTH: _truth, DATE: _date, TIME: _time}
