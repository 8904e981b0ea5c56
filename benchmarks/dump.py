"""Reading a Wikipedia dump: pages/s per core next to plain mwxml iteration over the same file, memory at 1x and 10x the pages.

    python benchmarks/dump.py [--pages 20000] [--workers 4] [--folder FOLDER]

The dump is synthetic, in the true format: of ten pages four are redirects, one is a template, five are articles of log-normal
length (median 4 kB, mean 8 kB, half references), of which 18 % have coordinates. 20,000 pages differ, then they repeat. The larger
dump is a minute's work for one core, so the half second in which a worker starts does not matter, and is written in
a few seconds. The core's speed is pages over CPU seconds of all processes together, not over wall-clock time. Memory is the
peak of the main process plus that of the largest worker times their number. Every figure comes from a process of its own.
"""

import argparse
import bz2
import itertools
import json
import multiprocessing
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

WORDS = tuple(
    "the of in and a to was is river town north county district built church station village population area century".split()  # noqa: SIM905
)
PAGES_PER_STREAM = 100
DIFFERENT_PAGES = 20_000
HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en"><siteinfo>
<sitename>Wikipedia</sitename><dbname>enwiki</dbname><base>https://en.wikipedia.org/wiki/Main_Page</base>
<generator>MediaWiki 1.45</generator><case>first-letter</case><namespaces><namespace key="0" case="first-letter" />
<namespace key="6" case="first-letter">File</namespace></namespaces></siteinfo>
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20_000, help="pages of the smaller dump; the other has ten times as many")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="folder with room for the dumps (150 MB), which are deleted at the end")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure[0], Path(asked.measure[1]))))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        table = Table(title="Reading a dump")
        for heading in ("reader", "pages", "XML MB", "articles", "wall s", "CPU s", "pages/s wall", "pages/s/core", "peak MiB"):
            table.add_column(heading, justify="left" if heading == "reader" else "right")
        for count in (asked.pages, 10 * asked.pages):
            path, size = write_dump(Path(folder), count)
            for reader in ("mwxml", "placebind-1", f"placebind-{asked.workers}", f"placebind-{asked.workers}-without-index"):
                table.add_row(*row(reader, count, size, path))
        Console(width=140).print(table)


