"""Places in links: geo: URIs (RFC 5870) and links of OpenStreetMap, Google Maps, Apple Maps and Bing Maps. Nothing is fetched."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from index.records import Place
from retrieval.asking.sentence.taken import Taken, read_as, stays

_NUMBER = r"[-+]?\d{1,3}(?:\.\d+)?"
_PAIR = re.compile(rf"\s*(?:loc:)?\s*({_NUMBER})\s*[,~]\s*({_NUMBER})\s*")
_LINK = re.compile(
    r"\bgeo:[^\s<>\"')\]]+|\bhttps?://[^\s<>\"]+"
    r"|\b(?:www\.)?(?:openstreetmap\.org|osm\.org|maps\.google\.\w+|google\.\w+(?:\.\w+)?/maps|maps\.apple\.com|goo\.gl/maps|maps\.app\.goo\.gl)/?[^\s<>\"]*",
    re.IGNORECASE,
)
_GEO = re.compile(rf"geo:({_NUMBER}),({_NUMBER})(?:,{_NUMBER})?(?:;[\w.=;%-]*)?(?:\?\S*)?", re.IGNORECASE)
_HASH = re.compile(rf"(?:^|[&])map=\d+(?:\.\d+)?/({_NUMBER})/({_NUMBER})")
_NAMED = re.compile(rf"/(?:place|search)/(?:[^/]*/)*?({_NUMBER}),\+?\s*({_NUMBER})(?:/|$)")
_PIN, _VIEW = re.compile(rf"!3d({_NUMBER})!4d({_NUMBER})"), re.compile(rf"/@({_NUMBER}),({_NUMBER})")
# Parameters with a latitude and a longitude, in the order of preference: what is marked before what is only in view.
_MARKED = ("q", "query", "destination", "daddr", "ll", "sll", "center", "cp", "sspn")
_SHORT = ("goo.gl", "maps.app.goo.gl")
_NAMES = {
    "openstreetmap": "OpenStreetMap",
    "osm": "OpenStreetMap",
    "google": "Google Maps",
    "apple": "Apple Maps",
    "bing": "Bing Maps",
}
_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~"  # of OpenStreetMap's short links


def links(text: str) -> Iterator[Taken]:
    """Every link to a place on a map; a link to such a service that states no position stays words, with a note. Other links are
    left alone."""
    for match in _LINK.finditer(text):
        link = match[0].rstrip(".,;!?)]}'") if not match[0].lower().startswith("geo:") else match[0].rstrip(".,;!?")
        start, stop = match.start(), match.start() + len(link)
        name, pair = _read(link)
        if pair and abs(pair[0]) <= 90 and abs(pair[1]) <= 180:
            yield read_as(text, start, stop, Place(lat=pair[0], lon=pair[1]), f"{name} link" if name != "geo" else "geo: URI")
        elif name == "geo" or pair:
            yield stays(text, start, stop, "it holds no latitude of up to 90 and longitude of up to 180 degrees")
        elif name and re.search(r"\w/.*\w|[?#].*\w", link.partition("://")[2] or link):  # more than the address of the service
            yield stays(
                text, start, stop, "the link does not state a position; open it and copy the link of the map that it leads to"
            )


def _read(link: str) -> tuple[str, tuple[float, float] | None]:
    """The service, '' if it is none that is known, and latitude and longitude, not yet checked."""
    if link.lower().startswith("geo:"):
        match = _GEO.fullmatch(link)
        return "geo", (float(match[1]), float(match[2])) if match else None
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
    except ValueError:  # brackets in the place of the host
        return "", None
    host = (parts.hostname or "").removeprefix("www.")
    labels = host.split(".")
    name = next((name for label, name in _NAMES.items() if label in labels), "")
    if host in _SHORT and ("maps" in parts.path or host != "goo.gl"):
        return "Google Maps", None
    given = parse_qs(parts.query)
    if name == "OpenStreetMap" and "mlat" in given and "mlon" in given:
        pair = _PAIR.fullmatch(f"{given['mlat'][0]},{given['mlon'][0]}")
        return name, (float(pair[1]), float(pair[2])) if pair else None
    if pair := _HASH.search(parts.fragment):  # also that of this page's own address
        return name or "map", (float(pair[1]), float(pair[2]))
    if not name or (name == "Google Maps" and "maps" not in host + parts.path):
        return "", None
    if name == "OpenStreetMap":
        short = re.match(r"/go/([\w~@=-]+)", parts.path)
        return name, _of_short_link(short[1]) if short else None
    path = unquote(parts.path)
    asked = (_PAIR.fullmatch(value) for key in _MARKED for value in given.get(key, []))
    pair = _PIN.search(path) or next(filter(None, asked), None) or _NAMED.search(path) or _VIEW.search(path)
    return name, (float(pair[1]), float(pair[2])) if pair else None


def _of_short_link(code: str) -> tuple[float, float]:
    """The middle of the tile that an OpenStreetMap short link names: three bits of each axis a character, longitude first."""
    lon = lat = bits = 0
    for character in code.replace("@", "~"):
        value = _CHARACTERS.find(character)
        if value < 0:  # '-' and '=' only make the zoom finer
            break
        for shift in (4, 2, 0):
            lon, lat = lon << 1 | value >> (shift + 1) & 1, lat << 1 | value >> shift & 1
        bits += 3
    return (lat + 0.5) / 2**bits * 180 - 90, (lon + 0.5) / 2**bits * 360 - 180
