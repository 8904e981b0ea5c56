"""The question above the map, one chip for each part with its weight, and for each setting that is not the default."""

from functools import partial

import streamlit as st

from retrieval.asking.parts import HEAVIEST, Part
from ui.page import asking, captions
from ui.page.plain import plain

MOST_CHARACTERS = 60
TITLES = "titles"  # of the session, by the ids of hits seen and the names of files sent; a visitor by link sees the name instead


def show_chips() -> None:
    """Show the chips; none if nothing is asked and no setting acts. Pressing a chip removes its part or setting."""
    parts, settings = asking.draft().parts, list(asking.draft().pieces())
    if not parts and not settings:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chips"):
        st.button(captions.CLEAR, key="start-over", on_click=asking.start_over, type="tertiary")  # first: the rest may scroll
        if len(parts) > 1 or (parts and parts[0].text is None):  # words alone are in the box already
            for row, part in enumerate(parts):
                _show_part(row, part)
        for field, text in settings:
            _chip(text, key=f"setting-{field}", on_click=partial(asking.take_out, field))


def remember_title(name: str, title: str) -> None:
    """The title that chips show for a record or picture of this name."""
    st.session_state.setdefault(TITLES, {})[name] = title


def _show_part(row: int, part: Part) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content", key=f"part-{row}"):
        _chip(f"{_kind(part)}: {_label(part)}", key=f"remove-{row}", on_click=partial(asking.weigh, row, 0.0))
        key = f"weight-{row}"
        st.session_state[key] = part.weight
        st.number_input(
            captions.WEIGHT, -HEAVIEST, HEAVIEST, step=0.25, format="%.2f", key=key, on_change=_on_weight, args=(row, key),
            label_visibility="collapsed", width=110,
        )  # fmt: skip


def _chip(text: str, *, key: str, on_click: "partial[None]") -> None:
    st.button(f"{plain(text, MOST_CHARACTERS)} ✕", key=key, help=captions.REMOVE, on_click=on_click)


def _on_weight(row: int, key: str) -> None:
    asking.weigh(row, st.session_state[key])


def _kind(part: Part) -> str:
    return next(label for kind, label in captions.PART_KIND.items() if getattr(part, kind) is not None)


def _label(part: Part) -> str:
    if part.text is not None:
        return part.text
    if part.place:
        return str(part.place)
    name = part.record.id if part.record else part.image.name if part.image else ""
    title: str = st.session_state.get(TITLES, {}).get(name, "")
    return title or name[:8]
