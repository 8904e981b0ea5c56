"""The script that Streamlit runs for every visit and event: chooses the page and the catalogue, and hands over to a panel."""

from importlib import import_module
from typing import Any

import streamlit as st

from index.errors import PlaceBindError
from ui.page import captions
from ui.page.map import front_file
from ui.page.plain import plain
from ui.server.workspace import served

PANELS = {"search": captions.SEARCH, "atlas": captions.ATLAS, "tables": captions.INDEX}


def _page(panel: str) -> Any:
    def show() -> None:
        workspaces = served()
        chosen = ""
        if len(workspaces.names) > 1:
            chosen = st.sidebar.selectbox(captions.CATALOGUE, workspaces.names, key="catalogue", bind="query-params")
        try:
            import_module(f"ui.page.panels.{panel}").render(workspaces.get(chosen))
        except PlaceBindError as error:
            st.error(plain(str(error)))

    return st.Page(show, title=PANELS[panel], url_path=panel, default=panel == "search")


st.set_page_config(page_title=captions.TITLE, page_icon="🌍", layout="wide")
st.html(f"<style>{front_file('page.css')}</style>")
st.navigation([_page(panel) for panel in PANELS], position="top").run()
