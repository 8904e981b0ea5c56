"""The question on the page: one checked model, kept in the session and in the address, changed by every control.

A link (``?ask=``) -> ``draft`` -> controls call ``set_text`` and its kin as callbacks -> the page answers ``current``. The next run
of the page reports a link or a change that is not possible; the question stays as it was. Coordinates and constraints are taken out
of words as soon as these are typed: they become parts and filters of the question, each a chip.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st
from pydantic import Field

from index.errors import InputError, PlaceBindError
from index.places.spelling import plain_name
from index.records import Place
from retrieval.asking.names.meant import Meant
from retrieval.asking.parts import HEAVIEST, Item, Part, Picture
from retrieval.asking.question import MAX_PARTS, Question
from retrieval.asking.sentence.read import Reading, read_question, read_sentence
from ui.server.routes.parameters import PAGE_HITS

LINK, DRAFT, COMPLAINT, READ = "ask", "asked", "complaint", "read"
# Next to words of weight 1 (docs/experiments.md, 2026-11-30): an example counts as much as they do. An unwanted example counts
# little: with as much weight, it led away from all that the words say.
MORE, LESS = 1.0, 0.15


class Draft(Question):
    """A question that may still have no parts: filters can be chosen, and areas drawn, before anything is asked."""

    parts: tuple[Part, ...] = Field(default=(), max_length=MAX_PARTS)


@contextmanager
def complaining(about: str = "") -> Iterator[None]:
    """An input of a control that cannot be asked is reported by the next run of the page, which takes it with ``complaint``."""
    try:
        yield
    except PlaceBindError as error:
        st.session_state[COMPLAINT] = f"{about}{error}"


def complaint() -> str:
    """The complaint, once; '' if there is none."""
    said: str = st.session_state.pop(COMPLAINT, "")
    return said


def draft() -> Draft:
    """The question so far; in a new visit, that of the link."""
    if DRAFT not in st.session_state:
        start_over()
        link = st.query_params.get(LINK)
        if link:
            with complaining():
                _set(Question.from_link(link))
    question: Draft = st.session_state[DRAFT]
    return question


def read() -> tuple[str, ...]:
    """What was read as what in the words that were typed last; nothing once the question has changed in another way."""
    notes: tuple[str, ...] = st.session_state.get(READ, ())
    return notes


def current() -> Question | None:
    """The present question; None before anything is asked."""
    return Question.parse(dict(draft()), where="question") if draft().parts else None


def tell_address() -> None:
    """Make the address of the page a link to what it shows."""
    question = current()
    if question is None:
        st.query_params.pop(LINK, None)
    elif st.query_params.get(LINK) != question.to_link():
        st.query_params[LINK] = question.to_link()


def start_over() -> None:
    """Clear the question and all settings."""
    st.session_state[DRAFT], st.session_state[READ] = Draft(), ()


@complaining()
def set_text(text: str) -> None:
    """Ask with these words in place of those before; without words if the text is empty. Places in it take the place of those
    before, constraints that of the filter's same fields."""
    old, before = _first("text"), draft()
    weight = old.weight if old else 1.0
    others = [part for part in before.parts if part is not old]
    if before.verbatim or not text.strip():
        reading = Reading(text.strip(), (), {}, ())
    else:
        reading = read_sentence(text.strip(), filters=weight > 0, alone=not any(part.weight > 0 for part in others))
    words = [Part.of(reading.words, weight)] if reading.words else []
    places = [Part.of(place, weight) for place in reading.places]
    parts = (*words, *places, *(part for part in others if part.place is None or not places))
    if not parts:
        _ask()
        return
    _set(before.changed(parts=parts, filter={**dict(before.filter), **reading.filter}), reading.notes)


@complaining()
def set_image(name: str) -> None:
    """Ask with an uploaded picture, in place of the one before."""
    old = _first("image")
    _ask(*(part for part in draft().parts if part is not old), Part.of(Picture(name)))


@complaining()
def set_place(lat: float, lon: float) -> None:
    """Ask with a place alone, in the same way as before."""
    _ask(Part.of(Place(lat=lat, lon=lon)))


@complaining()
def refine(record: Item, *, more: bool) -> None:
    """Ask for more like a record, or for less; the same again adds weight, the opposite takes it back."""
    parts = draft().parts
    row = next((row for row, each in enumerate(parts) if each.record == record), None)
    if row is not None:
        before = parts[row].weight
        step = MORE if before > 0 else LESS
        _weigh(row, math.copysign(max(0.0, abs(before) + (step if more == (before > 0) else -step)), before))
        return
    weight = MORE if more else -LESS
    if more and draft().combine == "max":  # whose positive parts all have one weight
        weight = next((part.weight for part in parts if part.weight > 0), MORE)
    _ask(*parts, Part.of(record, weight))


@complaining()
def weigh(row: int, weight: float) -> None:
    """Change the weight of a part; weight 0 takes it out."""
    _weigh(row, weight)


@complaining()
def mean(name: str, place: Place | None) -> None:
    """A name in the words means the candidate at this place, or no place."""
    others = (each for each in draft().meant if plain_name(each.name) != plain_name(name))
    _set(draft().changed(meant=(*others, Meant(name=name, place=place))))


@complaining()
def change(**settings: Any) -> None:
    """Change settings of the question."""
    _set(draft().changed(**settings))


@complaining()
def change_filter(**fields: Any) -> None:
    """Change fields of the filter; '' or an empty value removes one."""
    given = {name: value for name, value in {**dict(draft().filter), **fields}.items() if value}
    _set(draft().changed(filter=given))


@complaining()
def take_out(field: str) -> None:
    """Reset a setting, or a field of the filter, to its default."""
    _set(draft().without(field))


def _weigh(row: int, weight: float) -> None:
    weight = round(max(-HEAVIEST, min(HEAVIEST, weight)), 6)  # +.1 and +.2 taken back leave nothing
    parts = draft().parts
    _ask(*parts[:row], *([parts[row].model_copy(update={"weight": weight})] if weight else []), *parts[row + 1 :])


def _ask(*parts: Part) -> None:
    """Ask with these parts, all else as before; without parts, the way of combining them is reset."""
    _set(draft().changed(parts=parts) if parts else draft().changed(parts=(), combine="mean"))


def _set(question: Question, notes: tuple[str, ...] = ()) -> None:
    """``notes`` say what was read as what; anything that is left to read in the words is read now. Raises ``InputError`` for more
    than a page can show."""
    if question.k > PAGE_HITS:
        raise InputError(
            f"the page shows at most {PAGE_HITS} hits of each kind, got k={question.k:,}; more are found by `placebind search`"
        )
    understood, more = read_question(question)
    st.session_state[DRAFT] = Draft.parse(dict(understood), where="question")
    st.session_state[READ] = tuple(dict.fromkeys((*notes, *more)))


def _first(kind: str) -> Part | None:
    return next((part for part in draft().parts if getattr(part, kind) is not None), None)
