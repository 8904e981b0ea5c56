"""What a record says of things elsewhere: a language, a Wikidata item, an address. Each function takes whatever a file or a server
holds and gives it in the form that the catalogue keeps, or '' where it is no such thing: nobody loses an article over its image.
"""

import re
from typing import Any
from urllib.parse import urlsplit

# BCP 47, and the longer codes in the addresses of Wikipedias (zh-min-nan, be-x-old, simple).
_LANGUAGE = re.compile(r"[A-Za-z]{2,12}(?:-[A-Za-z0-9]{1,12})*")
_ITEM = re.compile(r"(?:https?://(?:www\.)?wikidata\.org/(?:entity|wiki)/)?(Q[1-9][0-9]{0,14})")
_NEVER_IN_ADDRESSES = re.compile(r"[\s\x00-\x1f\x7f\\<>\"]")


def language_code(value: Any) -> str:
    """``de``, ``zh-min-nan``."""
    return value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else ""


def wikidata_id(value: Any) -> str:
    """``Q84``, also of the item's address as query results have it."""
    found = _ITEM.fullmatch(value.strip()) if isinstance(value, str) else None
    return found[1] if found else ""


def web_address(value: Any) -> str:
    """An http(s) address with a host; none of ``javascript:``, ``file:``, relative paths and GDAL's own /vsi prefixes."""
    if not isinstance(value, str) or _NEVER_IN_ADDRESSES.search(value):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:  # a bracket of an IPv6 host that is never closed
        return ""
    return value if parts.scheme in ("http", "https") and parts.hostname else ""
