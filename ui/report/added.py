"""What learning adds, first on the page: differences of scores, paired over blocks, as a chart and in words.

For each split and each of our layers a line for each task: the model minus its untrained twins, and minus the best other floor.
For two features side by side: what the pair adds to either. All are read from results.json (train/probing/paired.py).
"""

import math
from collections import Counter
from collections.abc import Sequence

from train.probing.features.placebind import LEARNING
from train.probing.paired import ABOVE_FLOORS, Difference
from ui.report.chart import BOTTOM_PX, ROW_PX, TOP_PX, WIDTH_PX, grid, task_name, x_of
from ui.report.found import Found, TaskRows
from ui.report.helped import hidden_first
from ui.report.html import Html, joined, tag
from ui.report.numbers import round_step
from ui.report.scores import split_title

RIGHT_PX = 76  # the first difference of a line stands here as a number
APART_PX = 6  # between the marks of a line and its middle
MOST = 0.5  # the axis ends at the largest interval, but not beyond this; marks beyond point outwards
TICKS = 6
WORDS = {  # of a title: what it means to add, and to harm
    LEARNING: ("Learning adds", "harms"),
    ABOVE_FLOORS: ("The model is above the best other floor", "below it"),
}
NAMES = {LEARNING: "minus the mean of its untrained twins", ABOVE_FLOORS: "minus the best other floor"}
VERDICTS = {  # of the key
    "adds": "interval above zero",
    "harms": "interval below zero",
    "even": "interval includes no difference",
    "": "too few blocks for an interval",
}


def learning(found: Found) -> list[Html]:
    """A section for each split, empty where nothing was compared."""
    made = []
    for split in found.splits:
        compared = hidden_first([each for each in found.differences if each.row.split == split])
        columns = dict.fromkeys(found.column(each.row).label for each in compared)
        blocks = [_column(found, label, [each for each in compared if found.column(each.row).label == label]) for label in columns]
        made += [tag("section", tag("h3", split_title(split)), blocks)] if blocks else []
    return [_how_to_read(), *made] if made else []


def in_words(compared: Sequence[Difference], label: str) -> str:
    """'Learning adds on 5 of 26 tasks, harms on 2; for 19 the interval includes no difference.'"""
    title, counts = compared[0].title, Counter(each.verdict for each in compared)
    adds, harms = WORDS.get(title, (f"{label} {title}", "harms"))
    tasks = "1 task" if len(compared) == 1 else f"{len(compared)} tasks"
    too_few = f"; {counts['']} with too few blocks for an interval" if counts[""] else ""
    even = f"for {counts['even']} the interval includes no difference"
    return f"{adds} on {counts['adds']} of {tasks}, {harms} on {counts['harms']}; {even}{too_few}."


def difference_chart(found: Found, compared: Sequence[Difference], label: str) -> Html:
    """Of one column: a line for each task, a mark for each title."""
    titles = list(dict.fromkeys(each.title for each in compared))
    tasks = [(task, mine) for task in found.tasks if (mine := [each for each in compared if _is_of(task, each)])]
    start, end, tick = _axis(compared)
    bottom = TOP_PX + ROW_PX * len(tasks)
    middles = [TOP_PX + ROW_PX * (number + 0.5) for number in range(len(tasks))]
    lines = [_line(task, mine, titles, y, (start, end)) for (task, mine), y in zip(tasks, middles, strict=True)]
    size = {"viewBox": f"0 0 {WIDTH_PX} {bottom + BOTTOM_PX}", "aria_label": f"What {label} adds"}
    drawn = tag("svg", grid(start, end, tick, bottom, RIGHT_PX), lines, **size, class_="chart", role="img")
    return joined(tag("div", drawn, class_="wide", tabindex="0"), _key(titles, {each.verdict for each in compared}))


