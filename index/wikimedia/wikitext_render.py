"""Parsed wikitext -> plain text: prose stays; tables, infoboxes, references, files and categories go.

A few templates inside sentences are written out, as their absence would leave a hole ("at a height of ."); the rest are dropped.
"""

import re
from collections.abc import Callable
from typing import Any

from mwparserfromhell import nodes

_DROPPED_LINKS = frozenset({"file", "image", "category", "media", "datei", "bild", "fichier", "archivo", "imagen", "immagine"})
_DROPPED_TAGS = frozenset(
    {"ref", "references", "table", "gallery", "math", "chem", "score", "timeline", "imagemap", "style", "templatestyles",
     "syntaxhighlight", "source", "code", "graph", "mapframe", "maplink", "hiero", "indicator"}
)  # fmt: skip
_LISTS_AT_THE_END = frozenset(
    {"references", "external links", "see also", "notes", "further reading", "bibliography", "footnotes", "citations", "sources",
     "notes and references", "references and notes", "gallery", "works cited", "explanatory notes"}
)  # fmt: skip
_JOINTS = frozenset({"to", "and", "or", "-", "–", "by", "x", "×", "to(-)", "xx", "+/-", "±"})


def plain(code: Any, dropped: frozenset[str] = frozenset()) -> str:
    """The text of parsed wikitext; ``dropped`` are further names (lower case) of namespaces whose links are not text."""
    kept, skipping = [], 0
    for node in code.nodes:
        if isinstance(node, nodes.Heading) and (not skipping or node.level <= skipping):
            skipping = node.level if _written(node.title, dropped).strip().lower() in _LISTS_AT_THE_END else 0
        if not skipping:
            kept.append(_node(node, dropped))
    return _tidy("".join(kept))


def _written(code: Any, dropped: frozenset[str]) -> str:
    return "".join(_node(node, dropped) for node in code.nodes) if code is not None else ""


def _node(node: Any, dropped: frozenset[str]) -> str:
    match node:
        case nodes.Text():
            return str(node.value)
        case nodes.Wikilink():
            return _link(node, dropped)
        case nodes.Template():
            return _template(node, dropped)
        case nodes.Tag():
            return _tag(node, dropped)
        case nodes.Heading():
            return f"\n{_written(node.title, dropped).strip()}\n"
        case nodes.ExternalLink():
            return _written(node.title, dropped) if node.brackets else ""
        case nodes.HTMLEntity():
            return str(node.normalize())
    return ""


def _link(node: Any, dropped: frozenset[str]) -> str:
    title = str(node.title).strip()
    namespace = title.split(":")[0].strip().lower() if ":" in title else ""
    if namespace in _DROPPED_LINKS or namespace in dropped:
        return ""
    return _written(node.text, dropped) if node.text is not None else title.lstrip(":")


def _tag(node: Any, dropped: frozenset[str]) -> str:
    name = str(node.tag).strip().lower()
    if name in ("br", "hr"):
        return "\n"
    return "" if name in _DROPPED_TAGS else _written(node.contents, dropped)


def _template(node: Any, dropped: frozenset[str]) -> str:
    name = str(node.name).strip().lower().replace("_", " ")
    if name.startswith("formatnum:"):
        return name.partition(":")[2]
    if name.startswith("lang-"):
        write: Callable[[list[str]], str] | None = _nth(0)
    else:
        write = _WRITTEN_OUT.get(name)
    if write is None:
        return ""
    fields = [_written(each.value, dropped).strip() for each in node.params if not each.showkey]
    return write(fields)


def _nth(position: int) -> Callable[[list[str]], str]:
    return lambda fields: fields[position] if len(fields) > position else ""


def _measure(fields: list[str]) -> str:
    """{{convert|10|to|20|km|mi}} -> 10 to 20 km."""
    count = next((at for at, each in enumerate(fields) if each not in _JOINTS and not re.match(r"[-+−]?[\d.]", each)), len(fields))
    return " ".join(fields[: count + 1])


_WRITTEN_OUT: dict[str, Callable[[list[str]], str]] = {
    **dict.fromkeys(("convert", "cvt"), _measure),
    **dict.fromkeys(("lang", "langx", "transl", "transliteration", "abbr"), _nth(1)),
    **dict.fromkeys(
        ("nowrap", "nobr", "small", "big", "nobold", "nihongo", "ill", "interlanguage link", "linktext", "ubl"), _nth(0)
    ),
    **dict.fromkeys(("circa", "c.", "ca."), lambda fields: " ".join(["c.", *fields[:2]])),
    **dict.fromkeys(("as of",), lambda fields: " ".join(["As of", *fields])),
    **dict.fromkeys(("ndash", "endash", "en dash", "spaced ndash", "snd", "spnd"), lambda fields: " – "),
    **dict.fromkeys(("mdash", "emdash", "em dash"), lambda fields: "—"),
    **dict.fromkeys(("nbsp", "space", "spaces", "thinsp"), lambda fields: " "),
    "okina": lambda fields: "ʻ",
    "abbr": _nth(0),
    "frac": lambda fields: "/".join(fields[-2:]),
}

_TIDIES = [
    (re.compile(r"'{2,5}"), ""),
    (re.compile(r"__[A-Z]{3,}__"), ""),
    (re.compile(r"^[^\S\n]*(?:\{\||\|\}|\|-|\||!|\}\}|\{\{).*$", re.MULTILINE), ""),  # what is left of a table that is never closed
    (re.compile(r"[^\S\n]+"), " "),
    (re.compile(r"\( ?(?:[;,:] ?){1,20}"), "("),
    (re.compile(r"(?: ?[;,:]){1,20} ?\)"), ")"),
    (re.compile(r" ?\( ?\)"), ""),
    (re.compile(r"\( "), "("),
    (re.compile(r" (?=[,.;)])"), ""),
    (re.compile(r" *\n *"), "\n"),
    (re.compile(r"\n{2,}"), "\n"),
]


def _tidy(text: str) -> str:
    """Holes left by what was dropped: empty brackets, spaces before a comma, empty lines. Every pattern takes linear time."""
    for pattern, replacement in _TIDIES:
        text = pattern.sub(replacement, text)
    return text.strip()
