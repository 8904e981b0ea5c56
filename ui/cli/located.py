"""Located documents for a terminal and for files, written one by one as they come."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from rich.table import Table

from index.errors import InputError
from retrieval.asking.names.documents import Located
from retrieval.export import as_cell, whole
from ui.console import out, plain

COLUMNS = ("document", "start", "end", "text", "name", "lat", "lon", "kind", "country", "people", "confidence")
Write = Callable[[Iterator[Located], TextIO], tuple[int, int]]


def print_located(found: Iterator[Located], as_json: bool) -> None:
    """A table of each document, or a line of JSON."""
    for each in found:
        if as_json:
            print(json.dumps(each.as_dict()))
            continue
        table = Table("name", "place", "position", "sure", "at", box=None, pad_edge=False, header_style="bold cyan")
        for named in each.names:
            at, sure = f"{named.start}–{named.end}", f"{100 * named.confidence:.0f} %"
            table.add_row(plain(named.text), plain(named.best.label), str(named.best.place), sure, at)
        out.print(table if each.names else f"{plain(each.document.id)}: no places")


def check_ending(path: Path) -> None:
    """Raises ``InputError`` for a name with the ending of no known format."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"places are saved to a file ending in {', '.join(_WRITERS)}, got '{path.name}'")


def write_located(found: Iterator[Located], path: Path) -> tuple[int, int]:
    """Returns how many documents and names were written. The file is complete or not there at all."""
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        return _WRITERS[path.suffix.lower()](found, stream)


def _write_geojson(found: Iterator[Located], stream: TextIO) -> tuple[int, int]:
    documents = names = 0
    stream.write('{"type": "FeatureCollection", "features": [')
    for each in found:
        documents += 1
        for feature in each.features():
            stream.write(",\n" * bool(names) + json.dumps(feature, ensure_ascii=False))
            names += 1
    stream.write("]}\n")
    return documents, names


def _write_lines(found: Iterator[Located], stream: TextIO) -> tuple[int, int]:
    documents = names = 0
    for each in found:
        stream.write(json.dumps(each.as_dict(), ensure_ascii=False) + "\n")
        documents, names = documents + 1, names + len(each.names)
    return documents, names


def _write_csv(found: Iterator[Located], stream: TextIO) -> tuple[int, int]:
    documents = names = 0
    writer = csv.DictWriter(stream, fieldnames=COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for each in found:
        documents, names = documents + 1, names + len(each.names)
        for named in each.names:
            values = {"document": each.document.id, **named.as_dict()}
            writer.writerow({column: as_cell(values[column]) for column in COLUMNS})
    return documents, names


_WRITERS: dict[str, Write] = {".geojson": _write_geojson, ".csv": _write_csv, ".jsonl": _write_lines}
