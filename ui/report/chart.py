"""The scores of a split as a chart: a line for each task with a mark for each of the features, and their intervals."""

import math
from collections.abc import Sequence

from train.probing.features._kinds import FeaturesKind
from train.probing.results import Row
from ui.report.found import Found, TaskRows
from ui.report.html import Html, joined, tag

WIDTH_PX, LEFT_PX, RIGHT_PX, ROW_PX, TOP_PX, BOTTOM_PX = 760, 170, 20, 30, 8, 26
LABEL_CHARACTERS = 24
WORST = -0.4  # the axis begins at the lowest score, but not below this; lower ones point to the left
TICK = 0.2
SYMBOLS: dict[FeaturesKind, str] = {"floor": "○", "ours": "●", "peer": "◆", "joined": "□"}


def score_chart(found: Found, split: str) -> Html:
    """Empty where no score is a number."""
    tasks = [task for task in found.tasks if any(row.split == split and math.isfinite(row.score) for row in task.rows)]
    rows = {task.label: [row for row in task.rows if row.split == split and math.isfinite(row.score)] for task in tasks}
    if not tasks:
        return Html()
    lowest = min(0.0, max(WORST, min(row.score for each in rows.values() for row in each)))
    start = math.floor(lowest / TICK) * TICK
    bottom = TOP_PX + ROW_PX * len(tasks)
    lines = [_line(found, task, rows[task.label], TOP_PX + ROW_PX * (number + 0.5), start) for number, task in enumerate(tasks)]
    size = {"viewBox": f"0 0 {WIDTH_PX} {bottom + BOTTOM_PX}", "class_": "chart", "role": "img", "aria_label": f"Scores, {split}"}
    kinds = [kind for kind in SYMBOLS if any(found.column(row).kind == kind for each in rows.values() for row in each)]
    return joined(tag("div", tag("svg", grid(start, 1.0, TICK, bottom), lines, **size), class_="wide", tabindex="0"), _key(kinds))


def x_of(score: float, start: float, end: float = 1.0, right_px: float = RIGHT_PX) -> float:
    """Where a score is, in pixels, on an axis from ``start`` to ``end``; what lies beyond is at its ends."""
    share = (min(max(score, start), end) - start) / (end - start)
    return round(LEFT_PX + share * (WIDTH_PX - LEFT_PX - right_px), 1)


def grid(start: float, end: float, tick: float, bottom: float, right_px: float = RIGHT_PX) -> list[Html]:
    """A line and a number for every ``tick`` between the ends, zero stronger."""
    ticks = [round(start + number * tick, 6) for number in range(round((end - start) / tick) + 1)]
    x = {each: x_of(each, start, end, right_px) for each in ticks}
    lines = [tag("path", d=f"M{x[each]} {TOP_PX}V{bottom}", class_="zero" if each == 0 else "grid") for each in ticks]
    return lines + [tag("text", f"{each:g}".replace("-", "−"), x=x[each], y=bottom + 18, class_="middle") for each in ticks]


def task_name(label: str, y: float) -> Html:
    """The name of a line, shortened to fit."""
    name = label if len(label) <= LABEL_CHARACTERS else label[: LABEL_CHARACTERS - 1] + "…"
    return tag("text", name, x=LEFT_PX - 14, y=y + 4, class_="end name")


def _line(found: Found, task: TaskRows, rows: Sequence[Row], y: float, start: float) -> Html:
    """Ours drawn over the others."""
    ordered = sorted(rows, key=lambda row: found.column(row).kind == "ours")
    return tag("g", task_name(task.label, y), [_mark(found, row, y, start) for row in ordered])


def _mark(found: Found, row: Row, y: float, start: float) -> Html:
    column, x = found.column(row), x_of(row.score, start)
    title = tag("title", f"{column.label}: {row.score:.3f} ({row.low:.3f} to {row.high:.3f})")
    interval = tag("path", d=f"M{x_of(row.low, start)} {y}H{x_of(row.high, start)}") if math.isfinite(row.low) else None
    return tag("g", title, interval, _symbol(column.kind, x, y, is_below=row.score < start), class_=column.kind)


def _symbol(kind: FeaturesKind, x: float, y: float, *, is_below: bool) -> Html:
    if is_below:
        return tag("path", d=f"M{x + 4} {y - 5}L{x - 5} {y}L{x + 4} {y + 5}z", class_="mark")
    if kind == "peer":
        return tag("path", d=f"M{x} {y - 6}l6 6l-6 6l-6 -6z", class_="mark")
    if kind == "joined":
        return tag("path", d=f"M{x - 4.5} {y - 4.5}h9v9h-9z", class_="mark")
    return tag("circle", cx=x, cy=y, r=5, class_="mark")


def _key(kinds: Sequence[FeaturesKind]) -> Html:
    marks = [tag("span", f"{SYMBOLS[kind]} {kind}", class_=f"key {kind}") for kind in kinds]
    return tag("p", marks, " with 95 % intervals; a mark that points to the left has a lower score", class_="below")
