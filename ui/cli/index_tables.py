"""The output of ``placebind index``, as tables for a terminal."""

from collections.abc import Sequence

from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from index.store.inventory import Inventory
from index.store.versions import Version
from retrieval.building.verify import Recall
from ui.console import out

SHOWN_VERSIONS = 5


def print_inventory(found: Inventory, versions: Sequence[Version]) -> None:
    manifest = found.manifest
    if manifest is None:
        model = "not indexed; run `placebind index build`"
    else:
        stale = f", {found.stale:,} to do: placebind index append" if found.stale else ""
        model = f"{manifest.rows:,} vectors of {manifest.dim} dimensions by model {manifest.model_digest[:8]}{stale}"
        model += "".join(f"; {count:,} of {sensor}, which the model never saw" for sensor, count in found.unlearnt.items())
    size = f"{found.rows:,} rows in {found.fragments} fragments, {decimal(found.table_bytes)}, version {found.version}"
    out.print(f"[bold]{found.modality}[/]: {size}")
    out.print(model + (f"; {found.staged:,} embedded, not yet written" if found.staged else ""), markup=False)
    table = _table("index or file", "kind", "rows", "size")
    for file in found.files:
        rows = "" if file.rows is None else f"{file.rows:,}"
        table.add_row(escape(file.name), file.kind, rows, decimal(file.size_bytes))
    out.print(table)
    print_versions("newest versions", versions[-SHOWN_VERSIONS:])
    out.print()


def print_versions(title: str, versions: Sequence[Version]) -> None:
    table = _table(title, "committed", "rows", "vectors", "model", "tags")
    for each in reversed(versions):
        when, model = f"{each.committed:%Y-%m-%d %H:%M:%S}", (each.model or "—")[:8]
        table.add_row(str(each.number), when, f"{each.rows:,}", f"{each.indexed:,}", model, escape(", ".join(each.tags)))
    out.print(table)


def print_recalls(recalls: Sequence[Recall]) -> None:
    table = _table("table", "rows", "queries", "recall", "worst query", "searched")
    for each in recalls:
        rows = f"{each.rows:,}" + ("" if each.share >= 1 else f" ({each.share:.4g} of all, in boxes)")
        table.add_row(each.modality, rows, str(each.queries), f"{each.recall:.4f}", f"{each.worst:.2f}", each.way)
    out.print(table)


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, pad_edge=False, header_style="bold cyan")
