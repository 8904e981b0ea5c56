"""``placebind locate``: every place that a text or the documents of a file name."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index.errors import InputError
from ui.cli.asking import say_if_names_are_prepared
from ui.cli.flags import JsonFlag
from ui.console import err

if TYPE_CHECKING:  # it takes a second to import
    from retrieval.asking.names.documents import Document


def locate(
    text: Annotated[str, typer.Argument(help="a text, or a file: .txt, .jsonl, .csv, .tsv, .parquet; '-' reads a pipe")],
    column: Annotated[str, typer.Option(help="column of a table, or key of a line, with the texts; default: text")] = "",
    least: Annotated[float, typer.Option(min=0.0, max=1.0, help="leave out what is less likely a place")] = 0.5,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="write to this .geojson, .csv or .jsonl file; default: a table")
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", "-c", help="look up the names that this catalogue brought, too (allCountries.txt)")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Find the places that a text names: position, country, confidence and offsets of each. Needs no model."""
    from index.places.world_names import world_names
    from index.store.catalogue import Catalogue
    from index.store.gazetteer import names_of
    from retrieval.asking.names.documents import located
    from ui.cli.located import check_ending, print_located, write_located

    if out_file:
        check_ending(out_file)
    say_if_names_are_prepared()
    own = names_of(Catalogue.open(catalogue)) if catalogue else None
    found = located(_documents(text, column), [world_names(), *([own] if own else [])], least)
    if out_file:
        documents, names = write_located(found, out_file)
        err.print(f"{names:,} names of {documents:,} document{'s' * (documents != 1)} in {out_file}")
    else:
        print_located(found, as_json)


def _documents(given: str, column: str) -> "Iterator[Document]":
    from retrieval.asking.names.documents import Document, documents_in

    if given == "-":
        return iter([Document("1", sys.stdin.read())])
    path = Path(given)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # a text too long for a name, or with characters that none has
        is_file = False
    if is_file:
        return documents_in(path, column)
    if not given.strip():
        raise InputError("the text is empty; give a text or a file")
    if " " not in given and path.suffix.lower() in (".txt", ".md", ".jsonl", ".csv", ".tsv", ".parquet"):
        raise InputError(f"{path}: no such file; give one, or a text")
    return iter([Document("1", given)])
