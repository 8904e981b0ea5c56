"""The question on the page: kept in the session and in the address, changed by every control.

A link (``?ask=``) -> ``current`` -> controls call ``set_text`` and its kin as callbacks -> the page answers ``current`` again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from index.errors import PlaceBindError
from index.records import Place
from retrieval.asking.parts import HEAVIEST, Part, Picture
from retrieval.asking.question import Question

LINK, PARTS, SETTINGS, COMPLAINT = "ask", "asked-parts", "asked-settings", "complaint"


def current() -> Question | None:
    """What is asked now; in a new visit what the link asks. Raises ``InputError`` or ``ConfigError`` for a damaged link."""
    if PARTS not in st.session_state:
        st.session_state[PARTS], st.session_state[SETTINGS] = (), {}
        link = st.query_params.get(LINK)
        if link:
            linked = Question.from_link(link)
            st.session_state[PARTS] = linked.parts
            st.session_state[SETTINGS] = linked.model_dump(exclude={"parts"}, exclude_defaults=True)
    return Question(parts=parts(), **settings()) if parts() else None


def parts() -> tuple[Part, ...]:
    """What is asked with."""
    found: tuple[Part, ...] = st.session_state.get(PARTS, ())
    return found


def settings() -> dict[str, Any]:
    """How it is answered: the fields of a ``Question`` but its parts, those that are not default. Kept when the parts change."""
    found: dict[str, Any] = st.session_state.get(SETTINGS, {})
    return found


def tell_address() -> None:
    """Keep the address of the page the link to what it shows."""
    question = current()
    if question is None:
        st.query_params.pop(LINK, None)
    elif st.query_params.get(LINK) != question.to_link():
        st.query_params[LINK] = question.to_link()


def ask(*what: Part) -> None:
    """Ask with these parts alone."""
    st.session_state[PARTS] = what


def set_text(text: str) -> None:
    """Ask with these words in place of those before; without words, if there are none."""
    old = _first("text")
    fresh = [Part(text=text.strip(), weight=old.weight if old else 1.0)] if text.strip() else []
    ask(*fresh, *(part for part in parts() if part is not old))


def set_image(name: str) -> None:
    """Ask with an uploaded picture, in place of the one before."""
    old = _first("image")
    ask(*(part for part in parts() if part is not old), Part.of(Picture(name)))


def set_place(lat: float, lon: float) -> None:
    """Ask with a place alone: it starts anew."""
    ask(Part(place=Place(lat=lat, lon=lon)))


def refine(part: Part) -> None:
    """Ask for more (or with a negative weight less) like a record; the same again weighs more, the opposite takes it back."""
    same = [row for row, each in enumerate(parts()) if each.record == part.record]
    if same:
        weigh(same[0], parts()[same[0]].weight + part.weight)
    else:
        ask(*parts(), part)


def weigh(row: int, weight: float) -> None:
    """Change the weight of a part; weight 0 takes it out."""
    changed = [parts()[row].model_copy(update={"weight": max(-HEAVIEST, min(HEAVIEST, weight))})] if weight else []
    ask(*parts()[:row], *changed, *parts()[row + 1 :])


def change(**values: Any) -> None:
    """Change settings; None makes one default again. Raises ``ConfigError`` or ``InputError`` for a value that cannot be."""
    fresh = {name: value for name, value in {**settings(), **values}.items() if value is not None}
    Question.parse({"parts": [{"text": "any"}], **fresh}, where="settings")  # checked before it is kept
    st.session_state[SETTINGS] = fresh


def change_filter(**values: Any) -> None:
    """Change filters; None, '' or nothing takes one away. Raises as ``change``."""
    fresh = {name: value for name, value in {**settings().get("filter", {}), **values}.items() if value}
    change(filter=fresh or None)


@contextmanager
def complaining(about: str = "") -> Iterator[None]:
    """What a control was given and cannot be asked is said by the next run of the page, which takes it with ``complaint``."""
    try:
        yield
    except PlaceBindError as error:
        st.session_state[COMPLAINT] = f"{about}{error}"


def complaint() -> str:
    """What there is to complain of, once."""
    said: str = st.session_state.pop(COMPLAINT, "")
    return said


def _first(kind: str) -> Part | None:
    return next((part for part in parts() if getattr(part, kind) is not None), None)
