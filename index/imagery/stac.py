"""Satellite scenes from a STAC API: a search for them, their metadata, and addresses that may be read.

STAC API 1.0 item search (https://github.com/radiantearth/stac-api-spec), by GET, page by page along rel=next links. All data from a
server is checked here; a ``StacItem`` can be trusted.
"""

import json
import math
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from index.errors import InputError, SourceError
from index.http import Client
from index.records import BBox, Rejected
from index.references import web_address

PAGE_ITEMS = 100
MAX_PAGES = 500
MAX_PAGE_BYTES = 64 * 2**20
TOKEN_RESERVE = timedelta(seconds=60)  # a token that expires sooner is renewed, so that it outlives the read


@dataclass(frozen=True, slots=True, kw_only=True)
class StacItem:
    """One item: ``hrefs`` by the names asked for; ``bounds`` in metres of ``epsg``, None where the item does not say.

    ``offset_applied``: whether the provider says that the offset of baseline 04.00 is removed; ``offset_stated``: the number that
    its bands say must be added to reflectance, 0 or -0.1.
    """

    id: str
    date: str
    epsg: int
    cloud_percent: float
    hrefs: Mapping[str, str]
    baseline: str = ""
    offset_applied: bool | None = None
    offset_stated: float | None = None
    bounds: tuple[float, float, float, float] | None = None
    url: str = ""


class StacApi:
    """A STAC API found by its landing page. Raises ``SourceError`` where the address is not one."""

    def __init__(self, client: Client, endpoint: str) -> None:
        self.client, self.endpoint = client, check_http(endpoint)
        landing = self._json(endpoint, {})
        self.filters = any(str(each).endswith("#query") for each in landing.get("conformsTo") or ())
        links = [link for link in _links(landing, "search") if str(link.get("method", "GET")).upper() == "GET"]
        if not links:
            raise SourceError(f"{endpoint}: not a STAC API with item search (no link rel=search); check the address")
        self.search_url = check_http(str(links[0].get("href")))

    def items(self, collection: str, box: BBox, dates: str, max_cloud_percent: float) -> Iterator[dict[str, Any]]:
        """All items, each once, including those without a cloud cover. ``dates`` is an RFC 3339 interval. Clouds are filtered here
        too, as not every server filters them.

        A box across the antimeridian is two searches: the standard allows one, but some servers get it wrong.
        """
        seen: set[str] = set()
        for west, east in [(box.west, 180.0), (-180.0, box.east)] if box.crosses_antimeridian else [(box.west, box.east)]:
            where = ",".join(f"{edge:.6f}" for edge in (west, box.south, east, box.north))
            parameters = {"collections": collection, "bbox": where, "datetime": dates, "limit": PAGE_ITEMS}
            if self.filters:
                parameters["query"] = json.dumps({"eo:cloud_cover": {"lte": max_cloud_percent}})
            for item in self._pages(parameters):
                if str(item.get("id")) not in seen and (cloud_percent(item) is None or overcast(item) <= max_cloud_percent):
                    seen.add(str(item.get("id")))
                    yield item

    def _pages(self, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        url, asked = self.search_url, set[str]()
        while url:
            page = self._json(url, {} if asked else parameters)
            asked.add(url if asked else "")
            features = page.get("features")
            features = features if isinstance(features, list) else []
            yield from (item for item in features if isinstance(item, dict))
            url = self._next(page) if features else ""
            if url and (url in asked or len(asked) >= MAX_PAGES):
                raise SourceError(f"{self.search_url}: the pages of the answer do not end ({len(asked)} read); ask for fewer dates")

    def _next(self, page: dict[str, Any]) -> str:
        for link in _links(page, "next"):
            if str(link.get("method", "GET")).upper() != "GET":
                raise SourceError(f"{self.search_url}: the next page is offered by {link['method']}, expected GET; use another API")
            return check_http(str(link.get("href")))
        return ""

    def _json(self, url: str, parameters: dict[str, Any]) -> dict[str, Any]:
        body = self.client.get(
            url, params=parameters, headers={"Accept": "application/geo+json, application/json"}, max_bytes=MAX_PAGE_BYTES
        )
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):  # a few kB of brackets exhaust the parser's stack
            answer = None
        if not isinstance(answer, dict):
            raise SourceError(f"{url}: expected JSON of a STAC API, got {body[:60]!r}; check the address")
        return answer


