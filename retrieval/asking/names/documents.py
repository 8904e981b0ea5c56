"""Documents as a stream, from a text, lines of JSON, or a table with a column of texts; and the places that they name.

A document is read, located and given away before the next one is read, so that a file may be larger than memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import InputError, one_line
from index.places.name_index import NameIndex
from index.tables.columns import column
from index.tables.located import CSV, PARQUET, open_table
from index.tables.values import text as as_text
from retrieval.asking.names.resolve import Named, names_in

LINES = (".jsonl", ".ndjson")
LEAST = 0.5  # probability that a name is a place at all; below it a document's word is left alone
_USUAL_TEXT, _USUAL_ID = ("text", "body", "content", "abstract", "description"), ("id", "key", "url", "title", "name")


@dataclass(frozen=True)
class Document:
    """``id`` is what the file calls it, else its number from 1."""

    id: str
    text: str


@dataclass(frozen=True)
class Located:
    """The places that a document names, in order."""

    document: Document
    names: list[Named]

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.document.id, "names": [named.as_dict() for named in self.names]}

    def features(self) -> Iterator[dict[str, Any]]:
        """GeoJSON features (RFC 7946), a point for each name."""
        for named in self.names:
            about = {"document": self.document.id, **named.as_dict()}
            del about["others"]
            point = {"type": "Point", "coordinates": [about["lon"], about["lat"]]}
            yield {"type": "Feature", "geometry": point, "properties": about}


def located(documents: Iterator[Document], gazetteers: Sequence[NameIndex], least: float = LEAST) -> Iterator[Located]:
    """Each document with its names, one after the other."""
    for document in documents:
        yield Located(document, names_in(document.text, gazetteers, least=least))


def documents_in(path: Path, text_column: str = "") -> Iterator[Document]:
    """All documents of a file: a .csv, .tsv or .parquet has one in each row, a .jsonl one in each line, and any other text file is
    one. Raises ``InputError`` for a file that cannot be read, with its line or row."""
    ending = path.suffix.lower()
    if ending in CSV + PARQUET:
        yield from _rows(path, text_column)
    elif ending in LINES:
        yield from _lines(path, text_column or "text")
    else:
        try:
            yield Document(path.name, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeError) as error:
            raise InputError(
                f"{path}: cannot be read as text ({one_line(error)}); give UTF-8 text, .jsonl, .csv, .tsv or .parquet"
            ) from None


def _rows(path: Path, text_column: str) -> Iterator[Document]:
    table = open_table(path)
    where = str(path)
    texts = column(table.names, text_column, _USUAL_TEXT, "text", where)
    if not texts:
        raise InputError(
            f"{where}: none of its columns {', '.join(table.names)} is called text or body; name the one with the texts by --column"
        )
    ids = column(table.names, "", _USUAL_ID, "id", where)
    for number, values in table.rows([texts, *([ids] if ids and ids != texts else [])]):
        if isinstance(values, InputError):
            raise InputError(f"{where}, row {number}: {values}; correct or delete the row")
        yield Document((as_text(values[ids], ids) if ids and ids != texts else "") or str(number), as_text(values[texts], texts))


def _lines(path: Path, key: str) -> Iterator[Document]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _document(json.loads(line), key, f"{path}, line {number}", number)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not lines of JSON ({one_line(error)}); write one object with '{key}' in each line") from None


def _document(values: Any, key: str, where: str, number: int) -> Document:
    if not isinstance(values, dict) or not isinstance(values.get(key), str):
        raise InputError(f"{where}: expected an object with a text '{key}'; name another key by --column")
    return Document(str(values.get("id", number)), values[key])
