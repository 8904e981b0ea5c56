"""The file format of MediaWiki's XML dumps: bz2 streams, the index next to them, the header, and pages cut out of the XML.

A ``…-pages-articles-multistream.xml.bz2`` is many bz2 streams one after another: the first holds the header, each of the others
100 pages. ``…-multistream-index.txt.bz2`` has a line ``offset:page id:title`` for every page. Whatever the size of a file, no more
than one page and one chunk of it is in memory. See https://meta.wikimedia.org/wiki/Data_dumps/Dump_format.
"""

import bz2
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from index.errors import InputError, PlaceBindError

CHUNK_BYTES = 2**20
MAX_PAGE_BYTES = 64 * 2**20  # MediaWiki's own limit is 2 MiB of text; more is a damaged file, or one made to fill the memory
MAX_STREAM_BYTES = 2**30  # of one stream of the index, unpacked; 100 pages are 1 to 5 MB


class DamagedDumpError(PlaceBindError):
    """The file cannot be read any further. ``offset`` is where the damaged bz2 stream begins, in bytes."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Header:
    """What a dump says of its wiki: the language as in its address, and its names (lower case) for files and categories."""

    language: str
    no_text: frozenset[str]


def unpacked(path: Path, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Chunks of at most 1 MiB of the file's contents between two compressed offsets. A file not named .bz2 is taken as it is.

    Raises ``DamagedDumpError`` where the file ends inside a stream or is not bz2, after yielding everything before that.
    """
    with path.open("rb") as file:
        file.seek(start)
        packed = iter(lambda: file.read(CHUNK_BYTES if stop is None else min(CHUNK_BYTES, stop - file.tell())), b"")
        if path.suffix.lower() != ".bz2":
            yield from packed
            return
        decoder, begun, stream_start, read_to = bz2.BZ2Decompressor(), False, start, start
        for data in packed:
            read_to += len(data)
            while data or not decoder.needs_input:
                if decoder.eof:
                    data = decoder.unused_data
                    decoder, begun, stream_start = bz2.BZ2Decompressor(), False, read_to - len(data)
                    continue
                begun = True
                try:
                    chunk = decoder.decompress(data, CHUNK_BYTES)
                except OSError:
                    raise DamagedDumpError("no bz2 stream, or a damaged one", stream_start) from None
                data = b""
                if chunk:
                    yield chunk
        if begun and not decoder.eof:
            raise DamagedDumpError("the file ends inside a bz2 stream", stream_start)


def pages(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The XML of each page, from ``<page>`` to ``</page>``. These tags cannot stand inside a text: there they are escaped."""
    buffer = bytearray()
    for chunk in chunks:
        searched = max(0, len(buffer) - len(b"</page>"))
        buffer += chunk
        done = 0
        while (end := buffer.find(b"</page>", max(searched, done))) >= 0:
            end += len(b"</page>")
            start = buffer.find(b"<page>", done, end)
            if start >= 0:
                yield bytes(buffer[start:end])
            done = end
        del buffer[:done]
        if len(buffer) > MAX_PAGE_BYTES:
            raise DamagedDumpError(f"a page is larger than {MAX_PAGE_BYTES // 2**20} MiB", 0)


def read_header(path: Path, language: str = "") -> Header:
    """What stands before the first page. Raises ``InputError`` for a file that is not a dump, or that does not name its
    language."""
    top = b""
    try:
        for chunk in unpacked(path):
            top += chunk[: CHUNK_BYTES - len(top)]
            if b"</siteinfo>" in top or b"<page>" in top or len(top) >= CHUNK_BYTES:
                break
    except DamagedDumpError as error:
        if b"<page>" not in top:
            raise InputError(f"{path}: {error}, at its very beginning; download it again") from None
    text = top.decode("utf-8", errors="replace").partition("<page>")[0]
    if "<mediawiki" not in text:
        raise InputError(f"{path}: expected a MediaWiki XML dump (…-pages-articles-multistream.xml.bz2), found something else")
    host = re.search(r"<base>\s*https?://([a-z-]+)\.(?:m\.)?wikipedia\.org/", text)
    if not (language or host):
        raise InputError(f"{path}: the header does not name a Wikipedia; say which it is with --language, for example en")
    names = re.findall(r'<namespace key="(?:6|14)"[^>]*>([^<]*)</namespace>', text)
    return Header(language or (host[1] if host else ""), frozenset(html.unescape(name).lower() for name in names))


def index_beside(path: Path) -> Path | None:
    """``…-multistream1.xml-p1p9.bz2`` -> ``…-multistream-index1.txt-p1p9.bz2``, if that file is there (packed or not)."""
    if path.suffix.lower() != ".bz2":
        return None  # its offsets are those of the packed file
    name, changes = re.subn(r"multistream(\d*)\.xml", r"multistream-index\1.txt", path.name)
    found = [path.with_name(each) for each in (name, name.removesuffix(".bz2")) if changes and path.with_name(each).is_file()]
    return found[0] if found else None


def stream_offsets(index: Path) -> Iterator[int]:
    """Where each stream of pages begins, in bytes, ascending. Raises ``InputError`` if the index cannot be read."""
    last, rest = -1, b""
    remedy = "download it again, or delete it: the dump is then read from beginning to end"
    try:
        for chunk in unpacked(index):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                number = line.split(b":", 1)[0]
                if not number.isdigit() or int(number) < last:
                    raise InputError(f"{index}: expected lines 'offset:page id:title' in order, got {line[:60]!r}; {remedy}")
                if int(number) > last:
                    last = int(number)
                    yield last
            if len(rest) > CHUNK_BYTES:
                raise InputError(f"{index}: expected lines 'offset:page id:title', found none; {remedy}")
    except DamagedDumpError as error:
        raise InputError(f"{index}: {error}; {remedy}") from None


def at_most(chunks: Iterable[bytes], limit_bytes: int) -> Iterator[bytes]:
    """The same chunks; raises ``DamagedDumpError`` once they are more than ``limit_bytes`` together."""
    left = limit_bytes
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise DamagedDumpError(f"a stream unpacks to more than {limit_bytes // 2**20} MiB", 0)
        yield chunk


def begins_stream(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(3) == b"BZh"
