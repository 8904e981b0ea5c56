"""The life of an index: begun, filled in batches, finished with its manifest, resumed, refused, replaced."""

import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import CatalogueError, InputError, ModelMismatchError, NotHereError
from index.store import vectors
from index.store.catalogue import Catalogue
from index.store.derived import array_on_disk
from index.store.ingest import ingest
from index.store.manifest import MANIFEST_KEY, SCHEMA_VERSION, Manifest
from index.store.vectors import FeatureCache, begin_vectors, finish_vectors, manifest_of, read_embeddings, write_vectors
from tests.worlds import Listed, articles, catalogue_with, contents, one_hot, tile

MODEL, OTHER_MODEL = "3fa1" * 16, "9c20" * 16
DIM = 4


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return catalogue_with(tmp_path, articles=articles(5))


def vectors_for(ids: list[str], turn: int = 0) -> np.ndarray:
    """A vector that can be told from the id alone, whichever batch it is written in; ``turn`` makes those of another model."""
    return one_hot(*((int(id_, 16) + turn) % DIM for id_ in ids), dim=DIM)


def build(catalogue: Catalogue, model: str = MODEL, *, turn: int = 0, batch: int = 2, **options: Any) -> list[str]:
    """An index build as ``retrieval`` does it; returns the ids that it had to embed."""
    pending = begin_vectors(catalogue, "articles", model, DIM, **options)
    for start in range(0, len(pending), batch):
        ids = pending[start : start + batch]
        write_vectors(catalogue, "articles", ids, vectors_for(ids, turn))
    finish_vectors(catalogue, "articles", model, {"name": "invented"})
    return pending


def sorted_ids(count: int) -> list[str]:
    return sorted(each.id for each in articles(count))


# From beginning to end


def test_a_finished_index_gives_back_the_vectors_that_were_written(catalogue: Catalogue) -> None:
    assert build(catalogue) == sorted_ids(5)
    found = read_embeddings(catalogue, "articles")
    assert list(found.ids) == sorted_ids(5)
    assert (found.modality, found.model_digest, found.vectors.dtype) == ("articles", MODEL, np.float32)
    np.testing.assert_array_equal(found.vectors, vectors_for(sorted_ids(5)))


def test_embeddings_know_where_their_records_are_latitude_first(catalogue: Catalogue) -> None:
    build(catalogue)
    found = read_embeddings(catalogue, "articles")
    places = {each.id: (each.place.lat, each.place.lon) for each in articles(5)}
    assert [tuple(place) for place in found.places.tolist()] == [places[id_] for id_ in found.ids]


def test_the_manifest_says_which_model_made_the_index_and_how(catalogue: Catalogue) -> None:
    build(catalogue)
    manifest = manifest_of(catalogue, "articles")
    assert manifest is not None
    assert (manifest.model_digest, manifest.preprocessing, manifest.schema_version) == (MODEL, {"name": "invented"}, SCHEMA_VERSION)
    assert (manifest.dim, manifest.rows, manifest.metric, manifest.dtype) == (DIM, 5, "cosine", "float32")
    assert manifest.mean == pytest.approx(vectors_for(sorted_ids(5)).mean(axis=0))


def test_the_manifest_of_tiles_names_the_first_and_the_last_date(tmp_path: Path) -> None:
    dates = ["2021-06-01", "", "2019-01-01", "2020-03-04"]
    catalogue = catalogue_with(tmp_path, tiles=[tile(n, date=date) for n, date in enumerate(dates, start=1)])
    ids = begin_vectors(catalogue, "tiles", MODEL, DIM)
    write_vectors(catalogue, "tiles", ids, vectors_for(ids))
    assert finish_vectors(catalogue, "tiles", MODEL, {}).source_dates == ("2019-01-01", "2021-06-01")


def test_vectors_may_come_in_any_order(catalogue: Catalogue) -> None:
    ids = begin_vectors(catalogue, "articles", MODEL, DIM)[::-1]
    write_vectors(catalogue, "articles", ids, vectors_for(ids))
    finish_vectors(catalogue, "articles", MODEL, {})
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(5)))


def test_the_records_are_untouched_by_the_index(catalogue: Catalogue) -> None:
    before = contents(catalogue, "articles")
    build(catalogue)
    assert [{name: row[name] for name in before[0]} for row in contents(catalogue, "articles")] == before


