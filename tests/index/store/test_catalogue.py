"""Filling the tables: twice, in pieces, with faults, and reading rows back."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.errors import CatalogueError, NotHereError
from index.imagery.pixels import decode_pixels
from index.records import MODALITIES, Done, Modality, Record, Rejected
from index.store.catalogue import SCHEMAS, Catalogue
from index.store.ingest import BATCH_ROWS, ingest
from index.store.manifest import SCHEMA_KEY
from index.store.reports import report_file
from index.store.vectors import begin_vectors
from tests.worlds import Listed, article, articles, catalogue_with, contents, location, locations, tile

WORLDS: dict[Modality, list[Record]] = {
    "articles": [*articles(5)],
    "tiles": [tile(value, lon=value) for value in range(1, 6)],
    "locations": [*locations(5)],
}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records a commit, so that five records are three batches."""
    for modality in MODALITIES:
        monkeypatch.setitem(BATCH_ROWS, modality, 2)


# Opening


def test_a_folder_that_is_not_there_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no catalogue at .*nowhere; fill one with `placebind ingest"):
        Catalogue.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_folder_is_no_catalogue_either(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="holds no PlaceBind tables; fill it with `placebind ingest"):
        Catalogue.open(tmp_path)


@pytest.mark.parametrize("create", [False, True])
def test_a_file_is_not_a_catalogue(tmp_path: Path, create: bool) -> None:
    (tmp_path / "notes.txt").write_text("not a folder")
    with pytest.raises(CatalogueError, match=r"notes\.txt"):
        Catalogue.open(tmp_path / "notes.txt", create=create)


def test_what_was_ingested_is_there_when_the_catalogue_is_opened_again(tmp_path: Path) -> None:
    written = catalogue_with(tmp_path, articles=articles(3))
    assert contents(Catalogue.open(tmp_path), "articles") == contents(written, "articles")
    assert Catalogue.open(str(tmp_path)).count("articles") == 3


def test_an_open_catalogue_sees_what_another_one_adds(tmp_path: Path) -> None:
    reader = catalogue_with(tmp_path, articles=articles(2))
    assert reader.count("articles") == 2
    catalogue_with(tmp_path, articles=articles(5), locations=locations(1))
    assert (reader.count("articles"), reader.count("locations")) == (5, 1)


def test_a_modality_that_was_never_ingested_counts_as_none_and_says_what_to_do_when_read(tmp_path: Path) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(2))
    assert catalogue.count("tiles") == 0
    with pytest.raises(CatalogueError, match="has no tiles; add some with `placebind ingest`"):
        catalogue.table("tiles")


def test_a_table_of_another_schema_version_is_refused(tmp_path: Path) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(2))
    catalogue.table("articles").to_lance().update_metadata({SCHEMA_KEY: "0"})
    with pytest.raises(CatalogueError, match=r"articles .* has schema version 0, this PlaceBind reads 1; ingest again"):
        Catalogue.open(tmp_path).table("articles")


LATER_COLUMNS = ["language", "wikidata", "image"]


def older_catalogue(folder: Path, *, count: int) -> Catalogue:
    """As an older PlaceBind left it: no columns yet for language, Wikidata item and image."""
    catalogue = catalogue_with(folder, articles=articles(count))
    catalogue.table("articles").drop_columns(LATER_COLUMNS)
    return Catalogue.open(folder)


def test_a_catalogue_from_before_languages_wikidata_items_and_images_is_read_as_it_is(tmp_path: Path) -> None:
    catalogue = older_catalogue(tmp_path, count=3)
    assert not set(LATER_COLUMNS) & set(catalogue.table("articles").schema.names)
    assert catalogue.count("articles") == 3
    assert catalogue.rows("articles", [articles(3)[1].id], ["text"])["text"].to_pylist() == [articles(3)[1].text]


