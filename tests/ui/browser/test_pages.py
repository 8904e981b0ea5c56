"""The other pages, and what every page owes its visitors: hostile records do no harm, keyboard, contrast, phone, dark."""

import pytest
from playwright.sync_api import expect

from index.records import Place
from retrieval.asking.question import Question
from tests.ui.browser.conftest import HOSTILE, OWN, SHOT
from ui.page import captions
from ui.page.atlas import captions as words_atlas

PWNED = "() => window.__pwned"
# Of the hits that are not the small world's own.
OPEN_TOOLTIPS = r"""() => { const marks = []; map.eachLayer(layer => layer.getTooltip?.() && marks.push(layer));
    const hostile = marks.filter(mark => !/\d+\. (North|South|tile|at) /.test(mark.getTooltip().getContent()));
    hostile.forEach(mark => mark.openTooltip()); return hostile.length; }"""
FOCUSED = """() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at.tagName === 'IFRAME' ? at.tagName : [at.getAttribute('aria-label'), at.title, at.innerText].join(' '); }"""
# Relative luminance and contrast as WCAG 2.2 define them, of every text in a component against what lies behind it.
CONTRASTS = """root => {
  const colour = text => { const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    c.fillStyle = text; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data].map(v => v / 255); };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const parent = node => node.parentElement || node.getRootNode().host;
  const behind = node => { if (!node) return [1, 1, 1]; const own = colour(getComputedStyle(node).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, behind(parent(node))); };
  const opacity = node => node ? Number(getComputedStyle(node).opacity) * opacity(parent(node)) : 1;
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const hasText = node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
  const texts = [...root.querySelectorAll('*')].filter(hasText);
  return texts.map(node => { const under = behind(node), own = colour(getComputedStyle(node).color); own[3] *= opacity(node);
    const [one, two] = [light(over(own, under)), light(under)];
    return [node.className || node.tagName, (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)]; });
}"""


def test_a_hit_shows_its_own_columns_as_the_text_they_are(visit):
    visit.open(Question.of("snow and ice", k=60, filter={"where": "beds = 0"}), catalogue="hostile")
    expect(visit.page.locator(".column")).to_have_count(1)  # no other kind of record has beds
    expect(visit.hits("articles").locator(".own")).to_have_text(f"{OWN}: {SHOT} · beds: 0")
    assert visit.page.evaluate(PWNED) is None


def test_hostile_records_are_shown_as_the_text_they_are_and_run_nothing(visit):
    visit.open(Question.of("snow and ice", k=60), catalogue="hostile")
    titles = visit.titles("articles")
    assert set(HOSTILE.values()) <= set(titles)
    frame = visit.map()
    frame.wait_for_function("() => document.querySelectorAll('path.leaflet-interactive').length > 60")
    assert frame.evaluate(OPEN_TOOLTIPS) == len(HOSTILE) + 1
    tooltips = " ".join(frame.locator(".leaflet-tooltip").all_text_contents())
    assert all(text[:60] in tooltips for text in HOSTILE.values())
    assert frame.locator(".leaflet-tooltip :is(img, script, svg)").count() == 0
    assert visit.hits().locator(":is(script, svg)").count() == 0
    expect(visit.hits("tiles").filter(has_text=SHOT)).to_have_count(1)
    assert visit.hits().locator("a[href^=javascript]").count() == 0
    # As a part of the question, too, and in the list of what is asked.
    visit.hits("articles").filter(has_text=SHOT).first.get_by_label(captions.HIT_WORDS["more"]).click()
    visit.asked(lambda question: len(question.parts) == 2)
    expect(visit.page.get_by_text("<img src=x").first).to_be_visible()
    assert [frame.evaluate(PWNED) for frame in visit.page.frames] == [None] * len(visit.page.frames)
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_words_asked_with_are_text_too(visit):
    visit.open(catalogue="hostile")
    for text in HOSTILE.values():
        visit.ask(text)
    assert [frame.evaluate(PWNED) for frame in visit.page.frames] == [None] * len(visit.page.frames)


