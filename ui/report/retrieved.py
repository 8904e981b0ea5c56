"""How well models find places, texts and tiles: a table for each question, with all figures that retrieval.json has."""

from collections.abc import Sequence
from typing import Any

from ui.report.html import Html, joined, tag
from ui.report.scores import kind_mark

NAMES = ("model", "query", "slice", "group", "floor", "key", "not_run")  # of a row; all others are figures
HEADLINE = ("slice", "gallery", "radius_km")  # stated once above the table where all rows have the same
ENDS = ("_low", "_high")  # of a figure's interval
ALL = "all"
EQUALLY = "equally weighted"  # ends the name of a group of groups, which has no intervals
Figures = dict[str, Any]


def retrieval_tables(figures: Sequence[Figures]) -> list[Html]:
    """For each question a table over all queries, and a folded one over groups of them."""
    known = [row for row in figures if any(row.get(name) is not None for name in row if name not in (*NAMES, "queries", "gallery"))]
    made = []
    for query in dict.fromkeys(str(row.get("query", "")) for row in known):
        rows = [row for row in known if str(row.get("query", "")) == query]
        whole, groups = [row for row in rows if row.get("group") == ALL], [row for row in rows if row.get("group") != ALL]
        shared = [f"{_title(name)}: {_text(rows[0][name])}" for name in HEADLINE if _is_shared(name, rows)]
        made += [tag("h3", query), tag("p", " · ".join(shared), class_="about") if shared else Html()]
        made += [_table(whole)] if whole else []
        made += [tag("details", tag("summary", f"{query}, by group"), _table(groups, by_group=True))] if groups else []
    return made


def retrieval_not_run(figures: Sequence[Figures]) -> list[tuple[str, str]]:
    """Questions without figures, and the reasons."""
    return [
        (f"{row.get('query')}, {row.get('group')} ({row.get('model')})", str(row["not_run"]))
        for row in figures
        if row.get("not_run")
    ]


def _table(rows: Sequence[Figures], *, by_group: bool = False) -> Html:
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if _is_column(name, rows)]
    first = ("group", "model") if by_group else ("model",)
    head = [tag("th", name, scope="col") for name in first] + [
        tag("th", _title(name), scope="col", class_="number") for name in names
    ]
    body = [tag("tr", [_name(row, name) for name in first], [_cell(row, name) for name in names]) for row in rows]
    table = tag("table", tag("thead", tag("tr", head)), tag("tbody", body), class_="retrieval")
    return tag("div", table, class_="wide", tabindex="0")


def _is_column(name: str, rows: Sequence[Figures]) -> bool:
    is_end = any(name.endswith(end) and any(name.removesuffix(end) in row for row in rows) for end in ENDS)
    is_known = any(row.get(name) is not None for row in rows)
    return is_known and name not in NAMES and not is_end and not _is_shared(name, rows)


def _is_shared(name: str, rows: Sequence[Figures]) -> bool:
    return name in HEADLINE and rows[0].get(name) is not None and all(row.get(name) == rows[0][name] for row in rows)


def _name(row: Figures, name: str) -> Html:
    mark = kind_mark("floor") if name == "model" and row.get("floor") else None
    return tag("th", str(row.get(name, "")), " ", mark, scope="row")


def _cell(row: Figures, name: str) -> Html:
    between = _between(row, name)
    return tag("td", _text(row.get(name)), joined(tag("br"), tag("small", between)) if between else None, class_="number")


def _between(row: Figures, name: str) -> str:
    """The interval of a figure that can have one."""
    low, high = (row.get(name + end) for end in ENDS)
    if low is not None and high is not None:
        return f"{_text(low)} to {_text(high)}"
    can_have = row.get(name) is not None and name + ENDS[0] in row and not str(row.get("group")).endswith(EQUALLY)
    return "too few to say" if can_have else ""


def _text(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


def _title(name: str) -> str:
    return name.replace("recall_at_", "recall@").replace("_", " ")
