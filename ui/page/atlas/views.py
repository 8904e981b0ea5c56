"""The views of the atlas page. Each describes itself, shows its contents, and returns what the map next to it should show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import streamlit as st

from index.geo import geodesic_km
from index.records import Place
from retrieval.asking.parts import Part
from retrieval.asking.question import Question
from retrieval.atlas.aspects import Aspect
from retrieval.atlas.clusters import Cluster
from retrieval.atlas.layout import Method
from retrieval.atlas.umap import is_installed as umap_is_installed
from ui.page.atlas import captions
from ui.page.atlas.charts import gap_chart, resolution_chart
from ui.page.atlas.sheet import show_sheet
from ui.page.map import Mark
from ui.server.atlas import Job, atlas_of
from ui.server.routes.atlas import clusters_address, components_address, umap_address
from ui.server.routes.common import tiles_address
from ui.server.workspace import Workspace

PLACE = "atlas-place"  # of the session: where the map was last clicked
ANALOGUES, ANALOGUES_APART_KM = 8, 1000.0
METHODS: tuple[Method, ...] = ("tsne", "pca")
CLUSTER_COUNTS, CLUSTERS_FIRST = (6, 12, 24, 48), 12


@dataclass(frozen=True)
class Shown:
    """The tile addresses and marks that a view puts on the map."""

    overlays: Sequence[str] = ()
    marks: Sequence[Mark] = ()


def show_colours(workspace: Workspace) -> Shown:
    atlas = atlas_of(workspace)
    aspect = _colours_of(atlas.aspects)
    st.write(captions.COLOURS_SAY[aspect])
    if umap_is_installed() and _colours_by() == "umap":
        with st.spinner(captions.MAKING_UMAP):
            atlas.umap(aspect)
        st.caption(captions.UMAP_CAUTION)
        return Shown([umap_address(workspace, aspect)])
    with st.spinner(captions.MAKING_COLOURS):
        explained = atlas.components(aspect).explained
    lines = [
        f"- {captions.COLOURS_EXPLAINED.format(axis=axis, number=number, share=share)}"
        for number, (axis, share) in enumerate(zip(captions.COLOURS_AXES, explained, strict=True), start=1)
    ]
    st.markdown("\n".join(lines))
    st.caption(captions.COLOURS_CAUTION.format(share=sum(explained)))
    return Shown([components_address(workspace, aspect)])


def show_similar(workspace: Workspace) -> Shown:
    st.write(captions.SIMILAR_SAY)
    chosen: Place | None = st.session_state.get(PLACE)
    if chosen is None:
        st.info(captions.SIMILAR_EMPTY)
        return Shown()
    with st.spinner(captions.MAKING_SIMILAR):
        name = workspace.heat_name(Question(parts=(Part(place=Place(lat=chosen.lat, lon=chosen.lon)),)))
        rows, marks = _analogues(workspace, name, chosen)
    st.markdown(captions.SIMILAR_PLACE.format(place=chosen, km=ANALOGUES_APART_KM))
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.caption(captions.SIMILAR_NONE)
    return Shown([tiles_address(workspace, f"heat/{name}")], [Mark(chosen, "articles", captions.SIMILAR_CHOSEN), *marks])


def show_clusters(workspace: Workspace) -> Shown:
    st.write(captions.CLUSTERS_SAY)
    count = st.select_slider(captions.CLUSTERS_COUNT, CLUSTER_COUNTS, CLUSTERS_FIRST, key="atlas-clusters")
    with st.spinner(captions.MAKING_CLUSTERS):
        clusters = atlas_of(workspace).clusters(count).each
    st.caption(captions.CLUSTERS_CHOOSE)
    chosen = st.dataframe(
        _cluster_table(clusters), hide_index=True, key=f"atlas-clusters-of-{count}", on_select="rerun", selection_mode="single-row",
        column_config={
            captions.CLUSTERS_COLUMNS[key]: st.column_config.Column(help=text) for key, text in captions.CLUSTERS_HELP.items()
        } | {captions.CLUSTERS_COLUMNS["colour"]: st.column_config.ImageColumn(width=40)},
    )["selection"]["rows"]  # fmt: skip
    marks = [
        Mark(clusters[row].medoid, "locations", captions.CLUSTERS_TYPICAL.format(name=cluster_name(clusters[row])))
        for row in chosen
    ]
    return Shown([clusters_address(workspace, count)], marks)


def show_sheet_view(workspace: Workspace) -> Shown:
    st.write(captions.SHEET_SAY)
    method: Method = st.radio(
        captions.SHEET_METHOD, METHODS, format_func=lambda name: captions.SHEET_METHODS[name], horizontal=True, key="atlas-method"
    )
    atlas = atlas_of(workspace)
    job = atlas.layout(method)
    if not job.layout.done():
        _wait_for(job)
        return Shown()
    layout = job.layout.result()
    show_sheet(layout, workspace.version)
    total = sum(len(snapshot) for snapshot in atlas.snapshots.values())
    st.caption(captions.SHEET_DRAWN.format(count=len(layout.xy), total=total))
    return Shown()


def show_gap(workspace: Workspace) -> Shown:
    st.write(captions.GAP_SAY)
    atlas = atlas_of(workspace)
    if len(atlas.snapshots) < 2:
        st.info(captions.GAP_EMPTY)
        return Shown()
    with st.spinner(captions.MAKING_GAP):
        st.altair_chart(gap_chart(atlas.clouds()))
    st.caption(captions.GAP_MEANING)
    return Shown()


def show_resolution(workspace: Workspace) -> Shown:
    st.write(captions.RESOLUTION_SAY)
    with st.spinner(captions.MAKING_RESOLUTION):
        measured = atlas_of(workspace).resolution()
    everywhere = measured.curves[0]
    st.markdown(_resolution_sentence(everywhere.half_km, measured.half_wave_km, measured.distances_km[-1]))
    st.altair_chart(resolution_chart(measured))
    st.caption(captions.RESOLUTION_BAND.format(places=everywhere.places, floor=measured.floor))
    return Shown()


def _colours_of(aspects: Sequence[Aspect]) -> Aspect:
    """The aspect to colour by, which is asked for only where there is a choice."""
    if len(aspects) == 1:
        return aspects[0]
    names = captions.COLOURS_ASPECTS
    return st.radio(captions.COLOURS_OF, aspects, format_func=lambda name: names[name], horizontal=True, key="atlas-aspect")


def _colours_by() -> str:
    methods = captions.COLOURS_METHODS
    return st.radio(
        captions.COLOURS_BY, list(methods), format_func=lambda name: methods[name], horizontal=True, key="atlas-colours"
    )


@st.fragment(run_every=1.0)
def _wait_for(job: Job) -> None:
    """Show every second how long the job has taken, until it is done."""
    if job.layout.done():
        st.rerun()
    st.info(captions.MAKING_SHEET.format(seconds=job.seconds))


def _resolution_sentence(half_km: float | None, half_wave_km: float | None, most_km: float) -> str:
    told = captions.RESOLUTION_NEVER.format(most=most_km) if half_km is None else captions.RESOLUTION_TOLD.format(half=half_km)
    return told + (captions.RESOLUTION_ELSE if half_wave_km is None else captions.RESOLUTION_WAVE.format(half_wave=half_wave_km))


def _analogues(workspace: Workspace, heat_name: str, chosen: Place) -> tuple[list[dict[str, Any]], list[Mark]]:
    """The places most like the chosen one that are far from it, as rows of a table and as marks."""
    space, heat = workspace.space, workspace.heat(heat_name)
    rows, marks = [], []
    for peak in heat.peaks(ANALOGUES + 1, min_km=ANALOGUES_APART_KM):
        km = float(geodesic_km(chosen.lat, chosen.lon, peak.place.lat, peak.place.lon))
        if km < ANALOGUES_APART_KM:
            continue
        near = space.named_places.nearest(peak.place, heat.cells.vectors[peak.row]) if space.named_places else None
        title = near.title if near else str(peak.place)
        columns = captions.SIMILAR_COLUMNS
        rows.append({columns["title"]: title, columns["score"]: round(peak.cosine, 3), columns["distance"]: round(km)})
        marks.append(Mark(peak.place, "locations", title))
    return rows[:ANALOGUES], marks[:ANALOGUES]


def _cluster_table(clusters: Sequence[Cluster]) -> list[dict[str, Any]]:
    """A row for each cluster; the first cell has its colour on the map."""
    columns = captions.CLUSTERS_COLUMNS
    return [
        {
            columns["colour"]: _swatch(each.colour),
            columns["area"]: round(100 * each.area_share, 1),
            columns["name"]: cluster_name(each),
            columns["countries"]: ", ".join(f"{country} {count}" for country, count in each.named.countries),
            columns["articles"]: each.named.articles,
            columns["alike"]: round(each.alike, 2),
        }
        for each in clusters
    ]


def _swatch(colour: tuple[int, int, int]) -> str:
    """A square of one colour, as the data address of a picture."""
    square = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'><rect width='24' height='24' fill='rgb{colour}'/></svg>"
    )
    return f"data:image/svg+xml,{quote(square)}"


def cluster_name(cluster: Cluster) -> str:
    """The name of a cluster, with a warning if the titles are from elsewhere."""
    titles = " · ".join(cluster.named.titles)
    if not titles:
        return captions.CLUSTERS_NAMELESS
    return captions.CLUSTERS_BORROWED.format(titles=titles) if cluster.named.borrowed else titles
