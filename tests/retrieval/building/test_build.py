"""Building the index: resumable at every commit, refused for another model, the same vectors however often it was killed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from index.errors import CatalogueError, ModelMismatchError
from index.records import Article, Location, Place
from index.search.backends import faiss
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.inventory import inventory_of
from index.store.vectors import manifest_of, read_embeddings
from index.store.versions import restore_version, tag_version
from retrieval.building import build
from retrieval.building.build import append_to_index, build_index, optimize_index
from retrieval.building.unlearnt import about_unlearnt, unlearnt_tiles
from retrieval.building.verify import verify
from retrieval.space import Space
from tests.conftest import TINY, Records, World, coarse_tile, fill
from tests.worlds import tile
from train.checkpoint import Checkpoint
from train.config import TrainConfig
from train.loop import train


class Killed(Exception):
    pass


class KillAfter:
    """A progress observer that stops the build after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def start(self, title, total): ...

    def advance(self, n, **figures):
        if n:
            self.left -= 1
            if self.left < 0:
                raise Killed


def embeddings_of(folder):
    catalogue = Catalogue.open(folder)
    return {modality: read_embeddings(catalogue, modality) for modality in ("articles", "tiles", "locations")}


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(build, "CHUNK", {"articles": 10, "tiles": 5, "locations": 30})


@pytest.mark.parametrize("batches", [0, 1, 4, 9, 14])
def test_a_build_stopped_after_some_batches_and_resumed_gives_the_same_vectors(world: World, tmp_path, small_chunks, batches):
    catalogue, model = fill(tmp_path), Checkpoint.open(world.checkpoint)
    with pytest.raises(Killed):
        build_index(model, catalogue, progress=KillAfter(batches))
    build_index(model, catalogue)
    whole = fill(tmp_path / "whole")
    build_index(model, whole)
    for modality, found in embeddings_of(tmp_path).items():
        expected = read_embeddings(whole, modality)
        assert list(found.ids) == list(expected.ids)
        np.testing.assert_array_equal(found.vectors, expected.vectors)


def test_nothing_counts_as_an_index_before_its_manifest(world, tmp_path, small_chunks):
    catalogue = fill(tmp_path)
    with pytest.raises(Killed):
        build_index(Checkpoint.open(world.checkpoint), catalogue, progress=KillAfter(2))
    assert manifest_of(catalogue, "articles") is None


def test_a_killed_process_leaves_a_catalogue_that_opens_and_goes_on(world, tmp_path):
    """A real process, killed with SIGKILL while it writes vectors."""
    fill(tmp_path)
    script = (
        "import retrieval.building.build as b; b.CHUNK = {'articles': 2, 'tiles': 2, 'locations': 4}\n"
        "from train.checkpoint import Checkpoint; from index.store.catalogue import Catalogue\n"
        "from pathlib import Path; import sys\n"
        "b.build_index(Checkpoint.open(Path(sys.argv[1])), Catalogue.open(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(world.checkpoint), str(tmp_path)])
    catalogue = Catalogue.open(tmp_path)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        staged = [name for name in catalogue.names() if name.startswith("staged_locations_")]
        if staged and catalogue.db.open_table(staged[0]).count_rows() >= 8:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "the build was over before it could be killed"
    assert manifest_of(catalogue, "locations") is None
    build_index(Checkpoint.open(world.checkpoint), catalogue)
    expected = read_embeddings(Catalogue.open(world.folder), "locations")
    found = read_embeddings(catalogue, "locations")
    assert list(found.ids) == list(expected.ids)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-6)


def test_a_second_build_has_nothing_to_do(own_world):
    before = Catalogue.open(own_world.folder).table("articles").version
    assert build_index(Checkpoint.open(own_world.checkpoint), Catalogue.open(own_world.folder)) == {
        "articles": 0,
        "tiles": 0,
        "locations": 0,
    }
    assert Catalogue.open(own_world.folder).table("articles").version == before


