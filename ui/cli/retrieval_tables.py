"""The retrieval figures as tables for a terminal; the other figures, all intervals, and floors by group are in retrieval.json."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from retrieval.figures.held_out import ALL
from retrieval.figures.measures import BEATS, EQUALLY, RECALL_K
from retrieval.figures.results import GAP, Row
from train.curve.geolocation import ACCURACY_KM
from ui.console import out, plain

NONE = "—"
TOO_FEW = " (too few to say)"
SHARES = (
    {"beats": BEATS}
    | {f"{km} km": f"within_{km}_km" for km in ACCURACY_KM}
    | {f"@{k}": f"recall_at_{k}" for k in RECALL_K[1:]}  # @1 is the share within the radius of a hit
    | {"MRR": "mrr", "most": "reachable", "answered": "answered"}
)


def print_retrieval(rows: Sequence[Row]) -> None:
    """One table for each question, one about the space, its dimensions, and what was not run."""
    placed = [row for row in rows if row["median_km"] is not None]
    for query in dict.fromkeys(row["query"] for row in placed):
        _print_question(query, [row for row in placed if row["query"] == query])
    about = [row for row in placed if row["modality_gap"] is not None or row["geo_bias"] is not None]
    if about:
        out.print(_space_table(about))
    _print_dimensions(rows)
    for row in rows:
        if row["not_run"]:
            what = row["query"] if row["group"] == ALL else f"{row['query']}, {row['group']}"
            out.print(f"[yellow]not run[/] {plain(what)} ({plain(row['model'])}): {plain(row['not_run'])}", soft_wrap=True)


def _print_question(query: str, rows: list[Row]) -> None:
    """Models and floors over all queries, then models over each group of them."""
    models = [row for row in rows if not row["floor"]]
    whole = [row for row in models if row["group"] == ALL]
    title = f"{query}: {whole[0]['gallery']:,} answer, a hit of @k and MRR is within {whole[0]['radius_km']:g} km"
    title += "" if whole[0]["slice"] == "report" else f"; asked by the slice {whole[0]['slice']}, which chose the model"
    floors = [row for row in rows if row["floor"] and row["group"] == ALL]
    out.print(_table(title, [(row["model"], row) for row in [*whole, *floors]]))
    groups = [group for group in dict.fromkeys(row["group"] for row in models) if group != ALL]
    named = [
        (f"{group}, {row['model']}" if len(whole) > 1 else group, row)
        for group in groups
        for row in models
        if row["group"] == group
    ]
    if named:
        out.print(_table(None, named))


def _table(title: str | None, named: Sequence[tuple[str, Row]]) -> Table:
    """A line for each row with its name; shares that are null in all are no columns."""
    shares = {title: name for title, name in SHARES.items() if any(row[name] is not None for _, row in named)}
    table = Table(title=title, title_justify="left", box=None, collapse_padding=True, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in ("queries", "median km (95 %)", *shares):
        table.add_column(column, justify="right", no_wrap=True)
    for name, row in named:
        kilometres = (f"{row['queries']:,}", f"{row['median_km']:,.0f}{_between(row)}")
        numbers = (_number(row[share]) for share in shares.values())
        table.add_row(plain(name), *kilometres, *numbers, style="dim" if row["floor"] else None)
    return table


def _between(row: Row) -> str:
    if row["median_km_low"] is None:
        return "" if row["group"].endswith(EQUALLY) else TOO_FEW
    return f" ({row['median_km_low']:,.0f} to {row['median_km_high']:,.0f})"


def _space_table(rows: list[Row]) -> Table:
    table = Table(title="the space", title_justify="left", box=None, pad_edge=False)
    for name in ("", "model", "gap", "centred", "@10, 200 km", "centred", "geo-bias", "by chance"):
        table.add_column(name, no_wrap=True, justify="left" if name in ("", "model") else "right")
    for row in rows:
        values = [_number(row[name]) for name in (*GAP, "geo_bias", "geo_bias_shuffled")]
        table.add_row(row["query"], plain(row["model"]), *values, style="dim" if row["floor"] else None)
    return table


def _print_dimensions(rows: Sequence[Row]) -> None:
    known = [row for row in rows if row["intrinsic_dimension"] is not None]
    for model in dict.fromkeys(row["model"] for row in known):
        each = [f"{row['query']} {row['intrinsic_dimension']:.1f}" for row in known if row["model"] == model]
        out.print(f"intrinsic dimension of {plain(model)}: {', '.join(each)}")


def _number(value: Any) -> str:
    """Three digits after the point; the leading zero is omitted."""
    return NONE if value is None else f"{value:.3f}".removeprefix("0")