@pytest.mark.parametrize("indexed", [False, True])
def test_the_next_ingest_adds_to_an_older_catalogue_what_it_lacks(tmp_path: Path, indexed: bool) -> None:
    catalogue = older_catalogue(tmp_path, count=3)
    if indexed:
        begin_vectors(catalogue, "articles", "3fa1", 4)
    new = article("Accra", language="en", wikidata="Q3761", image="https://example.org/accra.jpg")
    report = ingest(catalogue, Listed("articles", [*articles(3), new]))
    assert (report.added, report.known) == (1, 3)
    said = {row["title"]: [row[name] for name in LATER_COLUMNS] for row in contents(Catalogue.open(tmp_path), "articles")}
    assert said.pop("Accra") == ["en", "Q3761", "https://example.org/accra.jpg"]
    assert said == {f"place {n}": ["", "", ""] for n in range(3)}
    added = catalogue.table("articles").schema
    assert [added.field(name).type for name in LATER_COLUMNS] == [SCHEMAS["articles"].field(name).type for name in LATER_COLUMNS]


# Records in, rows out


def test_an_article_keeps_all_it_says(tmp_path: Path) -> None:
    accra = article(
        "Accra",
        lat=5.6,
        lon=-0.2,
        text="Capital of Ghana.",
        url="http://x",
        country="Ghana",
        source="s",
        licence="CC0",
        split="val",
        language="en",
        wikidata="Q3761",
        image="https://example.org/accra.jpg",
    )
    assert contents(catalogue_with(tmp_path, articles=[accra]), "articles") == [
        {
            "id": accra.id, "lat": 5.6, "lon": -0.2, "title": "Accra", "url": "http://x", "country": "Ghana", "source": "s",
            "licence": "CC0", "text": "Capital of Ghana.", "split": "val", "language": "en", "wikidata": "Q3761",
            "image": "https://example.org/accra.jpg",
        }
    ]  # fmt: skip