def test_new_records_are_added_and_old_vectors_stay(own_world):
    catalogue = Catalogue.open(own_world.folder)
    before = read_embeddings(catalogue, "articles")
    ingest(catalogue, Records("articles", [Article(place=Place(lat=1, lon=1), title="New", text="A new place.")]))
    assert build_index(Checkpoint.open(own_world.checkpoint), catalogue)["articles"] == 1
    after = read_embeddings(catalogue, "articles")
    assert len(after.ids) == len(before.ids) + 1
    rows = [list(after.ids).index(id_) for id_ in before.ids]
    np.testing.assert_array_equal(after.vectors[rows], before.vectors)
    manifest = manifest_of(catalogue, "articles")
    assert manifest is not None
    assert manifest.rows == len(after.ids)


def test_another_model_is_refused_unless_a_rebuild_is_asked_for(own_world):
    config = TrainConfig.parse({**TINY, "steps": 2, "seed": 7}, where="tests").resolved()
    catalogue = Catalogue.open(own_world.folder)
    other = train(config, catalogue, own_world.folder / "other").checkpoint
    old = read_embeddings(catalogue, "articles").vectors
    with pytest.raises(ModelMismatchError, match=r"placebind index build --rebuild"):
        build_index(other, catalogue)
    np.testing.assert_array_equal(read_embeddings(catalogue, "articles").vectors, old)
    build_index(other, catalogue, rebuild=True)
    assert read_embeddings(catalogue, "articles").model_digest == other.digest
    assert not np.allclose(read_embeddings(catalogue, "articles").vectors, old)


def test_the_manifest_says_how_the_vectors_were_made(world):
    manifest = manifest_of(Catalogue.open(world.folder), "tiles")
    assert manifest is not None
    assert manifest.model_digest == Checkpoint.open(world.checkpoint).digest
    assert (manifest.dim, manifest.metric, manifest.dtype, manifest.rows) == (32, "cosine", "float32", 24)
    assert manifest.preprocessing["options"]["size_px"] == 32
    vectors = read_embeddings(Catalogue.open(world.folder), "tiles").vectors
    np.testing.assert_allclose(manifest.mean, vectors.mean(axis=0), atol=1e-6)


@pytest.fixture
def small_worlds_are_large(monkeypatch):
    """Space searches tables of more than 100 rows with FAISS."""
    monkeypatch.setattr("retrieval.ranking.search.EXACT_UP_TO_ROWS", 100)
    monkeypatch.setattr("index.search.backends.faiss.FLAT_BELOW_ROWS", 100)


@pytest.fixture
def trainings(monkeypatch):
    """How many rows there were whenever a search index was learnt."""
    rows, train = [], faiss._train
    monkeypatch.setattr(
        faiss, "_train", lambda library, snapshot, *rest: rows.append(len(snapshot)) or train(library, snapshot, *rest)
    )
    return rows


def add_locations(catalogue, start, stop):
    places = [Place(lat=number % 90, lon=number % 180) for number in range(start, stop)]
    ingest(catalogue, Records("locations", [Location(place=place, title=f"new {place.lat}") for place in places]))


def test_a_build_makes_all_that_the_first_query_needs(world, tmp_path, small_worlds_are_large, trainings, monkeypatch):
    model, catalogue = Checkpoint.open(world.checkpoint), fill(tmp_path)
    build_index(model, catalogue)
    assert trainings == [200]
    for made_by_the_query in ("index.search.snapshot._write", "index.search.backends.faiss._train"):
        monkeypatch.setattr(made_by_the_query, None)
    space = Space.open(world.checkpoint, tmp_path)
    assert all(space.search("snow", kinds=(modality,), k=3).hits[modality] for modality in ("articles", "tiles", "locations"))
    assert space.search("snow", kinds=("locations",)).ways["locations"].startswith("faiss")


