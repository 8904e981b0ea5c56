"""Many machines embed what one would: two nodes of a real Ray cluster, one processor each, and a real process killed."""

import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from index.errors import CheckpointError, ConfigError, MissingExtraError
from index.progress import Quiet
from index.store.catalogue import Catalogue
from index.store.vectors import begin_vectors, finish_vectors, read_embeddings, staging_of
from retrieval.building import ray_engine
from retrieval.building.build import LocalEngine, build_index
from retrieval.building.ray_engine import Embedder, RayEngine
from tests.conftest import World, fill
from train import precision
from train.checkpoint import Checkpoint

ray = pytest.importorskip("ray")
pytest.importorskip("lance_ray")

DIED = "PLACEBIND_TEST_DIED"  # a file that says that a worker has died already


class Mortal(Embedder):
    """A worker that dies at the worst moment, once: its vectors are written, and nobody knows."""

    def __call__(self, rows: pa.Table) -> pa.Table:
        written = super().__call__(rows)
        died = Path(os.environ[DIED])
        if not died.exists():
            died.write_text(self.node)
            os.kill(os.getpid(), signal.SIGKILL)
        return written


class Stopped(Exception):
    pass


class StopAfter(Quiet):
    """A progress observer that stops the build at the first commit after so many rows."""

    def __init__(self, rows: int) -> None:
        self.left = rows

    def advance(self, n, **figures):
        self.left -= n
        if self.left <= 0:
            raise Stopped


@pytest.fixture(scope="module")
def died(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("ray") / "died"


@pytest.fixture(scope="module")
def _cluster(died):
    """Two nodes. In float32, as bfloat16 gives a text other features beside other texts, by 1e-3."""
    from ray.cluster_utils import Cluster
    from ray.data import DataContext

    with pytest.MonkeyPatch.context() as patch, ray_engine._quiet():
        patch.setenv(DIED, str(died))
        patch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        cluster.add_node(**node)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        patch.setattr(DataContext.get_current(), "wait_for_min_actors_s", 120)  # else the first worker may do all there is
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def cluster(_cluster, monkeypatch):
    """Blocks so small that there is work for all, and float32 in this process as well."""
    monkeypatch.setattr(ray_engine, "CHUNK", {"articles": 6, "tiles": 4, "locations": 20})
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: False)
    return _cluster


def embed(engine, model: Checkpoint, catalogue: Catalogue, modality, progress=None) -> list[str]:
    """One table from begin to finish; returns the ids that were asked for."""
    ids = begin_vectors(catalogue, modality, model.digest, model.card.config.dim)
    engine.embed(model, catalogue, modality, pa.array(ids, pa.string()), staging_of(catalogue, modality), progress or Quiet())
    finish_vectors(catalogue, modality, model.digest, {})
    return ids


def assert_same_vectors(one: Catalogue, other: Catalogue, modality):
    found, expected = read_embeddings(one, modality), read_embeddings(other, modality)
    assert list(found.ids) == list(expected.ids)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-6)


@pytest.mark.slow
def test_two_nodes_share_the_work_and_give_the_ids_and_vectors_of_the_local_engine(cluster, world: World, tmp_path):
    model, far, near = Checkpoint.open(world.checkpoint), fill(tmp_path / "far"), fill(tmp_path / "near")
    engine = RayEngine()
    embed(engine, model, far, "articles")
    embed(LocalEngine(), model, near, "articles")
    assert_same_vectors(far, near, "articles")
    assert set(engine.rows_by_node) == {node["NodeID"] for node in ray.nodes()}
    assert sum(engine.rows_by_node.values()) == 48


def test_a_worker_killed_with_its_vectors_written_but_not_reported_loses_nothing(cluster, world, tmp_path, died, monkeypatch):
    model, far, near = Checkpoint.open(world.checkpoint), fill(tmp_path / "far"), fill(tmp_path / "near")
    monkeypatch.setattr(ray_engine, "Embedder", Mortal)
    embed(RayEngine(), model, far, "locations")
    embed(LocalEngine(), model, near, "locations")
    assert died.read_text() in {node["NodeID"] for node in ray.nodes()}
    assert_same_vectors(far, near, "locations")


@pytest.mark.slow
def test_a_stopped_build_keeps_what_was_committed_and_the_next_does_the_rest_only(cluster, world, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_engine, "COMMIT_EVERY_S", 0)
    model, far, near = Checkpoint.open(world.checkpoint), fill(tmp_path / "far"), fill(tmp_path / "near")
    with pytest.raises(Stopped):
        embed(RayEngine(), model, far, "locations", StopAfter(40))
    staged = set(staging_of(far, "locations").ids().to_pylist())
    assert 40 <= len(staged) < 200
    rest = embed(RayEngine(), model, far, "locations")
    assert staged.isdisjoint(rest)
    assert len(staged) + len(rest) == 200
    embed(LocalEngine(), model, near, "locations")
    assert_same_vectors(far, near, "locations")


@pytest.mark.slow
def test_a_whole_index_of_the_cluster_is_that_of_the_local_engine(cluster, world, tmp_path):
    model, far, near = Checkpoint.open(world.checkpoint), fill(tmp_path / "far"), fill(tmp_path / "near")
    assert build_index(model, far, engine=RayEngine()) == {"articles": 48, "tiles": 24, "locations": 200}
    build_index(model, near)
    for modality in ("articles", "tiles", "locations"):
        assert_same_vectors(far, near, modality)


@pytest.mark.slow
def test_a_machine_with_another_checkpoint_is_named_and_nothing_of_it_is_kept(cluster, world, tmp_path):
    model, catalogue = Checkpoint.open(world.checkpoint), fill(tmp_path)
    with pytest.raises(CheckpointError, match=f"a Ray worker on {os.uname().nodename} finds model {model.digest[:8]}"):
        embed(RayEngine(), replace(model, digest="0" * 64), catalogue, "locations")
    assert len(staging_of(catalogue, "locations")) == 0


def test_nothing_to_embed_needs_no_worker(cluster, world, tmp_path):
    model, catalogue, engine = Checkpoint.open(world.checkpoint), fill(tmp_path), RayEngine()
    ids = begin_vectors(catalogue, "tiles", model.digest, 32)
    engine.embed(model, catalogue, "tiles", pa.array([], pa.string()), staging_of(catalogue, "tiles"), Quiet())
    assert len(ids) == 24
    assert not engine.rows_by_node


def test_without_ray_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lance_ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'placebind\[scale\]'"):
        RayEngine()


def test_an_address_where_no_cluster_is_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # as in a process without the cluster of the tests above
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(ConfigError, match=rf"cluster at 127\.0\.0\.1:{port}: .*unset RAY_ADDRESS"):
        RayEngine()
