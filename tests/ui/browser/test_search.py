"""What a visitor asks, and what the page then shows and links to."""

import csv
import json
import re
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from index.records import Place
from retrieval.asking.parts import Item, Part
from retrieval.asking.question import Question
from tests.ui.browser.visit import question_of
from ui.page import captions
from ui.page.asking import LESS, MORE
from ui.page.hits import COLUMNS


@pytest.fixture
def snow_png(tmp_path):
    """A white picture as a PNG, without a position."""
    file = tmp_path / "snow.png"
    Image.fromarray(np.full((64, 64, 3), 235, np.uint8)).save(file)
    return file


def test_a_first_visit_explains_itself_and_an_example_is_one_click_away(visit):
    visit.open()
    expect(visit.page.get_by_text("Three ways to ask")).to_be_visible()
    visit.page.get_by_text(captions.EXAMPLES[0]).click()
    question = visit.asked(lambda question: question.parts[0].text == captions.EXAMPLES[0])
    assert question == Question.of(captions.EXAMPLES[0])
    expect(visit.page.get_by_label(captions.ASK_LABEL)).to_have_value(captions.EXAMPLES[0])
    expect(visit.page.get_by_text("Three ways to ask")).to_have_count(0)


def test_words_find_places_articles_and_tiles_and_other_words_find_others(visit):
    visit.open()
    visit.ask("ice, snow and tundra")
    assert all(title.startswith("North") for title in visit.titles("articles"))
    assert len(visit.titles("locations")) == len(visit.titles("tiles")) == 10
    expect(visit.hits("tiles").first.locator("img")).to_have_js_property("naturalWidth", 96)
    visit.ask("palm trees and hot sand")
    expect(visit.hits("articles").first).to_contain_text("South")
    assert all(title.startswith("South") for title in visit.titles("articles"))


def test_a_click_on_the_map_asks_about_that_place(visit):
    visit.open()
    visit.page.mouse.click(*visit.at(5, 30))
    question = visit.asked(lambda question: question.parts[0].place)
    place = question.parts[0].place
    assert (place.lat, place.lon) == pytest.approx((5, 30), abs=0.5)
    expect(visit.hits("articles").first).to_contain_text("South")
    expect(visit.hits("articles").first).to_contain_text("km")


def test_coordinates_can_be_typed(visit):
    visit.open()
    visit.page.get_by_role("button", name=captions.COORDINATES_BUTTON).click()
    visit.page.get_by_label(captions.LAT).fill("70")
    visit.page.get_by_label(captions.LON).fill("-179.5")
    visit.page.get_by_role("button", name=captions.COORDINATES_ASK).click()
    question = visit.asked(lambda question: question.parts[0].place)
    assert question.parts[0].place == Place(lat=70, lon=-179.5)
    # 180 W and 165 W are the nearest articles, on the far side of nothing: the antimeridian is no edge.
    expect(visit.hits("articles").first).to_contain_text("North")


def test_pictures_with_bands_and_without_can_be_asked_with_and_others_are_refused_in_a_sentence(visit, world, snow_png):
    visit.open()
    visit.page.get_by_role("button", name=captions.IMAGE_BUTTON).click()
    drop = visit.page.locator("input[type=file]")
    drop.set_input_files(world.tile_file)
    first = visit.asked(lambda question: question.parts[0].image)
    expect(visit.hits("tiles").first).to_contain_text("tile")
    drop.set_input_files(snow_png)
    second = visit.asked(lambda question: question.parts[0].image != first.parts[0].image)
    assert len(second.parts) == 1
    drop.set_input_files({"name": "note.png", "mimeType": "image/png", "buffer": b"<svg onload=alert(1)>"})
    expect(visit.page.get_by_role("alert")).to_contain_text("note.png")
    assert question_of(visit.page.url) == second