def test_an_append_extends_what_searches_and_optimizing_learns_anew_when_much_was_added(
    own_world, small_worlds_are_large, trainings
):
    model, catalogue = Checkpoint.open(own_world.checkpoint), Catalogue.open(own_world.folder)
    build_index(model, catalogue)
    for start, stop in ((0, 10), (10, 45)):
        add_locations(catalogue, start, stop)
        assert append_to_index(model, catalogue)["locations"] == stop - start
        optimize_index(catalogue)
    assert trainings == [200]
    add_locations(catalogue, 45, 80)
    append_to_index(model, catalogue)
    assert trainings == [200]
    found = Space.open(own_world.checkpoint, own_world.folder).search(place=Place(lat=79, lon=79), kinds=("locations",), k=1)
    assert next(iter(found)).title == "new 79"
    optimize_index(catalogue)
    assert trainings == [200, 280]


def test_the_index_of_lancedb_is_made_where_it_is_asked_for_and_extended(own_world, monkeypatch):
    monkeypatch.setattr("index.search.backends.lancedb.FLAT_BELOW_ROWS", 100)
    model, catalogue = Checkpoint.open(own_world.checkpoint), Catalogue.open(own_world.folder)
    build_index(model, catalogue, backend="lancedb")
    add_locations(catalogue, 0, 20)
    append_to_index(model, catalogue)
    (index,) = (each for each in catalogue.table("locations").list_indices() if each.columns == ["vector"])
    assert (index.num_indexed_rows, index.num_unindexed_rows) == (220, 0)
    assert min(each.recall for each in verify(catalogue, backend="lancedb", queries=30)) >= 0.95


def test_nothing_is_appended_to_what_was_not_built(world, tmp_path):
    catalogue = fill(tmp_path)
    with pytest.raises(CatalogueError, match="not indexed; run `placebind index build"):
        append_to_index(Checkpoint.open(world.checkpoint), catalogue)
    with pytest.raises(CatalogueError, match="is indexed; run `placebind index build"):
        optimize_index(catalogue)


def test_a_version_with_another_models_vectors_is_refused_when_it_is_opened(own_world):
    config = TrainConfig.parse({**TINY, "steps": 2, "seed": 7}, where="tests").resolved()
    catalogue = Catalogue.open(own_world.folder)
    number = tag_version(catalogue, "articles", "first")
    other = train(config, catalogue, own_world.folder / "other").checkpoint
    build_index(other, catalogue, rebuild=True)
    Space.open(own_world.folder / "other", own_world.folder)
    assert restore_version(catalogue, "articles", "first") > number
    with pytest.raises(ModelMismatchError, match="the index of the articles was built with model"):
        Space.open(own_world.folder / "other", own_world.folder)


def test_tiles_of_a_sensor_that_the_model_never_saw_are_left_out_and_said(own_world):
    model, catalogue = Checkpoint.open(own_world.checkpoint), Catalogue.open(own_world.folder)
    build_index(model, catalogue)
    learnt = catalogue.count("tiles")
    ingest(catalogue, Records("tiles", [tile(number, lon=number) for number in (1, 2, 3)]))
    assert unlearnt_tiles(model, catalogue) == {"sentinel2": 3}
    assert "3 tiles of sentinel2 were left out: the model has learnt nasa_coarse images" in about_unlearnt(model, catalogue)
    assert append_to_index(model, catalogue)["tiles"] == 0
    add_coarse = coarse_tile(Place(lat=1, lon=2), 200, seed=99)
    ingest(catalogue, Records("tiles", [add_coarse]))
    assert append_to_index(model, catalogue)["tiles"] == 1
    assert append_to_index(model, catalogue)["tiles"] == 0
    assert (len(read_embeddings(catalogue, "tiles").ids), manifest_of(catalogue, "tiles").rows) == (learnt + 1, learnt + 1)
    found = inventory_of(catalogue, "tiles")
    assert (found.stale, found.unlearnt) == (0, {"sentinel2": 3})


def test_a_catalogue_of_nothing_but_such_tiles_is_refused_with_the_reason(world, tmp_path):
    catalogue = Catalogue.open(tmp_path, create=True)
    ingest(catalogue, Records("tiles", [tile()]))
    with pytest.raises(CatalogueError, match=r"1 tiles of sentinel2 were left out.*train one with them"):
        build_index(Checkpoint.open(world.checkpoint), catalogue)