def _axis(compared: Sequence[Difference]) -> tuple[float, float, float]:
    """From the tick below the lowest interval to the one above the highest, zero included, and the step between ticks."""
    ends = [value for each in compared for value in (each.low, each.high, each.difference) if math.isfinite(value)]
    lowest, highest = max(-MOST, min(0.0, *ends)), min(MOST, max(0.0, *ends))
    tick = round_step((highest - lowest) / TICKS)
    return tick * math.floor(lowest / tick), tick * max(1, math.ceil(highest / tick)), tick


def _is_of(task: TaskRows, compared: Difference) -> bool:
    return (compared.row.task, compared.row.labels_digest) == (task.one.task, task.one.labels_digest)


def _column(found: Found, label: str, compared: Sequence[Difference]) -> Html:
    titles = dict.fromkeys(each.title for each in compared)
    words = [in_words([each for each in compared if each.title == title], label) for title in titles]
    finite = [each for each in compared if math.isfinite(each.difference)]
    return joined(tag("h4", label), tag("p", " ".join(words)), difference_chart(found, finite, label) if finite else None)


def _line(task: TaskRows, compared: Sequence[Difference], titles: Sequence[str], y: float, axis: tuple[float, float]) -> Html:
    """The first title above the middle, the second below it; the number is the first's."""
    marks = [
        _mark(each, y + (2 * titles.index(each.title) - 1) * APART_PX if len(titles) > 1 else y, titles.index(each.title), axis)
        for each in compared
    ]
    first = next((each for each in compared if each.title == titles[0]), None)
    number = None
    if first:
        text = f"{round(first.difference, 3) + 0.0:+.3f}".replace("-", "−")
        number = tag("text", text, x=WIDTH_PX - 4, y=y + 4, class_=f"end said {first.verdict or 'even'}")
    return tag("g", task_name(task.label, y), marks, number)


def _mark(compared: Difference, y: float, place: int, axis: tuple[float, float]) -> Html:
    """A filled dot for the first title, a ring for the second; an arrow where it is beyond the axis."""
    x = x_of(compared.difference, *axis, RIGHT_PX)
    others = f", minus {compared.others[0].features}" if compared.title == ABOVE_FLOORS else ""
    between = f" ({compared.low:+.3f} to {compared.high:+.3f})" if compared.verdict else " (too few blocks for an interval)"
    title = tag("title", f"{compared.row.task}: {compared.title} {compared.difference:+.3f}{between}{others}")
    interval = None
    if compared.verdict:
        interval = tag("path", d=f"M{x_of(compared.low, *axis, RIGHT_PX)} {y}H{x_of(compared.high, *axis, RIGHT_PX)}")
    side = -1 if compared.difference < axis[0] else 1 if compared.difference > axis[1] else 0
    if side:
        symbol = tag("path", d=f"M{x - 4 * side} {y - 5}L{x + 5 * side} {y}L{x - 4 * side} {y + 5}z", class_="mark")
    else:
        symbol = tag("circle", cx=x, cy=y, r=4, class_="mark")
    return tag("g", title, interval, symbol, class_=f"{'first' if place == 0 else 'second'} {compared.verdict or 'even'}")


def _key(titles: Sequence[str], verdicts: set[str]) -> Html:
    named = zip("●○", [NAMES.get(title, title) for title in titles], strict=False)
    symbols = [tag("span", f"{symbol} {name}", class_="key") for symbol, name in named]
    colours = [tag("span", words, class_=f"key {verdict or 'even'}") for verdict, words in VERDICTS.items() if verdict in verdicts]
    return tag("p", symbols, colours, class_="below")


def _how_to_read() -> Html:
    return tag(
        "p",
        "The score of a column minus that of another. Untrained twins have the same architecture and random weights: what a model "
        "scores above the mean of three, learning has added. Lines are 95 % intervals, paired: both scores are computed from the "
        "same draws of blocks. The best other floor is picked after the fact, which flatters it. A mark that points outwards lies "
        "beyond the axis.",
        class_="about",
    )
