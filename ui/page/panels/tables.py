"""The index page: the contents of the catalogue, the model of its vectors, the recall of a search; and building."""

import re
from pathlib import Path
from typing import Any

import streamlit as st

from index.errors import CheckpointError, PlaceBindError
from index.progress import Progress
from index.records import MODALITIES
from index.store.catalogue import Catalogue
from index.store.inventory import Inventory, inventory_of
from index.store.versions import versions_of
from retrieval.building.build import build_index
from retrieval.building.verify import verify
from train.checkpoint import CARD_FILE, Checkpoint
from train.shipped import CARD_FILE as SHIPPED_CARD
from train.shipped import name_of
from ui.page import captions
from ui.page.plain import plain
from ui.server.workspace import Workspace

TITLE, ORDER = captions.INDEX, 20
SHOWN_VERSIONS = 20


def render(workspace: Workspace) -> None:
    """The whole page; it also works on a catalogue that was never indexed."""
    catalogue = Catalogue.open(workspace.catalogue_folder)
    st.subheader(f"{captions.CATALOGUE_OF} {plain(workspace.name)}", anchor=False)
    st.caption(plain(str(workspace.catalogue_folder)))
    found = [inventory_of(catalogue, modality) for modality in MODALITIES if catalogue.has(modality)]
    _show_tables(found)
    _offer_build(workspace, catalogue, found)
    _offer_check(catalogue, found)
    _show_files(found)
    _show_versions(catalogue, found)
    _show_measured(catalogue)
    _show_model(workspace, found)


def _show_tables(found: list[Inventory]) -> None:
    st.table([_row(each) for each in found])
    for each in found:
        if each.manifest and each.stale:
            st.warning(captions.STALE.format(count=each.stale, what=captions.MODALITY[each.modality]))
        for sensor, count in each.unlearnt.items():
            st.warning(captions.UNLEARNT.format(count=count, sensor=sensor))


def _row(each: Inventory) -> dict[str, str]:
    manifest = each.manifest
    return {
        captions.TABLE: captions.MODALITY[each.modality],
        captions.ROWS: f"{each.rows:,}",
        captions.INDEXED: f"{manifest.rows if manifest else 0:,}",
        captions.DIMENSIONS: str(manifest.dim) if manifest else "",
        captions.MODEL: manifest.model_digest[:8] if manifest else "",
        captions.SOURCE_DATES: plain(" – ".join(manifest.source_dates)) if manifest else "",  # a table is Markdown too
        captions.SIZE: _megabytes(each.table_bytes),
    }


def _offer_build(workspace: Workspace, catalogue: Catalogue, found: list[Inventory]) -> None:
    complete = all(each.manifest and not each.stale for each in found)
    if not st.button(captions.BUILD, disabled=complete, help=captions.BUILD_HELP):
        return
    bar = _Bar()
    try:
        added = build_index(Checkpoint.open(workspace.checkpoint_folder), catalogue, progress=bar)
    except PlaceBindError as error:
        st.error(plain(str(error)))
        return
    finally:
        bar.close()
    st.success(
        captions.BUILT.format(what=", ".join(f"{count:,} {captions.MODALITY[modality]}" for modality, count in added.items()))
    )


class _Bar(Progress):
    """Progress of long work as a bar on the page."""

    def __init__(self) -> None:
        self._shown = st.progress(0.0)
        self._title, self._total, self._done = "", 0, 0

    def start(self, title: str, total: int | None) -> None:
        self._title, self._total, self._done = title, total or 0, 0
        self._shown.progress(0.0, text=title)

    def advance(self, n: int, **figures: float) -> None:
        self._done += n
        share = min(1.0, self._done / self._total) if self._total else 0.0
        self._shown.progress(share, text=f"{self._title}: {self._done:,} of {self._total:,}")

    def close(self) -> None:
        self._shown.empty()


def _offer_check(catalogue: Catalogue, found: list[Inventory]) -> None:
    if not (any(each.manifest for each in found) and st.button(captions.CHECK, help=captions.CHECK_HELP)):
        return
    with st.spinner(captions.CHECKING):
        recalls = verify(catalogue)
    columns = ("rows", "queries", "recall", "worst", "way")
    st.dataframe(
        [{captions.TABLE: captions.MODALITY[each.modality], **{name: getattr(each, name) for name in columns}} for each in recalls],
        hide_index=True,
    )


def _show_files(found: list[Inventory]) -> None:
    with st.expander(captions.PARTS_OF_INDEX):
        files = [(captions.MODALITY[each.modality], file) for each in found for file in each.files]
        names = (captions.TABLE, captions.PART, captions.KIND, captions.SIZE)
        rows = [(table, file.name, file.kind, _megabytes(file.size_bytes)) for table, file in files]
        st.dataframe([dict(zip(names, row, strict=True)) for row in rows], hide_index=True)


def _show_versions(catalogue: Catalogue, found: list[Inventory]) -> None:
    with st.expander(captions.VERSIONS):
        for each in found:
            st.markdown(f"**{captions.MODALITY[each.modality]}**")
            versions = versions_of(catalogue, each.modality, SHOWN_VERSIONS)
            st.dataframe([version.as_dict() for version in reversed(versions)], hide_index=True)


def _show_measured(catalogue: Catalogue) -> None:
    statistics = catalogue.band_statistics()
    if not statistics:
        return
    with st.expander(captions.MEASURED):
        columns = ("sensor", "level", "band", "tiles", "pixels", "mean", "std")
        st.dataframe([{name: getattr(each, name) for name in columns} for each in statistics], hide_index=True)


def _show_model(workspace: Workspace, found: list[Inventory]) -> None:
    try:
        folder = workspace.checkpoint_folder
    except CheckpointError as error:
        st.info(plain(str(error)))
    else:
        _show_card(folder)
    with st.expander(captions.MANIFESTS):
        shown: dict[str, Any] = {each.modality: each.as_dict()["manifest"] for each in found if each.manifest}
        st.json(shown, expanded=2)


def _show_card(folder: Path) -> None:
    st.caption(plain(name_of(folder)))
    card = next((folder / name for name in (CARD_FILE, SHIPPED_CARD) if (folder / name).is_file()), None)
    if card:
        with st.expander(captions.MODEL_CARD, expanded=True):
            st.markdown(re.sub(r"^#", "####", card.read_text(encoding="utf-8"), flags=re.MULTILINE))  # headings of a page in a page


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
