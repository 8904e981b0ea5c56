"""The script that Streamlit runs for every visit and event: chooses the page and the catalogue, and hands over to a panel."""

from typing import Any

import streamlit as st

from index.errors import PlaceBindError
from ui.page import captions
from ui.page.map import front_file
from ui.page.panels import Panel, panels
from ui.page.plain import plain
from ui.server.workspace import served


def _page(name: str, panel: Panel, *, first: bool) -> Any:
    def show() -> None:
        workspaces = served()
        chosen = ""
        if len(workspaces.names) > 1:
            chosen = st.sidebar.selectbox(captions.CATALOGUE, workspaces.names, key="catalogue", bind="query-params")
        try:
            panel.render(workspaces.get(chosen))
        except PlaceBindError as error:
            st.error(plain(str(error)))

    return st.Page(show, title=panel.TITLE, url_path=name, default=first)


st.set_page_config(page_title=captions.TITLE, page_icon="🌍", layout="wide")
st.html(f"<style>{front_file('page.css')}</style>")
pages = [_page(name, panel, first=not row) for row, (name, panel) in enumerate(panels().items())]
st.navigation(pages, position="top").run()
