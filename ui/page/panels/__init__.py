"""The pages of the map's server, one file each, found by name like the components of a registry."""

from functools import cache
from typing import Protocol, cast

from index.registry import load, names
from ui.server.workspace import Workspace

REGISTRY = "ui.page.panels"


class Panel(Protocol):
    """``TITLE`` names the tab. ``ORDER`` is the position among the tabs; a visit begins at the lowest."""

    TITLE: str
    ORDER: int

    def render(self, workspace: Workspace) -> None:
        """The whole page. A ``PlaceBindError`` that it raises is shown as a sentence."""


@cache
def panels() -> dict[str, Panel]:
    """The modules by name, in their order."""
    found = {name: cast(Panel, load(REGISTRY, name)) for name in names(REGISTRY)}
    return dict(sorted(found.items(), key=lambda item: (item[1].ORDER, item[0])))
