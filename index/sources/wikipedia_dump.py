"""Articles with coordinates from a Wikipedia dump (pages-articles-multistream .xml.bz2), streamed, on several cores.

Text CC BY-SA 4.0, the contributors of Wikipedia (https://dumps.wikimedia.org). English: about 25 GB packed, over a million articles
with coordinates. With the index next to the dump (…-multistream-index.txt.bz2, found by its name) each core reads different
streams; without it, one core unpacks and the others read. Redirects, disambiguation pages and all namespaces but articles are left
out.
"""

import os
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from pydantic import Field

from index.errors import InputError
from index.records import Article, Done, Modality, Rejected
from index.references import language_code
from index.settings import Settings
from index.tables.rows import record_or_rejection
from index.wikimedia.in_order import in_order
from index.wikimedia.mediawiki_dump import (
    MAX_STREAM_BYTES,
    DamagedDumpError,
    Header,
    at_most,
    begins_stream,
    index_beside,
    pages,
    read_header,
    stream_offsets,
    unpacked,
)

RULES = 3  # raise it when pages are read differently: units read by older rules are then read again
PAGES_PER_UNIT = 100
MAX_UNIT_BYTES = 8 * 2**20  # of unpacked pages on their way to a worker; 100 pages are 1 to 5 MB
BYTES_PER_WORKER = 4 * 10**6  # packed, 1.5 s of reading; a process needs 0.4 s to start
MAX_STRANGERS = 10  # offsets without a stream before the index counts as that of another file
_HEAD_BYTES = 4096  # title, namespace and redirect of a page stand before this
# On bytes in lower case: a template of the {{coord}} family, or a field for a coordinate that has a value.
_MAY_HAVE_PLACE = re.compile(
    rb"\{\{\s{0,9}(?:template\s?:\s?)?(?:coor|co-ord|latlong|geobox[ _]coor)"
    rb"|\|\s{0,99}(?:lat|lon|lng|coord|breitengrad)\w{0,20}\s{0,99}=[^\S\n]{0,99}[^\s|}]"
)
_REMEDY = "download the file again (compare its checksum) and repeat the command"


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="dumps: …-pages-articles-multistream.xml.bz2, whole or in parts", min_length=1)
    index: Path | None = Field(None, description="the index of the dump, if it is not next to it under its own name")
    workers: int = Field(0, description="processes; 0: one for each core, at most 8, fewer for a small dump", ge=0, le=64)
    language: str = Field("", description="of the Wikipedia, as in its address; absent: as the dump says", pattern="^[a-z-]*$")
    full: bool = Field(False, description="the whole text of each article, not only what stands before the first heading")
    limit: int | None = Field(
        None, description="stop after about so many articles (whole units of 100 pages); the next run resumes there", ge=1
    )


def build(**options: Any) -> "WikipediaDump":
    return WikipediaDump(Options.parse(options, where="wikipedia_dump"))


@dataclass(frozen=True, slots=True)
class Unit:
    """What is read at once, and its name in the catalogue: one stream (``start`` to ``stop``), or the XML of some pages."""

    name: str
    path: Path
    header: Header
    start: int = 0
    stop: int | None = None
    xml: tuple[bytes, ...] | None = None


