"""The page of names: a text of any length with the places that it names marked, beside the map."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from retrieval.asking.names.documents import Document, located
from retrieval.asking.names.resolve import Named
from ui.page import captions
from ui.page.map import Mark, world_map
from ui.server.workspace import Workspace

TITLE, ORDER = captions.LOCATE, 5
MOST_CHARACTERS = 100_000
MAP_PX = 560


def render(workspace: Workspace) -> None:
    """The whole page. Raises ``MissingExtraError`` without the [demo] extra."""
    text_side, map_side = st.columns(2)
    with text_side:
        text = st.text_area(captions.LOCATE_LABEL, key="locate-text", height=200, max_chars=MOST_CHARACTERS)
        names = next(located(iter([Document("1", text)]), workspace.space.gazetteers)).names if text.strip() else []
        if names:
            st.html(f'<div class="placebind-located">{marked(text, names)}</div>')
        elif text.strip():
            st.info(captions.LOCATE_NOTHING)
    with map_side:
        marks = [Mark(named.best.place, "locations", f"{named.text}: {named.best.label}") for named in reversed(names)]
        world_map("located", marks=marks, draw=False, background=st.session_state.get("background"), height_px=MAP_PX)
    if names:
        st.dataframe([_row(named) for named in names], hide_index=True)


def marked(text: str, names: Sequence[Named]) -> str:
    """The text as HTML in which only the marks are markup; pointing at a name tells its place."""
    pieces, done = [], 0
    for named in names:
        title = escape(f"{named.best.label}, {100 * named.confidence:.0f} %")
        pieces += [escape(text[done : named.start]), f'<mark title="{title}">{escape(text[named.start : named.end])}</mark>']
        done = named.end
    return "".join([*pieces, escape(text[done:])]).replace("\n", "<br>")


def _row(named: Named) -> dict[str, str | int]:
    return {
        captions.LOCATE_NAME: named.text, captions.LOCATE_PLACE: named.best.label, captions.LOCATE_POSITION: str(named.best.place),
        captions.LOCATE_SURE: f"{100 * named.confidence:.0f} %", captions.LOCATE_AT: named.start,
    }  # fmt: skip
