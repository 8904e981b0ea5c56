"""Files are there whole or not at all, and a failed write says what to do."""

import hashlib
from pathlib import Path

import pytest

from index.errors import CatalogueError, InputError
from index.files import file_sha256, made_whole, write_csv


def test_a_file_takes_its_name_when_the_block_ends_well_and_the_old_one_stays_when_it_does_not(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.txt"
    with made_whole(file) as partial:
        partial.write_text("first")
        assert not file.exists()
    with pytest.raises(UnicodeEncodeError), made_whole(file) as partial, partial.open("w", encoding="ascii") as stream:
        stream.writelines(["half", "é"])
    assert file.read_text() == "first"
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_another_process_made_stays_but_no_file_is_lost_to_a_folder_of_its_name(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    (taken / "theirs").mkdir(parents=True)
    with made_whole(taken) as partial:
        partial.mkdir()
    with pytest.raises(CatalogueError, match=r"cannot write .*taken.*free some space there$"), made_whole(taken) as partial:
        partial.write_text("ours")
    assert [path.name for path in tmp_path.rglob("*")] == ["taken", "theirs"]


def test_what_cannot_be_written_is_said_with_the_error_and_the_remedy_of_the_writer(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"cannot write .*; choose another$"),
        made_whole(tmp_path / "file" / "below", InputError, "choose another"),
    ):
        pass


def test_a_table_has_a_column_for_each_name_and_empty_cells(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", [{"step": 1, "loss": 0.5}, {"step": 2, "val": "a,b"}])
    assert (tmp_path / "t.csv").read_text().split() == ["step,loss,val", "1,0.5,", '2,,"a,b"']


def test_a_digest_is_the_sha256_of_what_is_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert file_sha256(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()