def test_a_finished_index_has_nothing_left_to_do(catalogue: Catalogue) -> None:
    build(catalogue)
    assert begin_vectors(catalogue, "articles", MODEL, DIM) == []
    assert len(read_embeddings(catalogue, "articles").ids) == 5, "asking did not take the manifest away"


# No manifest, no index


def test_without_a_manifest_there_is_no_index(catalogue: Catalogue) -> None:
    assert manifest_of(catalogue, "articles") is None
    with pytest.raises(CatalogueError, match=r"the articles .* are not indexed; run `placebind index build"):
        read_embeddings(catalogue, "articles")


def test_an_index_that_was_filled_but_not_finished_is_not_read(catalogue: Catalogue) -> None:
    ids = begin_vectors(catalogue, "articles", MODEL, DIM)
    write_vectors(catalogue, "articles", ids, vectors_for(ids))
    assert manifest_of(catalogue, "articles") is None
    with pytest.raises(CatalogueError, match="not indexed"):
        read_embeddings(catalogue, "articles")


def test_a_rebuild_that_was_not_finished_is_not_read(catalogue: Catalogue) -> None:
    build(catalogue)
    begin_vectors(catalogue, "articles", MODEL, DIM, rebuild=True)
    with pytest.raises(CatalogueError, match="not indexed"):
        read_embeddings(catalogue, "articles")


# Killed and resumed


@pytest.mark.parametrize("batches_before", [0, 1, 2])
def test_a_build_killed_after_some_batches_goes_on_behind_the_last_one(
    catalogue: Catalogue, tmp_path: Path, batches_before: int
) -> None:
    pending = begin_vectors(catalogue, "articles", MODEL, DIM)
    done = pending[: 2 * batches_before]
    for start in range(0, len(done), 2):
        write_vectors(catalogue, "articles", done[start : start + 2], vectors_for(done[start : start + 2]))
    reopened = Catalogue.open(tmp_path)
    assert build(reopened) == sorted(set(pending) - set(done))
    whole = catalogue_with(tmp_path / "whole", articles=articles(5))
    build(whole)
    assert contents(reopened, "articles") == contents(whole, "articles")
    assert manifest_of(reopened, "articles") == manifest_of(whole, "articles")


