"""The head of the page: what was run, when and how, and the columns with their digests."""

from collections.abc import Sequence
from datetime import datetime

from ui.report.found import Column, Found
from ui.report.html import Html, tag
from ui.report.scores import kind_mark

TITLE = "What the location encoder knows of places"
FEW_COLUMNS = 12  # are listed at once, more on request
PROBES = {
    "ridge": "a linear model (RANGE's ridge: features to [0, 1], penalty .1, 1 or 10 by cross-validation)",
    "mlp": "a small network (SatCLIP's: three layers of 64)",
    "knn": "the five nearest neighbours",
    "idw": "the labels of the 50 nearest points weighted by 1 / distance",
}


def heading(found: Found, made: datetime, sections: Sequence[str]) -> Html:
    """With links to these sections."""
    when = tag("time", f"{made.day} {made:%B %Y, %H:%M %Z}".strip(), datetime=made.isoformat(timespec="minutes"))
    links = [tag("a", title, href=f"#{anchor_of(title)}") for title in sections]
    asked = [tag("ol", [tag("li", sentence) for sentence in _protocol(found)], class_="protocol"), _columns(found)]
    return tag(
        "header",
        tag("p", "PlaceBind evaluation", class_="over"),
        tag("h1", TITLE),
        tag("p", _counts(found), when, class_="about"),
        tag("nav", links),
        asked if found.rows else None,
    )


def anchor_of(title: str) -> str:
    """The name of a section in links."""
    return title.lower().replace(" ", "-")


def _counts(found: Found) -> str:
    counts = {"task": len(found.tasks), "column": len(found.columns), "split": len(found.splits), "model card": len(found.cards)}
    return "".join(f"{count} {what}{'' if count == 1 else 's'} · " for what, count in counts.items() if count)


def _protocol(found: Found) -> list[str]:
    """Three sentences."""
    probes = sorted({row.probe for row in found.rows}, key=lambda probe: probe != "ridge")
    asked = " or, where a column says so, ".join(PROBES.get(probe, probe) for probe in probes)
    return [
        f"Features of places are frozen; a task is learnt from them by {asked}, and tested on places that were not shown.",
        "A score is R² of a regression (1 is perfect, 0 no better than the mean) or the share of right answers of a "
        "classification; ± is half of the 95 % interval, a bootstrap over blocks of 10°: neighbours are not independent.",
        "Floors have learnt nothing from texts or pictures: a model has learnt something about the world where it beats them in "
        "blocks and on continents that it has no label from.",
    ]


def _columns(found: Found) -> Html:
    head = tag("tr", [tag("th", name, scope="col") for name in ("features", "", "dimensions", "probe", "digest")])
    table = tag("table", tag("thead", head), tag("tbody", [_column(each) for each in found.columns.values()]), class_="columns")
    shown = tag("div", table, class_="wide", tabindex="0")
    return tag("details", tag("summary", "What was asked, with digests"), shown, open=len(found.columns) <= FEW_COLUMNS)


def _column(column: Column) -> Html:
    return tag(
        "tr",
        tag("th", column.label, scope="row"),
        tag("td", kind_mark(column.kind)),
        tag("td", f"{column.dim:,}", class_="number"),
        tag("td", column.probe),
        tag("td", tag("code", column.digest)),
    )
