"""What is noted of a source's units, and when it counts: only while the rows are in the table."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from index.records import Done
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.versions import restore_version
from tests.worlds import Listed, article, articles, contents

SEA = [article("Null Island"), Done(unit="sea")]
LAND = [*articles(3), Done(unit="land")]
MYTH = [article("Atlantis"), Done(unit="myth")]


def islands(catalogue: Catalogue, *units: list[object]) -> tuple[int, int]:
    """How many records of these units were read, and added."""
    report = ingest(catalogue, Listed("articles", [each for unit in units for each in unit], key="islands"))  # type: ignore[misc]
    return report.read, report.added


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.open(tmp_path, create=True)


def test_after_an_earlier_version_is_brought_back_what_it_lacks_is_ingested_again_and_nothing_else(catalogue: Catalogue) -> None:
    islands(catalogue, SEA)
    before = catalogue.table("articles").version
    islands(catalogue, SEA, LAND, MYTH)
    whole = contents(catalogue, "articles")
    restore_version(catalogue, "articles", str(before))
    assert islands(catalogue, SEA, LAND, MYTH) == (4, 4)
    assert contents(catalogue, "articles") == whole
    assert islands(catalogue, SEA, LAND, MYTH) == (0, 0)


def test_when_bringing_back_is_undone_the_units_count_again(catalogue: Catalogue) -> None:
    islands(catalogue, SEA)
    before = catalogue.table("articles").version
    islands(catalogue, SEA, LAND)
    newest = catalogue.table("articles").version
    for version in (before, newest):
        restore_version(catalogue, "articles", str(version))
    assert islands(catalogue, SEA, LAND) == (0, 0)


@pytest.mark.parametrize("by", ["lancedb", "hand"])
def test_after_a_table_is_deleted_everything_is_ingested_again(catalogue: Catalogue, by: str) -> None:
    islands(catalogue, SEA, LAND)
    if by == "lancedb":
        catalogue.db.drop_table("articles")
    else:
        shutil.rmtree(Path(catalogue.uri) / "articles.lance")
    assert islands(catalogue, SEA, LAND) == (4, 4)
    assert islands(catalogue, SEA, LAND) == (0, 0)


def test_a_unit_noted_by_a_process_that_died_before_it_told_the_table_does_not_count(catalogue: Catalogue) -> None:
    islands(catalogue, SEA)
    noted = pa.table({"key": ["islands"], "unit": ["land"], "token": ["never told"], "before": [""]})
    catalogue.db.open_table("units").add(noted)
    assert islands(catalogue, SEA, LAND) == (3, 3)


def test_units_of_an_older_catalogue_which_names_no_version_are_fetched_again(catalogue: Catalogue) -> None:
    islands(catalogue, SEA)
    catalogue.db.drop_table("units")
    catalogue.db.create_table("finished_units", pa.table({"key": ["islands"], "unit": ["land"]}))
    assert islands(catalogue, SEA, LAND) == (4, 3)
    assert "finished_units" not in catalogue.names()