def test_a_location_keeps_all_it_says(tmp_path: Path) -> None:
    named = {"other_names": "Soul", "people": "1", "region": "AT-06"}
    point = location("Null Island", kind="buoy", country="sea", url="http://x", source="s", licence="CC0", **named)
    assert contents(catalogue_with(tmp_path, locations=[point]), "locations") == [
        {
            "id": point.id, "lat": 0.0, "lon": 0.0, "title": "Null Island", "url": "http://x", "country": "sea", "source": "s",
            "licence": "CC0", "kind": "buoy", **named,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tile_keeps_its_pixels_and_where_they_lie(tmp_path: Path, kind: type) -> None:
    pixels = np.arange(2 * 3 * 4).astype(kind).reshape(2, 3, 4)
    field = tile(title="a field", date="2021-06-01", valid=0.75, split="train")
    field = type(field)(**{name: getattr(field, name) for name in field.__slots__} | {"pixels": pixels})
    (row,) = contents(catalogue_with(tmp_path, tiles=[field]), "tiles")
    assert (row["id"], row["bands"], row["bounds"], row["crs"]) == (field.id, ["B04", "B08"], [0, 0, 1, 1], "EPSG:4326")
    assert (row["height"], row["width"], row["valid"], row["date"], row["level"]) == (3, 4, 0.75, "2021-06-01", "L2A")
    assert (row["sensor"], row["split"], row["title"]) == ("sentinel2", "train", "a field")
    found = decode_pixels(row["pixels"], (len(row["bands"]), row["height"], row["width"]), row["dtype"])
    assert found.dtype == kind
    np.testing.assert_array_equal(found, pixels)


def test_rows_come_in_the_order_they_are_asked_for(tmp_path: Path) -> None:
    records = articles(4)
    catalogue = catalogue_with(tmp_path, articles=records)
    asked = [records[2], records[0], records[3], records[0]]
    found = catalogue.rows("articles", [each.id for each in asked], ["title"])
    assert found["title"].to_pylist() == ["place 2", "place 0", "place 3", "place 0"]


def test_asking_for_no_rows_gives_none(tmp_path: Path) -> None:
    found = catalogue_with(tmp_path, articles=articles(2)).rows("articles", [], ["title", "lat"])
    assert (found.num_rows, found.column_names) == (0, ["id", "title", "lat"])


def test_a_row_that_is_not_there_is_named(tmp_path: Path) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(2))
    with pytest.raises(NotHereError, match=f"1 of 2 records are not in the table.*{article().id}"):
        catalogue.rows("articles", [articles(1)[0].id, article().id], ["title"])


def test_many_rows_are_found_without_a_condition_that_names_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = articles(9)
    catalogue = catalogue_with(tmp_path, articles=records[:5])
    ingest(catalogue, Listed("articles", records))
    wanted = [records[number].id for number in (8, 0, 3, 3, 6)]
    few = catalogue.rows("articles", wanted, ["title", "lat"])
    monkeypatch.setattr("index.store.catalogue.IDS_IN_A_CONDITION", 2)
    assert catalogue.rows("articles", wanted, ["title", "lat"]).equals(few)
    assert few["title"].to_pylist() == ["place 8", "place 0", "place 3", "place 3", "place 6"]
    with pytest.raises(NotHereError, match=f"1 of 6 records are not in the table.*{article().id}"):
        catalogue.rows("articles", [*wanted, article().id], ["title"])


def test_columns_are_ordered_by_id_and_can_be_narrowed(tmp_path: Path) -> None:
    records = articles(8)
    catalogue = catalogue_with(tmp_path, articles=records)
    everything = catalogue.column("articles", ["title"])
    assert everything["id"].to_pylist() == sorted(each.id for each in records)
    assert catalogue.column("articles", ["lat"], where="title = 'place 3'")["lat"].to_pylist() == [3 - 60]
    assert catalogue.count("articles", "lat >= -54") == 2


# Twice


@pytest.mark.parametrize("modality", MODALITIES)
def test_ingesting_twice_gives_the_same_table(tmp_path: Path, modality: Modality) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    first = ingest(catalogue, Listed(modality, WORLDS[modality]))
    once = contents(catalogue, modality)
    second = ingest(catalogue, Listed(modality, WORLDS[modality]))
    assert contents(catalogue, modality) == once
    assert [row["id"] for row in once] == sorted(each.id for each in WORLDS[modality])
    assert (first.read, first.added, first.known) == (5, 5, 0)
    assert (second.read, second.added, second.known) == (5, 0, 5)


def test_the_order_of_the_records_does_not_matter(tmp_path: Path) -> None:
    forward = catalogue_with(tmp_path / "forward", articles=articles(6))
    backward = catalogue_with(tmp_path / "backward", articles=articles(6)[::-1])
    assert contents(forward, "articles") == contents(backward, "articles")


def test_a_second_source_adds_only_what_is_new(tmp_path: Path) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(3))
    report = ingest(catalogue, Listed("articles", articles(5)))
    assert (report.added, report.known, catalogue.count("articles")) == (2, 3, 5)


def test_the_same_record_twice_in_one_batch_is_one_row(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    report = ingest(catalogue, Listed("articles", [*articles(2), *articles(3), article(lon=180), article(lon=-180)]))
    assert (report.read, report.added, report.known) == (7, 4, 3)
    assert catalogue.count("articles") == 4


@pytest.mark.parametrize("between", [0, 1])
@pytest.mark.usefixtures("small_batches")
def test_of_two_accounts_of_the_same_article_the_first_counts_in_one_batch_or_in_two(tmp_path: Path, between: int) -> None:
    told_twice = [article(country="Ghana", split="val"), *articles(between), article(country="Togo", split="train")]
    (row,) = (row for row in contents(catalogue_with(tmp_path, articles=told_twice), "articles") if row["title"] == "Null Island")
    assert (row["country"], row["split"]) == ("Ghana", "val")


def test_more_can_be_ingested_while_an_index_is_being_built(tmp_path: Path) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(3))
    begin_vectors(catalogue, "articles", "3fa1", 4)
    report = ingest(catalogue, Listed("articles", articles(5)))
    assert (report.added, report.known, catalogue.count("articles")) == (2, 3, 5)


