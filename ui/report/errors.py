"""The section of a task: its labels, then for each split a figure for each of the features, all on one scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.probing.features._kinds import is_twin
from train.probing.results import Row
from ui.report.agreement import Axis, agreement_plot, axis_of, class_plot, mistakes
from ui.report.found import Found, TaskRows
from ui.report.helped import learning_maps
from ui.report.html import Html, tag
from ui.report.maps import Frame, Scale, cell_means, difference_scale, error_map, frame_of, legend, share_scale
from ui.report.numbers import beside
from ui.report.scores import METRICS, as_text, best_of, kind_mark, split_title

Points = dict[str, Any]


@dataclass(frozen=True)
class Drawing:
    """What all figures of a task have in common; ``axis`` only for a regression."""

    frame: Frame
    scale: Scale
    axis: Axis | None
    points: dict[str, Points]  # by the name of the file


def drawing_of(found: Found, task: TaskRows) -> Drawing | None:
    """None where no predictions are stored."""
    rows = [row for split in found.splits for row in drawn_rows(found, task, split)]
    points = {row.predictions: known for row in rows if (known := found.predictions(row)) is not None}
    if not points:
        return None
    frame = frame_of(*(np.concatenate([each[name] for each in points.values()]) for name in ("lat", "lon")))
    if task.one.kind == "classification":
        return Drawing(frame, share_scale(), None, points)
    scale = difference_scale([cell_means(frame, each)[1] for each in points.values()])
    return Drawing(frame, scale, axis_of(np.concatenate([each["target"] for each in points.values()])), points)


def drawn_rows(found: Found, task: TaskRows, split: str) -> list[Row]:
    """In the order of the columns; of the floors only the best, because figures of all would make the page too large."""
    rows = {(row.features_digest, row.probe): row for row in task.rows if row.split == split}
    ordered = [rows[key] for key in found.columns if key in rows]
    best = best_of(row for row in ordered if found.column(row).kind == "floor")
    return [row for row in ordered if found.column(row).kind != "floor" or row is best]


def task_section(found: Found, task: TaskRows, drawing: Drawing | None) -> Html:
    splits = [split for split in found.splits if any(row.split == split for row in task.rows)]
    shown = next((split for split in splits if split.startswith("block")), splits[0])
    return tag(
        "section",
        tag("h3", task.label),
        _about(task),
        learning_maps(found, task, drawing.frame) if drawing else None,
        tag("h4", "Errors") if drawing else None,
        legend(drawing.scale, _legend_says(task)) if drawing else tag("p", "The predictions are no longer in the folder."),
        [_split(found, task, split, drawing, is_open=split == shown) for split in splits] if drawing else None,
        id=task.anchor,
        class_="task",
    )


def _about(task: TaskRows) -> Html:
    """Where the labels are from, and their number."""
    one, about = task.one, task.about
    what = f"{one.unit}, " if one.unit else ""
    counts = f"{one.kind}, {what}{one.points:,} points" + (f" of {one.classes} classes" if one.classes else "")
    dropped = f", {one.dropped:,} rows without a label or a position left out" if one.dropped else ""
    items = [("Labels", one.source), ("Cite", about.get("citation")), ("Licence", about.get("licence"))]
    facts = [f" · {name}: {text}" for name, text in items if text]
    return tag("p", counts, dropped, facts, class_="about")


def _legend_says(task: TaskRows) -> str:
    if task.one.kind == "classification":
        return "share of wrong answers in a cell"
    return f"predicted minus true, mean of a cell{f', {task.one.unit}' if task.one.unit else ''}"


def _split(found: Found, task: TaskRows, split: str, drawing: Drawing, *, is_open: bool) -> Html:
    rows = [row for row in drawn_rows(found, task, split) if row.predictions in drawing.points]
    figures = [_figure(found, task, row, drawing) for row in rows]
    return tag("details", tag("summary", split_title(split)), tag("div", figures, class_="figures"), open=is_open)


def _figure(found: Found, task: TaskRows, row: Row, drawing: Drawing) -> Html:
    column, points = found.column(row), drawing.points[row.predictions]
    what = f"{column.label} on {task.label}, {split_title(row.split)}"
    head = (tag("b", column.label), " ", kind_mark(column.kind), " ", METRICS.get(row.metric, row.metric), " ", as_text(row))
    shown = f"{len(points['lat']):,} points" + (", the first of its seeds" if is_twin(row.features_digest) else "")
    if drawing.axis is not None:
        plot = agreement_plot(points, drawing.axis, row.unit, f"Centring of {what}")
        below = [shown, *_typical(points, row.unit)]
    else:
        plot = class_plot(points, f"Classes by {what}")
        below = [shown, *_mistakes(points)]
    picture = error_map(drawing.frame, drawing.scale, points, f"Map of the errors of {what}")
    return tag(
        "figure", tag("figcaption", head), tag("div", picture, plot, class_="pair"), tag("p", " · ".join(below), class_="below")
    )


def _typical(points: Points, unit: str) -> Sequence[str]:
    """The mean residual and the median absolute residual."""
    mean, median = float(points["residual"].mean()), float(np.median(np.abs(points["residual"])))
    return [f"mean error {beside(mean, median)} {unit}", f"median size of an error {beside(median, median)} {unit}"]


def _mistakes(points: Points) -> Sequence[str]:
    return [f"{true} taken for {said}: {count}" for true, said, count in mistakes(points)]
