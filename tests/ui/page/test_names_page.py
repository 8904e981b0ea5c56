"""Names on the page: chips that say what a name was taken for, and the page that marks them in a text."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from index.places.world_names import names_are_known
from retrieval.asking.names.documents import Document, located
from ui.page import asking, captions
from ui.page.panels.locate import marked
from ui.server.uploads import Uploads
from ui.server.workspace import Workspace, Workspaces

pytestmark = pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")


def search_page() -> None:
    from ui.page.panels.search import render
    from ui.server.workspace import served

    render(served().get())


def locate_page() -> None:
    from ui.page.panels.locate import render
    from ui.server.workspace import served

    render(served().get())


@pytest.fixture
def visit(world, tmp_path: Path, monkeypatch):
    workspace = Workspace("world", world.folder, world.checkpoint, Uploads(tmp_path / "uploads"))
    monkeypatch.setattr("ui.server.workspace._served", Workspaces([workspace]))
    return lambda page: AppTest.from_function(page, default_timeout=120).run()


def labels(shown: AppTest) -> list[str]:
    return [button.label for button in shown.button]


def test_a_name_is_shown_changed_and_clicked_away(visit) -> None:
    shown = visit(search_page)
    shown.text_input(key="words").set_value("Vienna").run()
    virginia = next(button for button in shown.button if "Virginia" in button.label and "West" not in button.label)
    virginia.click().run()
    (meant,) = json.loads(shown.query_params[asking.LINK])["meant"]
    assert meant["name"] == "Vienna"
    assert round(meant["place"]["lat"]) == 39
    assert any("38" in label and "Vienna" in label and "✕" in label for label in labels(shown))
    shown.button(key="setting-meant:Vienna").click().run()
    assert "meant" not in json.loads(shown.query_params[asking.LINK])
    shown.button(key="no-place-0").click().run()
    assert json.loads(shown.query_params[asking.LINK])["meant"] == [{"name": "Vienna"}]
    assert captions.NO_PLACE not in labels(shown)


def test_names_are_switched_off_in_the_sidebar(visit) -> None:
    shown = visit(search_page)
    shown.text_input(key="words").set_value("Vienna").run()
    assert captions.NO_PLACE in labels(shown)
    shown.toggle(key="use-names").set_value(False).run()
    assert captions.NO_PLACE not in labels(shown)
    assert json.loads(shown.query_params[asking.LINK])["names"] is False


def test_a_text_of_ones_own_is_marked_beside_the_map(visit) -> None:
    shown = visit(locate_page)
    shown.text_area(key="locate-text").set_value("From Vienna to Lima, Peru").run()
    assert not shown.exception
    assert shown.dataframe[0].value[captions.LOCATE_PLACE].tolist()[0] == "Vienna, Austria"
    shown.text_area(key="locate-text").set_value("karst towers").run()
    assert [info.value for info in shown.info] == [captions.LOCATE_NOTHING]


def test_only_the_marks_of_a_marked_text_are_markup() -> None:
    from index.places.world_names import world_names

    text = "<script>alert(1)</script> in Vienna\n& <b>Lima</b>"
    (found,) = located(iter([Document("1", text)]), [world_names()])
    html = marked(text, found.names)
    assert "<script>" not in html
    assert "<b>" not in html
    assert html.count("<mark") == html.count("</mark>") == len(found.names) > 0
    assert ">Vienna</mark><br>&amp; &lt;b&gt;" in html