# In pieces


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("read_before", [0, 1, 2, 3, 4, 5])
def test_an_interrupted_ingest_that_is_run_again_gives_the_table_of_an_uninterrupted_one(
    tmp_path: Path, modality: Modality, read_before: int
) -> None:
    records = WORLDS[modality]
    whole = Catalogue.open(tmp_path / "whole", create=True)
    ingest(whole, Listed(modality, records))
    resumed = Catalogue.open(tmp_path / "resumed", create=True)
    with pytest.raises(KeyboardInterrupt):
        ingest(resumed, Listed(modality, [*records[:read_before], KeyboardInterrupt(), *records[read_before:]]))
    assert resumed.count(modality) == read_before, "what had been delivered is kept"
    report = ingest(resumed, Listed(modality, records))
    assert contents(resumed, modality) == contents(whole, modality)
    assert resumed.table(modality).schema == whole.table(modality).schema
    assert (report.added, report.known) == (5 - read_before, read_before)


DYING = """
import os, signal, sys
from index.store.ingest import BATCH_ROWS, ingest
from index.store.reports import report_file
from index.store.catalogue import Catalogue
from tests.worlds import Listed, articles
BATCH_ROWS["articles"] = 2
class Dying(Listed):
    def records(self, finished=frozenset()):
        for number, record in enumerate(super().records()):
            if number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            yield record
ingest(Catalogue.open(sys.argv[1], create=True), Dying("articles", articles(5)))
"""


