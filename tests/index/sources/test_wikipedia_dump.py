"""Wikipedia dumps, whole and broken: the same articles whatever the number of processes, with and without the index."""

import bz2
from pathlib import Path
from typing import Any

import mwxml
import pytest

from index.errors import ConfigError, InputError
from index.records import Article, Done, Rejected
from index.sources import wikipedia_dump
from index.sources.wikipedia_dump import build
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.wikimedia.in_order import AHEAD, in_order
from index.wikimedia.mediawiki_dump import DamagedDumpError, pages, unpacked
from tests.dumps import page_xml, place_text, write_dump

GOOD = "{{coord|5.6|-0.2|display=title}}\nCapital."


def world(count: int) -> list[str]:
    """Pages as they come: two of five are places, the others a redirect, an article without a place, and a talk page."""
    kinds = [
        lambda n: page_xml(n, f"P{n}", place_text(n)),
        lambda n: page_xml(n, f"R{n}", f"#REDIRECT [[P{n}]] {GOOD}", redirect=f"P{n}"),
        lambda n: page_xml(n, f"A & B <{n}>", place_text(n)),
        lambda n: page_xml(n, f"Idea {n}", "An idea, coordinated by nobody."),
        lambda n: page_xml(n, f"Talk:P{n}", GOOD, namespace=1),
    ]
    return [kinds[n % 5](n) for n in range(count)]


def read(path: Path, finished: frozenset[str] = frozenset(), **options: Any) -> list[Any]:
    return list(build(paths=(path,), **({"workers": 1} | options)).records(finished))


def articles(records: list[Any]) -> list[Article]:
    return [each for each in records if isinstance(each, Article)]


def rejected(records: list[Any]) -> list[Rejected]:
    return [each for each in records if isinstance(each, Rejected)]


def done(records: list[Any]) -> list[str]:
    return [each.unit for each in records if isinstance(each, Done)]


# What is read


def test_an_article_has_its_place_text_address_source_and_licence(tmp_path: Path) -> None:
    text = place_text(7)
    path, _ = write_dump(tmp_path, [page_xml(1, "Saint-Étienne & Co (Ghana)?", text)])
    (found,) = articles(read(path))
    assert (found.place.lat, found.place.lon, found.title) == (-53.0, -173.0, "Saint-Étienne & Co (Ghana)?")
    assert found.text == "P7 is a town & a port."
    assert found.url == "https://en.wikipedia.org/wiki/Saint-%C3%89tienne_%26_Co_(Ghana)%3F"
    assert (found.source, found.licence) == ("Wikipedia dump (en)", "CC BY-SA 4.0")
    assert (found.language, found.wikidata, found.image) == ("en", "", "")


def test_the_full_text_has_the_other_sections(tmp_path: Path) -> None:
    path, _ = write_dump(tmp_path, [page_xml(1, "P7", place_text(7))])
    assert articles(read(path, full=True))[0].text == "P7 is a town & a port.\nHistory\nFounded in 7."


def test_only_articles_with_a_place_are_taken_and_the_others_are_no_rejections(tmp_path: Path) -> None:
    path, _ = write_dump(tmp_path, world(10))
    records = read(path)
    assert [each.title for each in articles(records)] == ["P0", "A & B <2>", "P5", "A & B <7>"]
    assert rejected(records) == []


@pytest.mark.parametrize("text", ["{{disambiguation|geo}}", "{{geodis}}", "{{hndis|x}}", "{{Disambig}}"])
def test_disambiguation_pages_are_left_out(tmp_path: Path, text: str) -> None:
    path, _ = write_dump(tmp_path, [page_xml(1, "Accra", GOOD + text), page_xml(2, "Tema (disambiguation)", GOOD)])
    assert articles(read(path)) == []


def test_a_redirect_that_is_only_in_the_text_is_left_out(tmp_path: Path) -> None:
    path, _ = write_dump(tmp_path, [page_xml(1, "Accra", "#redirect [[Tema]] " + GOOD)])
    assert articles(read(path)) == []


