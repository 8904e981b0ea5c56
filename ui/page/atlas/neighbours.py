"""The atlas view of neighbours: the nearest records of the other kinds, and how often neighbours are mutual."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from index.geo import geodesic_km, great_circle_km
from index.records import MODALITIES, Hit, Modality, Place
from index.search.snapshot import Snapshot
from index.search.sql import text_literal
from retrieval.asking.parts import Item, Part
from retrieval.asking.question import Question
from ui.page.atlas import captions
from ui.page.atlas.views import PLACE, Shown
from ui.page.captions import MODALITY
from ui.page.map import Mark
from ui.server.atlas import atlas_of
from ui.server.workspace import Workspace

MOST_CHOICES = 30
NEAREST = 3  # of each kind
MAX_TITLE_CHARACTERS = 200


def show_neighbours(workspace: Workspace) -> Shown:
    st.write(captions.NEIGHBOURS_SAY)
    snapshots = atlas_of(workspace).snapshots
    kind: Modality = st.radio(
        captions.NEIGHBOURS_KIND, [each for each in MODALITIES if each in snapshots], format_func=MODALITY.get, horizontal=True,
        key="atlas-kind",
    )  # fmt: skip
    record = _choose(snapshots[kind])
    shown = _show_nearest(workspace, kind, record, [each for each in snapshots if each != kind]) if record else Shown()
    _show_mutual(workspace)
    return shown


def _choose(snapshot: Snapshot) -> dict[str, Any] | None:
    """The record that the user chose: its id, title, lat and lon."""
    text = st.text_input(captions.NEIGHBOURS_TITLE, key="atlas-title", max_chars=MAX_TITLE_CHARACTERS).strip()
    if not text and PLACE not in st.session_state:
        st.info(captions.NEIGHBOURS_EMPTY)
        return None
    rows = rows_titled(snapshot, text) if text else rows_near(snapshot, st.session_state[PLACE])
    records = {
        each["id"]: each for each in snapshot.take(rows[:MOST_CHOICES], ["id", "title", "country", "lat", "lon"]).to_pylist()
    }
    if not records:
        st.info(captions.NEIGHBOURS_NONE)
        return None
    chosen = st.selectbox(
        captions.NEIGHBOURS_CHOICE, list(records), format_func=lambda id_: _label(records[id_]), key="atlas-record"
    )
    return records.get(chosen)


def rows_titled(snapshot: Snapshot, text: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rows of records with this text in their title, in any case."""
    return snapshot.rows_where(f"contains(lower(title), {text_literal(text.lower())})")


def rows_near(snapshot: Snapshot, place: Place) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rows of the records nearest to a place, nearest first."""
    km = great_circle_km([place.lat], [place.lon], snapshot.places[:, 0], snapshot.places[:, 1])[0]
    return np.argsort(km, kind="stable")[:MOST_CHOICES]


def _label(record: dict[str, Any]) -> str:
    title = record["title"] or str(Place(lat=record["lat"], lon=record["lon"]))
    return f"{title} ({record['country']})" if record["country"] else title


def _show_nearest(workspace: Workspace, kind: Modality, record: dict[str, Any], others: Sequence[Modality]) -> Shown:
    asked = Part(record=Item(modality=kind, id=record["id"]))
    here = Place(lat=record["lat"], lon=record["lon"])
    marks = [Mark(here, kind, _label(record))]
    if others:
        hits = list(workspace.answer(Question(parts=(asked,), kinds=tuple(others), k=NEAREST)))
        st.dataframe([_row(hit, here) for hit in hits], hide_index=True)
        marks += [Mark(hit.place, hit.modality, hit.title or str(hit.place)) for hit in hits]
    return Shown(marks=marks)


def _row(hit: Hit, here: Place) -> dict[str, Any]:
    values = {
        "modality": MODALITY[hit.modality],
        "title": hit.title or str(hit.place),
        "score": round(hit.score, 3),
        "distance": round(float(geodesic_km(here.lat, here.lon, hit.place.lat, hit.place.lon))),
        "country": hit.country,
    }
    return {captions.NEIGHBOURS_COLUMNS[key]: value for key, value in values.items()}


def _show_mutual(workspace: Workspace) -> None:
    with st.spinner(captions.MAKING_MUTUAL):
        mutual = atlas_of(workspace).mutual()
    if not mutual:
        return
    st.caption(captions.MUTUAL_SAY.format(k=mutual[0].k, records=max(each.records for each in mutual)))
    columns = captions.MUTUAL_COLUMNS
    rows = [
        {
            columns["from"]: MODALITY[each.one],
            columns["to"]: MODALITY[each.other],
            columns["mutual"]: round(100 * each.mutual, 1),
            columns["chance"]: round(100 * each.chance, 1),
            columns["median"]: round(each.median_km),
        }
        for each in mutual
    ]
    st.dataframe(rows, hide_index=True)
