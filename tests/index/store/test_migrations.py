"""Tables as an older PlaceBind made them: the next ingest adds what they lack, and notes it."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from index.store.catalogue import SCHEMAS, Catalogue
from index.store.ingest import ingest
from index.store.manifest import MIGRATIONS_KEY, SCHEMA_KEY
from index.store.migrations import MIGRATIONS, migrate
from index.store.unique import ids_are_unique
from index.store.vectors import FeatureCache
from tests.worlds import Listed, article, articles, catalogue_with, contents, index_with, one_hot

ALL = [each.name for each in MIGRATIONS]


def noted(table: object) -> list[str]:
    found: list[str] = json.loads((table.to_lance().metadata or {}).get(MIGRATIONS_KEY, "[]"))  # type: ignore[attr-defined]
    return found


def unmarked(folder: Path, *, count: int, doubled: int = 0) -> Catalogue:
    """As an older PlaceBind left it: the ids not marked, and some rows twice by two ingests at once."""
    rows = catalogue_with(folder / "new", articles=articles(count)).table("articles").to_arrow()
    plain = pa.schema([pa.field(field.name, field.type) for field in rows.schema])
    older = Catalogue.open(folder / "old", create=True)
    table = older.db.create_table("articles", rows.cast(plain))
    table.add(rows.cast(plain).slice(0, doubled))
    table.to_lance().update_metadata({SCHEMA_KEY: "1"})
    return older


def test_a_new_table_has_all_and_says_so(tmp_path: Path) -> None:
    table = catalogue_with(tmp_path, articles=articles(2)).table("articles")
    assert noted(table) == ALL
    assert ids_are_unique(table.schema)


@pytest.mark.parametrize("indexed", [False, True])
def test_the_ids_of_an_older_catalogue_are_marked_and_doubled_rows_removed(tmp_path: Path, indexed: bool) -> None:
    catalogue = unmarked(tmp_path, count=5, doubled=3)
    if indexed:
        index_with(catalogue, "articles", one_hot(0, 1, 2, 3, 0, 1, 2, 3))
    assert catalogue.count("articles") == 8
    assert ingest(catalogue, Listed("articles", articles(7))).added == 2
    table = Catalogue.open(tmp_path / "old").table("articles")
    assert ids_are_unique(table.schema)
    assert noted(table) == ALL
    assert catalogue.column("articles", [])["id"].to_pylist() == sorted(each.id for each in articles(7))


def test_a_migration_that_was_stopped_before_it_was_noted_is_taken_again(tmp_path: Path) -> None:
    catalogue = unmarked(tmp_path, count=5)
    table = catalogue.table("articles")
    migrate(table, SCHEMAS["articles"])
    before = contents(catalogue, "articles")
    table.to_lance().update_metadata({MIGRATIONS_KEY: json.dumps(ALL[:1])})
    table.add(table.to_arrow().slice(0, 2))  # the doubled rows that it was about to remove
    migrate(table, SCHEMAS["articles"])
    assert noted(table) == ALL
    assert contents(catalogue, "articles") == before


def test_a_migrated_table_is_not_touched_again(tmp_path: Path) -> None:
    table = unmarked(tmp_path, count=2).table("articles")
    migrate(table, SCHEMAS["articles"])
    version = table.version
    migrate(table, SCHEMAS["articles"])
    assert table.version == version


def test_an_older_cache_of_features_is_marked_and_keeps_what_it_has(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4, 1, 2], pa.float32()), 2)
    catalogue.db.create_table("features_minilm_53aa", pa.table({"id": ["a", "b", "a"], "vector": vectors}))
    cache = FeatureCache(catalogue, "minilm_53aa", 2)
    cache.add(["b", "c"], np.array([[9, 9], [5, 6]], np.float32))
    np.testing.assert_array_equal(cache.read(["a", "b", "c"]), [[1, 2], [3, 4], [5, 6]])
    table = catalogue.db.open_table("features_minilm_53aa")
    assert (table.count_rows(), noted(table)) == (3, ["unique ids"])


def test_what_an_older_catalogue_held_out_gets_its_slice_at_the_next_ingest(tmp_path: Path) -> None:
    spots = {"reports": (70.0, 7.0, "report"), "chooses": (48.0, 16.0, "val")}
    held_out = [article(name, lat, lon, split="val") for name, (lat, lon, _) in spots.items()]
    learnt = article("learnt", 70.0, 7.0, split="train")
    catalogue = catalogue_with(tmp_path, articles=[*held_out, learnt])
    index_with(catalogue, "articles", one_hot(0, 1, 2))
    table = catalogue.table("articles")
    before = contents(catalogue, "articles")
    table.update(where="split = 'report'", values={"split": "val"})
    table.to_lance().update_metadata({MIGRATIONS_KEY: json.dumps([name for name in ALL if name != "report slice"])})
    ingest(catalogue, Listed("articles", []))
    assert contents(catalogue, "articles") == before
    assert {row["title"]: row["split"] for row in before} == {"learnt": "train"} | {name: spot[2] for name, spot in spots.items()}
    assert noted(catalogue.table("articles"))[-1] == "report slice"
