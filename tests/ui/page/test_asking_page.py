"""The question on the page, run as Streamlit runs it: links that come in, settings as chips, and that no text becomes markup."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from index.records import Place
from retrieval.asking.parts import Item, Part
from retrieval.asking.question import MAX_PARTS, Question
from tests.odd_links import odd_links
from ui.page import asking
from ui.page.plain import plain
from ui.server.uploads import Uploads
from ui.server.workspace import Workspace, Workspaces

SETTINGS = {
    "kinds": ("articles",),
    "k": 5,
    "combine": "max",
    "verbatim": True,
    "names": False,
    "meant": [{"name": "Vienna", "place": {"lat": 38.9, "lon": -77.25}}],
    "words": True,
    "centred": True,
    "direct": True,
    "apart_km": 12.5,
    "filter": {
        "bbox": "-80,-170,80,170", "polygon": {"type": "Polygon", "coordinates": [[[-90, -80], [90, -80], [0, 80]]]},
        "near": "0,0,15000", "inside": ["Africa"], "outside": ["Egypt"], "coast_km": 50, "elevation_m": "0/4000",
        "countries": ["Norway"],
        "sources": "a", "licences": "b", "splits": ["train"], "sensors": "sentinel2",
        "dates": "2021-06-01/", "where": "lat < 90",
    },
}  # fmt: skip


def page() -> None:
    """What Streamlit runs: on its own, so with its own imports."""
    from ui.page.panels.search import render
    from ui.server.workspace import served

    render(served().get())


@pytest.fixture
def visit(world, tmp_path: Path, monkeypatch):
    """Opens the search page of the small world, by a link if one is given."""
    workspace = Workspace("world", world.folder, world.checkpoint, Uploads(tmp_path / "uploads"))
    monkeypatch.setattr("ui.server.workspace._served", Workspaces([workspace]))

    def enter(link: str | None = None) -> AppTest:
        shown = AppTest.from_function(page, default_timeout=120)
        if link is not None:
            shown.query_params[asking.LINK] = link
        return shown.run()

    return enter


def controls() -> None:
    """The page's controls as buttons, and what it complains of."""
    import streamlit as st

    from retrieval.asking.parts import Item
    from ui.page import asking

    asking.draft()
    st.button("more", on_click=asking.refine, args=(Item("articles", "f" * 32),), kwargs={"more": True})
    st.button("less", on_click=asking.refine, args=(Item("articles", "f" * 32),), kwargs={"more": False})
    st.button("take out the first", on_click=asking.weigh, args=(0, 0.0))
    st.text(asking.complaint())


@pytest.fixture
def session():
    """Opens ``controls`` by a link."""

    def enter(link: str) -> AppTest:
        shown = AppTest.from_function(controls, default_timeout=60)
        shown.query_params[asking.LINK] = link
        return shown.run()

    return enter


def session_says(shown: AppTest, pressed: str) -> str:
    next(each for each in shown.button if each.label == pressed).click().run()
    assert not shown.exception
    return shown.text[0].value


def chips_of(shown: AppTest) -> dict[str, str]:
    """The chips of settings, by field."""
    return {each.key.removeprefix("setting-"): each.label for each in shown.button if (each.key or "").startswith("setting-")}


def asked(shown: AppTest) -> Question:
    return shown.session_state[asking.DRAFT]


def press(shown: AppTest, key: str) -> AppTest:
    return shown.button(key=key).click().run()


def test_every_setting_that_acts_is_a_chip_that_takes_it_out(visit) -> None:
    question = Question.parse({"parts": [{"text": "snow"}], **SETTINGS}, where="test")
    shown = visit(question.to_link())
    assert not shown.exception
    assert set(chips_of(shown)) == (set(SETTINGS) - {"filter", "meant"}) | {"meant:Vienna"} | set(SETTINGS["filter"])
    assert chips_of(shown)["near"] == plain("within 15000 km of 0.00, 0.00") + " ✕"
    for field in chips_of(shown):
        before = set(chips_of(shown))
        shown = press(shown, f"setting-{field}")
        assert not shown.exception
        assert set(chips_of(shown)) == before - {field}
    assert asked(shown) == asking.Draft(parts=(Part.of("snow"),))


def test_the_settings_of_the_test_are_all_that_there_are() -> None:
    fields = set(Question.model_fields) - {"parts", "filter"}
    assert set(SETTINGS) - {"filter"} == fields
    assert set(SETTINGS["filter"]) == set(type(asking.Draft().filter).model_fields)


def test_start_over_leaves_neither_parts_nor_settings(visit) -> None:
    shown = press(visit(Question.of("snow", place=Place(lat=1, lon=1), **SETTINGS).to_link()), "start-over")
    assert asked(shown) == asking.Draft()
    assert chips_of(shown) == {}
    assert asking.LINK not in shown.query_params