def test_the_dump_says_its_language_and_the_names_of_its_files(tmp_path: Path) -> None:
    page = page_xml(1, "Žilina", "[[Súbor:a.jpg|náhľad|Obraz]]" + GOOD)
    path, _ = write_dump(tmp_path, [page], language="sk", files="Súbor", name="skwiki-pages-articles-multistream.xml.bz2")
    (found,) = articles(read(path))
    assert (found.text, found.source) == ("Capital.", "Wikipedia dump (sk)")
    assert found.url.startswith("https://sk.wikipedia.org/wiki/%C5%BDilina")
    assert found.language == "sk"
    (asked,) = articles(read(path, language="simple"))
    assert asked.url.startswith("https://simple.wikipedia.org/")
    assert asked.language == "simple"


@pytest.mark.parametrize(
    "text",
    [
        "Berg.\n== Belege ==\n{{Coordinate|article=/|NS=52/31/12/N|EW=13/24/18/E|type=mountain|region=DE-BE}}",
        "{{Infobox Berg|NAME=X|BREITENGRAD=52/31/12/N|LÄNGENGRAD=13/24/18/E}}\nBerg.",
    ],
)
def test_a_german_dump_is_read_by_its_own_templates(tmp_path: Path, text: str) -> None:
    (tmp_path / "de").mkdir()
    name = "dewiki-20261001-pages-articles-multistream.xml.bz2"
    path, _ = write_dump(tmp_path / "de", [page_xml(1, "X-Berg", text)], language="de", files="Datei", name=name)
    (found,) = articles(read(path))
    assert (found.place.lat, found.place.lon) == (pytest.approx(52.52), pytest.approx(13.405))
    assert (found.text, found.language) == ("Berg.", "de")


def test_a_page_that_cannot_be_placed_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    texts = [
        place_text(1),
        "{{coord|95|2|display=title}}\nX",
        "{{coord|1|2|globe:moon|display=title}}\nX",
        "{{coord|1|2|display=title}}",
    ]
    path, _ = write_dump(tmp_path, [page_xml(n, f"Page {n}", text) for n, text in enumerate(texts)] + [page_xml(9, "Last", GOOD)])
    records = read(path)
    assert [each.title for each in articles(records)] == ["Page 0", "Last"]
    faults = rejected(records)
    assert [each.where for each in faults] == [f"{path.name}, page 'Page {n}'" for n in (1, 2, 3)]
    for fault, why in zip(faults, ["lat must lie in", "another globe (moon)", "the text is empty"], strict=True):
        assert why in fault.why


def test_a_page_of_bad_xml_costs_only_itself(tmp_path: Path) -> None:
    bad = page_xml(2, "Broken", GOOD).replace("Capital", "&bomb; & <b")
    path, _ = write_dump(tmp_path, [page_xml(1, "P", GOOD), bad, page_xml(3, "Q", GOOD)])
    records = read(path)
    assert [each.title for each in articles(records)] == ["P", "Q"]
    assert "page 'Broken'" in rejected(records)[0].where
    assert "not well-formed" in rejected(records)[0].why


