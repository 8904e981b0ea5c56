"""The page of classes: mark places that are one and places that are not, and see where on Earth else it is."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import streamlit as st

from index.errors import PlaceBindError
from index.records import Place
from retrieval.labels.labels import NO, YES, Label, Labels, read_labels
from retrieval.labels.maps import Taught
from retrieval.labels.stored import label_sets, load_labels
from ui.page import captions
from ui.page.map import Kind, Mark, world_map
from ui.page.plain import plain
from ui.server.addresses import api
from ui.server.routes.classes import MOST_LABELS
from ui.server.routes.common import tiles_address
from ui.server.workspace import Workspace

TITLE, ORDER = captions.CLASSES, 7
MAP_PX = 620
_LABELS, _SIGN, _FILE, _SAVED = "class-labels", "class-sign", "class-file", "class-saved"
_KINDS: dict[str, Kind] = {YES: "tiles", NO: "locations"}


def render(workspace: Workspace) -> None:
    """The whole page. Expected errors are shown as a sentence where they happen."""
    if "locations" not in workspace.space.manifests:
        st.info(captions.CLASSES_NO_LOCATIONS)
        return
    side, map_side = st.columns([2, 3])
    with side:
        st.caption(captions.CLASSES_HELP)
        st.segmented_control(
            captions.CLASSES_CLICK, (YES, NO), default=YES, key=_SIGN, format_func=captions.CLASSES_SIGN.__getitem__
        )
        _take_from_elsewhere(workspace)
        examples = _edited()
        taught = _taught(workspace, examples)
        if taught:
            _tell(workspace, *taught)
    with map_side:
        overlays = [tiles_address(workspace, f"classes/{taught[0]}")] if taught else []
        marks = [Mark(each.place, _KINDS.get(each.label, "articles"), each.label) for each in examples]
        touched = world_map(
            "classes", overlays=overlays, marks=marks, draw=False, background=st.session_state.get("background"), height_px=MAP_PX
        )
    if touched.place and len(examples) < MOST_LABELS:
        _keep([*examples, Label(touched.place, st.session_state.get(_SIGN) or YES)])
        st.rerun()


def _keep(examples: Sequence[Label]) -> None:
    st.session_state[_LABELS] = [(each.place.lat, each.place.lon, each.label) for each in examples]


def _take_from_elsewhere(workspace: Workspace) -> None:
    """Labels of a file, or saved ones, take the place of those that are shown."""
    with st.popover(captions.CLASSES_OPEN, width="stretch"):
        st.file_uploader(
            captions.CLASSES_FILE, type=["geojson", "json", "csv", "parquet"], key=_FILE, on_change=_take_file, max_upload_size=20
        )
        if sets := label_sets(workspace.space.catalogue):
            st.selectbox(captions.CLASSES_SAVED, sets, index=None, key=_SAVED, on_change=_take_saved, args=(workspace,))
    if complaint := st.session_state.pop("class-complaint", None):
        st.error(plain(complaint))


def _take_file() -> None:
    sent = st.session_state.get(_FILE)
    if sent is None:
        return
    with TemporaryDirectory(prefix="placebind-") as folder:
        file = Path(folder) / f"labels{Path(sent.name).suffix.lower()}"
        file.write_bytes(sent.getvalue())
        try:
            _keep_at_most(read_labels(file))
        except PlaceBindError as error:
            st.session_state["class-complaint"] = str(error).replace(str(file), sent.name)


def _take_saved(workspace: Workspace) -> None:
    if name := st.session_state.get(_SAVED):
        try:
            _keep_at_most(load_labels(workspace.space.catalogue, name))
        except PlaceBindError as error:
            st.session_state["class-complaint"] = str(error)


def _keep_at_most(labels: Labels) -> None:
    if len(labels) > MOST_LABELS:
        st.session_state["class-complaint"] = captions.CLASSES_TOO_MANY.format(most=MOST_LABELS, count=len(labels))
    _keep(labels.examples[-MOST_LABELS:])


def _edited() -> list[Label]:
    """The labels as a table in which they can be changed and taken out; rows that are not complete do not count."""
    rows = [{"lat": lat, "lon": lon, "label": label} for lat, lon, label in st.session_state.get(_LABELS, [])]
    st.caption(captions.CLASSES_COUNT.format(count=len(rows)))
    if not rows:
        return []
    edited = st.data_editor(
        rows,
        num_rows="dynamic",
        hide_index=True,
        key=f"class-table-{len(rows)}",
        column_config={
            "lat": st.column_config.NumberColumn(min_value=-90, max_value=90, format="%.3f", required=True),
            "lon": st.column_config.NumberColumn(min_value=-180, max_value=180, format="%.3f", required=True),
            "label": st.column_config.TextColumn(required=True, max_chars=100),
        },
    )
    whole = [
        row for row in edited if row.get("lat") is not None and row.get("lon") is not None and str(row.get("label") or "").strip()
    ]
    return [Label(Place(lat=float(row["lat"]), lon=float(row["lon"])), str(row["label"]).strip()) for row in whole]


def _taught(workspace: Workspace, examples: Sequence[Label]) -> tuple[str, Taught] | None:
    """What the labels teach, with its name; None for too few, and where an error is shown."""
    if len(examples) < 2:
        return None
    try:
        name = workspace.class_name(Labels(tuple(examples)))
        return name, workspace.taught(name)
    except PlaceBindError as error:
        st.error(plain(str(error)))
        return None


def _tell(workspace: Workspace, name: str, taught: Taught) -> None:
    for note in taught.notes:
        st.caption(plain(note))
    st.markdown(plain(taught.verdict.sentence))
    st.caption(captions.CLASSES_SHOWN.format(label=plain(taught.first)))
    st.caption(captions.CLASSES_NEXT)
    st.dataframe(
        [{captions.CLASSES_PLACE: str(each.place), captions.CLASSES_NOW: each.label} for each in taught.next_places()],
        hide_index=True,
    )
    beside = f"catalogue={quote(workspace.name)}"
    left, right = st.columns(2)
    left.link_button(captions.CLASSES_MAP, api(f"/classes/{name}.tif?{beside}"), width="stretch")
    right.link_button(captions.CLASSES_LABELS, api(f"/classes/{name}.geojson?{beside}"), width="stretch")
