"""HTML that is escaped unless it is known to be ours: names of models, labels of places and cards come from outside."""

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from ui.console import harmless

VOID = frozenset({"meta", "col", "br"})  # the elements used here that have no end tag


class Html(str):
    """Markup made by ``tag``, inserted as it is; any other text is escaped when it is put into a tag."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"


def tag(name: str, /, *children: Child, **attributes: "str | float | bool | None") -> Html:
    """An element of HTML or SVG. ``class_`` is class, ``stroke_width`` stroke-width; None and False leave an attribute out."""
    shown = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)
    if name in VOID:
        return Html(f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Html:
    """Several children one after the other."""
    return Html("".join(_child(each) for each in children))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    return escape(harmless(child)) if isinstance(child, str) else joined(*child)


def _attribute(name: str, value: "str | float | bool") -> str:
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = value if isinstance(value, str) else f"{value:g}"
    return f' {name}="{escape(harmless(text))}"'
