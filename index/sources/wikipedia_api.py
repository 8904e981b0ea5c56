"""Wikipedia articles of a region, from the MediaWiki API: the lead (or all) of every article with a primary coordinate on Earth.

Licence of the texts: CC BY-SA 4.0; attribute by the link to each article, which is kept. Cite as "Wikipedia contributors". One
request for each 20 x 20 km of the region and one more for each 20 leads (with --full: for each article); a lead is about 1.3 kB.
For more than a large country take the dump (wikipedia-dump). After an interruption, the same command resumes where it stopped.
"""

import math
from collections.abc import Container, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote, urljoin

from pydantic import Field

from index.errors import InputError, MissingExtraError
from index.http import Client
from index.places.cells import area_m2, cells, quarters
from index.places.countries import Country, find_country, towns_in
from index.records import Article, BBox, Done, Modality, Place, Rejected
from index.references import web_address, wikidata_id
from index.settings import Settings
from index.tables.rows import record_or_rejection
from index.tables.values import as_list, as_mapping, as_text
from index.wikimedia.mediawiki import Api, Page

LICENCE = "CC BY-SA 4.0"
BACKOFF_S = 1.0  # of the HTTP client; tests make it tiny

# Extension:GeoData refuses boxes over (2 x MaxGeoSearchRadius)^2 = 20 x 20 km or under 100 m2 with the code 'toobig'
# (QueryGeoSearch::parseBbox), and answers with at most 500 hits, the nearest to the centre, without saying that there are more.
CELL_SIDE_M = 19_800.0
LEAST_AREA_M2 = 100.0
MOST_HITS = 500
FULL_CELL = 450  # hits of deleted pages count in the 500 but are not sent: a cell is cut before it looks full
LEADS_PER_REQUEST = 20  # exlimit of Extension:TextExtracts; 1 for whole articles

# For the estimate: geotagged articles in 2015-11 (https://de.wikipedia.org/wiki/Wikipedia:WikiProjekt_Georeferenzierung/
# Wikipedia-World/en); the mean lead of WikToR's articles; the rest is assumed.
ARTICLES = {
    "en": 1_145_000,
    "de": 772_000,
    "sv": 372_000,
    "fr": 293_000,
    "nl": 233_000,
    "ru": 226_000,
    "pl": 150_000,
    "ja": 107_000,
}
OTHER_ARTICLES = 90_000
EARTH = BBox(south=-90, west=-180, north=90, east=180)
EARTH_KM2 = 510e6
LEAD_BYTES, FULL_BYTES, PAGE_BYTES, ANSWER_BYTES = 1_300, 8_000, 700, 200
ANSWER_S = 0.4


class Options(Settings):
    bbox: tuple[float, float, float, float] | None = Field(
        None, description="south,west,north,east in degrees; west > east crosses the antimeridian"
    )
    country: str = Field("", description="a country instead of a box: its English name or ISO code")
    language: str = Field("en", pattern=r"^[a-z]{2,12}(-[a-z]{2,12})*$", description="language code of the Wikipedia")
    full: bool = Field(False, description="whole articles instead of their leads: 20 times the requests")
    limit: int | None = Field(None, ge=1, description="stop after this many articles")
    contact: str = Field("", max_length=200, pattern=r"^[ -~]*$", description="e-mail or page that Wikimedia can reach you by")
    min_interval_s: float = Field(0.2, ge=0, description="least time between two requests")
    endpoint: str = Field("", description="address of the API, for a mirror; absent: that of Wikipedia")


def build(**options: Any) -> "WikipediaApi":
    return WikipediaApi(Options.parse(options, where="wikipedia_api"))


