"""The atlas page: what the model has learnt about the Earth as a whole, view by view, next to one map.

The page is a fragment: its events rerun nothing around it. Expensive results are computed when their view is opened, and cached
(``ui.server.atlas``).
"""

from collections.abc import Callable, Mapping

import streamlit as st

from index.errors import PlaceBindError
from ui.page import captions as page_captions
from ui.page.atlas import captions
from ui.page.atlas.neighbours import show_neighbours
from ui.page.atlas.views import PLACE, Shown, show_clusters, show_colours, show_gap, show_resolution, show_sheet_view, show_similar
from ui.page.map import world_map
from ui.page.plain import code, plain
from ui.server.workspace import Workspace

TITLE, ORDER = page_captions.ATLAS, 10
VIEWS: Mapping[str, Callable[[Workspace], Shown]] = {
    captions.COLOURS: show_colours,
    captions.SIMILAR: show_similar,
    captions.CLUSTERS: show_clusters,
    captions.SHEET: show_sheet_view,
    captions.NEIGHBOURS: show_neighbours,
    captions.GAP: show_gap,
    captions.RESOLUTION: show_resolution,
}
MAP_PX = 560


def render(workspace: Workspace) -> None:
    """The whole page. Raises what ``Space.open`` raises."""
    if "locations" not in workspace.space.manifests:
        st.info(captions.NO_LOCATIONS.format(command=code(f"placebind index build --catalogue {workspace.catalogue_folder}")))
        return
    _page(workspace)


@st.fragment
def _page(workspace: Workspace) -> None:
    st.caption(captions.INTRODUCTION)
    map_side, views_side = st.columns(2)
    with views_side:
        shown = _open_view(workspace)
    with map_side:
        touched = world_map(
            "atlas", overlays=shown.overlays, marks=shown.marks, draw=False, background=st.session_state.get("background"),
            height_px=MAP_PX,
        )  # fmt: skip
    if touched.place:
        st.session_state[PLACE] = touched.place
        st.rerun()


def _open_view(workspace: Workspace) -> Shown:
    """Run only the open view, which puts something on the map."""
    shown = Shown()
    for tab, show in zip(st.tabs(list(VIEWS), key="atlas-view", on_change="rerun"), VIEWS.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    shown = show(workspace)
                except PlaceBindError as error:
                    st.error(plain(str(error)))
    return shown
