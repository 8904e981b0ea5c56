"""The places that the words name, one chip each: what a name was taken for, and a press to choose another place, or none."""

from collections.abc import Sequence

import streamlit as st

from retrieval.asking.names.lookup import distinct
from retrieval.asking.names.resolve import Named
from ui.page import asking, captions
from ui.page.plain import plain

MOST_NAMES = 8
MOST_CHARACTERS = 80


def show_names(names: Sequence[Named]) -> None:
    """Show the chips; none if nothing is named."""
    shown = distinct(names)[:MOST_NAMES]
    if not shown:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="named"):
        for number, named in enumerate(shown):
            with st.popover(plain(named.sentence, MOST_CHARACTERS)):
                st.caption(plain(captions.IT_MEANS.format(name=named.text)))
                for at, possible in enumerate(named.others):
                    st.button(
                        plain(f"{possible.label} ({possible.place})", MOST_CHARACTERS), key=f"means-{number}-{at}",
                        on_click=asking.mean, args=(named.text, possible.place),
                    )  # fmt: skip
                st.button(captions.NO_PLACE, key=f"no-place-{number}", on_click=asking.mean, args=(named.text, None))
