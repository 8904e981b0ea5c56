"""The retrieval figures as tables for a terminal; intervals of all figures, and floors by group, are in retrieval.json."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from retrieval.figures.held_out import ALL
from retrieval.figures.measures import BEATS, EQUALLY, RECALL_K, WITHIN_KM
from retrieval.figures.results import GAP, Row
from ui.console import out, plain

NONE = "—"
TOO_FEW = " (too few to say)"


def print_retrieval(rows: Sequence[Row]) -> None:
    """One table for each question, one about the space, its dimensions, and what was not run."""
    placed = [row for row in rows if row["median_km"] is not None]
    for query in dict.fromkeys(row["query"] for row in placed):
        out.print(_table(query, [row for row in placed if row["query"] == query]))
    about = [row for row in placed if row["modality_gap"] is not None or row["geo_bias"] is not None]
    if about:
        out.print(_space_table(about))
    _print_dimensions(rows)
    for row in rows:
        if row["not_run"]:
            what = row["query"] if row["group"] == ALL else f"{row['query']}, {row['group']}"
            out.print(f"[yellow]not run[/] {plain(what)} ({plain(row['model'])}): {plain(row['not_run'])}", soft_wrap=True)


def _table(query: str, rows: list[Row]) -> Table:
    """Models and floors over all queries, then models over each group of them."""
    models = [row for row in rows if not row["floor"]]
    first = models[0]
    title = f"{query}: {first['gallery']:,} answer, a hit of @k and MRR is within {first['radius_km']:g} km"
    title += "" if first["slice"] == "report" else f"; asked by the slice {first['slice']}, which chose the model"
    table = Table(title=title, title_justify="left", box=None, collapse_padding=True, pad_edge=False)
    table.add_column("", no_wrap=True)
    columns = (
        "queries",
        "median km (95 %)",
        "mean",
        "beats",
        *(f"{km} km" for km in WITHIN_KM),
        *(f"@{k}" for k in RECALL_K),
        "MRR",
        "most",
        "answered",
    )
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    whole = [row for row in models if row["group"] == ALL]
    several = len(whole) > 1
    for row in [*whole, *(row for row in rows if row["floor"] and row["group"] == ALL)]:
        table.add_row(plain(row["model"]), *_cells(row), style="dim" if row["floor"] else None)
    for group in dict.fromkeys(row["group"] for row in models if row["group"] != ALL):
        for row in [row for row in models if row["group"] == group]:
            table.add_row(plain(f"{group}, {row['model']}" if several else group), *_cells(row))
    return table


def _cells(row: Row) -> list[str]:
    between = TOO_FEW if row["median_km_low"] is None else f" ({row['median_km_low']:,.0f} to {row['median_km_high']:,.0f})"
    kilometres = [f"{row['queries']:,}", f"{row['median_km']:,.0f}{between}", f"{row['mean_km']:,.0f}"]
    shares = [
        BEATS,
        *(f"within_{km}_km" for km in WITHIN_KM),
        *(f"recall_at_{k}" for k in RECALL_K),
        "mrr",
        "reachable",
        "answered",
    ]
    return [*kilometres, *(_number(row[name]) for name in shares)]


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