class WikipediaApi:
    modality: Modality = "articles"
    total: int | None = None  # known only from the answers

    def __init__(self, options: Options) -> None:
        if (options.bbox is None) == (not options.country):
            raise InputError("give either --bbox south,west,north,east or --country")
        self.options = options
        self.country = find_country(options.country) if options.country else None
        self.region = self.country.band if self.country else _box(options.bbox)
        endpoint = options.endpoint or f"https://{options.language}.wikipedia.org/w/api.php"
        self.api = Api(endpoint, Client(min_interval_s=options.min_interval_s, backoff_s=BACKOFF_S), options.contact)

    @property
    def key(self) -> str:
        where = f"country={self.country.code}" if self.country else f"bbox={_unit(self.region)}"
        return f"wikipedia_api {self.options.language} {self.api.endpoint} {where} {'full' if self.options.full else 'lead'}"

    def estimate(self) -> dict[str, float]:
        """Requests, bytes, seconds and records of an ingest, without a request: a rough guess from the towns of the region."""
        options, count, area_km2 = self.options, 0, 0.0
        for cell in self._cells():
            count, area_km2 = count + 1, area_km2 + area_m2(cell) / 1e6
        records = ARTICLES.get(options.language, OTHER_ARTICLES) * self._share_of_globe(area_km2)
        share = min(1.0, options.limit / records) if options.limit and records else 1.0
        per_request, text_bytes = (1, FULL_BYTES) if options.full else (LEADS_PER_REQUEST, LEAD_BYTES)
        requests = math.ceil(share * (count + records / per_request))
        size = requests * ANSWER_BYTES + share * records * (PAGE_BYTES + text_bytes)
        seconds = requests * max(ANSWER_S, options.min_interval_s)
        return {"requests": requests, "bytes": round(size), "seconds": round(seconds, 1), "records": round(share * records)}

    def _share_of_globe(self, area_km2: float) -> float:
        """The region's share of all articles: its share of the towns or, without the gazetteer, of the Earth's surface."""
        try:
            return (len(self.country.own.data) if self.country else towns_in(self.region)) / towns_in(EARTH)
        except MissingExtraError:
            return area_km2 / EARTH_KM2

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Article | Rejected | Done]:
        """A page that two cells share comes once; with ``limit``, the cell begun last is not noted as done."""
        delivered, seen = 0, set[int]()
        for cell in self._cells():
            for each in self._cell(cell, finished, seen):
                yield each
                delivered += isinstance(each, Article)
                if delivered == self.options.limit:
                    return

    def _cells(self) -> Iterator[BBox]:
        return self.country.cells(CELL_SIDE_M) if self.country else cells(self.region, CELL_SIDE_M)

    def _cell(self, cell: BBox, finished: Container[str], seen: set[int]) -> Iterator[Article | Rejected | Done]:
        """All records of one cell. A cell that was cut is done when its quarters are; a repeated run sees that by one request."""
        if _unit(cell) in finished:
            return
        divisible = min(map(area_m2, quarters(cell))) >= LEAST_AREA_M2
        pages = self._pages(cell, FULL_CELL if divisible else math.inf)
        if pages is None:
            for quarter in quarters(cell):
                yield from self._cell(quarter, finished, seen)
        else:
            fresh = [page for number, page in pages.items() if number not in seen]
            seen.update(pages)
            yield from filter(None, map(self._record, fresh))
            if len(pages) >= FULL_CELL:
                yield Rejected(
                    where=f"cell {_unit(cell)}", why=f"{len(pages)} articles in 10 m, the API may hide more; take the dump"
                )
        yield Done(unit=_unit(cell))

    def _pages(self, cell: BBox, too_many: float) -> dict[int, Page] | None:
        """The complete pages of a cell by number; None if there are ``too_many`` to be sure that the API lists all."""
        pages: dict[int, Page] = {}
        for answer in self.api.query(self._search(cell)):
            _merge(answer, pages)
            if len(pages) >= too_many:
                return None
        # The continuation of extracts counts positions in a search that is repeated each time. If it shifts, some pages are left
        # out, and a page found only later has an extract and nothing else, as all but the extracts come with the first answer.
        left = [str(number) for number, page in pages.items() if not {"extract", "fullurl"} <= page.keys()]
        for start in range(0, len(left), LEADS_PER_REQUEST):
            for answer in self.api.query({"pageids": "|".join(left[start : start + LEADS_PER_REQUEST]), **self._properties()}):
                _merge(answer, pages)
        return pages

    def _search(self, cell: BBox) -> dict[str, Any]:
        corners = "|".join(f"{edge:.7f}" for edge in (cell.north, cell.west, cell.south, cell.east))
        return {"generator": "geosearch", "ggsbbox": corners, "ggslimit": MOST_HITS, **self._properties()}

    def _properties(self) -> dict[str, Any]:
        """The properties to request of each page: only those that ``Article`` holds.

        The page's image comes by its name among the properties, for all pages at once. ``prop=pageimages`` would give its address,
        but continues after 50 pages in a search that may have changed, and then an image left out looks like none.
        """
        extracts = {"exlimit": 1, "exsectionformat": "plain"} if self.options.full else {"exlimit": LEADS_PER_REQUEST, "exintro": 1}
        known = "disambiguation|wikibase_item|page_image_free"
        facts = {"colimit": "max", "coprop": "globe|country", "ppprop": known, "inprop": "url"}
        return {"prop": "coordinates|extracts|pageprops|info", "explaintext": 1, **facts, **extracts}

    def _record(self, page: Page) -> Article | Rejected | None:
        """The article of a page; None where it lies outside of the country."""
        where = as_text(page.get("fullurl")) or as_text(page.get("title")) or f"page {page['pageid']}"
        return record_or_rejection(partial(self._article, page), where, "correct the article, or leave it out")

    def _article(self, page: Page) -> Article | None:
        title, url, properties = as_text(page.get("title")), as_text(page.get("fullurl")), as_mapping(page.get("pageprops"))
        point = _primary(page)
        place = Place(lat=point["lat"], lon=point["lon"])
        if self.country and not _is_in(self.country, place, point.get("country")):
            return None
        if "disambiguation" in properties:
            raise InputError("a disambiguation page, which describes no place")
        source, country = f"Wikipedia ({self.options.language})", self.country.name if self.country else ""
        return Article(
            place=place, title=title, text=as_text(page.get("extract")).strip(), url=url, country=country, source=source,
            licence=LICENCE, language=self.options.language, wikidata=wikidata_id(properties.get("wikibase_item")),
            image=_image(url, properties.get("page_image_free")),
        )  # fmt: skip


