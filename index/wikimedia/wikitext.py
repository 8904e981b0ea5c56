"""Wikitext -> where an article's subject lies, and its plain text. Used by the Wikipedia sources.

Coordinates follow what English Wikipedia shows next to the title: a {{coord}} with display=title comes first, then the infobox
({{coord}} in it, text, or the older latd/longd and latitude/longitude fields). A {{coord}} that is only inline belongs to something
else that the article mentions. The forms are those of Template:Coord and Module:Coordinates.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import Any

import mwparserfromhell

from index.errors import InputError
from index.records import Place
from index.wikimedia.angles import check_globe, globe_in, place_from_axes, place_from_fields, place_from_text
from index.wikimedia.infobox_fields import place_of_old_fields
from index.wikimedia.wikitext_render import plain

MAX_PARSED_CHARS = 500_000  # of the lead, and of a full text: the parser needs about 1 kB of memory for 10 characters
MAX_NESTING = 100
_MARKUP = re.compile(r"\{[{|]|[|}]\}|\[|\]|</?(?!br\b|hr\b|li\b|p\b)[a-z][^<>]{0,500}>", re.IGNORECASE)
_COORD_NAMES = r"co-?ord|coords|coordinates?|coor(?: (?:title |at )?(?:d|dm|dms))?|latlong|geobox coor"
_COORD = re.compile(_COORD_NAMES, re.IGNORECASE)
# Every count in these patterns is bounded or disjoint from the next: they must take linear time on any text.
_COORD_START = re.compile(r"\{\{\s{0,9}(?:template\s?:\s?)?(?:" + _COORD_NAMES.replace(" ", "[ _]") + r")\s{0,9}\|", re.IGNORECASE)
_MAY_BE_TITLE = re.compile(r"display|coor[ _](?:title|at)|\|\s{0,99}(?:NS|EW)\s{0,99}=", re.IGNORECASE)
_OTHER_GLOBE_BOX = re.compile(
    r"\b(?:lunar|moon|selen\w*|martian|on mars|venusian|mercurian|celestial|extraterrestrial)\b", re.IGNORECASE
)
_BOX = re.compile(r"(?:.*[ _-])?infobox\b.*|geobox\b.*|ficha de\b.*", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(
    r"\|\s{0,99}(?:lat|lon|lng|coord|breitengrad)\w{0,20}\s{0,99}=[^\S\n]{0,99}[^\s|}]", re.IGNORECASE
)  # with a value
_HEADING = re.compile(r"^(={1,6})[^=\n].*?\1[ \t]*$", re.MULTILINE)
_NOTE_MARK = re.compile(r"<!--|-->|<ref\b[^<>]*>|</ref\s*>", re.IGNORECASE)
_DISAMBIGUATION = re.compile(
    r"\{\{\s{0,9}(?:template:)?(?:(?![^{}|\n]{0,60}(?:needed|inline))[^{}|\n]{0,60}disambig[^{}|\n]{0,60}"
    r"|dab|disamb?|geo-?dis|hndis|hndab|(?:school|road|number|station|callsign|math|mil-unit)-?(?:dis|dab)"
    r"|begriffsklärung|homonymie|desambigua[cç][^{}|\n]{0,60}|dp)\s{0,9}[|}]|__DISAMBIG__",
    re.IGNORECASE,
)
# Parameters of an infobox that say where its subject lies, best first; then any other, but not those of a person's life or a
# river's ends. A template's own name for the same thing (map_coordinates, headquarters_coordinates) falls under "any other".
_BEST_FIELDS = ("coordinates", "coords", "coord", "location_coordinates", "site_coordinates", "mouth_coordinates", "location")
_FOREIGN_FIELD = re.compile(r"(?:birth|death|resting|burial|source|start|end|origin|destination|launch|landing)", re.IGNORECASE)


class Wikitext:
    """One page's wikitext. References and comments are cut out first: they are most of many articles, but not text."""

    def __init__(self, text: str) -> None:
        self.raw = text

    @cached_property
    def text(self) -> str:
        return without_notes(self.raw)

    @property
    def is_disambiguation(self) -> bool:
        return bool(_DISAMBIGUATION.search(self.raw))

    def coordinates(self) -> Place | None:
        """Where the subject lies; None where the article does not say. Raises ``InputError``: malformed, or not on Earth."""
        if not (_FIELD.search(self.raw) or _COORD_START.search(self.raw)):
            return None
        from_title = [each for each in self._coord_templates() if _is_for_title(each)]
        return _first_place(map(_place_of_coord, from_title)) or self._infobox_place()

    def plain_text(self, *, full: bool = False, dropped: frozenset[str] = frozenset()) -> str:
        """The lead (up to the first heading), or with ``full`` all sections but the lists at the end, without markup.

        ``dropped`` are this wiki's names (lower case) of the namespaces of files and categories, besides the English ones.
        """
        code = _parse(self.text) if full else self._lead
        return plain(code, dropped)

    @cached_property
    def _lead_chars(self) -> int:
        """Where the first heading begins that is not inside a template."""
        opened = at = 0
        for heading in _HEADING.finditer(self.text):
            opened += self.text.count("{{", at, heading.start()) - self.text.count("}}", at, heading.start())
            at = heading.start()
            if opened <= 0:
                return at
        return len(self.text)

    @cached_property
    def _lead(self) -> Any:
        return _parse(self.text[: self._lead_chars])

    def _coord_templates(self) -> Iterator[Any]:
        yield from (each for each in self._lead.filter_templates() if _is_coord(each))
        for start in _COORD_START.finditer(self.text, self._lead_chars):  # only these few characters of the rest are parsed
            form = _balanced(self.text, start.start())
            if _MAY_BE_TITLE.search(form):
                yield from (each for each in _parse(form).filter_templates() if _is_coord(each))

    def _infobox_place(self) -> Place | None:
        boxes = [each for each in self._lead.filter_templates() if _BOX.fullmatch(_name(each))]
        return _first_place(place for box in boxes for place in _places_of_box(box))