class WikipediaDump:
    modality: Modality = "articles"
    total = None  # the number of pages with coordinates is known only after reading

    def __init__(self, options: Options) -> None:
        self.options = options
        if options.index and len(options.paths) > 1:
            raise InputError("--index belongs to one dump, got several; put each index next to its dump instead")
        for path in [*options.paths, *([options.index] if options.index else [])]:
            if not path.is_file():
                raise InputError(f"{path}: no such file; give a dump from https://dumps.wikimedia.org")
        self.headers = {path: read_header(path, options.language) for path in options.paths}
        # ``limit`` and ``workers`` do not change what a unit holds; file names and sizes are in the units' own names.
        self.key = f"wikipedia_dump rules={RULES} full={options.full} language={options.language}"

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Article | Rejected | Done]:
        count = 0
        for record in in_order(self._units(finished), partial(read_unit, full=self.options.full), self._workers()):
            yield record
            count += isinstance(record, Article)
            if self.options.limit and count >= self.options.limit and isinstance(record, Done):
                return  # only between units: the middle of one would be read again, and a small limit never get beyond it

    def _workers(self) -> int:
        size = sum(path.stat().st_size for path in self.options.paths)
        return self.options.workers or min(8, os.cpu_count() or 1, 1 + size // BYTES_PER_WORKER)

    def _units(self, finished: Container[str]) -> Iterator[Unit | Rejected]:
        for path, header in self.headers.items():
            index = self.options.index or index_beside(path)
            name = f"{path.name} of {path.stat().st_size} bytes"
            for unit in _streams(path, header, name, index) if index else _batches(path, header, name):
                if isinstance(unit, Rejected) or unit.name not in finished:
                    yield unit


def _streams(path: Path, header: Header, name: str, index: Path) -> Iterator[Unit | Rejected]:
    """One unit for each stream that the index names."""
    size = path.stat().st_size
    strangers = 0
    for start, stop in pairwise(chain(stream_offsets(index), [-1])):  # -1: to the end of the file
        if start >= size:
            why = f"the file ends at {size} bytes, but its index {index.name} continues; {_REMEDY}"
            yield Rejected(where=f"{path}, offset {start}", why=why)
            return
        strangers += not begins_stream(path, start)
        if strangers > MAX_STRANGERS:
            why = f"the index {index.name} does not fit this file; give the one of the same date with --index, or delete it"
            yield Rejected(where=f"{path}, offset {start}", why=why)
            return
        yield Unit(f"{name}, stream at {start}", path, header, start, None if stop < 0 else stop)


def _batches(path: Path, header: Header, name: str) -> Iterator[Unit | Rejected]:
    """One unit for every 100 pages or 8 MiB, in files without index; unpacked here, read by the workers."""
    batch: list[bytes] = []
    first = size = 0
    try:
        for page in pages(unpacked(path)):
            batch.append(page)
            size += len(page)
            if len(batch) == PAGES_PER_UNIT or size >= MAX_UNIT_BYTES:
                yield Unit(f"{name}, pages from {first}", path, header, xml=tuple(batch))
                first, batch, size = first + len(batch), [], 0
        if batch:
            yield Unit(f"{name}, pages from {first}", path, header, xml=tuple(batch))
    except DamagedDumpError as error:
        if batch:
            yield Unit("", path, header, xml=tuple(batch))  # without a name it is not noted as finished
        why = f"{error}; the pages before it were read; {_REMEDY}"
        yield Rejected(where=f"{path}, offset {error.offset}", why=why)


def read_unit(unit: Unit | Rejected, *, full: bool) -> list[Article | Rejected | Done]:
    """All records of one unit; ``Done`` comes last, unless the file is damaged in the unit, which must then be read again."""
    if isinstance(unit, Rejected):
        return [unit]
    records: list[Article | Rejected | Done] = []
    xml = pages(at_most(unpacked(unit.path, unit.start, unit.stop), MAX_STREAM_BYTES)) if unit.xml is None else iter(unit.xml)
    try:
        for page in xml:
            record = read_page(page, unit, full=full)
            if record is not None:
                records.append(record)
    except DamagedDumpError as error:
        why = f"{error}; the pages before it were read; {_REMEDY}, with the index of the same date"
        return [*records, Rejected(where=f"{unit.path}, offset {error.offset or unit.start}", why=why)]
    return [*records, Done(unit=unit.name)] if unit.name else records


def read_page(xml: bytes, unit: Unit, *, full: bool) -> Article | Rejected | None:
    """An article; None for other pages. Most of these are recognised from the bytes, without parsing."""
    head = xml[:_HEAD_BYTES]
    if b"<ns>0</ns>" not in head or b"<redirect " in head or not _MAY_HAVE_PLACE.search(xml.lower()):
        return None
    try:
        # A document type could only stand before <page>, which is where this begins: entities cannot be defined.
        page = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        return Rejected(where=f"{unit.path}, {_title_in(head)}", why=f"the page is not well-formed XML ({error}); {_REMEDY}")
    title = (page.findtext("title") or "").strip()
    revisions = page.findall("revision")
    text = revisions[-1].findtext("text") if revisions else ""
    read = partial(article, title, text or "", unit.header, full=full)
    return record_or_rejection(read, f"{unit.path.name}, page '{title}'", "left out, correct it in Wikipedia")


def article(title: str, wikitext: str, header: Header, *, full: bool) -> Article | None:
    """The article, if it says where its subject lies. Raises ``InputError``: bad coordinates, or no text before the headings."""
    from index.wikimedia.wikitext import Wikitext

    page = Wikitext(wikitext)
    if page.is_disambiguation or title.endswith("(disambiguation)") or re.match(r"\s*#redirect\b", wikitext, re.IGNORECASE):
        return None
    place = page.coordinates()
    if place is None:
        return None
    text = page.plain_text(full=full, dropped=header.no_text)
    url = f"https://{header.language}.wikipedia.org/wiki/{quote(title.replace(' ', '_'), safe=';@$!*(),/~:')}"
    return Article(
        place=place, title=title, text=text, url=url, source=f"Wikipedia dump ({header.language})", licence="CC BY-SA 4.0",
        language=language_code(header.language),
    )  # fmt: skip


def _title_in(head: bytes) -> str:
    found = re.search(rb"<title>([^<]{1,300})", head)
    return f"page '{found[1].decode(errors='replace')}'" if found else "a page without title"