def _merge(answer: list[Page], pages: dict[int, Page]) -> None:
    for page in answer:
        pages.setdefault(page["pageid"], {}).update(page)


def _primary(page: Page) -> dict[str, Any]:
    """The coordinate that the article is about. Raises ``InputError`` where there is none, or not on Earth."""
    points = page.get("coordinates")
    for point in as_list(points):
        numbers = isinstance(point, dict) and all(isinstance(point.get(axis), int | float) for axis in ("lat", "lon"))
        if numbers and point.get("primary") and point.get("globe", "earth") == "earth":
            return point
    raise InputError("no primary coordinate on Earth")


def _image(page_url: str, name: Any) -> str:
    """The address that leads to a file of this wiki or of Commons by its name; '' where the page has no (free) image."""
    if not isinstance(name, str) or not name or not web_address(page_url):
        return ""
    return urljoin(page_url, f"/wiki/Special:FilePath/{quote(name, safe='', errors='replace')}")


def _box(bbox: tuple[float, float, float, float] | None) -> BBox:
    south, west, north, east = bbox or (0.0, 0.0, 0.0, 0.0)
    return BBox(south=south, west=west, north=north, east=east)


def _unit(box: BBox) -> str:
    return ",".join(f"{edge:.7f}" for edge in (box.south, box.west, box.north, box.east))


def _is_in(country: Country, place: Place, stated: Any) -> bool:
    """By what the article states (region:DE-BY in its coordinate), else by the nearest town."""
    if isinstance(stated, str) and stated:
        return stated.upper() == country.code
    return bool(country.touches(place.lat, place.lon))