def test_hits_refine_the_question_with_weights_that_can_be_changed_and_taken_out(visit):
    visit.open(Question.of("snow", k=10))
    loved, unloved = (visit.hits("articles").nth(row).get_attribute("data-id") for row in (0, 1))
    visit.page.locator(f'[data-id="{loved}"]').get_by_label(captions.HIT_WORDS["more"]).click()
    visit.asked(lambda question: len(question.parts) == 2)
    visit.page.locator(f'[data-id="{unloved}"]').get_by_label(captions.HIT_WORDS["less"]).click()
    question = visit.asked(lambda question: len(question.parts) == 3)
    records = [(part.record.id, part.weight) for part in question.parts[1:]]
    assert records == [(loved, MORE), (unloved, -LESS)]

    weight = visit.page.get_by_label(captions.WEIGHT).nth(1)
    weight.fill("2.5")
    weight.press("Enter")
    visit.asked(lambda question: question.parts[1].weight == 2.5)
    visit.page.get_by_role("button", name="✕").nth(2).click()
    question = visit.asked(lambda question: len(question.parts) == 2)
    assert question.parts[1] == Part.of(Item("articles", loved), 2.5)
    visit.page.get_by_role("button", name=captions.CLEAR).click()
    expect(visit.hits()).to_have_count(0)
    assert question_of(visit.page.url) is None


def test_filters_of_the_sidebar_restrict_what_is_found(visit):
    visit.open(Question.of("snow and ice"), catalogue="hostile")
    visit.page.get_by_role("combobox", name=captions.COUNTRIES).click()
    visit.page.get_by_role("option", name="Kenya").click()
    question = visit.asked(lambda question: question.filter.countries)
    assert question.filter.as_values() == {"countries": ["Kenya"]}
    expect(visit.hits("articles")).to_have_count(3)
    # Tiles and locations of no country are left out, and the column says so.
    expect(visit.page.locator('.column[data-modality="tiles"] .empty')).to_have_text(captions.EMPTY_COLUMN)
    visit.page.locator(".stSidebar").get_by_text(captions.MODALITY["articles"]).click()
    visit.asked(lambda question: question.kinds == ("articles",))
    expect(visit.page.locator(".column")).to_have_count(1)


def test_a_typed_constraint_is_a_chip_that_can_be_taken_out_and_a_control_that_can_be_edited(visit):
    visit.open()
    box = visit.page.get_by_label(captions.ASK_LABEL)
    box.fill("snow north of 60°, within 9000 km of 70.5 N, 10.5 E")
    box.press("Enter")
    question = visit.asked(lambda question: question.filter.near)
    assert question == Question.of("snow", filter={"bbox": "60,-180,90,180", "near": "70.5,10.5,9000"})
    expect(box).to_have_value("snow")
    expect(visit.page.get_by_text("was read as a filter: within 9,000 km of 70.5 N, 10.5 E")).to_be_visible()
    chips = visit.page.locator(".st-key-chips").get_by_role("button")
    chips.filter(has_text="in the box").click()
    visit.asked(lambda question: not question.filter.bbox)
    visit.page.get_by_text(captions.WHERE, exact=True).click()
    around = visit.page.get_by_role("textbox", name=captions.NEAR)
    expect(around).to_have_value("70.5,10.5,9000")
    around.fill("5,30,4000")
    around.press("Enter")
    question = visit.asked(lambda question: question.filter.near and question.filter.near.radius_km == 4000)
    assert question == Question.of("snow", filter={"near": "5,30,4000"})
    expect(visit.hits("articles").first).to_contain_text("South")


