"""The sheet of all items: our own component, a canvas (``assets/atlas.js``) linked with the map by events, not by reruns."""

from typing import Any

import streamlit as st

from index.records import MODALITIES
from retrieval.atlas.layout import Layout
from ui.page.atlas import captions
from ui.page.captions import MODALITY
from ui.page.map import COLOURS, front_file

DECIMALS_XY, DECIMALS_DEG = 4, 3  # finer than a pixel, and than a mark on the map


def show_sheet(layout: Layout, version: str) -> None:
    """``version`` changes when the layout does; until then, the sheet stays as the user left it."""
    component = st.components.v2.component(
        "placebind_sheet", html='<div class="sheet"></div>', css=front_file("atlas.css"), js=front_file("atlas.js")
    )
    component(data=sheet_data(layout, version), key="atlas-sheet")


def sheet_data(layout: Layout, version: str) -> dict[str, Any]:
    """What ``assets/atlas.js`` draws: rows of x, y, number of the kind, lat, lon, title."""
    xy, places = layout.xy.astype(float).round(DECIMALS_XY).tolist(), layout.places.round(DECIMALS_DEG).tolist()
    rows = zip(xy, layout.modalities.tolist(), places, layout.titles, strict=True)
    return {
        "version": f"{version} {layout.method}",
        "kinds": [{"label": MODALITY[modality], "colour": COLOURS[modality]} for modality in MODALITIES],
        "items": [[*at, kind, *place, title] for at, kind, place, title in rows],
        "words": captions.SHEET_WORDS,
    }