def without_notes(text: str) -> str:
    """Without <ref>…</ref> and <!-- … -->, in one pass: a pattern with .*? takes quadratic time where they are never closed."""
    kept, at, awaited = [], 0, ""
    for mark in _NOTE_MARK.finditer(text):
        token = mark[0].lower()
        if awaited:
            if token.startswith(awaited):
                at, awaited = mark.end(), ""
        else:
            kept.append(text[at : mark.start()])
            at = mark.end()
            if token == "<!--":
                awaited = "-->"
            elif token.startswith("<ref") and not token.endswith("/>"):
                awaited = "</ref"
    return "".join(kept) + ("" if awaited == "-->" else text[at:])


def _first_place(candidates: Iterable[Callable[[], Place | None]]) -> Place | None:
    """The first valid place; raises the first fault if none is valid."""
    fault = None
    for candidate in candidates:
        try:
            place = candidate()
            if place:
                return place
        except InputError as error:
            fault = fault or error
    if fault:
        raise fault
    return None


def _place_of_coord(template: Any) -> Callable[[], Place | None]:
    def place() -> Place | None:
        fields = _positional(template)
        check_globe(_value(template, "globe") or globe_in(fields))
        if _is_german(template):
            return place_from_axes(_value(template, "NS"), _value(template, "EW"))
        return place_from_fields(fields)

    return place


def _places_of_box(box: Any) -> Iterator[Callable[[], Place | None]]:
    other_globe = _OTHER_GLOBE_BOX.search(_name(box)) if _value(box, "globe").lower() != "earth" else None
    for candidate in _candidates_of_box(box):
        yield partial(_on_globe, candidate, other_globe[0] if other_globe else "")


def _on_globe(candidate: Callable[[], Place | None], globe: str) -> Place | None:
    place = candidate()
    if place:
        check_globe(globe)
    return place


def _candidates_of_box(box: Any) -> Iterator[Callable[[], Place | None]]:
    names = {str(each.name).strip().lower(): each for each in box.params if each.showkey}
    others = [name for name in names if name not in _BEST_FIELDS and not _FOREIGN_FIELD.match(name)]
    for name in [*(each for each in _BEST_FIELDS if each in names), *others]:
        inside = [each for each in names[name].value.filter_templates() if _is_coord(each)]
        yield from map(_place_of_coord, inside)
        if not inside and name in ("coordinates", "coords", "coord"):
            yield partial(place_from_text, plain(names[name].value))
    yield partial(place_of_old_fields, {name: _text(each.value) for name, each in names.items()})


def _parse(text: str) -> Any:
    text = text[:MAX_PARSED_CHARS]
    _check_nesting(text)
    return mwparserfromhell.parse(text, skip_style_tags=True)


def _check_nesting(text: str) -> None:
    """The parser starts again from every brace, bracket or tag that is never closed: 20,000 of them would take it minutes."""
    depths = {"{": 0, "[": 0, "<": 0}
    for mark in _MARKUP.finditer(text):
        token = mark[0]
        if token.endswith("/>"):
            continue
        kind = {"}": "{", "|": "{", "]": "["}.get(token[0], token[0])
        closes = token in ("}}", "|}", "]") or token.startswith("</")
        depths[kind] = max(0, depths[kind] + (-1 if closes else 1))
        if depths[kind] > MAX_NESTING:
            raise InputError(f"more than {MAX_NESTING} of '{token[:8]}' are open at once, which is not how articles are written")


def _balanced(text: str, start: int, limit: int = 2000) -> str:
    """From ``start`` to where as many }} as {{ were met."""
    depth = 0
    for mark in re.finditer(r"\{\{|\}\}", text[start : start + limit]):
        depth += 1 if mark[0] == "{{" else -1
        if depth == 0:
            return text[start : start + mark.end()]
    return ""


def _name(template: Any) -> str:
    return re.sub(r"(?i)^template\s*:\s*", "", str(template.name).replace("_", " ").strip())


def _is_coord(template: Any) -> bool:
    return bool(_COORD.fullmatch(_name(template)))


def _is_german(template: Any) -> bool:
    """de.wikipedia's Vorlage:Coordinate, which several smaller Wikipedias share, has a field for each axis."""
    return bool(template.has("NS") or template.has("EW"))


def _is_for_title(template: Any) -> bool:
    if _is_german(template):  # article= is how to write it next to the title, text= in the text; neither: next to the title
        return bool(_value(template, "article") or not _value(template, "text"))
    display = _value(template, "display").lower()
    by_name = re.match(r"(?i)coor (title|at) ", _name(template))
    return "title" in display or display.replace(",", "").strip() in ("t", "it", "ti") or bool(by_name)


def _value(template: Any, name: str) -> str:
    return _text(template.get(name).value) if template.has(name) else ""


def _positional(template: Any) -> list[str]:
    """Values of the parameters 1, 2, 3, … also where they are numbered in the text."""
    numbered = {int(str(each.name)): _text(each.value) for each in template.params if str(each.name).strip().isdigit()}
    return [numbered.get(number, "") for number in range(1, min(max(numbered, default=0), 20) + 1)]


def _text(code: Any) -> str:
    return html.unescape(str(code).replace("<nowiki/>", "")).strip()
