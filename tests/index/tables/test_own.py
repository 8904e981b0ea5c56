"""Which columns of a file can be kept, under which names and with which types."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from index.errors import InputError
from index.records import Rejected
from index.tables.csv_table import CsvTable
from index.tables.own import Own, agreed, guessed_types, kind_of, own_columns, types_of
from index.tables.rows import record_or_rejection

TYPES: dict[str, pa.DataType] = {
    "beds": pa.int32(), "height": pa.decimal128(6, 2), "tags": pa.list_(pa.string()), "bbox": pa.struct([("xmin", pa.float64())]),
    "raw": pa.binary(), "title": pa.string(), "a.b": pa.string(), "Beds": pa.string(), "nothing": pa.null(), "lat": pa.float64(),
}  # fmt: skip


def kept(*keep: str, types: Mapping[str, pa.DataType] = TYPES) -> tuple[tuple[Own, ...], list[str]]:
    return own_columns(
        [*types], lambda names: {name: types[name] for name in names}, keep, used={"lat"}, taken={"title"}, where="f"
    )


def test_columns_are_kept_under_their_own_names_or_under_others() -> None:
    own, remarks = kept("beds", "title=name", "height:text", "a.b=ab")
    assert own == (
        Own("beds", "beds", pa.int64()), Own("title", "name", pa.string()), Own("height", "height", pa.string()),
        Own("a.b", "ab", pa.string()),
    )  # fmt: skip
    assert remarks == []


def test_a_name_with_a_colon_or_an_equals_sign_is_a_name() -> None:
    own, _ = kept("addr:street", "a=b", "a=b=c", types={"addr:street": pa.string(), "a=b": pa.int8()})
    assert [(each.column, each.name) for each in own] == [("addr:street", "addr:street"), ("a=b", "c")]


@pytest.mark.parametrize(
    ("keep", "why"),
    [
        (["tags"], "f: the column 'tags' cannot be kept: it holds lists; leave it out"),
        (["bbox"], "'bbox' cannot be kept: it holds structures"),
        (["raw"], "'raw' cannot be kept: it holds values of the type binary"),
        (["nothing"], "'nothing' cannot be kept: it holds nothing"),
        (["title"], "PlaceBind uses the name 'title' itself; rename it with --keep 'title=NAME'"),
        (["beds=TITLE"], "PlaceBind uses the name 'TITLE' itself"),
        (["a.b"], r"no '\.', '`' or line break; rename it with --keep 'a\.b=NAME'"),
        (["beds="], "a name has 1 to 64 characters"),
        (["beds", "Beds"], "two columns would be named 'beds'"),
        (["bedds"], "f: no column 'bedds' to keep; the file has beds, height"),
    ],
)
def test_a_column_that_cannot_be_kept_is_refused_by_name(keep: list[str], why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        kept(*keep)
    assert "\n" not in str(caught.value)


def test_all_keeps_what_can_be_kept_and_says_what_cannot() -> None:
    own, remarks = kept("all", "title=name", "Beds=places")
    assert [each.name for each in own] == ["beds", "height", "name", "places"]
    assert [said.split("'")[1] for said in remarks] == ["tags", "bbox", "raw", "a.b", "nothing"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", ""], pa.int64()),
        (["1", "2.5", "-1e-05"], pa.float64()),
        (["06020", "6020"], pa.string()),
        (["+43", "44"], pa.string()),
        (["99999999999999999999", "1"], pa.string()),
        (["True", "false"], pa.bool_()),
        (["2024-02-29", "1999-01-01"], pa.date32()),
        (["2024-02-30"], pa.string()),
        (["2024-02-29 12:00", "2024-02-29T12:00:00.5Z"], pa.timestamp("us")),
        (["1", "two"], pa.string()),
        (["48,2"], pa.string()),
        (["", " "], pa.null()),
    ],
)
def test_the_type_of_a_csv_column_is_the_one_that_all_its_values_have(values: list[str], expected: pa.DataType) -> None:
    assert guessed_types([{"x": value} for value in values], ["x"]) == {"x": expected}


def test_the_types_of_a_csv_are_those_of_the_whole_file_without_its_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "huts.csv"
    path.write_text("beds,name\n" + "1,a\n" * 2000 + '1,a,b,c\n2.5,"open\n3,b\n')
    assert types_of(CsvTable(path), ["beds", "name"]) == {"beds": pa.int64(), "name": pa.string()}
    path.write_text("beds,name\n" + "1,a\n" * 2000 + "2.5,b\n")
    assert types_of(CsvTable(path), ["beds"]) == {"beds": pa.float64()}


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (pa.int64(), [7, b"7", " 7 ", None, "", 2**63 - 1], [7, 7, 7, None, None, 2**63 - 1]),
        (pa.float64(), [7, "7.5", Decimal("7.25"), float("nan")], [7.0, 7.5, 7.25, None]),
        (pa.string(), ["é".encode(), 7, " a ", ""], ["é", "7", " a ", None]),
        (pa.bool_(), [True, "FALSE"], [True, False]),
        (pa.date32(), ["2024-01-31", date(2024, 1, 31)], [date(2024, 1, 31)] * 2),
        (pa.timestamp("us"), ["2024-01-31T12:00:00+02:00", datetime(2024, 1, 31, 10, tzinfo=UTC)], [datetime(2024, 1, 31, 10)] * 2),
    ],
)
def test_a_value_is_read_as_the_type_of_its_column(kind: pa.DataType, given: Sequence[Any], expected: Sequence[Any]) -> None:
    read = [Own("x", "x", kind).read(value) for value in given]
    assert (read, [type(each) for each in read]) == (list(expected), [type(each) for each in expected])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.int64(), "7.5"), (pa.int64(), 2**63), (pa.int64(), True), (pa.float64(), "seven"), (pa.float64(), float("inf")),
        (pa.float64(), "1e999"), (pa.bool_(), "yes"), (pa.date32(), "31.1.2024"), (pa.date32(), []), (pa.string(), b"\xff"),
        (pa.timestamp("us"), "noon"), (pa.string(), [1]),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_a_fault_of_its_row(kind: pa.DataType, value: Any) -> None:
    with pytest.raises(InputError, match=r"^x "):
        Own("x", "x", kind).read(value)


def test_half_a_character_costs_its_row() -> None:
    rejected = record_or_rejection(lambda: Own("x", "x", pa.string()).read("half \ud83d"), "row 1", "correct it")
    assert isinstance(rejected, Rejected)
    assert "not valid Unicode" in rejected.why


def test_integers_in_one_file_and_floats_in_another_are_floats_and_other_types_are_refused() -> None:
    whole, number, words = (Own("x", "x", kind) for kind in (pa.int64(), pa.float64(), pa.string()))
    assert agreed([("a", [whole]), ("b", [number]), ("c", [whole]), ("d", [])]) == [(number,)] * 3 + [()]
    with pytest.raises(InputError, match=r"b: the column 'x' holds text, in a it holds integers; .* --keep x:text"):
        agreed([("a", [whole]), ("b", [words])])


def test_types_are_those_that_arrow_states() -> None:
    stated = [
        pa.uint8(),
        pa.float16(),
        pa.large_string(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.date64(),
        pa.timestamp("ns", "UTC"),
    ]
    assert [kind_of(each) for each in stated] == [
        pa.int64(), pa.float64(), pa.string(), pa.string(), pa.date32(), pa.timestamp("us")
    ]  # fmt: skip
    assert [kind_of(each) for each in (pa.time32("s"), pa.list_(pa.int8()), pa.json_())] == [None] * 3