def test_a_killed_process_leaves_a_table_that_the_next_one_completes(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", DYING, str(tmp_path / "killed")], cwd=Path(__file__).parents[3], check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = Catalogue.open(tmp_path / "killed")
    assert resumed.count("articles") == 2
    ingest(resumed, Listed("articles", articles(5)))
    assert contents(resumed, "articles") == contents(catalogue_with(tmp_path / "whole", articles=articles(5)), "articles")


@pytest.mark.usefixtures("small_batches")
def test_progress_is_told_batch_by_batch(tmp_path: Path) -> None:
    told: list[int] = []
    ingest(Catalogue.open(tmp_path, create=True), Listed("articles", articles(5)), told.append)
    assert told == [2, 2, 1]


def test_a_batch_of_large_tiles_is_cut_by_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2 bands x 8 x 8 px x 2 bytes each, and one that alone is larger than a batch."""
    monkeypatch.setattr("index.store.ingest.BATCH_BYTES", 1024)
    told: list[int] = []
    tiles = [*(tile(n, side=8) for n in range(1, 12)), tile(side=64)]
    ingest(Catalogue.open(tmp_path, create=True), Listed("tiles", tiles), told.append)
    assert told == [4, 4, 4]


# By units


ISLANDS = [article("Null Island"), Done(unit="sea"), *articles(3), Done(unit="land")]


def test_a_unit_that_is_in_is_not_asked_for_again(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    first = ingest(catalogue, Listed("articles", ISLANDS, key="islands"))
    again = ingest(Catalogue.open(tmp_path), Listed("articles", [*ISLANDS, article("Atlantis"), Done(unit="myth")], key="islands"))
    assert (first.read, first.added, first.known) == (4, 4, 0)
    assert (again.read, again.added, again.known) == (1, 1, 0)
    assert catalogue.count("articles") == 5


def test_a_unit_of_one_source_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    ingest(catalogue, Listed("articles", ISLANDS, key="islands of 'O'Brien'"))
    other = ingest(catalogue, Listed("articles", [article("Atlantis"), Done(unit="sea")], key="islands"))
    assert (other.read, other.added) == (1, 1)
    assert ingest(catalogue, Listed("articles", ISLANDS, key="islands of 'O'Brien'")).read == 0


def test_a_source_without_a_key_is_always_read_whole(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    for _ in range(2):
        assert ingest(catalogue, Listed("articles", ISLANDS)).read == 4


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("read_before", range(len(ISLANDS) + 1))
def test_units_interrupted_anywhere_and_asked_for_again_give_the_whole_table(tmp_path: Path, read_before: int) -> None:
    interrupted = [*ISLANDS[:read_before], KeyboardInterrupt(), *ISLANDS[read_before:]]
    catalogue = Catalogue.open(tmp_path / "resumed", create=True)
    with pytest.raises(KeyboardInterrupt):
        ingest(catalogue, Listed("articles", interrupted, key="islands"))
    finished = {"sea": 1 if read_before > 1 else 0, "land": 3 if read_before > 5 else 0}
    assert ingest(catalogue, Listed("articles", ISLANDS, key="islands")).read == 4 - sum(finished.values())
    whole = catalogue_with(tmp_path / "whole", articles=[each for each in ISLANDS if not isinstance(each, Done)])
    assert contents(catalogue, "articles") == contents(whole, "articles")


def test_a_unit_is_not_noted_when_its_records_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(1))

    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as trouble:
        trouble.setattr(type(catalogue.table("articles")), "merge_insert", full_disk)
        with pytest.raises(CatalogueError, match=r"articles could not be written: no space left.*then run the same command again"):
            ingest(catalogue, Listed("articles", ISLANDS, key="islands"))
    assert ingest(catalogue, Listed("articles", ISLANDS, key="islands")).read == 4


def test_a_folder_that_a_killed_process_left_without_a_version_is_no_table(tmp_path: Path) -> None:
    catalogue = catalogue_with(tmp_path, articles=articles(1))
    for name in ("tiles", "locations"):
        (tmp_path / f"{name}.lance" / "_versions").mkdir(parents=True)
    (tmp_path / "tiles.lance" / "_versions" / "1.manifest.tmp").write_text("")
    assert catalogue.names() == ["articles"]
    assert (catalogue.count("tiles"), catalogue.has("locations")) == (0, False)
    assert ingest(catalogue, Listed("locations", locations(3))).added == 3
    assert catalogue.names() == ["articles", "locations"]


# With faults


@pytest.mark.usefixtures("small_batches")
def test_rejected_records_are_counted_and_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    first, second, third = articles(3)
    bad, worse = Rejected(where="a.csv, row 2", why="the text is empty"), Rejected(where="a.csv, row 4", why="lat 91")
    catalogue = Catalogue.open(tmp_path, create=True)
    report = ingest(catalogue, Listed("articles", [first, bad, second, worse, third]))
    assert (report.read, report.added, report.known, report.rejected) == (5, 3, 0, [bad, worse])
    assert catalogue.count("articles") == 3


def test_a_source_of_nothing_but_faults_leaves_an_empty_table(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    report = ingest(catalogue, Listed("articles", [Rejected(where="a.csv, row 1", why="the text is empty")]))
    assert (report.read, report.added, len(report.rejected)) == (1, 0, 1)
    assert catalogue.count("articles") == 0


def test_the_report_is_saved_as_json_and_leaves_no_half_written_file(tmp_path: Path) -> None:
    bad = Rejected(where="ä.csv, row 2", why="the text is empty")
    path = tmp_path / "reports" / "ingest.json"
    with report_file(path) as file:
        source = Listed("articles", [*articles(2), bad])
        file.end(ingest(Catalogue.open(tmp_path / "catalogue", create=True), source, reject=file.reject))
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "read": 3, "added": 2, "already_known": 0, "skipped_count": 1,
        "skipped": [{"where": "ä.csv, row 2", "why": "the text is empty"}],
    }  # fmt: skip
    assert list(path.parent.iterdir()) == [path]
