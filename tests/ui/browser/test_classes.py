"""A visitor teaches a class by clicks on the map."""

import pytest
from playwright.sync_api import expect

from retrieval.labels.labels import NO, YES
from ui.page import captions


def test_clicks_are_labels_that_teach_a_class_and_draw_it(visit):
    visit.open(path="classes")
    frame = visit.map()
    frame.locator(".leaflet-container").click(position={"x": 300, "y": 120})
    expect(visit.page.get_by_text(captions.CLASSES_COUNT.format(count=1), exact=True)).to_be_visible()
    visit.page.get_by_text(captions.CLASSES_SIGN[NO]).click()
    visit.map().locator(".leaflet-container").click(position={"x": 300, "y": 330})
    expect(visit.page.get_by_text(captions.CLASSES_COUNT.format(count=2), exact=True)).to_be_visible()
    expect(visit.page.get_by_text("not measured")).to_be_visible()
    expect(visit.page.get_by_text(captions.CLASSES_SHOWN.format(label=YES))).to_be_visible()
    visit.painted(heat="/classes/")


@pytest.mark.parametrize(("name", "text", "said"), [
    ("labels.csv", "lat,lon,label\n70,10,+\n5,10,-\n5,90,-\n", captions.CLASSES_COUNT.format(count=3)),
    ("labels.csv", "lat,lon,label\n70,10,+\n95,10,-\n", "labels.csv: row 2"),
])  # fmt: skip
def test_a_file_of_labels_is_opened_or_refused_in_a_sentence(visit, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    visit.open(path="classes")
    visit.page.get_by_role("button", name=captions.CLASSES_OPEN).click()
    visit.page.locator('input[type="file"]').set_input_files(tmp_path / name)
    expect(visit.page.get_by_text(said, exact=False).first).to_be_visible()
