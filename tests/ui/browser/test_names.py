"""What a visitor sees of the names in a question, and how they are corrected."""

import re

import pytest
from playwright.sync_api import expect

from index.places.world_names import names_are_known
from ui.page import captions

pytestmark = pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")


def test_an_ambiguous_name_is_a_chip_that_is_changed_and_clicked_away_and_the_answer_moves(visit):
    visit.open()
    visit.ask("Vienna")
    hit = visit.hits("locations").first
    austria = hit.inner_text()
    visit.page.get_by_role("button", name=re.compile("^Vienna → Vienna, Austria; not Vienna, Virginia")).click()
    expect(visit.page.get_by_text(captions.IT_MEANS.format(name="Vienna"))).to_be_visible()
    visit.page.get_by_role("button", name=re.compile("^Vienna, Virginia, United States")).click()
    question = visit.asked(lambda question: question.meant)
    assert round(question.meant[0].place.lat) == 39
    expect(visit.page.get_by_role("button", name=re.compile("^Vienna → Vienna, Virginia"))).to_be_visible()
    expect(hit).not_to_have_text(austria)  # it is so many km from another place
    no_place = visit.page.get_by_role("button", name=captions.NO_PLACE)
    if not no_place.is_visible():  # what the chip opens stays open where the chip does
        visit.page.get_by_role("button", name=re.compile("^Vienna → Vienna, Virginia")).click()
    no_place.click()
    question = visit.asked(lambda question: question.meant and question.meant[0].place is None)
    assert [meant.name for meant in question.meant] == ["Vienna"]
    expect(visit.page.get_by_role("button", name=re.compile("^Vienna → "))).to_have_count(0)


def test_the_page_of_names_marks_those_of_a_text_beside_a_map(visit):
    visit.open(path="locate")
    box = visit.page.get_by_label(captions.LOCATE_LABEL)
    box.fill("From Vienna they sailed to Lima, Peru, <b>and</b> home.")
    box.press("Control+Enter")
    marks = visit.page.locator(".placebind-located mark")
    expect(marks).to_have_text(["Vienna", "Lima", "Peru"])
    expect(marks.first).to_have_attribute("title", re.compile("^Vienna, Austria, [0-9]+ %$"))
    expect(visit.page.locator(".placebind-located")).to_contain_text("<b>and</b> home.")
    visit.map().wait_for_function("() => document.querySelectorAll('path.leaflet-interactive').length >= 3")
