"""The report of an ingest: a file that grows with the rejections while the memory does not."""

import json
from pathlib import Path

import pytest

from index.errors import CatalogueError
from index.records import Rejected
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.reports import FIRST, report_file
from tests.disks import no_file_longer_than
from tests.worlds import Listed, articles

COUNT = FIRST + 50


def test_all_rejections_are_in_the_file_and_the_first_in_memory(tmp_path: Path) -> None:
    bad = [Rejected(where=f"ä.csv, row {row}", why="the text is empty") for row in range(COUNT)]
    path = tmp_path / "reports" / "ingest.json"
    with report_file(path) as file:
        report = ingest(Catalogue.open(tmp_path, create=True), Listed("articles", [*bad, *articles(2)]), reject=file.reject)
        file.end(report)
    assert (report.skipped, report.rejected) == (COUNT, bad[:FIRST])
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert saved.pop("skipped") == [{"where": each.where, "why": each.why} for each in bad]
    assert saved == {"read": COUNT + 2, "added": 2, "already_known": 0, "skipped_count": COUNT}
    assert list(path.parent.iterdir()) == [path]


def test_rejections_are_written_while_the_ingest_goes_on(tmp_path: Path) -> None:
    with report_file(tmp_path / "ingest.json") as file:
        for row in range(10_000):
            file.reject(Rejected(where=f"row {row}", why="the text is empty"))
        (partial,) = tmp_path.iterdir()
        assert partial.stat().st_size > 400_000
        assert partial.name != "ingest.json"


def reject_many(path: Path, count: int, error: Exception | None = None) -> None:
    with report_file(path) as file:
        for row in range(count):
            file.reject(Rejected(where=f"row {row}", why="the text is empty"))
        if error:
            raise error


def test_an_ingest_that_fails_leaves_the_report_of_the_one_before_and_its_own_error(tmp_path: Path) -> None:
    path = tmp_path / "ingest.json"
    path.write_text("{}")
    with pytest.raises(ConnectionError, match="the server is gone"):
        reject_many(path, 3, ConnectionError("the server is gone"))
    assert [each.name for each in tmp_path.iterdir()] == ["ingest.json"]
    assert path.read_text() == "{}"


def test_a_disk_without_room_for_the_report_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"cannot write .*ingest\.json: .*free some space"), no_file_longer_than(100):
        reject_many(tmp_path / "ingest.json", 10_000)
    assert list(tmp_path.iterdir()) == []
