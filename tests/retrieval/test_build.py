"""Building the index: resumable at every commit, refused for another model, the same vectors however often it was killed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from index.catalogue import Catalogue
from index.errors import ModelMismatchError
from index.records import Article, Place
from index.vectors import manifest_of, read_embeddings
from retrieval import build
from retrieval.build import build_index
from tests.conftest import TINY, Records, World, fill
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
        "import retrieval.build as b; b.CHUNK = {'articles': 2, 'tiles': 2, 'locations': 4}\n"
        "from train.checkpoint import Checkpoint; from index.catalogue import Catalogue; from pathlib import Path; import sys\n"
        "b.build_index(Checkpoint.open(Path(sys.argv[1])), Catalogue.open(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(world.checkpoint), str(tmp_path)])
    catalogue = Catalogue.open(tmp_path)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        table = catalogue.table("locations")
        if "vector" in table.schema.names and table.count_rows("vector IS NOT NULL") >= 8:
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
    catalogue.ingest(Records("articles", [Article(place=Place(lat=1, lon=1), title="New", text="A new place.")]))
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
    with pytest.raises(ModelMismatchError, match=r"placebind index --rebuild"):
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
