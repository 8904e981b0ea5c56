"""A sentence and a question with all that was read out of them: places as parts, constraints as filters, the rest as words.

A text of more than ``MOST_WORDS`` words is a document and stays as it is. Constraints are read of what may be a question: a
statement ('Aksum is a city in Ethiopia') only describes.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from index.errors import InputError
from index.records import Place
from index.search.filters import Filter
from retrieval.asking.parts import Part
from retrieval.asking.question import MAX_PARTS, Question
from retrieval.asking.sentence.codes import codes
from retrieval.asking.sentence.constraints import constraints
from retrieval.asking.sentence.coordinates import coordinates
from retrieval.asking.sentence.links import links
from retrieval.asking.sentence.taken import GAP, Taken, masked

MOST_WORDS, MOST_CHARACTERS = 40, 2000
_STATEMENT = re.compile(r"\b(?:is|was|are|were|lies|lay|stands|stood)\b", re.IGNORECASE)
_QUESTION = re.compile(r"\s*(?:where|what|which|who|how|why|when|find|show|list|is|are)\b|.*\?\s*$", re.IGNORECASE | re.DOTALL)
_SENTENCES = re.compile(r"[^\W\d_]{3}[.!?]\s+\S")
_DATUM = r"[(\[]?\s*(?:WGS\s*-?\s*84|EPSG:\s*4326)\s*[)\]]?"
_CONNECTIVES = r"(?:\b(?:and|but|or|yet|although)\b|[,;:&–-])"


@dataclass(frozen=True)
class Reading:
    """``words`` are those that remain, '' if there are none; ``filter`` has fields as ``Filter.parse`` takes them."""

    words: str
    places: tuple[Place, ...]
    filter: dict[str, Any]
    notes: tuple[str, ...]


def read_sentence(text: str, *, filters: bool = True, given: Collection[str] = (), alone: bool = True) -> Reading:
    """Places and constraints of a text. Without ``filters`` constraints stay words, as those do of a field that is ``given``.
    ``alone`` says that nothing else is asked for: then constraints must leave something to ask with.

    The words that remain are read again, so that there is nothing left in them to be read: a pair of numbers may stand alone now.
    """
    reading = _read_once(text, filters=filters, given=given, alone=alone)
    if not reading.words or reading.words == text:
        return reading
    beside = {*given, *reading.filter}
    more = read_sentence(reading.words, filters=filters, given=beside, alone=alone and not reading.places)
    if more.words == reading.words:
        return reading
    notes = tuple(dict.fromkeys((*reading.notes, *more.notes)))
    return Reading(more.words, reading.places + more.places, reading.filter | more.filter, notes)


def _read_once(text: str, *, filters: bool, given: Collection[str], alone: bool) -> Reading:
    if len(text) > MOST_CHARACTERS or len(text.split()) > MOST_WORDS:
        return Reading(text, (), {}, ())
    taken: list[Taken] = []
    for scan in (links, codes, coordinates):
        taken += scan(masked(text, taken))
    places = [each for each in taken if each.place is not None]
    if filters and _may_be_question(text):
        found = list(constraints(masked(text, taken), {each.begin: each.place for each in places if each.place}))
        rules = [_kept(each, given) for each in found]
        inner = [each for each in places if any(rule.is_read and rule.start <= each.begin < rule.stop for rule in rules)]
        taken = [each for each in taken if each not in inner] + rules
    return _without(text, sorted(taken, key=lambda each: each.start), alone=alone)


def read_question(question: Question, *, filters: bool = True) -> tuple[Question, tuple[str, ...]]:
    """The question with its texts read, and what was taken for what. Unwanted texts hold places, but no constraints. A field of the
    filter that the question has is not changed. A question that is ``verbatim`` stays as it is."""
    if question.verbatim:
        return question, ()
    parts: list[Part] = []
    notes: list[str] = []
    fields = dict[str, Any]()
    for row, part in enumerate(question.parts):
        if part.text is None:
            parts.append(part)
            continue
        set_already = {name for name, _ in question.filter.pieces()} | fields.keys()
        alone = not any(other.weight > 0 for other in (*parts, *question.parts[row + 1 :]))
        reading = read_sentence(part.text, filters=filters and part.weight > 0, given=set_already, alone=alone)
        notes += reading.notes
        fields |= reading.filter
        if reading.words == part.text:
            parts.append(part)
            continue
        words = [part.model_copy(update={"text": reading.words})] if reading.words else []
        parts += [*words, *(Part.of(place, part.weight) for place in reading.places)]
    if len(parts) > MAX_PARTS:
        raise InputError(
            f"a question has at most {MAX_PARTS} parts, with the places in its texts it has {len(parts)}; leave some out"
        )
    if not fields and tuple(parts) == question.parts:
        return question, tuple(notes)
    read: dict[str, Any] = {"parts": tuple(parts)}
    if fields:
        read["filter"] = Filter.parse({**dict(question.filter), **fields})
    return question.model_copy(update=read), tuple(notes)


def _kept(rule: Taken, given: Collection[str]) -> Taken:
    """The same, as words if the filter has one of its fields already."""
    if both := [name for name in rule.filter if name in given]:
        head = rule.note.partition(" was read as")[0]
        return Taken(rule.start, rule.stop, f"{head} stays words: the filter '{both[0]}' is set already")
    return rule


def _may_be_question(text: str) -> bool:
    statement = _STATEMENT.search(text) and not _QUESTION.match(text)
    return not statement and not _SENTENCES.search(text)


def _without(text: str, taken: list[Taken], *, alone: bool) -> Reading:
    """What remains of the text. Constraints that leave nothing to ask with stay words, but a circle, whose middle is asked for."""
    read = [each for each in taken if each.is_read]
    words = _remaining(text, read)
    places = tuple(each.place for each in read if each.place is not None)
    fields = {name: value for each in read for name, value in each.filter.items()}
    notes = tuple(each.note for each in taken)
    if words or places or not alone or not fields:
        return Reading(words if read else text, places, fields, notes)
    if "near" in fields:
        lat, lon, _ = (float(each) for each in fields["near"].split(","))
        return Reading("", (Place(lat=lat, lon=lon),), fields, notes)
    why = f"'{' '.join(text.split())}' stays words: there is nothing else to ask for; add what to look for there"
    return Reading(text, (), {}, (*(each.note for each in taken if not each.is_read), why))


def _remaining(text: str, read: list[Taken]) -> str:
    """The words that were not read, without the brackets and connectives that lead to a gap."""
    if not read:
        return text
    gaps = text
    for each in reversed(read):
        gaps = gaps[: each.start] + GAP + gaps[each.stop :]
    gaps = re.sub(rf"[(\[{{\"']?\s*{GAP}\s*[)\]}}\"']", GAP, gaps)
    gaps = re.sub(rf"(?:\s*{_CONNECTIVES}\s*)*\s*{GAP}(?:\s*(?:{_CONNECTIVES}\s*)*{GAP})*", f" {GAP} ", gaps, flags=re.IGNORECASE)
    gaps = re.sub(rf"^\s*{GAP}\s*(?:{_CONNECTIVES}\s*)+", "", gaps, flags=re.IGNORECASE)
    gaps = re.sub(rf"{GAP}[\s.,;:]*$", "", gaps)
    gaps = re.sub(rf"{GAP}\s*{_DATUM}", "", gaps, flags=re.IGNORECASE)
    words = " ".join(gaps.replace(GAP, " ").split())
    words = re.sub(r"\s+([,.;:!?])", r"\1", words).strip(" ,;:")
    return words if re.search(r"\w", words) else ""