def row(reader: str, count: int, size: int, path: Path) -> list[str]:
    command = [sys.executable, __file__, "--measure", reader, str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    wall_s, cpu_s = found["wall_s"], found["cpu_s"]
    figures = [f"{count:,}", f"{size / 1e6:.0f}", f"{found['articles']:,}", f"{wall_s:.1f}", f"{cpu_s:.1f}"]
    return [reader, *figures, f"{count / wall_s:,.0f}", f"{count / cpu_s:,.0f}", f"{found['peak_mib']:.0f}"]


def measure(reader: str, path: Path) -> dict[str, float]:
    started = time.perf_counter()
    articles, workers = read_with_mwxml(path) if reader == "mwxml" else read_with_placebind(path, reader)
    wall_s = time.perf_counter() - started
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = sum(each.ru_utime + each.ru_stime for each in (own, children))
    peak_kib = own.ru_maxrss + (workers * children.ru_maxrss if workers > 1 else 0)
    return {"articles": articles, "wall_s": wall_s, "cpu_s": cpu_s, "peak_mib": peak_kib / 1024}


def read_with_mwxml(path: Path) -> tuple[int, int]:
    """Every page and its text, without any processing: the floor."""
    import mwxml

    articles = 0
    with bz2.open(path, "rt", encoding="utf-8") as file:
        for page in mwxml.Dump.from_file(file):
            for revision in page:
                articles += page.namespace == 0 and not page.redirect and "{{coord|" in (revision.text or "")
    return articles, 1


def read_with_placebind(path: Path, reader: str) -> tuple[int, int]:
    from index.records import Article
    from index.sources import wikipedia_dump

    _, workers, *rest = reader.split("-")
    if rest:
        wikipedia_dump.index_beside = lambda path: None  # type: ignore[assignment]
    source = wikipedia_dump.build(paths=(path,), workers=int(workers))
    return sum(isinstance(each, Article) for each in source.records()), int(workers)


def write_dump(folder: Path, count: int) -> tuple[Path, int]:
    """The dump with its index next to it, and the bytes of its XML."""
    path = folder / f"enwiki-{count}-pages-articles-multistream.xml.bz2"
    with multiprocessing.get_context("spawn").Pool() as pool:
        streams = pool.map(stream, range(0, min(count, DIFFERENT_PAGES), PAGES_PER_STREAM))
    size, lines = 0, []
    with path.open("wb") as file:
        file.write(bz2.compress(HEADER.encode()))
        for first, (packed, length) in zip(range(0, count, PAGES_PER_STREAM), itertools.cycle(streams), strict=False):
            lines += [f"{file.tell()}:{number}:Page {number}\n" for number in range(first, first + PAGES_PER_STREAM)]
            file.write(packed)
            size += length
        file.write(bz2.compress(b"</mediawiki>"))
    path.with_name(path.name.replace(".xml", "-index.txt")).write_bytes(bz2.compress("".join(lines).encode()))
    return path, size


def stream(first: int) -> tuple[bytes, int]:
    xml = "".join(page(number) for number in range(first, first + PAGES_PER_STREAM)).encode()
    return bz2.compress(xml), len(xml)


def page(number: int) -> str:
    chance = random.Random(number)
    kind = chance.choices(["redirect", "other", "article"], [4, 1, 5])[0]
    namespace, redirect = (10, "") if kind == "other" else (0, '<redirect title="Page 1" />' if kind == "redirect" else "")
    text = "#REDIRECT [[Page 1]] {{R from move}}" if redirect else article(chance, number)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        f"<page><title>Page {number}</title><ns>{namespace}</ns><id>{number}</id>{redirect}<revision><id>{number}</id>"
        f"<timestamp>2026-10-01T00:00:00Z</timestamp><contributor><username>A</username><id>1</id></contributor><model>wikitext</model>"
        f'<format>text/x-wiki</format><text bytes="{len(text)}" sha1="x" xml:space="preserve">{text}</text>'
        "<sha1>x</sha1></revision></page>\n"
    )


def article(chance: random.Random, number: int) -> str:
    length = min(int(chance.lognormvariate(8.3, 1.18)), 300_000)
    coord = (
        f"{{{{coord|{number % 90}|{number % 60}|{number % 59}|N|{number % 180}|{number % 60}|5|W|type:city|display=inline,title}}}}"
    )
    box = f"{{{{Infobox settlement\n|name=P{number}\n|coordinates={coord if chance.random() < 0.18 else ''}\n|population=5}}}}\n"
    parts, written = [box], 0
    while written < length:
        part = paragraph(chance) if len(parts) % 4 else f"\n== {chance.choice(WORDS)} ==\n{{{{Main|Page {number}}}}}\n"
        parts.append(part)
        written += len(part)
    return "".join(parts) + "\n== References ==\n{{reflist}}\n[[Category:Towns]]\n"


def paragraph(chance: random.Random) -> str:
    words = [chance.choice(WORDS) + (str(chance.randrange(2000)) if chance.random() < 0.2 else "") for _ in range(60)]
    words[3], words[20] = f"[[{words[3]} x|{words[4]}]]", f"{{{{convert|{chance.randrange(99)}|km|mi}}}}"
    source = (
        f"<ref>{{{{cite web|url=http://example.org/{chance.random()}|title={' '.join(words[30:50])}|date=2020|publisher=X}}}}</ref>"
    )
    return f"'''{words[0]}''' {' '.join(words[1:])}.{source}{source.replace('web', 'news') if chance.random() < 0.5 else ''}\n\n"


if __name__ == "__main__":
    main()
