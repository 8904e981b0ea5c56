"""Tiny Wikipedia dumps in the true format: header, a stream for every 100 pages, the end tag, and the index beside them."""

import bz2
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="{language}">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>{language}wiki</dbname>
    <base>https://{language}.wikipedia.org/wiki/Main_Page</base>
    <generator>MediaWiki 1.45.0-wmf.4</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">{files}</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>
"""


def page_xml(number: int, title: str, text: str, namespace: int = 0, redirect: str = "") -> str:
    target = f'    <redirect title="{escape(redirect)}" />\n' if redirect else ""
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>
{target}    <revision>
      <id>{number + 1000}</id>
      <timestamp>2026-10-01T00:00:00Z</timestamp>
      <contributor><username>A</username><id>1</id></contributor>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text bytes="{len(text.encode())}" sha1="x" xml:space="preserve">{escape(text)}</text>
      <sha1>x</sha1>
    </revision>
  </page>
"""


def place_text(number: int) -> str:
    """Article number i: all different, marching over the globe; infobox, file and note must not show in the text."""
    lat, lon = number % 120 - 60, number % 360 - 180
    return (
        f"{{{{Infobox settlement|name=P{number}|coordinates={{{{coord|{lat}|{lon}|display=it}}}}}}}}\n[[File:a.jpg|thumb|x]]\n"
        f"'''P{number}''' is a [[town]] & a <small>port</small>.<ref>Note</ref>\n\n== History ==\nFounded in {number}.\n"
    )


def write_dump(
    folder: Path,
    pages: Sequence[str],
    *,
    name: str = "enwiki-20261001-pages-articles-multistream.xml.bz2",
    per_stream: int = 100,
    language: str = "en",
    files: str = "File",
    index: bool = True,
) -> tuple[Path, list[int]]:
    """The dump's path and where each of its page streams begins. ``pages`` are texts of ``page_xml``."""
    packed = bz2.compress(HEADER.format(language=language, files=files).encode())
    lines, offsets = [], []
    for first in range(0, len(pages), per_stream):
        offsets.append(len(packed))
        stream = pages[first : first + per_stream]
        lines += [f"{len(packed)}:{first + at + 1}:Title: with a colon {first + at}" for at in range(len(stream))]
        packed += bz2.compress("".join(stream).encode())
    path = folder / name
    path.write_bytes(packed + bz2.compress(b"</mediawiki>"))
    if index:
        beside = folder / name.replace(".xml", "-index.txt")
        beside.write_bytes(bz2.compress(("\n".join(lines) + "\n").encode()))
    return path, offsets
