"""Where on this server things are: the page, the HTTP API and its documentation, all below one base path.

The base path is '' unless the server stands behind a proxy that gives it only a part of its addresses (docs/serving.md).
"""

import re

from index.errors import InputError

API = "/api/v1"
DOCS = "/api/docs"
FRONT = "/front"
METRICS = "/metrics"
HEALTH = "/healthz"  # answered without the token: a container's health check has none
# streamlit-folium takes what looks like a name of folium's, _[a-z0-9]+, out of the script of a map, so there is no underscore.
_BASE = re.compile(r"(/[A-Za-z0-9~-][A-Za-z0-9.~-]*)*")
_base = ""


def base_path(given: str) -> str:
    """'/maps' of 'maps', '/maps' or '/maps/'; '' of ''. Raises ``InputError`` for what cannot be one."""
    path = f"/{given.strip('/')}" if given.strip("/") else ""
    if not _BASE.fullmatch(path):
        raise InputError(f"a base path is made of letters, digits, '.', '~', '-' and '/', as /maps; got '{given[:60]}'")
    return path


def set_base(path: str) -> None:
    """Put everything below this path (as ``base_path`` gives it); called once, before the server starts."""
    global _base
    _base = path


def base() -> str:
    return _base


def here(path: str) -> str:
    """The address of what is at this path below the base."""
    return _base + path


def api(path: str) -> str:
    """The address of a route of the HTTP API, as ``api("/status")``."""
    return here(API + path)
