"""Wikimedia's structured contents as JSON lines and Parquet, whole and broken."""

import gzip
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import ConfigError, InputError
from index.records import Article, Rejected
from index.sources.wikipedia_parquet import build, read_row
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.reports import report_file

GEOHACK = "https://geohack.toolforge.org/geohack.php?pagename=Accra&params="
SHOWN = "5°33′18″N 0°11′33″W\ufeff / \ufeff5.55500°N 0.19250°W\ufeff / 5.55500; -0.19250"


def field(name: str, value: str, *urls: str) -> dict[str, Any]:
    return {"name": name, "type": "field", "value": value, "links": [{"url": url, "text": value} for url in urls]}


def row(name: str, *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An article as Wikimedia Enterprise gives it, shortened."""
    box = {
        "name": "Infobox settlement",
        "type": "infobox",
        "has_parts": [{"type": "section", "name": name, "has_parts": [*fields]}],
    }
    return {
        "name": name,
        "identifier": 57580,
        "abstract": f"{name} is a town.",
        "url": f"https://en.wikipedia.org/wiki/{name}",
        "in_language": {"identifier": "en"},
        "is_part_of": {"identifier": "enwiki", "url": "https://en.wikipedia.org"},
        "main_entity": {"identifier": "Q3761", "url": "https://www.wikidata.org/entity/Q3761"},
        "image": {"content_url": "https://upload.wikimedia.org/wikipedia/commons/0/0a/Fort.jpg", "width": 640, "height": 480},
        "license": [{"name": "Creative Commons", "identifier": "CC-BY-SA-4.0", "url": "https://creativecommons.org/licenses/by-sa/4.0/"}],
        "infoboxes": [box],
        "sections": [
            {"type": "section", "name": "Abstract", "has_parts": [{"type": "paragraph", "value": f"{name} is a town."}]},
            {"type": "section", "name": "History", "has_parts": [
                {"type": "paragraph", "value": "Old."},
                {"type": "section", "name": "Fort", "has_parts": [{"type": "paragraph", "value": "Older."}]},
            ]},
        ],
    } | more  # fmt: skip


ACCRA = row("Accra", field("Country", "Ghana"), field("Coordinates:", f"Coordinates: {SHOWN}"))
SUVA = row("Suva", field("Coordinates", "x", GEOHACK + "18_08_29_S_178_26_31_E_region:FJ_type:city(93970)"))
IDEA = row("Idea", field("Field", "Philosophy"))


def write(path: Path, rows: list[Any]) -> Path:
    lines = "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in rows).encode()
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path, "w:gz") as archive:
            for name, part in (("../../enwiki_0.ndjson", lines),):
                member = tarfile.TarInfo(name)
                member.size = len(part)
                archive.addfile(member, io.BytesIO(part))
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


def read(*paths: Path, **options: Any) -> tuple[list[Article], list[Rejected]]:
    records = list(build(paths=paths, **options).records())
    return [each for each in records if isinstance(each, Article)], [each for each in records if isinstance(each, Rejected)]


# What is read


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz", "a.parquet", "a.tar.gz"])
def test_every_kind_of_file_gives_the_same_articles(tmp_path: Path, name: str) -> None:
    found, faults = read(write(tmp_path / name, [ACCRA, IDEA, SUVA]))
    assert [(each.title, round(each.place.lat, 4), round(each.place.lon, 4)) for each in found] == [
        ("Accra", 5.555, -0.1925),
        ("Suva", -18.1414, 178.4419),
    ]
    assert (found[0].text, found[0].url) == ("Accra is a town.", "https://en.wikipedia.org/wiki/Accra")
    assert (found[0].source, found[0].licence) == ("Wikimedia structured contents (en)", "CC BY-SA 4.0")
    assert (found[0].language, found[0].wikidata) == ("en", "Q3761")
    assert found[0].image == "https://upload.wikimedia.org/wikipedia/commons/0/0a/Fort.jpg"
    assert faults == []
    assert [each.name for each in tmp_path.parent.iterdir() if each.name.startswith("enwiki")] == [], "nothing is unpacked to disk"


def test_nested_columns_that_are_json_text_are_read_as_well(tmp_path: Path) -> None:
    as_text = [{key: json.dumps(value) if isinstance(value, list | dict) else value for key, value in ACCRA.items()}]
    assert read(write(tmp_path / "a.parquet", as_text)) == read(write(tmp_path / "b.parquet", [ACCRA]))


def test_the_names_of_the_first_edition_are_known(tmp_path: Path) -> None:
    old = {{"infoboxes": "infobox", "sections": "article_sections"}.get(key, key): value for key, value in ACCRA.items()}
    assert read(write(tmp_path / "a.jsonl", [old]), full=True) == read(write(tmp_path / "b.jsonl", [ACCRA]), full=True)


def test_the_full_text_has_all_sections(tmp_path: Path) -> None:
    (found,), _ = read(write(tmp_path / "a.jsonl", [ACCRA]), full=True)
    assert found.text.splitlines() == ["Accra is a town.", "History", "Old.", "Fort", "Older."]


def test_without_an_abstract_the_first_section_is_the_text() -> None:
    found = read_row(ACCRA | {"abstract": None})
    assert found is not None
    assert found.text == "Accra is a town."


@pytest.mark.parametrize(
    "more",
    [
        {"coordinates": {"latitude": 5.5, "longitude": -0.25}},
        {"coordinates": [{"lat": "5.5", "lon": "-0.25", "globe": "earth"}]},
        {"latitude": 5.5, "longitude": -0.25},
        {"lat": 5.5, "lon": -0.25},
        {
            "main_entity": {
                "identifier": "Q3761",
                "coordinates": {"latitude": 5.5, "longitude": -0.25, "globe": "http://www.wikidata.org/entity/Q2"},
            }
        },
    ],
)
def test_coordinates_of_their_own_come_before_the_infobox(more: dict[str, Any]) -> None:
    found = read_row(ACCRA | more)
    assert found is not None
    assert (found.place.lat, found.place.lon) == (5.5, -0.25)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (field("Coordinates", "5.5°N 0.25°W"), (5.5, -0.25)),
        (field("Location", "Accra, Ghana 5.5°N 0.25°W"), (5.5, -0.25)),
        (field("Coordinates", "5.5, -0.25"), (5.5, -0.25)),
        (field("Coordonnées", "5° 30′ nord", GEOHACK + "5.5_N_0.25_W_&title=x"), (5.5, -0.25)),
        (field("Coordinates", "", GEOHACK + "5.5;-0.25_type:city"), (5.5, -0.25)),
        (field("Location", "Accra, 12 km north"), None),
        (field("Coordinates", ""), None),
        (field("Birthplace coordinates", "5.5°N 0.25°W"), None),
        (field("Area code", "5.5, 3.2"), None),
    ],
)  # fmt: skip
def test_a_field_of_the_infobox_says_the_place(part: dict[str, Any], expected: tuple[float, float] | None) -> None:
    found = read_row(row("X", part))
    assert (found and (found.place.lat, found.place.lon)) == expected


def test_pages_that_are_no_articles_are_left_out() -> None:
    assert read_row(ACCRA | {"namespace": {"identifier": 10}}) is None
    assert read_row(ACCRA | {"namespace": {"identifier": 0}}) is not None


def test_an_address_that_is_none_is_made_from_language_and_title() -> None:
    found = read_row(
        ACCRA | {"url": "javascript:alert(1)", "name": "New Town?", "in_language": None, "is_part_of": {"identifier": "dewiki"}}
    )
    assert found is not None
    assert found.url == "https://de.wikipedia.org/wiki/New_Town%3F"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"image": None, "main_entity": None}, ("en", "", "")),
        ({"image": {"content_url": "javascript:alert(1)"}, "main_entity": {"identifier": "Accra"}}, ("en", "", "")),
        ({"image": {"content_url": None}, "main_entity": {"identifier": 3761}}, ("en", "", "")),
        ({"image": "https://example.org/a.jpg", "main_entity": "Q3761"}, ("en", "", "")),
        ({"image": '{"content_url": "https://x.org/a.jpg"}', "main_entity": '{"identifier": "Q1"}'}, ("en", "Q1", "https://x.org/a.jpg")),
        ({"in_language": {"identifier": "../x"}, "image": None}, ("", "Q3761", "")),
        ({"in_language": None, "is_part_of": {"identifier": "zh_min_nanwiki"}, "image": None}, ("zh-min-nan", "Q3761", "")),
    ],
)  # fmt: skip
def test_language_item_and_image_are_taken_where_they_are_such_and_cost_no_article(
    more: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    found = read_row(ACCRA | more)
    assert found is not None
    assert (found.language, found.wikidata, found.image) == expected


# What cannot be used


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('{"name": "Half', "expected one JSON object a line"),
        ("[1, 2]", "expected a JSON object with 'name'"),
        ('{"title": "x"}', "expected a JSON object with 'name'"),
        ("[" * 100_000, "expected one JSON object a line"),
        (row("X", field("Coordinates", "95.5°N 0.25°W")), "lat must lie in"),
        (row("X", field("Coordinates", "1°N", GEOHACK + "0.67_N_23.47_E_globe:moon")), "another globe (moon)"),
        (ACCRA | {"coordinates": {"latitude": 5, "longitude": 500}}, "lon must lie in"),
        (ACCRA | {"coordinates": {"latitude": "five", "longitude": 5}}, "latitude must be a number in degrees, got 'five'"),
        (ACCRA | {"coordinates": {"latitude": 5, "longitude": 5, "globe": "mars"}}, "another globe"),
        (ACCRA | {"abstract": "", "sections": []}, "the text is empty"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_told_with_its_number_and_the_rest_is_kept(tmp_path: Path, bad: Any, why: str) -> None:
    path = write(tmp_path / "a.jsonl", [ACCRA, bad, SUVA])
    found, (fault,) = read(path)
    assert [each.title for each in found] == ["Accra", "Suva"]
    assert fault.where == f"{path}, row 2"
    assert why in fault.why


GOLDEN = Path(__file__).parent.parent / "fixtures" / "structured_contents" / "enwiki_namespace_0_0.ndjson"


def test_a_snapshot_in_the_form_of_the_public_files_is_read_row_by_row(tmp_path: Path) -> None:
    found, faults = read(GOLDEN)
    assert [(each.title, each.place.lat, each.place.lon) for each in found] == [
        ("Invented Mill", 52.5, 13.4), ("Object Licence", 52.5, 13.4)
    ]  # fmt: skip
    assert {each.licence for each in found} == {"CC BY-SA 4.0"}
    assert (found[0].wikidata, found[0].language) == ("Q1000001", "en")
    assert [each.where.rpartition(", ")[2] for each in faults] == ["row 3", "row 4"]
    assert "title holds half a character" in faults[0].why
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    with report_file(tmp_path / "report.json") as file:
        report = ingest(catalogue, build(paths=(GOLDEN,)), reject=file.reject)
        file.end(report)
    assert (report.added, len(report.rejected)) == (2, 2)


def test_a_row_of_parquet_that_is_not_utf_8_costs_that_row_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [ACCRA, ACCRA | {"abstract": "K?ln" * 3}, SUVA])
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(path), path, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes().replace(b"K?ln", b"K\xf6ln"))
    found, (fault,) = read(path)
    assert [each.title for each in found] == ["Accra", "Suva"]
    assert fault.where == f"{path}, row 2"


INNER = [
    "identifier",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "globe",
    "has_parts",
    "value",
    "links",
    "url",
    "name",
    "type",
    "content_url",
]
OUTER = sorted(ACCRA.keys() | {"coordinates", "latitude", "longitude", "lat", "lon", "namespace"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["\ud83d", "5.5°N 0.25°W", "https://[x", "geohack?params=5_N", "[[[", "earth"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(INNER), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(sorted(ACCRA.keys() | {"coordinates", "latitude", "longitude", "lat", "lon", "namespace"})), JSON
    )
)
@settings(deadline=None, max_examples=300)
def test_no_shape_of_a_row_ends_the_reading(odd: dict[str, Any]) -> None:
    rows = [ACCRA, ACCRA | odd, SUVA]
    with tempfile.TemporaryDirectory() as folder:
        for full in (False, True):
            found, _ = read(write(Path(folder) / "a.jsonl", rows), full=full)
            assert [found[0].title, found[-1].title] == ["Accra", "Suva"]
            assert all(each.id for each in found)


def test_of_a_truncated_gzip_everything_before_the_break_is_kept(tmp_path: Path) -> None:
    rows = [row(f"P{n}", field("Coordinates", f"{n % 90}.5°N {n}.25°W", f"https://x/{n * 7919}")) for n in range(150)]
    path = write(tmp_path / "a.jsonl.gz", rows)
    path.write_bytes(path.read_bytes()[:-30])
    found, (fault,) = read(path)
    assert 0 < len(found) < 150
    assert fault.where == f"{path}, row {len(found) + 1}"
    assert "download it again" in fault.why


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.sources.wikipedia_parquet.MAX_LINE_BYTES", 10_000)
    found, (fault,) = read(write(tmp_path / "a.jsonl", [ACCRA, "x" * 20_000, SUVA]))
    assert len(found) == 1
    assert "longer than" in fault.why


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("a.parquet", b"PAR1", "not a readable Parquet"),
        ("a.zip", b"", "expected .parquet or one of"),
        ("a.csv", b"", "expected .parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, raw: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match=why):
        build(paths=(tmp_path / name,))


def test_a_table_of_something_else_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected structured contents with abstract or .*, got name, population; use"):
        build(paths=(write(tmp_path / "a.parquet", [{"name": "x", "population": 1}]),))
    with pytest.raises(InputError, match="no such file"):
        build(paths=(tmp_path / "gone.jsonl",))
    with pytest.raises(ConfigError, match="paths"):
        build(paths=())