def stac_item_of(item: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> StacItem | Rejected:
    """The scene of an item. ``names`` maps each wanted asset to the keys that providers use for it."""
    try:
        facts, assets = _mapping(item, "properties"), _mapping(item, "assets")
        hrefs = {wanted: _href(assets, keys) for wanted, keys in names.items()}
        return StacItem(
            id=str(item.get("id", "")), date=_date(facts), epsg=_epsg(facts), cloud_percent=overcast(item), hrefs=hrefs,
            baseline=_baseline(facts), offset_applied=_applied(facts), offset_stated=_stated_offset(assets, names),
            bounds=_bounds(assets), url=_page_of(item),
        )  # fmt: skip
    except InputError as error:
        return Rejected(where=f"scene {item.get('id')}", why=f"{error}; it was left out, the others are read")


def cloud_percent(item: dict[str, Any]) -> float | None:
    """Clouds over the whole scene, None where the item does not say."""
    facts = item.get("properties")
    try:
        said = float(facts["eo:cloud_cover"]) if isinstance(facts, dict) else math.nan  # some write it as text
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return said if 0 <= said <= 100 else None


def overcast(item: dict[str, Any]) -> float:
    """``cloud_percent``; an item without one counts as overcast."""
    said = cloud_percent(item)
    return 100.0 if said is None else said


class Tokens:
    """Shared access signatures of Azure Blob Storage, as Planetary Computer issues them for its files.

    ``url`` answers ``GET url/account/container`` with ``token`` and ``msft:expiry``. Only addresses whose host ends with ``hosts``
    are signed: a token must not travel elsewhere. Safe to share between threads.
    """

    def __init__(self, client: Client, url: str, hosts: str) -> None:
        self.client, self.url, self.hosts = client, url, hosts
        self._known: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def concern(self, href: str) -> bool:
        return bool(self.url) and (urlsplit(href).hostname or "").endswith(self.hosts) and not urlsplit(href).query

    def sign(self, href: str, *, refused: str = "") -> str:
        """The address with a token that is valid for another minute; ``refused`` is a signed address that was turned down."""
        if not self.concern(href):
            return href
        with self._lock:
            account, container = (urlsplit(href).hostname or "").split(".")[0], urlsplit(href).path.split("/")[1]
            token, expiry = self._known.get(f"{account}/{container}", ("", datetime.min.replace(tzinfo=UTC)))
            if expiry - datetime.now(UTC) < TOKEN_RESERVE or refused.endswith(f"?{token}"):
                token, expiry = self._known[f"{account}/{container}"] = self._fetch(f"{self.url}/{account}/{container}")
        return f"{href}?{token}"

    def _fetch(self, url: str) -> tuple[str, datetime]:
        try:
            answer = json.loads(self.client.get(url, max_bytes=2**16))
            expiry = datetime.fromisoformat(answer["msft:expiry"])
            return str(answer["token"]), expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{url}: expected a token and msft:expiry ({type(error).__name__}); try again later") from None


def check_http(url: str) -> str:
    """The address, if it is one on the web: file paths and GDAL's own /vsi prefixes are refused."""
    if not web_address(url):
        raise InputError(f"expected an http(s) address, got '{url[:80]}'")
    return url


def _links(page: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    links = page.get("links")
    return [link for link in (links if isinstance(links, list) else ()) if isinstance(link, dict) and link.get("rel") == rel]


def _mapping(item: dict[str, Any], key: str) -> dict[str, Any]:
    value = item.get(key)
    if not isinstance(value, dict):
        raise InputError(f"the item has no {key}")
    return value


def _href(assets: dict[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        if isinstance(assets.get(key), dict) and isinstance(assets[key].get("href"), str):
            return check_http(assets[key]["href"])
    raise InputError(f"the item has no asset {' or '.join(keys)}")


def _date(facts: dict[str, Any]) -> str:
    said = str(facts.get("datetime") or facts.get("start_datetime") or "")
    if not re.match(r"20\d\d-[01]\d-[0-3]\d", said):
        raise InputError(f"the item has no date (datetime is '{said[:30]}')")
    return said[:10]


def _epsg(facts: dict[str, Any]) -> int:
    """Projection extension 2 says proj:code 'EPSG:32633', version 1 proj:epsg 32633."""
    said = re.fullmatch(r"(?:EPSG:)?(32[67]\d\d)", str(facts.get("proj:code") or facts.get("proj:epsg") or ""))
    if not said:
        raise InputError("the item names no UTM zone (proj:code or proj:epsg)")
    return int(said.group(1))


def _baseline(facts: dict[str, Any]) -> str:
    keys = ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version")
    said = next((str(facts[key]) for key in keys if facts.get(key)), "")
    return said if re.fullmatch(r"\d\d\.\d\d", said) else ""


def _applied(facts: dict[str, Any]) -> bool | None:
    """The flag of Earth Search, which version 1 calls earthsearch:… and version 0 sentinel:…"""
    said = [facts.get(f"{prefix}:boa_offset_applied") for prefix in ("earthsearch", "sentinel")]
    return next((each for each in said if isinstance(each, bool)), None)


def _stated_offset(assets: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> float | None:
    """The offset that all bands (not SCL) state in raster:bands, or by raster extension 2 in bands or the asset itself. Raises
    ``InputError`` if they state a unit other than reflectance x 10,000 with or without the offset."""
    chosen = [next(assets[key] for key in keys if key in assets) for band, keys in names.items() if band != "SCL"]
    stated = {unit for asset in chosen if (unit := _unit(asset))}
    if not stated:
        return None
    if len(stated) > 1 or next(iter(stated)) not in ((1e-4, 0.0), (1e-4, -0.1)):
        shown = ", ".join(f"{scale:g} and {offset:g}" for scale, offset in sorted(stated))
        raise InputError(f"its bands state scale and offset {shown}, expected 0.0001 and 0 or -0.1; use another collection")
    return next(iter(stated))[1]


def _unit(asset: dict[str, Any]) -> tuple[float, float] | None:
    """(scale, offset), None where the asset states neither."""
    bands = asset.get("raster:bands") or asset.get("bands") or [{}]
    said = asset | bands[0] if isinstance(bands, list) and isinstance(bands[0], dict) else asset
    pair = [said.get(name, said.get(f"raster:{name}")) for name in ("scale", "offset")]
    if pair == [None, None]:
        return None
    try:
        scale, offset = (default if each is None else float(each) for each, default in zip(pair, (1.0, 0.0), strict=True))
    except (TypeError, ValueError):
        raise InputError(f"a band states scale and offset as {pair}, expected numbers; use another collection") from None
    return round(scale, 9), round(offset, 9)


def _bounds(assets: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """Edges of the scene, from any asset that has its grid."""
    for asset in assets.values():
        try:
            (step_x, _, left, _, step_y, top), (rows, columns) = asset["proj:transform"][:6], asset["proj:shape"]
            return float(left), float(top + rows * step_y), float(left + columns * step_x), float(top)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    return None


def _page_of(item: dict[str, Any]) -> str:
    href = next((str(link.get("href")) for link in _links(item, "self")), "")
    return href if href.startswith(("https://", "http://")) else ""
