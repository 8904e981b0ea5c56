"""Own columns in a table: a later ingest may bring more of them, no row changes, and no snapshot depends on them."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from index.errors import InputError
from index.records import MODALITIES, Location, Modality, Record
from index.search.snapshot import open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import BATCH_ROWS, ingest
from index.store.inventory import inventory_of
from index.store.upkeep import optimize_table
from index.store.vectors import begin_vectors, finish_vectors, write_vectors
from tests.index.disturbed import AFTER, BEFORE, articles_with_own_columns, world_for
from tests.worlds import Listed, article, catalogue_with, clustered, contents, index_with, location, locations, tile

BEDS = {"beds": pa.int64()}
MODEL = "3fa1" * 16


def huts(*beds: int | None) -> list[Location]:
    """Hut number i has so many beds."""
    return [location(f"hut {i}", lat=i, own={"beds": count}) for i, count in enumerate(beds)]


def column(catalogue: Catalogue, name: str) -> dict[str, Any]:
    return {row["title"]: row[name] for row in contents(catalogue, "locations")}


def ingested(folder: Path, records: Sequence[Any], own: dict[str, pa.DataType] | None = None) -> tuple[Catalogue, Any]:
    catalogue = Catalogue.open(folder, create=True)
    return catalogue, ingest(catalogue, Listed("locations", records, own=own))


@pytest.mark.parametrize("record", [article(own={"n": 1}), tile(own={"n": 1}), location(own={"n": 1})])
def test_the_id_of_a_record_does_not_depend_on_its_own_columns(record: Any) -> None:
    plain = {"Article": article, "Tile": tile, "Location": location}[type(record).__name__]()
    assert record.id == plain.id


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.int64(), -7),
        (pa.float64(), 0.5),
        (pa.string(), "Zwei\nZeilen; „ü“"),
        (pa.bool_(), False),
        (pa.date32(), date(1999, 5, 1)),
        (pa.timestamp("us"), datetime(1999, 5, 1, 12, 30)),
    ],
)
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_table_of_each_kind_keeps_own_values_with_their_type(
    modality: Modality, kind: pa.DataType, value: Any, tmp_path: Path
) -> None:
    made: dict[Modality, Record] = {
        "articles": article(own={"mine": value}), "tiles": tile(own={"mine": value}), "locations": location(own={"mine": value})
    }  # fmt: skip
    catalogue = Catalogue.open(tmp_path, create=True)
    ingest(catalogue, Listed(modality, [made[modality]], own={"mine": kind}))
    assert catalogue.dataset(modality).schema.field("mine").type == kind
    assert [row["mine"] for row in contents(catalogue, modality)] == [value]


def test_rows_of_earlier_and_of_later_ingests_hold_nothing_in_a_column_that_they_do_not_know(tmp_path: Path) -> None:
    catalogue, _ = ingested(tmp_path, [location("before", lat=50)])
    ingested(tmp_path, huts(3), BEDS)
    ingested(tmp_path, [location("named", lat=51, own={"owner": "Ö"})], {"owner": pa.string()})
    ingested(tmp_path, [location("after", lat=52)])
    assert column(catalogue, "beds") == {"before": None, "hut 0": 3, "named": None, "after": None}
    assert column(catalogue, "owner") == {"before": None, "hut 0": None, "named": "Ö", "after": None}


def test_a_record_that_is_there_already_keeps_its_values_and_a_remark_counts_it(tmp_path: Path) -> None:
    ingested(tmp_path, [location("hut 2", lat=2), *huts(3, 5)], BEDS)
    catalogue, report = ingested(tmp_path, huts(3, 6, 7, 8), BEDS)
    assert column(catalogue, "beds") == {"hut 0": 3, "hut 1": 5, "hut 2": None, "hut 3": 8}
    assert (report.added, report.known, report.unchanged) == (1, 3, 2)
    assert report.remarks == ["rows stay as they were: 2 have other values in their own columns, or none, than this source"]


def test_the_same_file_again_changes_nothing_and_says_nothing(tmp_path: Path) -> None:
    catalogue, _ = ingested(tmp_path, huts(3, None), BEDS)
    before = contents(catalogue, "locations")
    _, report = ingested(tmp_path, huts(3, None), BEDS)
    assert (report.known, report.remarks, contents(catalogue, "locations")) == (2, [], before)


def test_a_type_that_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    catalogue, _ = ingested(tmp_path, huts(3), BEDS)
    version = catalogue.dataset("locations").version
    with pytest.raises(InputError, match="the column 'beds' of the locations holds integers, here it holds text; rename this one"):
        ingested(tmp_path, [location("new", own={"beds": "many", "more": 1})], {"more": pa.int64(), "beds": pa.string()})
    assert catalogue.dataset("locations").version == version
    with pytest.raises(InputError, match="have a column 'beds'; keep this one as that with --keep 'Beds=beds'"):
        ingested(tmp_path, [], {"Beds": pa.int64()})


@pytest.mark.parametrize("name", ["id", "title", "vector", "Text", "sensor", "_rowid", "snippet", "score"])
def test_a_name_that_placebind_uses_is_refused_and_no_table_is_made(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"PlaceBind uses the name '{name}' itself; rename the column with --keep '{name}=NAME'"):
        ingested(tmp_path, [], {name: pa.int64()})
    assert Catalogue.open(tmp_path, create=True).names() == []


def test_an_ingest_that_died_ends_as_if_nothing_had_happened_when_it_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BATCH_ROWS, "locations", 2)
    whole, _ = ingested(tmp_path / "whole", huts(1, 2, 3, 4, 5), BEDS)
    for at in range(6):
        records: list[Any] = huts(1, 2, 3, 4, 5)
        records.insert(at, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            ingested(tmp_path / f"{at}", records, BEDS)
        again, report = ingested(tmp_path / f"{at}", huts(1, 2, 3, 4, 5), BEDS)
        assert contents(again, "locations") == contents(whole, "locations")
        assert report.remarks == []


def test_an_ingest_that_is_killed_leaves_an_index_that_answers_and_ends_the_same_when_repeated(tmp_path: Path) -> None:
    steps = ["before add_columns", "after add_columns", "before execute", "after execute", ""]  # the last one is not killed
    world_for("ingest", tmp_path / "world")
    folders = [Path(shutil.copytree(tmp_path / "world", tmp_path / f"{at}")) for at in range(len(steps))]
    arguments = [part for folder, step in zip(folders, steps, strict=True) for part in ("own", str(folder), step)]
    done = subprocess.run([sys.executable, "-m", "tests.index.disturbed", *arguments], capture_output=True, text=True)
    killed = [line for line in done.stdout.splitlines() if line.startswith("ended")]
    assert killed == [f"ended with {-signal.SIGKILL}"] * 4 + ["ended with 0"], done.stderr
    whole = contents(Catalogue.open(folders[-1]), "articles")
    assert sum(row["number"] is not None for row in whole) == AFTER - BEFORE
    for folder in folders:
        snapshot = open_snapshot(Catalogue.open(folder), "articles")
        assert (len(snapshot), len(snapshot.shown(range(BEFORE)))) == (BEFORE, BEFORE)
        articles_with_own_columns(Catalogue.open(folder))
        assert contents(Catalogue.open(folder), "articles") == whole


def test_ingests_at_the_same_time_may_bring_different_columns(tmp_path: Path) -> None:
    catalogue_with(tmp_path, locations=locations(1))

    def bring(number: int) -> None:
        ingested(tmp_path, [location(f"{number}", lat=number, own={f"c{number % 3}": number})], {f"c{number % 3}": pa.int64()})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(bring, range(1, 7)))
    rows = {row["title"]: [row[f"c{i}"] for i in range(3)] for row in contents(Catalogue.open(tmp_path), "locations")}
    assert {title: values for title, values in rows.items() if title != "place 0"} == {
        str(number): [number if number % 3 == i else None for i in range(3)] for number in range(1, 7)
    }


def test_an_index_goes_on_as_it_is_and_its_snapshot_is_not_made_again(tmp_path: Path) -> None:
    catalogue, _ = ingested(tmp_path, [location("a", lat=50), location("b", lat=51)])
    index_with(catalogue, "locations", clustered(2, 8), MODEL)
    folder = open_snapshot(catalogue, "locations").folder
    assert folder is not None
    vectors = (folder / "vectors.npy").stat().st_mtime_ns
    ingested(tmp_path, [location("a", lat=50, own={"beds": 9})], BEDS)
    snapshot = open_snapshot(catalogue, "locations")
    assert (snapshot.folder, (folder / "vectors.npy").stat().st_mtime_ns) == (folder, vectors)
    assert [each["own"] for each in snapshot.shown([0, 1])] == [{"beds": None}] * 2
    ingested(tmp_path, huts(3), BEDS)
    assert inventory_of(catalogue, "locations").stale == 1
    (new,) = begin_vectors(catalogue, "locations", MODEL, 8)
    write_vectors(catalogue, "locations", [new], clustered(1, 8))
    finish_vectors(catalogue, "locations", MODEL, {"name": "invented"})
    optimize_table(catalogue, "locations")
    for _ in range(2):  # read from the table, then from the note
        snapshot = open_snapshot(catalogue, "locations")
        assert [each["own"] for each in snapshot.shown(snapshot.row_of([new]))] == [{"beds": 3}]
    assert snapshot.rows_where("beds > 2").tolist() == snapshot.row_of([new]).tolist()


def test_a_condition_that_cannot_be_read_is_answered_with_the_own_columns_and_how_to_write_them(tmp_path: Path) -> None:
    own = {"height m": pa.float64(), "since": pa.date32()}
    catalogue, _ = ingested(tmp_path, [location(own={"height m": 1200.5, "since": date(1999, 5, 1)})], own)
    index_with(catalogue, "locations", clustered(1, 8))
    snapshot = open_snapshot(catalogue, "locations")
    assert snapshot.rows_where("`height m` > 1200 AND since < date '2000-01-01'").tolist() == [0]
    with pytest.raises(InputError, match=r"own columns are `height m` \(floats\), since \(dates, as date '2024-01-31'\)"):
        snapshot.rows_where("since < '2000-01-01'")
    with pytest.raises(InputError, match=r"No field named hight.*own columns are"):
        snapshot.rows_where("hight > 3")


def test_a_kind_of_record_lacks_a_condition_only_where_another_has_its_columns(tmp_path: Path) -> None:
    catalogue, _ = ingested(tmp_path, huts(3), BEDS)
    index_with(catalogue, "locations", clustered(1, 8))
    snapshot, names = open_snapshot(catalogue, "locations"), ["beds", "kind", "text", "date", "length"]
    assert not snapshot.lacks("BEDS > 3 AND `kind` = 'text' AND since > date '2024-01-31' AND length(kind) > 2", names)
    assert snapshot.lacks("beds > 3 OR text = ''", names)
    assert not snapshot.lacks("misspelt > 3", names)