def test_typed_coordinates_are_marked_on_the_map_and_read_back(visit):
    visit.open()
    box = visit.page.get_by_label(captions.ASK_LABEL)
    box.fill("5° N, 30.5° E")
    box.press("Enter")
    question = visit.asked(lambda question: question.parts[0].place)
    assert question.parts[0].place == Place(lat=5, lon=30.5)
    expect(visit.page.get_by_text("was read as 5 N, 30.5 E (decimal degrees)")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Place: 5.00°N 30.50°E")).to_be_visible()


def test_a_permalink_restores_question_filters_and_view_for_somebody_else(visit, visitor):
    visit.open(view="#map=4/10.0000/25.0000")
    visit.ask("hot sand")
    visit.page.get_by_label(captions.HITS_EACH).fill("4")
    visit.page.get_by_label(captions.HITS_EACH).press("Enter")
    visit.asked(lambda question: question.k == 4)
    expect(visit.hits("articles")).to_have_count(4)
    assert visit.page.url.endswith("#map=4/10.0000/25.0000")

    again = visitor()
    again.page.goto(visit.page.url)
    expect(again.hits("articles")).to_have_count(4)
    assert again.titles("articles") == visit.titles("articles")
    expect(again.page.get_by_label(captions.ASK_LABEL)).to_have_value("hot sand")
    expect(again.page.get_by_label(captions.HITS_EACH)).to_have_value("4")
    assert again.map().evaluate("[map.getZoom(), map.getCenter().lat, map.getCenter().lng]") == pytest.approx([4, 10, 25], abs=0.1)


def test_the_export_holds_the_hits_that_are_shown(visit):
    visit.open(Question.of("snow", k=5))
    visit.page.get_by_role("button", name=captions.EXPORT).click()
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="csv").click()
    rows = list(csv.DictReader(download.value.path().open(newline="", encoding="utf-8")))
    shown = [title for modality in COLUMNS for title in visit.titles(modality)]
    assert sorted(row["title"] for row in rows) == sorted(shown)
    assert len(rows) == 15


def test_back_leads_to_the_question_before(visit):
    visit.open()
    visit.ask("snow")
    visit.ask("hot sand")
    visit.page.go_back()
    visit.asked(lambda question: question.parts[0].text == "snow")
    expect(visit.page.get_by_label(captions.ASK_LABEL)).to_have_value("snow")
    expect(visit.hits("articles").first).to_contain_text("North")


def test_a_damaged_link_is_told_in_a_sentence(visit):
    visit.page.goto(f"{visit.address}/?ask=%7Bbroken")
    expect(visit.page.get_by_role("alert")).to_contain_text("the link is damaged")
    visit.ask("snow")
    assert visit.titles("articles")


def test_settings_that_a_link_brought_are_chips_and_start_over_leaves_none(visit):
    visit.open(Question.of("snow", k=3, direct=True, combine="max", filter={"bbox": "-80,-170,80,170", "where": "lat > -90"}))
    chips = visit.page.locator(".st-key-chips").get_by_role("button")
    expect(chips).to_have_count(6)
    chips.filter(has_text="in the box").press("Enter")
    question = visit.asked(lambda question: not question.filter.bbox)
    assert question == Question.of("snow", k=3, direct=True, combine="max", filter={"where": "lat > -90"})
    chips.filter(has_text=captions.CLEAR).click()
    expect(chips).to_have_count(0)
    visit.ask("snow")
    assert question_of(visit.page.url) == Question.of("snow")


@pytest.mark.parametrize(
    "link",
    [
        '{"parts": [{"text": "snow"}], "[live](http://evil.example) ![](http://evil.example/p.png) www.evil.example a@evil.a": 1}',
        '{"parts": [{"text": "snow"}], "filter": {"splits": "<http://evil.example> http://evil.example ![](//evil.a/p.png)"}}',
        '{"parts": [{"text": "a"}, {"text": "[live](http://evil.example) http://evil.example ![](http://evil.example/p.png)"}]}',
        json.dumps({"parts": [{"text": "snow"}] * 33}),
    ],
)
def test_what_a_link_brought_in_is_text_and_leads_nowhere(visit, link):
    visit.page.goto(f"{visit.address}/?{urlencode({'ask': link})}")
    expect(visit.page.get_by_role("alert").or_(visit.page.locator(".st-key-chips"))).to_contain_text(re.compile("evil|at most 32"))
    visit.quiet()
    assert visit.page.locator(".stMain :is(a[href*=evil], a[href^=mailto], img[src*=evil])").count() == 0
    visit.ask("snow")
    assert visit.titles("articles")
