"""The search page: ask with words, a picture or a place, see where on Earth, which articles, which tiles."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import streamlit as st

from index.errors import PlaceBindError
from index.search.geojson import geojson_of
from retrieval.answer import Answer
from retrieval.asking.question import Question
from retrieval.heat.colours import palette
from ui.page import asking, captions
from ui.page.chips import remember_title, show_chips
from ui.page.filters import as_probability, show_filters
from ui.page.hits import COLUMNS, show_hits
from ui.page.map import Mark, Touched, world_map
from ui.page.names import show_names
from ui.page.plain import code, plain
from ui.server.addresses import api
from ui.server.routes.common import tiles_address
from ui.server.workspace import Workspace, Workspaces, served

TITLE, ORDER = captions.SEARCH, 0
HEAT_SHARES = (1, 2, 5, 10, 20, 30, 50, 90, 100)  # best … % of the Earth that heat is shown for
MAX_TYPED_CHARACTERS = 10_000
EXPORTS = ("geojson", "csv", "parquet")


def render(workspace: Workspace) -> None:
    """The whole page. Expected errors are shown as a sentence where they happen."""
    # The slots are there in every run, in this order: an element that changes its position, as the map would, is mounted again.
    above, maps = st.container(), st.container()
    with above:
        _ask(workspace)
    with st.sidebar:
        other = _other(served(), workspace)
    question = asking.current()
    asking.tell_address()
    if not workspace.space.manifests:
        above.info(captions.NOT_INDEXED.format(command=code(f"placebind index build --catalogue {workspace.catalogue_folder}")))
    elif question is None:
        above.info(captions.TOUR)
    sides = [workspace] if other is None else [workspace, other]
    # Hits come first: the controls and the map take as long again, and stand above what comes after them by their slots.
    drawn = []
    for name, column, side in zip(("main", "other"), maps.columns(len(sides)), sides, strict=False):
        with column:
            if other is not None:
                st.subheader(plain(side.name), anchor=False)
            upon, below = st.container(), st.container()
            answer = _answer(name, side, question)
        drawn.append((name, side, answer, upon, below))
    with st.sidebar:
        share = show_filters(workspace, HEAT_SHARES)
    for name, side, answer, upon, below in drawn:
        heat = _heat_address(side, question, share) if question and answer else ""
        with upon:
            _map(name, heat, answer, follows=other is not None)
        if question and answer:
            with below:
                _below_map(side, question, answer.stages_ms, share if heat else 0)


def _other(workspaces: Workspaces, workspace: Workspace) -> Workspace | None:
    names = [name for name in workspaces.names if name != workspace.name]
    if not names:
        return None
    chosen = st.selectbox(captions.COMPARE, names, index=None, placeholder=captions.NO_COMPARE, key="compare")
    return workspaces.get(chosen) if chosen else None


def _ask(workspace: Workspace) -> None:
    parts = asking.draft().parts
    st.session_state["words"] = next((part.text for part in parts if part.text is not None), "")
    box, picture, place = st.columns([8, 1.4, 1.8], vertical_alignment="bottom")
    box.text_input(
        captions.ASK_LABEL, key="words", placeholder=captions.ASK_PLACEHOLDER, max_chars=MAX_TYPED_CHARACTERS,
        on_change=lambda: asking.set_text(st.session_state["words"]),
    )  # fmt: skip
    with picture.popover(captions.IMAGE_BUTTON, width="stretch"):
        st.file_uploader(
            captions.IMAGE_LABEL, type=["tif", "tiff", "png", "jpg", "jpeg", "webp"], key="picture", on_change=_take_picture,
            args=(workspace,),
        )  # fmt: skip
    with place.popover(captions.COORDINATES_BUTTON, width="stretch"), st.form("coordinates", border=False):
        lat = st.number_input(captions.LAT, -90.0, 90.0, 0.0, format="%.4f")
        lon = st.number_input(captions.LON, -180.0, 180.0, 0.0, format="%.4f")
        if st.form_submit_button(captions.COORDINATES_ASK):
            asking.set_place(lat, lon)
            st.rerun()
    if complaint := asking.complaint():
        st.error(plain(complaint))
    if notes := asking.read():
        st.caption("  \n".join(map(plain, notes)))  # a line each
    if not parts:
        st.pills(captions.EXAMPLES_LABEL, captions.EXAMPLES, key="example", on_change=_take_example)
    show_chips()


def _take_example() -> None:
    if chosen := st.session_state.get("example"):
        asking.set_text(chosen)


def _take_picture(workspace: Workspace) -> None:
    sent = st.session_state.get("picture")
    if sent is None:
        return
    with asking.complaining(f"{sent.name}: "):
        name = workspace.uploads.add(sent.getvalue())
        Question.of(image=sent.getvalue()).embed(workspace.space)  # a bad picture is refused before it is asked
        asking.set_image(name)
        remember_title(name, sent.name)


def _answer(name: str, workspace: Workspace, question: Question | None) -> Answer | None:
    """What one catalogue answers, with its hits; None where nothing is asked or can be answered."""
    if question is None:
        return None
    try:
        answer = workspace.answer(question)
    except PlaceBindError as error:
        st.error(plain(str(error)))
        return None
    for note in answer.notes:
        if note not in asking.read():  # those are above the map
            st.warning(plain(note))
    if name == "main":
        show_names(answer.names)
    if answer.confidence:
        (st.warning if answer.confidence.nowhere else st.caption)(plain(answer.confidence.sentence))
    _remember_titles(answer)
    if wanted := show_hits(name, answer, workspace.name):
        asking.refine(wanted[0], more=wanted[1])
        st.rerun()
    return answer


def _map(name: str, heat: str, answer: Answer | None, *, follows: bool) -> None:
    """The map of one catalogue, with heat and hits if there are any."""
    touched = world_map(
        name, overlays=[heat] if heat else [], marks=_marks(answer), areas=_areas(), background=st.session_state.get("background"),
        follows=follows,
    )  # fmt: skip
    _take_touch(touched)


def _heat_address(workspace: Workspace, question: Question, share: int) -> str:
    if "locations" not in workspace.space.manifests:
        return ""
    look = "&look=probability" if as_probability() else ""
    tiles = tiles_address(workspace, f"heat/{workspace.heat_name(question)}")
    return f"{tiles}&above={100 - share}{look}"


def _marks(answer: Answer | None) -> list[Mark]:
    """Hits and the places asked for, drawn in this order: the best hits over others, the places asked for over all."""
    hits = [hit for modality in reversed(COLUMNS) for hit in reversed(answer.hits.get(modality, []))] if answer else []
    places = [part.place for part in asking.draft().parts if part.place]
    asked = [Mark(place, "asked", f"{captions.PART_KIND['place']} {place}") for place in places]
    return [*(Mark(hit.place, hit.modality, f"{hit.rank}. {hit.title or hit.place}") for hit in hits), *asked]


def _areas() -> list[dict[str, Any]]:
    polygon = asking.draft().filter.polygon
    return [geojson_of(polygon)] if polygon else []


def _take_touch(touched: Touched) -> None:
    if touched.area:
        asking.change_filter(polygon=touched.area)
        st.rerun()
    if touched.place:
        asking.set_place(round(touched.place.lat, 5), round(touched.place.lon, 5))
        st.rerun()


def _below_map(workspace: Workspace, question: Question, stages_ms: Mapping[str, float], share: int) -> None:
    stages = ", ".join(f"{name} {took:.0f} ms" for name, took in stages_ms.items())
    with st.container(horizontal=True, vertical_alignment="center"):
        if share:
            st.html(_legend(share))
        st.caption(captions.STAGES.format(total=sum(stages_ms.values()), stages=stages))
        with st.popover(captions.EXPORT):
            for kind in EXPORTS:
                st.link_button(kind, api(f"/export.{kind}?ask={quote(question.to_link())}&catalogue={quote(workspace.name)}"))


def _legend(share: int) -> str:
    """The colours of the heat, from the worst place of the share shown to the best."""
    low = captions.LEGEND_MASS if as_probability() else captions.LEGEND_LOW
    colours = ", ".join("#" + bytes(palette()[step, :3]).hex() for step in range(1, 256, 42))
    return (
        f'<div class="placebind-legend"><span>{low.format(share=share)}</span>'
        f'<i style="background: linear-gradient(to right, {colours})"></i><span>{captions.LEGEND_HIGH}</span></div>'
    )


def _remember_titles(answer: Answer) -> None:
    for hit in answer:
        remember_title(hit.id, hit.title)
