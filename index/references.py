"""References of a record to things elsewhere: a language, a Wikidata item, an address. Each function takes any value from a file or
a server and returns it in the catalogue's form, or '' if it is not valid: a bad image address must not cost the article.
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
    """``Q84``, also from the item's address as in query results."""
    found = _ITEM.fullmatch(value.strip()) if isinstance(value, str) else None
    return found[1] if found else ""


def web_address(value: Any) -> str:
    """An http(s) address with a host; not ``javascript:``, ``file:``, relative paths or GDAL's own /vsi prefixes."""
    if not isinstance(value, str) or _NEVER_IN_ADDRESSES.search(value):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:  # a bracket of an IPv6 host that is never closed
        return ""
    return value if parts.scheme in ("http", "https") and parts.hostname else ""
