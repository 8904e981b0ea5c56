"""Articles from Parquet and CSV files, whole and broken."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from index.errors import ConfigError, InputError
from index.records import Article, Rejected
from index.sources.parquet_articles import build
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import write_csv, write_parquet

ACCRA = {"title": "Accra", "lat": 5.6, "lon": -0.2, "text": "Capital of Ghana."}
SUVA = {"title": "Suva", "lat": -18.1, "lon": 178.4, "text": "Capital of Fiji."}
LIMA = {"title": "Lima", "lat": -12.0, "lon": -77.0, "text": "Capital of Peru."}

Writer = Callable[[Path, Sequence[Mapping[str, Any]]], Path]
BOTH_FORMATS = pytest.mark.parametrize(("ending", "write"), [("csv", write_csv), ("parquet", write_parquet)])


def read(*paths: Path, **options: Any) -> tuple[list[Article], list[Rejected]]:
    records = list(build(paths=paths, **options).records())
    return [each for each in records if isinstance(each, Article)], [each for each in records if isinstance(each, Rejected)]


def titles(found: list[Article]) -> list[str]:
    return [each.title for each in found]


def csv_file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "places.csv"
    path.write_bytes(text.encode(encoding))
    return path


# What is read


def test_csv_and_parquet_of_the_same_rows_give_the_same_articles(tmp_path: Path) -> None:
    rows = [ACCRA | {"url": "http://a", "country": "Ghana"}, SUVA | {"url": "http://s", "country": "Fiji"}]
    (from_csv, no_faults), (from_parquet, none_either) = (
        read(write_csv(tmp_path / "places.csv", rows)),
        read(write_parquet(tmp_path / "places.parquet", rows)),
    )
    assert from_csv == from_parquet
    assert [each.id for each in from_csv] == [each.id for each in from_parquet]
    assert no_faults == none_either == []


@BOTH_FORMATS
def test_every_column_ends_where_its_name_says(tmp_path: Path, ending: str, write: Writer) -> None:
    row = ACCRA | {
        "url": "http://a",
        "country": "Ghana",
        "source": "atlas",
        "license": "CC0",
        "split": "val",
        "population": 2_500_000,
    }
    (found,), faults = read(write(tmp_path / f"places.{ending}", [row]))
    assert (found.place.lat, found.place.lon, found.title, found.text) == (5.6, -0.2, "Accra", "Capital of Ghana.")
    assert (found.url, found.country, found.source, found.licence, found.split) == ("http://a", "Ghana", "atlas", "CC0", "val")
    assert faults == []


@BOTH_FORMATS
def test_language_wikidata_item_and_image_are_taken_where_the_file_has_them(tmp_path: Path, ending: str, write: Writer) -> None:
    said = {"language": "en", "wikidata": "http://www.wikidata.org/entity/Q3761", "image": "https://example.org/accra.jpg"}
    (found,), _ = read(write(tmp_path / f"places.{ending}", [ACCRA | said]))
    assert (found.language, found.wikidata, found.image) == ("en", "Q3761", "https://example.org/accra.jpg")
    renamed = ACCRA | {"lang": "de", "qid": "Q1", "photo": "https://example.org/b.jpg"}
    (found,), _ = read(write(tmp_path / f"orte.{ending}", [renamed]), language="lang", wikidata="qid", image="photo")
    assert (found.language, found.wikidata, found.image) == ("de", "Q1", "https://example.org/b.jpg")
    with pytest.raises(InputError, match="no column 'qid' for wikidata"):
        read(tmp_path / f"places.{ending}", wikidata="qid")


@pytest.mark.parametrize("image", ["accra.jpg", b"\xff\xd8\xff\xe0 a picture itself", {"bytes": b"\xff", "path": "a.jpg"}, 7, None])
def test_a_column_named_image_that_holds_something_else_costs_no_row(tmp_path: Path, image: Any) -> None:
    (found,), faults = read(write_parquet(tmp_path / "a.parquet", [ACCRA | {"image": image, "wikidata": "3761", "language": "?"}]))
    assert (found.image, found.wikidata, found.language, faults) == ("", "", "", [])


@BOTH_FORMATS
def test_only_latitude_longitude_and_text_are_needed(tmp_path: Path, ending: str, write: Writer) -> None:
    (found,), _ = read(write(tmp_path / f"atlas.{ending}", [{"lat": 5.6, "lon": -0.2, "text": "Capital of Ghana."}]))
    assert (found.title, found.url, found.country, found.licence, found.split) == ("", "", "", "", "")
    assert found.source == "atlas", "where no column says it, the file is the source"


@BOTH_FORMATS
def test_columns_can_have_other_names(tmp_path: Path, ending: str, write: Writer) -> None:
    row = {"breite": 5.6, "länge": -0.2, "inhalt": "Capital of Ghana.", "name": "Accra", "terms": "CC0"}
    path = write(tmp_path / f"orte.{ending}", [row])
    (found,), _ = read(path, lat="breite", lon="länge", text="inhalt", title="name", licence="terms")
    assert (found.place.lat, found.place.lon, found.text, found.title, found.licence) == (
        5.6,
        -0.2,
        "Capital of Ghana.",
        "Accra",
        "CC0",
    )


def test_several_files_follow_one_another(tmp_path: Path) -> None:
    first, second = write_parquet(tmp_path / "a.parquet", [ACCRA]), write_csv(tmp_path / "b.csv", [SUVA, LIMA])
    found, _ = read(first, second)
    assert titles(found) == ["Accra", "Suva", "Lima"]
    assert [each.source for each in found] == ["a", "b", "b"]


def test_the_number_of_rows_is_known_for_parquet_and_not_for_csv(tmp_path: Path) -> None:
    parquet, csv = write_parquet(tmp_path / "a.parquet", [ACCRA, SUVA]), write_csv(tmp_path / "b.csv", [LIMA])
    assert build(paths=(parquet, parquet)).total == 4
    assert build(paths=(parquet, csv)).total is None


def test_a_source_can_be_read_twice(tmp_path: Path) -> None:
    source = build(paths=(write_csv(tmp_path / "a.csv", [ACCRA, {**SUVA, "text": ""}]),))
    assert list(source.records()) == list(source.records())


def test_a_quoted_field_may_hold_commas_quotes_and_lines(tmp_path: Path) -> None:
    text = 'Accra, said to be "the" capital,\nlies on the coast.'
    (found,), faults = read(write_csv(tmp_path / "a.csv", [ACCRA | {"text": text}]))
    assert (found.text, faults) == (text, [])


def test_texts_of_many_lines_are_whole_wherever_a_read_block_ends(tmp_path: Path) -> None:
    rows = [ACCRA | {"title": f"Part {n}", "text": f"Line of part {n},\n" * 3000} for n in range(50)]  # 2.5 MB, nearly all quoted
    found, faults = read(write_csv(tmp_path / "a.csv", rows))
    assert [(each.title, each.text) for each in found] == [(row["title"], row["text"]) for row in rows]
    assert faults == []


def test_a_csv_saved_by_a_spreadsheet_starts_with_a_byte_order_mark(tmp_path: Path) -> None:
    (found,), _ = read(csv_file(tmp_path, "lat,lon,text\n5.6,-0.2,Capital of Ghana.\n", "utf-8-sig"))
    assert found.place.lat == 5.6


def test_endings_may_be_written_in_capitals(tmp_path: Path) -> None:
    found, _ = read(write_csv(tmp_path / "A.CSV", [ACCRA]), write_parquet(tmp_path / "B.PARQUET", [SUVA]))
    assert titles(found) == ["Accra", "Suva"]


def test_the_country_code_of_namibia_is_not_a_missing_value(tmp_path: Path) -> None:
    windhoek = {"title": "Null", "lat": -22.6, "lon": 17.1, "text": "NA", "country": "NA"}
    (found,), faults = read(write_csv(tmp_path / "a.csv", [windhoek]))
    assert (found.country, found.title, found.text, faults) == ("NA", "Null", "NA", [])


def test_coordinates_stored_as_text_are_read_as_numbers(tmp_path: Path) -> None:
    (found,), _ = read(write_parquet(tmp_path / "a.parquet", [ACCRA | {"lat": " 5.6", "lon": "-2e-1"}]))
    assert (found.place.lat, found.place.lon) == (5.6, -0.2)


def test_text_stored_as_bytes_is_read_as_utf_8(tmp_path: Path) -> None:
    (found,), _ = read(write_parquet(tmp_path / "a.parquet", [ACCRA | {"text": "Tromsø".encode()}]))
    assert found.text == "Tromsø"


def test_an_article_longer_than_a_read_block_is_one_article(tmp_path: Path) -> None:
    long_text = "All there is to say, " * 100_000  # 2 MB; Arrow reads CSV in blocks of 1 MB
    found, faults = read(write_csv(tmp_path / "a.csv", [ACCRA, SUVA | {"text": long_text}, LIMA]))
    assert [len(each.text) for each in found] == [17, len(long_text), 16]
    assert faults == []


def test_a_header_without_rows_gives_nothing(tmp_path: Path) -> None:
    assert read(csv_file(tmp_path, "lat,lon,text\n")) == ([], [])


# Rows that cannot be used


@BOTH_FORMATS
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"text": ""}, "the text is empty"),
        ({"text": "  "}, "the text is empty"),
        ({"lat": 91.0}, r"lat must lie in \[-90, 90\] degrees, got 91.0"),
        ({"lat": 178.4, "lon": -18.1}, "are lat and lon swapped"),
        ({"lon": 400.0}, r"lon must lie in \[-180, 180\] degrees, got 400.0"),
        ({"lat": float("nan")}, "lat must"),
        ({"lon": None}, "lon must be a number in degrees"),
        ({"split": "holdout"}, "split"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_with_file_row_and_remedy_and_the_rest_is_kept(
    tmp_path: Path, ending: str, write: Writer, fault: dict[str, Any], why: str
) -> None:
    path = write(
        tmp_path / f"places.{ending}",
        [each | {"split": "train"} for each in (ACCRA, SUVA)] + [SUVA | {"split": "train"} | fault, LIMA],
    )
    found, faults = read(path)
    assert titles(found) == ["Accra", "Suva", "Lima"]
    assert [each.where for each in faults] == [f"{path}, row 3"]
    with pytest.raises(InputError, match=why):
        raise InputError(faults[0].why)
    assert "correct or delete the row" in faults[0].why


@pytest.mark.parametrize("lat", ["48 N", "48,2", "Vienna", ""])
def test_text_in_the_latitude_is_told_with_what_it_says(tmp_path: Path, lat: str) -> None:
    found, faults = read(write_csv(tmp_path / "a.csv", [ACCRA, SUVA | {"lat": lat}, LIMA]))
    assert titles(found) == ["Accra", "Lima"]
    (fault,) = faults
    assert fault.where.endswith("row 2")
    assert "lat must be a number in degrees, got " in fault.why
    assert lat in fault.why


def test_rows_are_numbered_through_a_long_file(tmp_path: Path) -> None:
    rows = [{"lat": 0.0, "lon": 0.0, "text": f"Text {n}."} for n in range(1, 3001)]
    rows[2999]["lat"] = 95.0
    rows[1500]["text"] = ""
    for path in (write_parquet(tmp_path / "a.parquet", rows, row_group_size=700), write_csv(tmp_path / "a.csv", rows)):
        found, faults = read(path)
        assert len(found) == 2998
        assert [each.where for each in faults] == [f"{path}, row 1501", f"{path}, row 3000"]


RAGGED = "title,lat,lon,text\nAccra,5.6,-0.2,Capital.\nSuva,-18.1,178.4,Capital, of Fiji.\nNowhere,95,0,x\nLima,-12,-77,Capital.\n"


def test_a_row_with_a_comma_too_many_is_told_once_with_its_number(tmp_path: Path) -> None:
    path = csv_file(tmp_path, RAGGED)
    found, faults = read(path)
    assert titles(found) == ["Accra", "Lima"]
    ragged = [each for each in faults if "5 fields, expected 4" in each.why]
    assert len(ragged) == 1
    assert "quote fields that hold commas" in ragged[0].why
    assert str(path) in ragged[0].where
    assert "row 2" in ragged[0].where


def test_a_ragged_row_does_not_shift_the_numbers_of_the_rows_after_it(tmp_path: Path) -> None:
    _, faults = read(csv_file(tmp_path, RAGGED))
    assert [each.where.rsplit(", ")[-1] for each in faults if "lat must lie" in each.why] == ["row 3"]


def test_a_row_with_too_few_fields_is_told_as_well(tmp_path: Path) -> None:
    found, faults = read(csv_file(tmp_path, "lat,lon,text\n5.6,-0.2,Capital.\n-18.1\n"))
    assert len(found) == 1
    assert len(faults) == 1
    assert "1 fields, expected 3" in faults[0].why


def test_what_became_of_every_row_is_in_the_report_of_the_ingest(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [ACCRA, SUVA | {"text": ""}, LIMA, ACCRA])
    report = ingest(Catalogue.open(tmp_path / "catalogue", create=True), build(paths=(path,)))
    assert (report.read, report.added, report.known) == (4, 2, 1)
    assert report.as_dict()["skipped"] == [{"where": f"{path}, row 2", "why": "the text is empty; correct or delete the row"}]


def test_one_text_in_another_encoding_does_not_cost_the_others(tmp_path: Path) -> None:
    text = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 4, 10], np.int32)), pa.py_buffer(b"caf\xe9Ghana.")]
    )
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pa.table({"lat": [5.6, 5.7], "lon": [0.1, 0.2], "text": text}), path)
    found, faults = read(path)
    assert [each.text for each in found if each.place.lat == 5.7] == ["Ghana."]
    assert len(found) + len(faults) == 2


# Files that cannot be used


@BOTH_FORMATS
@pytest.mark.parametrize("role", ["lat", "lon", "text"])
def test_a_missing_column_is_named_with_its_flag_and_the_columns_that_are_there(
    tmp_path: Path, ending: str, write: Writer, role: str
) -> None:
    path = write(tmp_path / f"places.{ending}", [{("y" if name == role else name): value for name, value in ACCRA.items()}])
    with pytest.raises(InputError) as refused:
        build(paths=(path,))
    message = str(refused.value)
    for expected in (str(path), f"no column '{role}'", f"--{role}", "y", *(name for name in ACCRA if name != role)):
        assert expected in message


@pytest.mark.parametrize("role", ["title", "licence", "split"])
def test_an_optional_column_that_was_asked_for_must_be_there(tmp_path: Path, role: str) -> None:
    with pytest.raises(InputError, match=rf"no column 'nomen' for {role}; name it with --{role}"):
        build(paths=(write_csv(tmp_path / "a.csv", [ACCRA]),), **{role: "nomen"})


def test_every_file_is_checked_before_the_first_record_is_read(tmp_path: Path) -> None:
    good, bad = write_csv(tmp_path / "good.csv", [ACCRA]), write_csv(tmp_path / "bad.csv", [{"lat": 1}])
    with pytest.raises(InputError, match=r"bad\.csv: no column 'lon'"):
        build(paths=(good, bad))


def test_a_csv_with_semicolons_and_decimal_commas_is_read_and_that_is_said(tmp_path: Path) -> None:
    source = build(paths=(csv_file(tmp_path, "lat;lon;text\n5,6;-0,2;Capital, of Ghana.\n"),))
    (found,) = source.records()
    assert (found.place.lat, found.place.lon, found.text) == (5.6, -0.2, "Capital, of Ghana.")
    separated, decimal = source.remarks
    assert "separated by semicolons" in separated
    assert "lat and lon are read with a decimal comma" in decimal


@pytest.mark.parametrize(
    ("name", "expected"), [("gone.csv", "no such file"), ("gone.parquet", "no such file"), (".", "no such file")]
)
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        build(paths=(tmp_path / name,))


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("lat,lon,text\n")
    with pytest.raises(InputError, match=r"notes\.txt: expected a \.parquet, .* or \.tsv file; convert it first"):
        build(paths=(tmp_path / "notes.txt",))


@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_truncated_parquet_is_refused(tmp_path: Path, kept: float) -> None:
    path = write_parquet(tmp_path / "a.parquet", [ACCRA, SUVA])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(InputError, match=r"a\.parquet: not a readable parquet file .*export it again") as refused:
        build(paths=(path,))
    assert "\n" not in str(refused.value)


def test_a_parquet_damaged_in_the_middle_gives_what_comes_before_the_damage(tmp_path: Path) -> None:
    rows = [{"lat": 0.0, "lon": 0.0, "text": f"Text {n}."} for n in range(3 * 1024)]
    path = write_parquet(tmp_path / "a.parquet", rows, row_group_size=1024)
    page = pyarrow.parquet.ParquetFile(path).metadata.row_group(1).column(2)
    start = page.dictionary_page_offset or page.data_page_offset
    damaged = bytearray(path.read_bytes())
    damaged[start : start + 200] = b"\xff" * 200
    path.write_bytes(damaged)
    found, faults = read(path)
    assert [each.text for each in found] == [row["text"] for row in rows[:1024]]
    assert [each.where for each in faults] == [f"{path}, row 1025"]
    assert "damaged from here on" in faults[0].why
    assert "export it again" in faults[0].why


def test_an_empty_csv_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"places\.csv: not a readable csv file .*export it again") as refused:
        build(paths=(csv_file(tmp_path, "", "utf-8"),))
    assert "\n" not in str(refused.value)


def test_a_row_that_is_not_utf_8_as_the_others_are_costs_that_row_only(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_bytes(b"lat,lon,text\n1,2,caf\xe9\n3,4,th\xc3\xa9\n")
    found, faults = read(tmp_path / "places.csv")
    assert [each.text for each in found] == ["thé"]
    assert [each.where.rpartition(", ")[2] for each in faults] == ["row 1"]
    assert "UTF-8" in faults[0].why


def test_no_file_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="paths"):
        build(paths=())


# Own columns


def test_a_table_keeps_the_columns_that_are_asked_for_with_their_type(tmp_path: Path) -> None:
    rows = [ACCRA | {"beds": 12, "since": "1999-05-01"}, SUVA | {"beds": 7, "since": ""}]
    found, rejected = read(write_csv(tmp_path / "a.csv", rows), keep=("beds", "since=opened"))
    assert [dict(each.own) for each in found] == [{"beds": 12, "opened": date(1999, 5, 1)}, {"beds": 7, "opened": None}]
    assert rejected == []


def test_a_parquet_file_states_its_types_and_all_leaves_out_lists_with_a_remark(tmp_path: Path) -> None:
    table = pa.table({**{name: [value] for name, value in ACCRA.items()}, "code": ["007"], "tags": [["a"]], "share": [0.5]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    source = build(paths=[tmp_path / "a.parquet"], keep=("all",))
    assert source.own == {"code": pa.string(), "share": pa.float64()}
    assert source.remarks == [f"{tmp_path / 'a.parquet'}: the column 'tags' is left out: it holds lists; leave it out"]
    assert [dict(each.own) for each in source.records() if isinstance(each, Article)] == [{"code": "007", "share": 0.5}]
    with pytest.raises(InputError, match="the column 'tags' cannot be kept: it holds lists"):
        build(paths=[tmp_path / "a.parquet"], keep=("tags",))


def test_a_value_that_is_not_of_its_column_costs_its_row(tmp_path: Path) -> None:
    table = pa.table({**{name: [value] * 2 for name, value in ACCRA.items()}, "share": [0.5, float("inf")]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    found, rejected = read(tmp_path / "a.parquet", keep=("share",))
    assert (len(found), [each.why for each in rejected]) == (1, ["share must be a number, got 'inf'; correct or delete the row"])


def test_several_files_agree_on_a_type(tmp_path: Path) -> None:
    files = [write_csv(tmp_path / f"{n}.csv", [ACCRA | {"m": value}]) for n, value in enumerate(("1", "1.5", "high"))]
    found, _ = read(*files[:2], keep=("m",))
    assert [each.own["m"] for each in found] == [1.0, 1.5]
    assert [type(each.own["m"]) for each in found] == [float, float]
    with pytest.raises(InputError, match=r"the column 'm' holds text, in .* it holds floats; keep it as text"):
        build(paths=files, keep=("m",))
    found, _ = read(*files, keep=("m:text",))
    assert [each.own["m"] for each in found] == ["1", "1.5", "high"]
