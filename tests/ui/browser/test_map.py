"""The map beside a question: heat as pixels, hits as marks, areas as filters; and that it stays where the visitor moved it."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from retrieval.asking.question import Question
from ui.page import captions

IN_TOUCH_MS = 1500  # a rerun that somebody's movement caused would have begun by then
# The layers of a map, however deep in groups: Leaflet's eachLayer walks them all.
LAYERS = "() => { const found = []; map.eachLayer(layer => found.push(layer)); return found; }"
CIRCLES = f"({LAYERS})().filter(layer => layer instanceof L.CircleMarker)"
MARKED = f"{CIRCLES}.filter(layer => layer.options.radius === 13)"  # by pointing at a hit
AREAS = f"({LAYERS})().filter(layer => layer.options.dashArray === '6 4')"


def heat_tiles(visit, parameter=""):
    """The heat tiles that the browser got whose address has this in it, each [256, 256, 4]."""
    got = [answer for answer in visit.answers if "/api/heat/" in answer.url and parameter in answer.url]
    assert {answer.status for answer in got} <= {200, 304}
    return [np.asarray(Image.open(io.BytesIO(answer.body())).convert("RGBA")) for answer in got if answer.status == 200]


def draw_box(visit, south, west, north, east):
    frame = visit.map()
    frame.locator(".leaflet-draw-draw-rectangle").click()
    visit.page.mouse.move(*visit.at(north, west))
    visit.page.mouse.down()
    visit.page.mouse.move(*visit.at((north + south) / 2, (west + east) / 2))
    visit.page.mouse.move(*visit.at(south, east))
    visit.page.mouse.up()


def test_heat_arrives_as_tiles_that_are_not_uniform_and_the_slider_changes_them(visit):
    visit.open(Question.of("snow and ice"))
    visit.painted(heat="above=90")
    before = heat_tiles(visit, "above=90")
    assert any(len(np.unique(tile.reshape(-1, 4), axis=0)) > 2 for tile in before)

    visit.page.get_by_role("slider").press("ArrowRight")
    visit.painted(heat="above=80")
    after = heat_tiles(visit, "above=80")
    assert sum((tile[..., 3] > 0).sum() for tile in after) > sum((tile[..., 3] > 0).sum() for tile in before)
    expect(visit.page.locator(".placebind-legend")).to_contain_text("20 %")


def test_heat_is_drawn_as_probability_on_demand_and_a_line_says_how_sure_the_answer_is(visit):
    visit.open(Question.of("snow and ice"))
    visit.painted(heat="above=90")
    expect(visit.page.get_by_text("within 750 km of the best place")).to_be_visible()
    visit.page.get_by_text(captions.HEAT_MASS, exact=True).click()
    visit.painted(heat="look=probability")
    assert any((tile[..., 3] > 0).any() for tile in heat_tiles(visit, "look=probability"))
    expect(visit.page.locator(".placebind-legend")).to_contain_text("holds 10 %")


def test_panning_and_zooming_ask_nothing_of_the_server_and_a_search_leaves_the_map_where_it_is(visit):
    visit.open(Question.of("snow and ice"))
    frame = visit.map()
    frame.evaluate("window.wasHereBefore = true")
    sent = visit.sent
    x, y = visit.at(20, 0)
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x - 150, y + 40, steps=4)
    visit.page.mouse.up()
    visit.page.mouse.wheel(0, -200)
    frame.wait_for_function("map.getZoom() >= 3")
    visit.page.wait_for_timeout(IN_TOUCH_MS)
    assert visit.sent == sent
    where, address = frame.evaluate("[map.getZoom(), map.getCenter().lat, map.getCenter().lng]"), visit.page.url

    visit.ask("hot sand")
    assert visit.sent > sent
    expect(visit.hits("articles").first).to_contain_text("South")
    assert visit.map().evaluate("window.wasHereBefore")
    assert visit.map().evaluate("[map.getZoom(), map.getCenter().lat, map.getCenter().lng]") == where
    visit.page.wait_for_url(lambda url: url.endswith(address[address.index("#map=") :]))
    visit.painted(heat="/api/heat/")


def test_a_hit_is_marked_on_the_map_when_pointed_at_and_flown_to_when_chosen(visit):
    visit.open(Question.of("snow and ice"))
    frame, hit = visit.map(), visit.hits("articles").nth(2)
    frame.wait_for_function(f"{CIRCLES}.length >= 30")
    hit.hover()
    frame.wait_for_function(f"{MARKED}.length === 1")
    visit.page.mouse.move(5, 5)
    frame.wait_for_function(f"{MARKED}.length === 0")

    hit.focus()
    frame.wait_for_function(f"{MARKED}.length === 1")
    hit.press("Enter")
    frame.wait_for_function("map.getZoom() >= 6")
    visit.page.wait_for_function("location.hash.startsWith('#map=6/')")
    assert frame.evaluate("map.getCenter().lat") == pytest.approx(70, abs=0.5)
    visit.hits("tiles").first.locator(".score").click()
    frame.wait_for_function(f"Math.abs(map.getCenter().lng - {MARKED}[0].getLatLng().lng) < 0.5")


def test_a_box_drawn_on_the_map_restricts_the_hits_is_in_the_link_and_its_chip_takes_it_away(visit, visitor):
    visit.open(Question.of("snow and ice", k=3))
    draw_box(visit, south=-10, west=-60, north=20, east=60)
    question = visit.asked(lambda question: question.filter.polygon)
    ring = np.array(question.filter.as_values()["polygon"]["coordinates"][0])
    assert ring.min(axis=0) == pytest.approx([-60, -10], abs=1)
    assert ring.max(axis=0) == pytest.approx([60, 20], abs=1)
    expect(visit.hits("articles").first).to_contain_text("South")
    visit.map().wait_for_function(f"{AREAS}.length === 1")
    visit.map().wait_for_function("drawnItems.getLayers().length === 0")  # the drawing gave way to the filter's own area

    again = visitor()
    again.page.goto(visit.page.url)
    expect(again.hits("articles").first).to_contain_text("South")
    again.map().wait_for_function(f"{AREAS}.length === 1")

    visit.page.get_by_role("button", name="in a polygon").click()
    visit.asked(lambda question: not question.filter.polygon)
    expect(visit.hits("articles").first).to_contain_text("North")
    visit.map().wait_for_function(f"{AREAS}.length === 0")


@pytest.mark.parametrize("turns", [0, 2])
def test_a_box_across_the_antimeridian_holds_both_sides_of_it_on_any_copy_of_the_world(visit, turns):
    visit.open(Question.of("snow and ice", k=20))
    visit.map().evaluate(f"void map.setView([20, {179 + 360 * turns}], 3, {{animate: false}})")
    draw_box(visit, south=-10, west=160 + 360 * turns, north=30, east=200 + 360 * turns)
    visit.asked(lambda question: question.filter.polygon)
    # Articles stand at every 15 degrees of the parallel of 5 N: 165 E, 180 and 165 W are inside.
    expect(visit.hits("articles")).to_have_count(3)
    shown = " ".join(visit.hits("articles").locator(".facts").all_text_contents())
    assert all(lon in shown for lon in ("165.00°E", "180.00°", "165.00°W"))
    visit.map().wait_for_function(f"{AREAS}.length >= 1")


def test_the_same_point_can_be_clicked_again_after_starting_over(visit):
    visit.open()
    for _ in range(2):
        visit.page.mouse.click(*visit.at(5, 30))
        visit.asked(lambda question: question.parts[0].place)
        visit.page.get_by_role("button", name=captions.CLEAR).click()
        expect(visit.hits()).to_have_count(0)
        visit.quiet()


def test_two_catalogues_are_compared_side_by_side_and_their_maps_move_together(visit):
    visit.open(Question.of("snow and ice"))
    visit.page.get_by_label(captions.COMPARE).click()
    visit.page.get_by_role("option", name="twin").click()
    expect(visit.page.get_by_role("heading", name="twin")).to_be_visible()
    expect(visit.page.locator(".columns")).to_have_count(2)
    visit.quiet()
    one, other = visit.map(0), visit.map(1)
    one.evaluate("void map.setView([-30, 100], 5, {animate: false})")
    other.wait_for_function("map.getZoom() === 5 && Math.abs(map.getCenter().lng - 100) < 0.01")
    other.evaluate("void map.setView([50, -20], 3, {animate: false})")
    one.wait_for_function("map.getZoom() === 3 && Math.abs(map.getCenter().lat - 50) < 0.01")