def test_the_atlas_shows_each_of_its_views(visit):
    visit.open(path="atlas")
    for view, sign in (
        (words_atlas.COLOURS, "of the variance"),
        (words_atlas.SIMILAR, words_atlas.SIMILAR_EMPTY),
        (words_atlas.CLUSTERS, words_atlas.CLUSTERS_CHOOSE),
        (words_atlas.SHEET, "chosen at random"),
        (words_atlas.NEIGHBOURS, words_atlas.NEIGHBOURS_EMPTY),
        (words_atlas.GAP, "fills its own part"),
        (words_atlas.RESOLUTION, "Measured at"),
    ):
        visit.page.get_by_role("tab", name=view, exact=True).click()
        expect(visit.page.get_by_text(sign).first).to_be_visible()
        expect(visit.page.get_by_role("alert").filter(has_text="rror")).to_have_count(0)
    visit.page.get_by_role("tab", name=words_atlas.SIMILAR, exact=True).click()
    visit.page.mouse.click(*visit.at(5, 30))
    expect(visit.page.get_by_text("Chosen:")).to_be_visible()
    visit.map().wait_for_selector(".leaflet-tile-loaded[src*='/api/v1/heat/']")


def test_the_index_page_tells_tables_model_and_manifests(visit, world):
    visit.page.goto(f"{visit.address}/tables")
    table = visit.page.get_by_role("table").first
    for what, count in (("articles", 48), ("tiles", 24), ("locations", 200)):
        expect(table.get_by_role("row").filter(has_text=captions.MODALITY[what])).to_contain_text(str(count))
    expect(visit.page.get_by_text("Model card")).to_be_visible()
    expect(visit.page.get_by_role("button", name=captions.BUILD)).to_be_disabled()


@pytest.mark.parametrize("path", ["", "atlas"])
def test_a_catalogue_without_an_index_says_what_to_do(visit, path):
    """It needs no model of its own: the shipped one is there."""
    visit.page.goto(f"{visit.address}/{path}?catalogue=bare")
    expect(visit.page.get_by_text("placebind index build").first).to_be_visible()


def test_a_catalogue_without_an_index_can_be_indexed_from_its_page(visit):
    visit.page.goto(f"{visit.address}/tables?catalogue=bare")
    expect(visit.page.get_by_role("button", name=captions.BUILD)).to_be_enabled()


def test_everything_on_the_page_is_reached_by_tab(visit):
    visit.open(Question.of("snow and ice", k=1))
    reached = []
    for _ in range(80):
        visit.page.keyboard.press("Tab")
        reached.append(visit.page.evaluate(FOCUSED))
    wanted = [
        captions.ASK_LABEL, captions.IMAGE_BUTTON, captions.COORDINATES_BUTTON, captions.CLEAR, captions.EXPORT, captions.COUNTRIES,
        captions.DATES, captions.HITS_EACH, captions.HIT_WORDS["more"], captions.HIT_WORDS["less"],
        captions.HIT_WORDS["score"], "1 hit of each kind",
    ]  # fmt: skip
    assert [name for name in wanted if not any(name in each for each in reached)] == [], reached
    assert "IFRAME" in reached


@pytest.mark.parametrize(("width", "height"), [(1400, 1000), (390, 844)])
def test_however_much_is_asked_the_map_is_in_sight(visitor, width, height):
    visit = visitor(viewport={"width": width, "height": height})
    places = [Place(lat=number, lon=number) for number in range(31)]
    filters = {"bbox": "-80,-170,80,170", "near": "0,0,15000", "where": "lat > -90"}
    visit.open(Question.of("snow", like=places, k=3, words=True, centred=True, apart_km=10, filter=filters))
    assert visit.page.locator("iframe").first.bounding_box()["y"] < height / 2
    expect(visit.page.get_by_role("button", name=captions.CLEAR)).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hits_and_legend_can_be_read_in_both_themes(visitor, scheme):
    visit = visitor(color_scheme=scheme)
    visit.open(Question.of("snow and ice", k=3))
    background = visit.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert (sum(int(part) for part in background[4:-1].split(",")) < 200) == (scheme == "dark")
    measured = visit.page.locator(".hits").evaluate(CONTRASTS) + visit.page.locator(".placebind-legend").evaluate(CONTRASTS)
    assert len(measured) > 30
    assert [each for each in measured if each[1] < 4.5] == []


def test_on_a_phone_nothing_is_wider_than_the_screen(visitor):
    visit = visitor(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    for path in ("", "atlas", "tables"):
        visit.page.goto(f"{visit.address}/{path}")
        visit.quiet()
        expect(visit.page.locator(".stMainBlockContainer")).not_to_be_empty()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    visit.open(Question.of("snow and ice", k=2))
    expect(visit.hits()).to_have_count(6)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    widest = max(visit.hits().evaluate_all("each => each.map(hit => hit.getBoundingClientRect().right)"))
    assert widest <= 390
