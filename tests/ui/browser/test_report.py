"""The report of an evaluation in a real browser: it needs no script, asks for nothing, fits a phone, and suits a dark page."""

from dataclasses import replace

import pytest

from tests.ui.report.reports import MADE, SIDE, WARMTH, against, floor, ours, twins, write_predictions, write_results
from ui.report import write_report

LONG = "W" * 300
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def address(tmp_path):
    """Of a report with long names and a map whose only cells are 5 degrees too warm and 8 too cold."""
    long = "a-model-of-a-very-long-name-" * 8
    rows = [floor(WARMTH, 0.5, predictions="warm.parquet"), ours(SIDE, 0.9, predictions="side.parquet", task=LONG)]
    rows += [ours(WARMTH, 0.1 * number, probe=f"{long}{number}") for number in range(12)]
    cold = replace(WARMTH, task="cold", split="block-10deg", labels_digest="9" * 64)
    model = ours(cold, 0.7, predictions="warm.parquet")
    three = [replace(twin, predictions="twin.parquet") for twin in twins(cold, 0.5)]
    write_predictions(tmp_path, "twin.parquet", [10.0, 12.0, 20.0, 25.0], [10.0, 12.0, 30.0, 40.0])
    write_predictions(tmp_path, "warm.parquet", [10.0, 12.0, 20.0, 25.0], [15.0, 17.0, 12.0, 25.0])
    write_predictions(tmp_path, "side.parquet", ["east", LONG, "east", "west"], ["east", "west", "east", "west"])
    compared = [against("learning adds", model, three, 0.1, 0.3)]
    return write_report(write_results(tmp_path, [*rows, *three, model], differences=compared), (), MADE).as_uri()


@pytest.fixture
def opened(chromium, address):
    """Opens the report; what the browser asked for, and complained of, is looked at in the end."""
    asked, complaints, contexts = [], [], []

    def opened(**settings):
        contexts.append(chromium.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert set(asked) == {address}
    assert complaints == []


@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 900}], ids=["phone", "desk"])
def test_the_page_is_never_wider_than_the_screen_and_its_tables_can_be_moved(opened, viewport):
    page = opened(viewport=viewport, java_script_enabled=False)
    assert page.locator("html").evaluate("page => page.scrollWidth") == viewport["width"]
    wide = page.locator("#scores .wide").first
    assert wide.evaluate("box => box.scrollWidth > box.clientWidth")
    name = wide.locator("tbody th").first
    before = name.bounding_box()["x"]
    wide.evaluate("box => box.scrollLeft = 500")
    assert name.bounding_box()["x"] == pytest.approx(before, abs=1), "the name of the task stays"


def test_the_cells_of_a_map_have_the_colours_of_its_legend_by_day_and_by_night(opened):
    colours = {}
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        strokes = page.locator("#task-warmth .cells path").evaluate_all("all => all.map(one => getComputedStyle(one).stroke)")
        legend = page.locator("#task-warmth .swatches i").evaluate_all(
            "all => all.map(one => getComputedStyle(one).backgroundColor)"
        )
        assert len(set(legend)) == 7
        assert set(strokes) <= set(legend)
        assert len(set(strokes)) == 3
        colours[scheme] = legend
    assert not set(colours["light"]) & set(colours["dark"])


def test_where_learning_helps_has_the_colours_of_its_legend_and_a_mark_that_of_its_key_by_day_and_by_night(opened):
    fills = []
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        cells, legend = page.locator("#task-cold .cells").first, page.locator("#task-cold .legend").first
        strokes = cells.locator("path").evaluate_all("all => all.map(one => getComputedStyle(one).stroke)")
        swatches = legend.locator("i").evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
        assert set(strokes) <= set(swatches)
        assert len(set(strokes)) == 3
        section = page.locator("#what-learning-adds")
        fill = section.locator(".adds .mark").first.evaluate("mark => getComputedStyle(mark).fill")
        assert fill == section.locator(".key.adds").first.evaluate("key => getComputedStyle(key).color")
        fills.append(fill)
    assert fills[0] != fills[1]


def test_land_is_drawn_under_a_map_and_splits_open_without_a_script(opened):
    page = opened(java_script_enabled=False)
    outline = page.locator("#task-warmth .map use").first
    box, frame = outline.bounding_box(), page.locator("#task-warmth .map").first.bounding_box()
    assert box["width"] > 0.9 * frame["width"]
    summary = page.locator("#task-warmth summary").first
    summary.click()
    assert not page.locator("#task-warmth .map").first.is_visible()
    summary.click()
    assert page.locator("#task-warmth .map").first.is_visible()
