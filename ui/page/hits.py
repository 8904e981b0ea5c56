"""Hits of one answer as three columns: our own component, whose texts never become HTML (``assets/hits.js``)."""

from typing import Any
from urllib.parse import quote

import streamlit as st

from index.records import Hit, Modality
from retrieval.answer import Answer
from retrieval.asking.parts import Item
from retrieval.ranking.explain import Explanation
from ui.page import captions
from ui.page.map import COLOURS, front_file
from ui.server.addresses import api

COLUMNS: tuple[Modality, ...] = ("locations", "articles", "tiles")


def show_hits(name: str, answer: Answer, catalogue: str) -> tuple[Item, bool] | None:
    """Show the hits; returns the record of which the user wants more or less in this run, if any, and whether it is more."""
    component = st.components.v2.component(
        "placebind_hits", html='<div class="hits"></div>', css=front_file("hits.css"), js=front_file("hits.js")
    )
    columns = [_column(modality, answer, catalogue) for modality in COLUMNS if modality in answer.hits]
    result = component(data={"columns": columns, "words": captions.HIT_WORDS}, key=f"hits-{name}", on_refine_change=lambda: None)
    chosen: Any = result.refine
    if not chosen:
        return None
    return Item(modality=chosen["modality"], id=chosen["id"]), bool(chosen["more"])


def _column(modality: Modality, answer: Answer, catalogue: str) -> dict[str, Any]:
    hits = [_card(hit, catalogue, answer.why.get(hit.id)) for hit in answer.hits[modality]]
    return {
        "modality": modality,
        "heading": captions.MODALITY[modality],
        "colour": COLOURS[modality],
        "hits": hits,
        "empty": captions.EMPTY_COLUMN,
    }


def _card(hit: Hit, catalogue: str, why: Explanation | None) -> dict[str, Any]:
    return {
        "id": hit.id,
        "modality": hit.modality,
        "rank": hit.rank,
        "title": hit.title or str(hit.place),
        "snippet": hit.snippet,
        "own": hit.own_facts,
        "score": f"{hit.score:.3f}",
        "beats": "" if hit.percentile is None else captions.BEATS.format(percentile=hit.percentile),
        "distance": "" if hit.distance_km is None else f"{hit.distance_km:,.0f} km",
        "position": str(hit.place),
        "lat": hit.place.lat,
        "lon": hit.place.lon,
        "link": hit.link,
        "why": [f"{part.label[:40]} {part.share:+.2f}" for part in why.parts] if why else [],
        "thumbnail": api(f"/thumbnails/{hit.id}.png?size=96&catalogue={quote(catalogue)}") if hit.modality == "tiles" else "",
    }
