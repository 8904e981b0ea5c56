"""``placebind ingest``: a command for each source, made from the source's own options."""

import inspect
from typing import Any

import typer

from index.errors import InputError
from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, DryRunFlag, JsonFlag
from ui.cli.options import sources_group
from ui.console import ProgressBars, err, out, plain, print_json, remark

SHOWN_REJECTIONS = 10


def _ingest(name: str, values: dict[str, Any]) -> None:
    from index.registry import load
    from index.store.catalogue import Catalogue
    from index.store.ingest import ingest
    from index.store.reports import report_file

    folder, as_json, dry_run = values.pop("catalogue"), values.pop("as_json"), values.pop("dry_run")
    source = load("index.sources", name).build(**values)
    if dry_run:
        _print_estimate(source, as_json)
        return
    catalogue = Catalogue.open(folder, create=True)
    where = folder / "reports" / f"ingest-{name.replace('_', '-')}.json"
    with report_file(where) as file:
        with ProgressBars() as bars:
            bars.start(f"ingest {source.modality}", source.total)
            report = ingest(catalogue, source, bars.advance, file.reject)
        file.end(report)
    if as_json:
        print_json({"source": name, "modality": source.modality, **report.as_dict()})
    else:
        out.print(f"{source.modality}: {report.added} added, {report.known} already there, {report.skipped} skipped")
    for said in report.remarks:
        remark(said)
    for rejected in report.rejected[:SHOWN_REJECTIONS]:
        err.print(f"[yellow]skipped[/] {plain(rejected.where)}: {plain(rejected.why)}", soft_wrap=True)
    if report.skipped:
        raise InputError(f"{report.skipped} of {report.read} records were skipped, the others are in; the full list is in {where}")


def _print_estimate(source: Any, as_json: bool) -> None:
    """Sources that query a server know the cost; for the others at most the number of records is known."""
    expected = source.estimate() if hasattr(source, "estimate") else {"records": source.total}
    if as_json:
        print_json(expected)
        return
    units = {"requests": "{:,.0f} requests", "bytes": "{:,.0f} bytes", "seconds": "{:,.0f} s", "records": "{:,.0f} records"}
    known = [units[name].format(value) for name, value in expected.items() if value is not None]
    out.print("about " + ", ".join(known) if known else "the size of this source is unknown before it is read")


_SHARED = [
    inspect.Parameter("catalogue", inspect.Parameter.KEYWORD_ONLY, default=DEFAULT_CATALOGUE, annotation=CatalogueFlag),
    inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonFlag),
    inspect.Parameter("dry_run", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=DryRunFlag),
]
app = typer.Typer(
    cls=sources_group(_ingest, _SHARED), help="Bring articles, tiles or locations into the catalogue.", no_args_is_help=True
)
