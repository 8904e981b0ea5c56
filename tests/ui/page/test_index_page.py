"""The index page of a catalogue without a model of its own."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.conftest import fill
from train.checkpoint import CARD_FILE
from ui.page.plain import plain
from ui.server.uploads import Uploads
from ui.server.workspace import Workspace, Workspaces


def page() -> None:
    """What Streamlit runs: on its own, so with its own imports."""
    from ui.page.panels.tables import render
    from ui.server.workspace import served

    render(served().get())


def test_the_page_shows_the_shipped_model_or_says_what_is_missing(shipped: Path, tmp_path: Path, monkeypatch) -> None:
    (shipped / CARD_FILE).rename(shipped / "README.md")  # as it is shipped
    fill(tmp_path / "mine")
    workspace = Workspace("mine", tmp_path / "mine", None, Uploads(tmp_path / "uploads"))
    monkeypatch.setattr("ui.server.workspace._served", Workspaces([workspace]))
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    assert plain(f"the shipped model in {shipped}") in [each.value for each in shown.caption]
    assert any(each.value.startswith("#### PlaceBind model") for each in shown.markdown)
    (shipped / "model.safetensors").unlink()
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    assert plain("comes with PlaceBind is not in") in shown.info[0].value