def test_filters_chosen_before_anything_is_asked_hold_for_the_question_that_follows(visit) -> None:
    shown = visit()
    shown.number_input(key="k").set_value(3).run()
    assert list(chips_of(shown)) == ["k"]
    shown.text_input(key="words").set_value("snow").run()
    assert asked(shown) == asking.Draft(parts=(Part.of("snow"),), k=3)


def test_a_constraint_in_the_words_becomes_a_filter_that_a_chip_takes_out_and_a_control_changes(visit) -> None:
    shown = visit()
    shown.text_input(key="words").set_value("snow in Africa, within 2,000 km of Lima").run()
    assert not shown.exception
    assert asked(shown).parts == (Part.of("snow"),)
    assert shown.text_input(key="words").value == "snow"
    assert chips_of(shown) == {"near": plain("within 2000 km of -12.04, -77.03") + " ✕", "inside": plain("in Africa") + " ✕"}
    assert any(plain("Lima, Peru") in each.value for each in shown.caption)
    shown = press(shown, "setting-near")
    assert list(chips_of(shown)) == ["inside"]
    assert not any(plain("Lima, Peru") in each.value for each in shown.caption), "the note is of what was typed"
    shown.multiselect(key="inside").set_value(["Asia", "Egypt"]).run()
    assert asked(shown).filter.as_values() == {"inside": ["Asia", "Egypt"]}
    shown.text_input(key="words").set_value("snow in Europe").run()
    assert asked(shown).filter.as_values() == {"inside": ["Europe"]}


def test_typed_coordinates_are_a_place_as_one_that_was_clicked(visit) -> None:
    shown = visit(Question.of(place=Place(lat=1, lon=2)).to_link())
    shown.text_input(key="words").set_value("-33.92, 18.42").run()
    assert asked(shown).parts == (Part.of(Place(lat=-33.92, lon=18.42)),)
    assert shown.text_input(key="words").value == ""
    assert any(plain("33.92 S, 18.42 E") in each.value for each in shown.caption)


def test_words_are_taken_as_they_are_where_that_is_wanted(visit) -> None:
    shown = visit()
    shown.toggle(key="reads").set_value(False).run()
    shown.text_input(key="words").set_value("snow in Africa").run()
    assert asked(shown) == asking.Draft(parts=(Part.of("snow in Africa"),), verbatim=True)


def test_what_a_link_holds_in_words_is_read_too(visit) -> None:
    shown = visit(Question.of("snow in Africa").to_link())
    assert list(chips_of(shown)) == ["inside"]
    assert asked(shown).parts == (Part.of("snow"),)


def test_what_stays_words_is_a_warning_that_comes_once(visit) -> None:
    shown = visit()
    shown.text_input(key="words").set_value("snow above 120 m").run()
    said = [each.value for kind in ("caption", "warning") for each in shown.get(kind) if "height of something else" in each.value]
    assert len(said) == 1


def test_a_setting_that_cannot_be_is_refused_in_a_sentence_and_the_question_stays(visit) -> None:
    shown = visit(Question.of("snow").to_link())
    shown.text_input(key="dates").set_value("yesterday").run()
    assert [plain("dates must be FIRST/LAST")] == [each.value[: len(plain("dates must be FIRST/LAST"))] for each in shown.error]
    assert asked(shown) == asking.Draft(parts=(Part.of("snow"),))
    assert not shown.run().error


def test_the_thirty_third_part_is_refused_in_a_sentence_and_the_page_goes_on(session) -> None:
    records = [Item("articles", f"{number:032x}") for number in range(MAX_PARTS)]
    shown = session(Question.of(like=records).to_link())
    assert session_says(shown, "more") == "a question has at most 32 parts, this one has 33; leave some out"
    assert [part.record for part in asked(shown).parts] == records
    assert session_says(shown, "take out the first") == ""
    assert session_says(shown, "more") == ""
    assert [part.record for part in asked(shown).parts] == [*records[1:], Item("articles", "f" * 32)]


def test_plus_and_minus_on_a_hit_add_up_and_take_each_other_back(session) -> None:
    shown = session(Question.of("snow").to_link())
    weights = []
    for pressed in ("more", "more", "less", "less", "less", "less", "more", "more"):
        assert session_says(shown, pressed) == ""
        weights.append([part.weight for part in asked(shown).parts[1:]])
    assert weights == [[1], [2], [1], [], [-0.15], [-0.3], [-0.15], []]


