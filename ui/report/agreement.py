"""Predicted values against true ones, as small inline SVG.

A regression gets an agreement plot: points in ten bins of equal size by predicted value, the mean truth of each with the middle
80 % of it, and the diagonal. The stored answers of a classification have no probabilities (RidgeClassifierCV gives none), so there
is no reliability diagram: it gets the recall and precision of each class, and the most common mistakes.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ui.report.html import Html, tag
from ui.report.numbers import round_step, short

SIDE_PX, LEFT_PX, BOTTOM_PX, TOP_PX = 180, 42, 32, 6
BINS, LEAST_IN_BIN = 10, 5
SPREAD = (0.1, 0.9)
CLASSES_SHOWN, LABEL_CHARACTERS, MISTAKES_SHOWN = 8, 14, 3
CLASS_LEFT_PX, CLASS_ROW_PX = 90, 18


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high`` onto pixels of both axes; ``ticks`` are round."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def x(self, value: float) -> float:
        return round(LEFT_PX + self._share(value) * (SIDE_PX - LEFT_PX - TOP_PX), 1)

    def y(self, value: float) -> float:
        return round(SIDE_PX - BOTTOM_PX - self._share(value) * (SIDE_PX - BOTTOM_PX - TOP_PX), 1)

    def _share(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True)
class Bin:
    """``points`` with similar predictions: means of both, and the range of the middle 80 % of the truth."""

    predicted: float
    true: float
    low: float
    high: float
    points: int


def bins_of(points: dict[str, Any]) -> list[Bin]:
    """By predicted value, in its order."""
    order = np.argsort(points["predicted"], kind="stable")
    made = []
    for rows in np.array_split(order, max(1, min(BINS, len(order) // LEAST_IN_BIN))):
        true, said = points["target"][rows], points["predicted"][rows]
        low, high = np.quantile(true, SPREAD)
        made.append(Bin(float(said.mean()), float(true.mean()), float(low), float(high), len(rows)))
    return made


def axis_of(targets: npt.NDArray[np.float64]) -> Axis:
    """For all plots of a task: covers nearly all true values, so plots are comparable; values beyond are drawn at the edge."""
    low, high = (float(value) for value in np.quantile(targets, (0.02, 0.98)))
    if low == high:
        low, high = low - 1, high + 1
    step = round_step((high - low) / 4)
    ticks = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return Axis(low, high, tuple(ticks.tolist()))


def agreement_plot(points: dict[str, Any], axis: Axis, unit: str, label: str) -> Html:
    """Mean truth over mean prediction of each bin."""
    low, high = axis.low, axis.high
    marks = []
    for each in bins_of(points):
        x, y = axis.x(each.predicted), axis.y(each.true)
        title = tag(
            "title",
            f"predicted {each.predicted:,.4g}, true {each.true:,.4g} ({each.low:,.4g} to {each.high:,.4g}), {each.points} points",
        )
        marks.append(tag("g", title, tag("path", d=f"M{x} {axis.y(each.low)}V{axis.y(each.high)}"), tag("circle", cx=x, cy=y, r=3)))
    diagonal = tag("path", d=f"M{axis.x(low)} {axis.y(low)}L{axis.x(high)} {axis.y(high)}", class_="diagonal")
    return _svg(SIDE_PX, label, _frame(axis, unit), diagonal, tag("g", marks, class_="bins"))


def class_plot(points: dict[str, Any], label: str) -> Html:
    """Of the most common classes: the share of their points that were found, and the share of points so named that are."""
    target, said = points["target"].astype(str), points["predicted"].astype(str)
    common = [name for name, _ in Counter(target.tolist()).most_common(CLASSES_SHOWN)]
    rows = [_class_row(number, name, target == name, said == name) for number, name in enumerate(common)]
    height = TOP_PX + CLASS_ROW_PX * len(common) + BOTTOM_PX - 6
    bottom = height - BOTTOM_PX + 10
    ticks = [
        tag("text", text, x=_class_x(share), y=bottom + 12, class_="middle")
        for share, text in ((0, "0 %"), (0.5, "50"), (1, "100"))
    ]
    lines = [tag("path", d=f"M{_class_x(share)} {TOP_PX}V{bottom}", class_="grid") for share in (0, 0.5, 1)]
    return _svg(height, label, lines, rows, ticks)


def mistakes(points: dict[str, Any]) -> list[tuple[str, str, int]]:
    """The most common pairs of a true class and the class predicted instead, with their counts."""
    pairs = zip(points["target"].astype(str).tolist(), points["predicted"].astype(str).tolist(), strict=True)
    return [
        (true, said, count)
        for (true, said), count in Counter(pair for pair in pairs if pair[0] != pair[1]).most_common(MISTAKES_SHOWN)
    ]


def _class_row(number: int, name: str, is_it: npt.NDArray[np.bool_], said_it: npt.NDArray[np.bool_]) -> Html:
    """A filled dot for the share of a class that was found, a ring for the share that is right among the points named so."""
    both, true, said = int((is_it & said_it).sum()), int(is_it.sum()), int(said_it.sum())
    y = TOP_PX + CLASS_ROW_PX * (number + 0.5)
    short = name if len(name) <= LABEL_CHARACTERS else name[: LABEL_CHARACTERS - 1] + "…"
    right = f"{both / said:.0%} of {said} named so are" if said else "never named"
    found, named = both / true, both / said if said else None
    return tag(
        "g",
        tag("title", f"{name}: {found:.0%} of {true} found, {right}"),
        tag("text", short, x=CLASS_LEFT_PX - 8, y=y + 3, class_="end"),
        tag("path", d=f"M{_class_x(found)} {y}H{_class_x(named if named is not None else found)}", class_="between"),
        tag("circle", cx=_class_x(named), cy=y, r=3.6, class_="named") if named is not None else None,
        tag("circle", cx=_class_x(found), cy=y, r=3.6, class_="found"),
    )


def _class_x(share: float) -> float:
    return round(CLASS_LEFT_PX + share * (SIDE_PX - CLASS_LEFT_PX - 14), 1)


def _frame(axis: Axis, unit: str) -> Sequence[Html]:
    """Axes with ticks: predicted values to the right, true ones upwards."""
    left, bottom = axis.x(axis.low), axis.y(axis.low)
    box = tag("path", d=f"M{left} {TOP_PX}V{bottom}H{SIDE_PX - TOP_PX}", class_="axis")
    across = [tag("text", short(tick), x=axis.x(tick), y=bottom + 12, class_="middle") for tick in axis.ticks]
    up = [tag("text", short(tick), x=left - 4, y=axis.y(tick) + 3, class_="end") for tick in axis.ticks]
    middle = (left + SIDE_PX) / 2
    names = [
        tag("text", f"predicted, {unit}" if unit else "predicted", x=middle, y=SIDE_PX - 5, class_="middle name"),
        tag("text", "true", x=9, y=SIDE_PX / 2 - 10, class_="middle name", transform=f"rotate(-90 9 {SIDE_PX / 2 - 10:g})"),
    ]
    return [box, *across, *up, *names]


def _svg(height: float, label: str, *children: Any) -> Html:
    return tag("svg", *children, viewBox=f"0 0 {SIDE_PX} {height:g}", class_="plot", role="img", aria_label=label)