DYING = """
import os, signal, sys
from index.store.catalogue import Catalogue
from index.store.vectors import begin_vectors, write_vectors
from tests.index.store.test_vectors import DIM, MODEL, vectors_for
catalogue = Catalogue.open(sys.argv[1])
pending = begin_vectors(catalogue, "articles", MODEL, DIM)
write_vectors(catalogue, "articles", pending[:2], vectors_for(pending[:2]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_an_index_that_the_next_one_completes(catalogue: Catalogue) -> None:
    killed = subprocess.run([sys.executable, "-c", DYING, catalogue.uri], cwd=Path(__file__).parents[3], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert build(catalogue) == sorted_ids(5)[2:]
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(5)))


def test_an_unfinished_build_of_another_model_is_started_afresh(catalogue: Catalogue) -> None:
    ids = begin_vectors(catalogue, "articles", OTHER_MODEL, DIM)
    write_vectors(catalogue, "articles", ids[:2], vectors_for(ids[:2], turn=1))
    assert build(catalogue) == sorted_ids(5)
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(5)))


@pytest.mark.parametrize("step", ["drop_columns", "add_columns"])
def test_a_rebuild_killed_while_it_clears_the_table_never_passes_old_vectors_off_as_new(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    build(catalogue, OTHER_MODEL, turn=1)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(type(catalogue.table("articles")), step, killed)
        with pytest.raises(KeyboardInterrupt):
            begin_vectors(catalogue, "articles", MODEL, DIM, rebuild=True)
    assert build(catalogue, rebuild=True) == sorted_ids(5)
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(5)))


# Another model


def test_an_index_of_another_model_is_refused_with_the_remedy(catalogue: Catalogue) -> None:
    build(catalogue)
    with pytest.raises(ModelMismatchError) as refused:
        begin_vectors(catalogue, "articles", OTHER_MODEL, DIM)
    for expected in ("articles", MODEL[:8], OTHER_MODEL[:8], "placebind index build --rebuild"):
        assert expected in str(refused.value)
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(5)))


def test_a_rebuild_replaces_every_vector(catalogue: Catalogue) -> None:
    build(catalogue)
    assert build(catalogue, OTHER_MODEL, turn=1, rebuild=True) == sorted_ids(5)
    found = read_embeddings(catalogue, "articles")
    assert found.model_digest == OTHER_MODEL
    np.testing.assert_array_equal(found.vectors, vectors_for(sorted_ids(5), turn=1))


def test_a_rebuild_may_change_the_dimension(catalogue: Catalogue) -> None:
    build(catalogue)
    ids = begin_vectors(catalogue, "articles", OTHER_MODEL, 2, rebuild=True)
    write_vectors(catalogue, "articles", ids, one_hot(0, 1, 0, 1, 0, dim=2))
    assert finish_vectors(catalogue, "articles", OTHER_MODEL, {}).dim == 2
    assert read_embeddings(catalogue, "articles").vectors.shape == (5, 2)


def test_a_rebuild_with_the_same_model_also_starts_over(catalogue: Catalogue) -> None:
    build(catalogue)
    assert build(catalogue, rebuild=True) == sorted_ids(5)


@pytest.mark.parametrize("change", [{"schema_version": SCHEMA_VERSION + 1}, {"metric": "l2"}, {"colour": "blue"}])
def test_a_manifest_of_another_version_is_refused_and_a_rebuild_is_the_cure(catalogue: Catalogue, change: dict[str, Any]) -> None:
    build(catalogue)
    manifest = manifest_of(catalogue, "articles")
    assert manifest is not None
    foreign = manifest.model_copy(update=change).model_dump_json() if "colour" not in change else '{"colour": "blue"}'
    catalogue.table("articles").to_lance().update_metadata({MANIFEST_KEY: foreign})
    with pytest.raises(CatalogueError, match="another PlaceBind version; run `placebind index build --rebuild`"):
        read_embeddings(catalogue, "articles")
    assert build(catalogue, rebuild=True) == sorted_ids(5)
    assert len(read_embeddings(catalogue, "articles").ids) == 5


def test_a_manifest_survives_its_json() -> None:
    manifest = Manifest(model_digest=MODEL, preprocessing={"a": 1}, dim=2, rows=3, mean=(0.25, 0.5), source_dates=("2020-01-01",))
    assert Manifest.from_json(manifest.model_dump_json()) == manifest


# Vectors that are no directions


@pytest.mark.parametrize(
    ("poison", "norm"), [([0, 0, 0, 0], "0.0"), ([np.nan, 0, 0, 1], "nan"), ([1, 1, 0, 0], "1.41"), ([np.inf, 0, 0, 0], "inf")]
)
def test_a_vector_that_is_zero_nan_or_not_normalised_is_refused_and_nothing_is_written(
    catalogue: Catalogue, poison: list[float], norm: str
) -> None:
    ids = begin_vectors(catalogue, "articles", MODEL, DIM)
    vectors = vectors_for(ids)
    vectors[3] = poison
    with pytest.raises(InputError, match=rf"1 vectors are not of unit norm \(first: row 3, norm {norm}"):
        write_vectors(catalogue, "articles", ids, vectors)
    assert begin_vectors(catalogue, "articles", MODEL, DIM) == ids


# Rows that come later


def test_appended_rows_are_pending_and_the_old_vectors_are_kept(catalogue: Catalogue) -> None:
    build(catalogue)
    report = ingest(catalogue, Listed("articles", articles(8)))
    assert (report.added, report.known) == (3, 5)
    new = sorted(set(sorted_ids(8)) - set(sorted_ids(5)))
    still = read_embeddings(catalogue, "articles")
    assert list(still.ids) == sorted_ids(5), "the old index still answers"
    np.testing.assert_array_equal(still.vectors, vectors_for(sorted_ids(5)))
    assert build(catalogue) == new
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, vectors_for(sorted_ids(8)))
    manifest = manifest_of(catalogue, "articles")
    assert manifest is not None
    assert manifest.rows == 8


def test_ingesting_again_what_is_indexed_leaves_the_index_whole(catalogue: Catalogue) -> None:
    build(catalogue)
    before = contents(catalogue, "articles")
    assert ingest(catalogue, Listed("articles", articles(5))).added == 0
    assert contents(catalogue, "articles") == before
    assert begin_vectors(catalogue, "articles", MODEL, DIM) == []


# Cached features


def test_features_come_back_in_the_order_they_are_asked_for(catalogue: Catalogue) -> None:
    cache = FeatureCache(catalogue, "minilm_53aa", 3)
    cache.add(["a", "b", "c"], np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32))
    np.testing.assert_array_equal(cache.read(["c", "a", "c"]), [[7, 8, 9], [1, 2, 3], [7, 8, 9]])
    assert cache.read(["a"]).flags.writeable


def test_many_features_are_read_into_a_file_and_take_no_memory(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, ids = FeatureCache(catalogue, "minilm_53aa", 256), [f"{n:032x}" for n in range(8192)]
    features = np.random.default_rng(0).normal(size=(8192, 256)).astype(np.float32)
    cache.add(ids, features)
    monkeypatch.setattr(vectors, "IN_MEMORY_BYTES", 2**20)
    monkeypatch.setattr(vectors, "WRITE_ROWS", 256)
    tracemalloc.start()
    read = cache.read(ids[::-1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < features.nbytes / 2
    np.testing.assert_array_equal(read, features[::-1])
    assert not any(path.is_file() for path in tmp_path.glob("_derived/features_minilm_53aa/*"))


def test_without_room_for_the_features_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"has no room for 1099511627776 MiB .*; free some space"):
        array_on_disk(tmp_path, (2**30, 2**28))


def test_a_cache_says_what_it_does_not_have_in_the_order_asked(catalogue: Catalogue) -> None:
    cache = FeatureCache(catalogue, "minilm_53aa", 3)
    assert cache.missing(["z", "a", "b"]) == ["z", "a", "b"]
    cache.add(["a"], np.ones((1, 3), np.float32))
    assert cache.missing(["z", "a", "b"]) == ["z", "b"]


def test_cached_features_outlive_the_process_that_made_them(catalogue: Catalogue, tmp_path: Path) -> None:
    FeatureCache(catalogue, "minilm_53aa", 3).add(["a"], np.ones((1, 3), np.float32))
    again = FeatureCache(Catalogue.open(tmp_path), "minilm_53aa", 3)
    assert again.missing(["a", "b"]) == ["b"]
    np.testing.assert_array_equal(again.read(["a"]), [[1, 1, 1]])


def test_a_cache_sees_what_another_one_has_computed_meanwhile(catalogue: Catalogue, tmp_path: Path) -> None:
    cache = FeatureCache(catalogue, "minilm_53aa", 3)
    assert cache.missing(["a"]) == ["a"]
    FeatureCache(Catalogue.open(tmp_path), "minilm_53aa", 3).add(["a"], np.ones((1, 3), np.float32))
    assert cache.missing(["a"]) == []
    np.testing.assert_array_equal(cache.read(["a"]), [[1, 1, 1]])


def test_another_encoder_has_a_cache_of_its_own(catalogue: Catalogue) -> None:
    FeatureCache(catalogue, "minilm_53aa", 3).add(["a"], np.ones((1, 3), np.float32))
    assert FeatureCache(catalogue, "minilm_ffff", 3).missing(["a"]) == ["a"]


def test_what_is_cached_is_not_overwritten_or_doubled(catalogue: Catalogue) -> None:
    cache = FeatureCache(catalogue, "minilm_53aa", 2)
    cache.add(["a"], np.array([[1, 1]], np.float32))
    cache.add(["a", "b"], np.array([[9, 9], [2, 2]], np.float32))
    np.testing.assert_array_equal(cache.read(["a", "b"]), [[1, 1], [2, 2]])


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused_and_not_kept(catalogue: Catalogue, poison: float) -> None:
    cache = FeatureCache(catalogue, "minilm_53aa", 2)
    with pytest.raises(InputError, match="NaN or infinite"):
        cache.add(["a", "b"], np.array([[1, 1], [poison, 0]], np.float32))
    assert cache.missing(["a", "b"]) == ["a", "b"]


def test_features_may_be_zero_and_of_any_length(catalogue: Catalogue) -> None:
    cache = FeatureCache(catalogue, "minilm_53aa", 2)
    cache.add(["a", "b"], np.array([[0, 0], [30, 40]], np.float32))
    np.testing.assert_array_equal(cache.read(["a", "b"]), [[0, 0], [30, 40]])


def test_a_feature_that_was_never_cached_is_named(catalogue: Catalogue) -> None:
    with pytest.raises(NotHereError, match=r"1 of 1 records are not in the table.*first: a"):
        FeatureCache(catalogue, "minilm_53aa", 2).read(["a"])


def test_cached_features_are_not_taken_for_records(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path, create=True)
    FeatureCache(catalogue, "minilm_53aa", 2)
    with pytest.raises(CatalogueError, match="holds no PlaceBind tables"):
        Catalogue.open(tmp_path)
