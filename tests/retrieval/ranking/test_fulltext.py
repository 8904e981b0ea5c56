"""Words are found in titles and texts of a real catalogue, in rows of its snapshot, whatever characters a query holds."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.errors import CatalogueError, InputError
from index.records import Modality
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval.ranking.fulltext import QUERY_CHARACTERS, build_text_index, text_hits
from tests.conftest import World
from tests.worlds import Listed, article, catalogue_with, index_with, location, one_hot, tile

ARTICLES = [
    article("Fjord", 61.0, 7.0, "A fjord is deep. Volcanoes are not here."),
    article("Zürich", 47.0, 8.0, "A town by a lake."),
    article("Geiranger", 62.0, 7.2, "It lies at the end of a fjord."),
    article("The Wash", 53.0, 0.2, "Mud flats."),
    article("北京", 39.9, 116.4, "我住在北京大学"),
]


def snapshot_of(catalogue: Catalogue, modality: Modality = "articles") -> Snapshot:
    index_with(catalogue, modality, np.repeat(one_hot(0), catalogue.count(modality), axis=0))
    build_text_index(catalogue)
    return open_snapshot(catalogue, modality)


def titles(snapshot: Snapshot, query: str, n: int = 10, **more) -> list[str]:
    rows, scores = text_hits(snapshot, query, n, **more)
    assert len(rows) == len(scores)
    assert (np.diff(scores) <= 0).all()
    return snapshot.take(rows, ["title"])["title"].to_pylist()


def unindexed(catalogue: Catalogue) -> dict[str, int]:
    """How many rows each index of words lacks."""
    indices = catalogue.table("articles").list_indices()
    return {each.columns[0]: each.num_unindexed_rows for each in indices if each.index_type == "FTS"}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    return snapshot_of(catalogue_with(tmp_path_factory.mktemp("words"), articles=ARTICLES))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("fjord", ["Fjord", "Geiranger"]),  # in title and text before in the text alone
        ("ZURICH", ["Zürich"]),
        ("volcano", ["Fjord"]),
        ("the wash", ["The Wash", "Geiranger"]),
        ("大学", ["北京"]),
        ("lake nowhere", ["Zürich"]),
        ("nowhere", []),
    ],
    ids=["title and text", "accent and case", "stem", "common words", "no spaces between words", "one of the words", "none"],
)
def test_words_are_found_in_titles_and_texts(snapshot, query, found):
    assert titles(snapshot, query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("'; DROP TABLE lake; --", ["Zürich"]),
        ("title:lake AND (", ["Zürich"]),
        ("-lake", ["Zürich"]),
        ("lake\0", ["Zürich"]),
        ("lake \ud800 💥", ["Zürich"]),
        ('"', []),
        ("* ? ~2 ^3 [ ]", []),
    ],
)
def test_no_character_is_syntax(snapshot, query, found):
    assert titles(snapshot, query) == found


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=40))
def test_any_text_is_a_query(snapshot, query):
    if query.strip():
        assert len(titles(snapshot, query, 3)) <= 3


def test_of_a_megabyte_of_words_the_first_count(snapshot):
    assert titles(snapshot, "fjord " + "lake " * 200_000) == ["Fjord", "Zürich", "Geiranger"]
    assert titles(snapshot, "x" * QUERY_CHARACTERS + " fjord") == []


def test_only_rows_that_may_answer_do_and_never_fewer_than_there_are(tmp_path):
    many = [article(f"lake {i}", lat=i / 10, text="A lake. " * (1 + (i < 30))) for i in range(60)]
    snapshot = snapshot_of(catalogue_with(tmp_path, articles=many))
    order, _ = text_hits(snapshot, "lake", 60)
    assert len(order) == 60
    last = np.sort(order[-7:])  # far behind the first ten
    found, _ = text_hits(snapshot, "lake", 5, rows=last)
    assert len(found) == 5
    assert set(found) <= set(last)
    assert set(text_hits(snapshot, "lake", 10, rows=last)[0]) == set(last)
    assert len(text_hits(snapshot, "lake", 10, rows=np.empty(0, dtype=np.int64))[0]) == 0


def test_records_without_a_vector_take_no_place(tmp_path):
    catalogue = catalogue_with(tmp_path, articles=[article("a lake"), *ARTICLES[2:]])
    ids = index_with(catalogue, "articles", one_hot(0, 1, 2, 3))
    ingest(catalogue, Listed("articles", [article("lake lake", lat=1.0, text="A lake.")]))
    build_text_index(catalogue)
    rows, _ = text_hits(open_snapshot(catalogue, "articles"), "lake", 1)
    assert rows.min() >= 0
    assert [ids[row] for row in rows] == [article("a lake").id]


def test_equally_good_rows_come_in_the_order_of_their_ids(tmp_path):
    snapshot = snapshot_of(catalogue_with(tmp_path, articles=[article("lake", lat=float(lat)) for lat in range(40)]))
    rows, scores = text_hits(snapshot, "lake", 40)
    assert len(set(scores.tolist())) == 1
    np.testing.assert_array_equal(rows, np.arange(40))


def test_records_that_came_after_the_index_of_words_are_taken_into_it(tmp_path):
    catalogue = catalogue_with(tmp_path, articles=ARTICLES)
    build_text_index(catalogue)
    table = catalogue.table("articles")
    row = dict.fromkeys(table.schema.names, "") | {"id": "f" * 32, "lat": 61.1, "lon": 7.0, "title": "Sognefjord"}
    table.add([row | {"text": "The longest fjord."}])  # what an ingest leaves that is killed before it optimises the table
    assert unindexed(catalogue) == {"title": 1, "text": 1}
    build_text_index(catalogue)
    assert unindexed(catalogue) == {"title": 0, "text": 0}
    assert "Sognefjord" in titles(snapshot_of(catalogue), "Sognefjord")


def test_an_index_of_words_that_is_whole_is_left_alone(tmp_path):
    catalogue = catalogue_with(tmp_path, articles=ARTICLES)
    build_text_index(catalogue)
    version = catalogue.table("articles").version
    build_text_index(catalogue)
    assert catalogue.table("articles").version == version


def test_titles_of_tiles_and_locations_are_words_too_and_empty_tables_are_left_alone(tmp_path: Path):
    catalogue = catalogue_with(tmp_path, tiles=[tile(title="Nile delta")], locations=[location("Cairo"), location("", lat=2.0)])
    ingest(catalogue, Listed("articles", []))  # leaves an empty table behind
    assert build_text_index(catalogue) == {"tiles": ("title",), "locations": ("title",)}
    assert all(each.index_type != "FTS" for each in catalogue.table("articles").list_indices())
    assert titles(snapshot_of(catalogue, "tiles"), "nile") == ["Nile delta"]
    assert titles(snapshot_of(catalogue, "locations"), "cairo") == ["Cairo"]


def test_titles_that_are_all_empty_can_be_indexed_and_found_once_they_are_not(tmp_path):
    catalogue = catalogue_with(tmp_path, locations=[location("", lat=float(lat)) for lat in range(3)])
    assert titles(snapshot_of(catalogue, "locations"), "cairo") == []
    ingest(catalogue, Listed("locations", [location("Cairo")]))
    assert titles(snapshot_of(catalogue, "locations"), "cairo") == ["Cairo"]


def test_a_search_for_words_without_an_index_of_them_says_what_to_do(tmp_path):
    catalogue = catalogue_with(tmp_path, articles=ARTICLES)
    index_with(catalogue, "articles", np.repeat(one_hot(0), 5, axis=0))
    with pytest.raises(CatalogueError, match="words of the articles are not indexed; run `placebind index build`"):
        text_hits(open_snapshot(catalogue, "articles"), "fjord", 5)


def test_a_search_for_words_in_a_version_that_was_cleaned_away_says_what_to_do(tmp_path):
    catalogue = catalogue_with(tmp_path, articles=ARTICLES)
    old = snapshot_of(catalogue)
    catalogue.table("articles").update(values={"title": "new"})
    catalogue.table("articles").to_lance().cleanup_old_versions(timedelta(0))
    with pytest.raises(CatalogueError, match=r"version \d+ of the articles cannot be read any more.*open the space again"):
        text_hits(old, "fjord", 5)


def test_an_empty_query_and_a_number_below_one_are_refused(snapshot):
    with pytest.raises(InputError, match="empty"):
        text_hits(snapshot, " \n", 5)
    with pytest.raises(InputError, match="at least 1, got 0"):
        text_hits(snapshot, "fjord", 0)


def test_in_a_trained_world_a_name_is_found_that_its_meaning_would_not(own_world: World):
    catalogue = Catalogue.open(own_world.folder)
    build_text_index(catalogue)
    assert titles(open_snapshot(catalogue, "articles"), "station 17", 1) == ["North 17"]
