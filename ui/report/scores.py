"""The scores of each split as a table, and their meaning in words: the best of ours next to the best of floors and of peers."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from train.probing.features._kinds import FeaturesKind
from train.probing.results import Row
from ui.report.found import Found, TaskRows
from ui.report.html import Html, joined, tag

METRICS = {"R2": "R²"}
SPLITS = {
    "random": (
        "Random split",
        "A fifth of the points is tested, chosen at random: mostly interpolation between near neighbours.",
    ),
    "block": ("Blocks held out", "Whole blocks of the globe are tested: no label from inside them is known."),
    "continent": ("Continents held out", "Each continent is tested without any of its labels."),
}
RIVALS: dict[FeaturesKind, str] = {"floor": "floor", "peer": "peer"}


@dataclass(frozen=True)
class Duel:
    """The best row of ours on a task next to the best of a rival kind."""

    task: TaskRows
    ours: Row
    rival: Row

    @property
    def outcome(self) -> str:
        if self.ours.low > self.rival.high:
            return "ahead"
        return "behind" if self.ours.high < self.rival.low else "level"


def split_title(split: str) -> str:
    """'block-10deg-buffer100km' in words."""
    kind, *rest = split.split("-")
    spaced = [re.sub(r"(?<=\d)km$", " km", re.sub(r"deg$", "°", each)).replace("buffer", "buffer ") for each in rest]
    name, _ = SPLITS.get(kind, (kind, ""))
    return f"{name} ({', '.join(spaced)})" if spaced else name


def split_says(split: str) -> str:
    """One sentence on what a split holds out."""
    return SPLITS.get(split.partition("-")[0], ("", ""))[1]


def as_text(row: Row) -> str:
    """'0.912 ±0.010', as the terminal has it."""
    if not math.isfinite(row.score):
        return "no number"
    return (
        f"{row.score:.3f} ±{(row.high - row.low) / 2:.3f}" if math.isfinite(row.low) else f"{row.score:.3f} (too few blocks for ±)"
    )


def score_table(found: Found, split: str) -> Html:
    """A row for each task, a column for each of the features in this split."""
    columns = [
        key for key in found.columns if any((row.features_digest, row.probe) == key for row in found.rows if row.split == split)
    ]
    head = [tag("th", "task", scope="col", class_="name"), tag("th", scope="col")]
    for key in columns:
        column = found.columns[key]
        head.append(tag("th", column.label, kind_mark(column.kind), scope="col", class_=column.kind))
    body = [_table_row(found, task, columns, split) for task in found.tasks if any(row.split == split for row in task.rows)]
    return tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", body), class_="scores"), class_="wide", tabindex="0")


def kind_mark(kind: FeaturesKind) -> Html:
    return tag("span", kind, class_=f"kind {kind}")


def readings(found: Found, split: str) -> Html:
    """Sentences that say where the best of ours is ahead of the best floor and the best peer beyond both intervals, and not."""
    said = [_reading(duels, name) for kind, name in RIVALS.items() if (duels := duels_of(found, split, kind))]
    return joined(said)


def duels_of(found: Found, split: str, rival: FeaturesKind) -> list[Duel]:
    """A duel for each task that both ours and the rival were tested on."""
    made = []
    for task in found.tasks:
        ours = best_of(row for row in task.rows if row.split == split and found.column(row).kind == "ours")
        other = best_of(row for row in task.rows if row.split == split and found.column(row).kind == rival)
        if ours and other:
            made.append(Duel(task, ours, other))
    return made


def _table_row(found: Found, task: TaskRows, columns: Sequence[tuple[str, str]], split: str) -> Html:
    rows = {(row.features_digest, row.probe): row for row in task.rows if row.split == split}
    best = best_of(rows.values())
    cells = [_cell(rows.get(key), best, found.columns[key].kind) for key in columns]
    name = tag("th", tag("a", task.label, href=f"#{task.anchor}"), scope="row", class_="name")
    return tag("tr", name, tag("td", METRICS.get(task.one.metric, task.one.metric), class_="metric"), cells)


def _cell(row: Row | None, best: Row | None, kind: FeaturesKind) -> Html:
    if row is None:
        return tag("td", "—", class_=kind)
    text = as_text(row)
    is_best = best is not None and row.score == best.score
    balanced = "" if row.balanced is None else f"; balanced accuracy {row.balanced:.3f}"
    title = f"{row.features}: 95 % interval {row.low:.3f} to {row.high:.3f}{balanced}"
    return tag("td", tag("b", text) if is_best else text, class_=kind, title=title)


def _reading(duels: Sequence[Duel], rival: str) -> Html:
    """One paragraph, and an item for each outcome with the tasks that had it."""
    whole = {
        "ahead": f"ahead of the best {rival}, beyond both intervals",
        "level": f"level with the best {rival} (the intervals overlap)",
        "behind": f"behind the best {rival}, beyond both intervals",
    }
    items = []
    for outcome, words in whole.items():
        those = [duel for duel in duels if duel.outcome == outcome]
        if those:
            named = "; ".join(
                f"{duel.task.label} {duel.ours.score:.3f} to {duel.rival.score:.3f} ({duel.rival.features})" for duel in those
            )
            items.append(tag("li", tag("b", f"{len(those)} of {len(duels)}"), f" {words}: ", named, class_=outcome))
    return joined(tag("p", f"The best of our columns and the best {rival}, task by task:"), tag("ul", items, class_="reading"))


def best_of(rows: Iterable[Row]) -> Row | None:
    """The highest score that is a number, the first of ties."""
    return max((row for row in rows if math.isfinite(row.score)), key=lambda row: row.score, default=None)