def test_entities_cannot_be_defined(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + page_xml(1, "Bomb", GOOD).replace("Capital", "&b;")
    inside = page_xml(2, "Inside", GOOD).replace("<title>", '<!DOCTYPE x [<!ENTITY a "aaaa">]><title>')
    path, _ = write_dump(tmp_path, [bomb, inside, page_xml(3, "P", GOOD)])
    records = read(path)
    assert [each.title for each in articles(records)] == ["P"]
    assert len(rejected(records)) == 2


# The same whatever the way


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dump(tmp_path_factory.mktemp("dump"), world(1234))[0]


def test_one_and_four_workers_give_the_same_records_in_the_same_order(big: Path) -> None:
    one, four = read(big, workers=1), read(big, workers=4)
    assert one == four
    assert len(articles(one)) == 494
    assert len(done(one)) == 13


def test_one_and_four_workers_fill_the_same_catalogue(big: Path, tmp_path: Path) -> None:
    tables = []
    for workers in (1, 4):
        catalogue = Catalogue.open(tmp_path / str(workers), create=True)
        ingest(catalogue, build(paths=(big,), workers=workers))
        tables.append(catalogue.table("articles").to_arrow().sort_by("id"))
    assert tables[0].equals(tables[1])
    assert tables[0].num_rows == 494


@pytest.mark.parametrize("workers", [1, 2])
def test_without_the_index_the_same_articles_come(big: Path, tmp_path: Path, workers: int) -> None:
    alone = tmp_path / big.name
    alone.write_bytes(big.read_bytes())
    records = read(alone, workers=workers)
    assert articles(records) == articles(read(big))
    assert len(done(records)) == 13


def test_a_dump_of_one_stream_or_not_packed_at_all_is_read_too(big: Path, tmp_path: Path) -> None:
    xml = bz2.decompress(big.read_bytes())
    for name, raw in (("enwiki-pages-articles.xml.bz2", bz2.compress(xml)), ("enwiki.xml", xml)):
        (tmp_path / name).write_bytes(raw)
        assert articles(read(tmp_path / name)) == articles(read(big))


def test_mwxml_reads_the_same_pages_in_our_dumps(big: Path) -> None:
    with bz2.open(big, "rt", encoding="utf-8") as file:
        theirs = [page.title for page in mwxml.Dump.from_file(file) if page.namespace == 0 and not page.redirect]
    assert [each.title for each in articles(read(big))] == [title for title in theirs if not title.startswith("Idea")]


def test_the_index_may_be_named_and_may_be_unpacked(big: Path, tmp_path: Path) -> None:
    alone = tmp_path / "dump.xml.bz2"
    alone.write_bytes(big.read_bytes())
    index = tmp_path / "offsets.txt"
    index.write_bytes(bz2.decompress(big.with_name(big.name.replace(".xml", "-index.txt")).read_bytes()))
    records = read(alone, index=index)
    assert articles(records) == articles(read(big))
    assert "stream at" in done(records)[0]


def test_parts_of_a_dump_find_their_own_index(tmp_path: Path) -> None:
    name = "enwiki-20261001-pages-articles-multistream1.xml-p1p41242.bz2"
    path, offsets = write_dump(tmp_path, world(5), name=name, index=False)
    (tmp_path / "enwiki-20261001-pages-articles-multistream-index1.txt-p1p41242.bz2").write_bytes(
        bz2.compress(f"{offsets[0]}:1:P0\n".encode())
    )
    assert f"stream at {offsets[0]}" in done(read(path))[0]


# Interrupted and resumed


def test_a_repeated_run_leaves_out_the_streams_that_are_in(big: Path) -> None:
    every = read(big)
    finished = frozenset(done(every)[:5])
    rest = read(big, finished)
    assert done(rest) == done(every)[5:]
    assert articles(rest) == articles(every)[200:]
    assert read(big, frozenset(done(every))) == []


@pytest.mark.parametrize("index", [True, False])
def test_an_interrupted_ingest_goes_on_to_the_same_table(tmp_path: Path, index: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = write_dump(tmp_path, world(500), index=index)
    whole, parts = (Catalogue.open(tmp_path / name, create=True) for name in ("whole", "parts"))
    ingest(whole, build(paths=(path,), workers=1))
    source = build(paths=(path,), workers=1)
    given = source.records

    def killed(finished: Any) -> Any:
        for count, record in enumerate(given(finished)):
            if count == 130:
                raise KeyboardInterrupt
            yield record

    monkeypatch.setattr(source, "records", killed)
    with pytest.raises(KeyboardInterrupt):
        ingest(parts, source)
    report = ingest(parts, build(paths=(path,), workers=1))
    assert 0 < report.read < 100, "three of five units were in"
    tables = [each.table("articles").to_arrow().sort_by("id") for each in (whole, parts)]
    assert tables[0].equals(tables[1])


def test_a_limit_stops_between_units_and_the_next_run_goes_on(big: Path, tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    reports = [ingest(catalogue, build(paths=(big,), workers=1, limit=50)) for _ in range(3)]
    assert [each.added for each in reports] == [80, 80, 80]


def test_another_size_or_other_options_are_other_units(big: Path, tmp_path: Path) -> None:
    assert build(paths=(big,), workers=1).key == build(paths=(big,), workers=4, limit=3).key
    assert build(paths=(big,)).key != build(paths=(big,), full=True).key
    longer, _ = write_dump(tmp_path, world(1300))
    assert not set(done(read(big))) & set(done(read(longer)))


# Files that are broken


@pytest.mark.parametrize("workers", [1, 2])
def test_of_a_truncated_dump_everything_before_the_break_is_kept(tmp_path: Path, workers: int) -> None:
    path, offsets = write_dump(tmp_path, world(500))
    path.write_bytes(path.read_bytes()[: offsets[3] + 20])
    records = read(path, workers=workers)
    assert len(articles(records)) == 120
    assert len(done(records)) == 3
    first, second = rejected(records)
    assert first.where == f"{path}, offset {offsets[3]}"
    assert "the file ends inside a bz2 stream" in first.why
    assert "download the file again" in first.why
    assert second.where == f"{path}, offset {offsets[4]}"
    assert "its index" in second.why


def test_of_a_truncated_dump_without_index_everything_before_the_break_is_kept(tmp_path: Path) -> None:
    path, offsets = write_dump(tmp_path, world(500), index=False, per_stream=70)
    path.write_bytes(path.read_bytes()[: offsets[4] + 20])
    records = read(path)
    assert len(articles(records)) == 112
    assert len(done(records)) == 2, "the third batch of 100 pages is not complete"
    (fault,) = rejected(records)
    assert fault.where == f"{path}, offset {offsets[4]}"
    assert "download the file again" in fault.why


def test_pages_of_a_long_stream_before_the_break_are_kept(tmp_path: Path) -> None:
    filler = bytes(range(33, 127)).decode().replace("<", "").replace("&", "")
    texts = [GOOD + "".join(filler[(n * k) % 89] for k in range(4000)) for n in range(1, 600)]
    path, _ = write_dump(tmp_path, [page_xml(n, f"P{n}", text) for n, text in enumerate(texts)], per_stream=600, index=False)
    path.write_bytes(path.read_bytes()[:-2000])
    records = read(path)
    assert len(rejected(records)) == 1
    assert 200 < len(articles(records)) < 599, "bz2 blocks are 900 kB: those before the break are whole"


def test_a_damaged_stream_costs_only_itself_where_there_is_an_index(tmp_path: Path) -> None:
    path, offsets = write_dump(tmp_path, world(500))
    raw = bytearray(path.read_bytes())
    raw[offsets[2] + 40 : offsets[2] + 60] = bytes(20)
    path.write_bytes(raw)
    records = read(path)
    assert len(articles(records)) == 160
    assert len(done(records)) == 4
    assert [each.where for each in rejected(records)] == [f"{path}, offset {offsets[2]}"]


def test_the_index_of_another_dump_is_told_once(tmp_path: Path) -> None:
    path, offsets = write_dump(tmp_path, world(100))
    lines = "".join(f"{offsets[0] + 3 * n}:{n}:x\n" for n in range(500))
    (tmp_path / path.name.replace(".xml", "-index.txt")).write_bytes(bz2.compress(lines.encode()))
    faults = rejected(read(path))
    assert len(faults) < 20
    assert "does not fit this file" in faults[-1].why


@pytest.mark.parametrize("raw", [b"BZh9 no", b"not an index\n", b"5:1:a\n3:2:b\n", bz2.compress(b"1:1:a\n" * 99)[:-20]])
def test_an_unreadable_index_is_refused_with_the_remedy(tmp_path: Path, raw: bytes) -> None:
    path, _ = write_dump(tmp_path, world(10))
    index = tmp_path / path.name.replace(".xml", "-index.txt")
    index.write_bytes(raw if raw.startswith(b"BZh") else bz2.compress(raw))
    with pytest.raises(InputError, match="delete it"):
        read(path)


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("a.xml.bz2", b"", "expected a MediaWiki XML dump"),
        ("a.xml.bz2", b"<html>", "at its very beginning"),
        ("a.xml", b"<html>404</html>", "expected a MediaWiki XML dump"),
        ("a.xml", b"<mediawiki><siteinfo><base>https://en.wikivoyage.org/wiki/M</base></siteinfo>", "--language"),
    ],
)
def test_a_file_that_is_no_dump_is_refused(tmp_path: Path, name: str, raw: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match=why):
        build(paths=(tmp_path / name,))


def test_arguments_that_cannot_be_meant_are_refused(big: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        build(paths=(tmp_path / "gone.xml.bz2",))
    with pytest.raises(InputError, match="--index belongs to one dump"):
        build(paths=(big, big), index=big)
    with pytest.raises(ConfigError, match="language"):
        build(paths=(big,), language="en.evil.org/")
    with pytest.raises(ConfigError, match="workers"):
        build(paths=(big,), workers=-1)


# Memory


def test_a_page_without_end_and_a_stream_that_unpacks_to_very_much_are_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DamagedDumpError, match="larger than 64 MiB"):
        list(pages(b"<page>" + bytes(2**20) for _ in range(100)))
    monkeypatch.setattr(wikipedia_dump, "MAX_STREAM_BYTES", 2**20)
    path, _ = write_dump(tmp_path, [page_xml(1, "P", GOOD), page_xml(2, "Q", "x" * 2**22)])
    records = read(path)
    assert [each.title for each in articles(records)] == ["P"]
    assert "unpacks to more than 1 MiB" in rejected(records)[0].why


def test_unpacking_gives_small_chunks_however_well_the_file_is_packed(tmp_path: Path) -> None:
    path = tmp_path / "a.bz2"
    path.write_bytes(bz2.compress(bytes(50 * 2**20)) + bz2.compress(b"end"))
    sizes = [len(chunk) for chunk in unpacked(path)]
    assert max(sizes) <= 2**20
    assert sum(sizes) == 50 * 2**20 + 3


def test_large_pages_go_to_the_workers_in_small_batches(tmp_path: Path) -> None:
    texts = [place_text(number) + "\n== More ==\n" + "x" * 2**22 for number in range(5)]
    path, _ = write_dump(tmp_path, [page_xml(n + 1, f"P{n}", text) for n, text in enumerate(texts)], index=False)
    records = read(path)
    assert [each.rsplit(" ", 1)[-1] for each in done(records)] == ["0", "2", "4"]  # two pages of 4 MiB are 8 MiB
    assert [each.title for each in articles(records)] == ["P0", "P1", "P2", "P3", "P4"]


def test_a_small_dump_is_read_by_fewer_processes_than_there_are_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []

    def noting(items: Any, work: Any, workers: int) -> Any:
        used.append(workers)
        return in_order(items, work, 1)

    monkeypatch.setattr(wikipedia_dump, "in_order", noting)
    monkeypatch.setattr(wikipedia_dump.os, "cpu_count", lambda: 4)
    path, _ = write_dump(tmp_path, [page_xml(1, "P", GOOD)])
    read(path, workers=0)
    read(path, workers=3)
    monkeypatch.setattr(wikipedia_dump, "BYTES_PER_WORKER", path.stat().st_size - 1)
    read(path, workers=0)
    monkeypatch.setattr(wikipedia_dump, "BYTES_PER_WORKER", 1)
    read(path, workers=0)
    assert used == [1, 3, 2, 4]


def test_work_is_asked_for_only_a_little_ahead() -> None:
    asked: list[int] = []

    def items() -> Any:
        for number in range(100):
            asked.append(number)
            yield f"{number} {number}"

    results = in_order(items(), str.split, 2)
    assert [next(results) for _ in range(10)] == ["0", "0", "1", "1", "2", "2", "3", "3", "4", "4"]
    assert len(asked) <= 5 + AHEAD * 2
    results.close()


def test_one_worker_works_in_this_process_and_many_give_the_same() -> None:
    texts = [f"a{n} b{n}" for n in range(20)]
    assert list(in_order(texts, str.split, 1)) == list(in_order(texts, str.split, 3))