def test_where_the_best_part_counts_a_hit_weighs_as_much_as_the_others(session) -> None:
    shown = session('{"parts": [{"text": "snow", "weight": 3}, {"text": "sand", "weight": 3}], "combine": "max"}')
    assert session_says(shown, "more") == ""
    assert [part.weight for part in asked(shown).parts] == [3, 3, 3]
    assert "of equal weight" in session_says(shown, "more")


def test_the_last_part_of_a_question_by_the_best_part_can_be_taken_out(session) -> None:
    shown = session('{"parts": [{"text": "snow"}], "combine": "max", "k": 7}')
    assert session_says(shown, "take out the first") == ""
    assert asked(shown) == asking.Draft(k=7)


def test_no_link_however_odd_breaks_the_session() -> None:
    def opening() -> None:
        """A thousand visits in one run: of each, what the page does before it asks."""
        import streamlit as st

        from tests.odd_links import odd_links
        from ui.page import asking
        from ui.page.plain import plain

        counts = st.session_state["counts"] = {"opened": 0, "refused": 0}
        for link in filter(None, odd_links(1000, seed=1)):
            st.session_state.pop(asking.DRAFT, None)
            st.query_params[asking.LINK] = link
            question = asking.draft()
            complaint = asking.complaint()
            assert bool(question.parts) != bool(complaint), link
            plain(complaint).encode()  # as Streamlit sends it
            asking.tell_address()
            assert (asking.LINK in st.query_params) == bool(question.parts)
            counts["opened" if question.parts else "refused"] += 1

    shown = AppTest.from_function(opening, default_timeout=300).run()
    assert not shown.exception
    assert min(shown.session_state["counts"].values()) > 150


@pytest.mark.parametrize("seed", range(24))
def test_no_link_however_odd_breaks_the_page_and_words_can_be_asked_afterwards(visit, seed) -> None:
    [link] = odd_links(1, seed)
    shown = visit(link)
    assert not shown.exception
    shown.text_input(key="words").set_value("snow").run()
    assert not shown.exception
    assert "snow" in [part.text for part in asked(shown).parts]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"k": 5000}, None),
        ({"apart_km": 1e300}, "apart_km"),
        ({"apart_km": 12.5}, "apart_km"),
        ({"filter": {"sources": ["here", "here"]}}, "sources"),
        ({"filter": {"sources": "here"}}, "sources"),
        ({"filter": {"countries": "Atlantis"}}, "countries"),
        ({"filter": {"dates": ["2021-06-01", None]}}, "dates"),
        ({"into": ["tiles"]}, "kinds"),
        ({"calibrated": True}, "centred"),
    ],
)
def test_settings_that_no_control_takes_as_they_are_open_all_the_same_or_are_refused(visit, settings, field) -> None:
    shown = visit(json.dumps({"parts": [{"text": "snow"}]} | settings))
    assert not shown.exception
    assert list(chips_of(shown)) == ([field] if field else [])
    assert len(shown.error) == (field in (None, "countries"))  # nobody is in Atlantis, which the page says


def test_a_script_that_the_model_cannot_read_is_a_warning(visit) -> None:
    shown = visit(json.dumps({"parts": [{"text": "χιόνι και πάγος"}]}))
    assert not shown.exception
    (warning,) = [each.value for each in shown.warning if "Greek script" in each.value]
    assert "χιόνι και πάγος" in warning
    assert not [each for each in visit(json.dumps({"parts": [{"text": "snow"}]})).warning if "script" in each.value]


HOSTILE = "[live](http://evil.example) ![](http://evil.example/p.png) :smile: $x$ `c` <b>"


@pytest.mark.parametrize(
    "link",
    [
        {"parts": [{"text": "snow"}], HOSTILE: 1},
        {"parts": [{"record": {"modality": "articles", "id": HOSTILE}}]},
        {"parts": [{"text": "snow"}, {"text": HOSTILE}, {"text": "sand"}]},
        {"parts": [{"text": "snow"}], "filter": {"countries": [HOSTILE]}},
        {"parts": [{"text": "snow"}], "filter": {"where": f"title = '{HOSTILE}'"}},
        {"parts": [{"text": "snow"}], "filter": {HOSTILE: 1}},
        {"parts": [{"text": "snow"}], "filter": {"splits": HOSTILE}},
    ],
)
def test_no_text_of_a_link_becomes_markup(visit, link) -> None:
    """Nothing that is Markdown on the page holds the hostile text but with all its punctuation taken away from Markdown."""
    shown = visit(json.dumps(link))
    markdown = [each.value for kind in ("error", "warning", "info", "caption", "markdown", "subheader") for each in shown.get(kind)]
    markdown += [each.label for each in shown.button]
    shown_as = [text for text in markdown if "live" in text]
    assert shown_as
    assert [text for text in shown_as if "[live" in text.replace(r"\[", "")] == []
