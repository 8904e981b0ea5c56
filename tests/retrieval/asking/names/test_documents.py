"""Documents come one by one, from any file, with the places that they name."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from index.errors import InputError
from index.places.name_index import NameIndex
from retrieval.asking.names.documents import Document, documents_in, located
from tests.retrieval.asking.names.atlas import gazetteer


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> NameIndex:
    return gazetteer(tmp_path_factory.mktemp("atlas"))


def test_a_document_is_read_before_the_next_one_is_wanted(names) -> None:
    asked = []

    def documents():
        for number in range(3):
            asked.append(number)
            yield Document(str(number), f"Nordstadt has {number} harbours.")

    found = located(documents(), [names])
    assert next(found).names[0].best.name == "Nordstadt"
    assert asked == [0]


def test_the_same_documents_come_from_every_kind_of_file(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "Nordstadt, by the sea"}, {"id": "b", "text": 'Ganga "the old"'}]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    (tmp_path / "all.csv").write_text('id,text\na,"Nordstadt, by the sea"\nb,"Ganga ""the old"""\n', encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "all.parquet")
    for ending in ("jsonl", "csv", "parquet"):
        assert [(each.id, each.text) for each in documents_in(tmp_path / f"all.{ending}")] == [tuple(row.values()) for row in rows]
    (tmp_path / "one.txt").write_text("Nordstadt\nRiverton", encoding="utf-8")
    assert list(documents_in(tmp_path / "one.txt")) == [Document("one.txt", "Nordstadt\nRiverton")]


def test_the_column_with_the_texts_can_be_named_and_rows_without_id_get_their_number(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("said,by\nNordstadt,me\nRiverton,you\n", encoding="utf-8")
    assert list(documents_in(tmp_path / "all.csv", "said")) == [Document("1", "Nordstadt"), Document("2", "Riverton")]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "a.csv",
            b"said,by\nx,y\n",
            "none of its columns said, by is called text or body; name the one with the texts by --column",
        ),
        ("a.jsonl", b'{"text": "x"}\n{"body": "y"}\n', "a.jsonl, line 2: expected an object with a text 'text'"),
        ("a.jsonl", b"no json\n", "not lines of JSON"),
        ("a.txt", b"\xff\xfe\x00", "cannot be read as text"),
    ],
)
def test_a_file_that_cannot_be_read_says_so_in_one_line(tmp_path: Path, file, content, message) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError) as error:
        list(documents_in(tmp_path / file))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_features_are_points_longitude_first(names) -> None:
    (document,) = located(iter([Document("d", "In Nordstadt.")]), [names])
    (feature,) = document.features()
    assert feature["geometry"] == {"type": "Point", "coordinates": [10.0, 60.0]}
    assert feature["properties"]["document"] == "d"
    assert document.as_dict()["names"][0]["start"] == 3
