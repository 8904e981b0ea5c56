"""Maps of where learning helps and where it harms: the errors of the untrained twins minus those of the model, cell by cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from index.errors import InputError
from train.probing.features.placebind import LEARNING
from train.probing.paired import Difference
from ui.report.found import Found, TaskRows
from ui.report.html import Html, joined, tag
from ui.report.maps import Frame, cell_means, difference_scale, error_map, legend

PREFIX, ENDS = "h", ("harms", "helps")  # of the colours; what their two ends mean


def learning_maps(found: Found, task: TaskRows, frame: Frame) -> Html | None:
    """One for each layer of each model where blocks are held out, hidden layers first; None where no predictions are stored."""
    compared = [each for each in found.differences if each.title == LEARNING and each.row.split.startswith("block")]
    of_task = [each for each in compared if (each.row.task, each.row.labels_digest) == (task.one.task, task.one.labels_digest)]
    points = {each.row.key: known for each in hidden_first(of_task) if (known := helped(found, each)) is not None}
    if not points:
        return None
    scale = difference_scale([cell_means(frame, each)[1] for each in points.values()], PREFIX)
    figures = []
    for each in hidden_first(of_task):
        if each.row.key in points:
            label = found.column(each.row).label
            said = tag("figcaption", tag("b", label), " ", _says(frame, points[each.row.key]))
            drawn = error_map(frame, scale, points[each.row.key], f"Map of where learning helps and harms {label} on {task.label}")
            figures.append(tag("figure", said, tag("div", drawn, class_="pair")))
    head = tag("h4", "Where learning helps and where it harms")
    return joined(head, legend(scale, _legend_says(task), ENDS), tag("div", figures, class_="figures"))


def helped(found: Found, compared: Difference) -> dict[str, Any] | None:
    """Points whose ``residual`` says by how much the model's error is smaller than the mean error of its twins; an error of a
    classification is 1. None where a file is gone. Raises ``InputError`` where the files have different points."""
    own, *twins = (found.predictions(row) for row in (compared.row, *compared.others))
    known = [each for each in twins if each is not None]
    if own is None or len(known) < len(compared.others):
        return None
    for row, each in zip(compared.others, known, strict=True):
        if not all(np.array_equal(own[name], each[name]) for name in ("lat", "lon")):
            names = f"{compared.row.predictions} and {row.predictions} in {found.folder / 'predictions'}"
            raise InputError(f"expected the same points in {names}, they have others; delete both, and the report will do without")
    errors = np.mean([np.abs(each["residual"]) for each in known], axis=0)
    return {"lat": own["lat"], "lon": own["lon"], "residual": errors - np.abs(own["residual"])}


def hidden_first(compared: Sequence[Difference]) -> list[Difference]:
    return sorted(compared, key=lambda each: not each.row.features_digest.endswith("-hidden"))


def _says(frame: Frame, points: dict[str, Any]) -> str:
    means = cell_means(frame, points)[1]
    return f"learning helps in {np.mean(means > 0):.0%} and harms in {np.mean(means < 0):.0%} of {len(means):,} cells"


def _legend_says(task: TaskRows) -> str:
    if task.one.kind == "classification":
        return "share right of the model minus that of its untrained twins, blocks held out"
    unit = f", {task.one.unit}" if task.one.unit else ""
    return f"size of the error of the untrained twins minus the model's, mean of a cell{unit}, blocks held out"
