"""Embed on many machines at once: Ray Data reads and embeds, lance-ray writes, one process commits.

The local engine's loop becomes a stream of blocks over a Ray cluster: row numbers of the records without a vector -> rows, read
from the Lance table by the machine that will use them -> vectors, made by workers that hold the model -> a Lance fragment, written
by the worker. Only the description of a fragment comes back, and this process commits it to the staging table
(``index.store.staging``). Ray repeats a block whose worker or machine died. A fragment that was written but never committed
belongs to no table. Work can stop at any time: committed vectors stay, and the next run does the rest.

The cluster is that of ``RAY_ADDRESS``, or one that runs on this machine, or else one is started here for the lifetime of this
process. Every machine needs the same PlaceBind (``pip install 'placebind[scale]'``), and must see the checkpoint's folder and the
catalogue under the same path or address. A frozen backbone comes from each machine's own disk, as in training. Lance reads the
credentials of an object store from each machine's environment.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from index import errors
from index.errors import CheckpointError, ConfigError, PlaceBindError, one_line
from index.extras import extra
from index.progress import Progress
from index.records import Modality, check_unit_vectors
from index.store.catalogue import Catalogue
from index.store.staging import Staging, staging_schema
from index.store.vector_column import column_of
from retrieval.building.build import CHUNK
from retrieval.space import ROW_COLUMNS, Space
from train.checkpoint import Checkpoint

COMMIT_EVERY_S = 10.0  # each commit rewrites the list of all fragments
_TOLD = pa.schema(
    [("fragments", pa.list_(pa.string())), ("rows", pa.int64()), *((name, pa.string()) for name in ("node", "error", "message"))]
)
_LANCE_RETRIES = {"description": "write vectors", "match": ["LanceError(IO)"], "max_attempts": 10, "max_backoff_s": 32}


class RayEngine:
    """Embeds with every processor of a Ray cluster; where the cluster has GPUs, with GPUs alone.

    ``rows_by_node`` counts the committed rows by the id of the node that embedded them. Constructing it joins or starts the
    cluster; raises ``MissingExtraError`` where Ray or lance-ray is not installed, ``ConfigError`` where the cluster cannot be
    reached.
    """

    def __init__(self) -> None:
        _join_cluster()
        self.rows_by_node: Counter[str] = Counter()

    def embed(
        self, checkpoint: Checkpoint, catalogue: Catalogue, modality: Modality, ids: pa.Array, staging: Staging, progress: Progress
    ) -> None:
        """Append the vectors of the records with these ids to the staging table; records deleted meanwhile are left out.

        Raises the ``PlaceBindError`` that a worker met; Ray raises other errors of a worker, with their traceback.
        """
        dataset = catalogue.table(modality).to_lance()
        numbers = _row_numbers(dataset, ids)
        blocks = [numbers[start : start + CHUNK[modality]] for start in range(0, len(numbers), CHUNK[modality])]
        if not blocks:
            return
        with _quiet():
            written = _written(dataset, blocks, modality, _arguments(checkpoint, catalogue, modality, staging))
            self._commit_all(written, staging, progress)

    def _commit_all(self, written: Any, staging: Staging, progress: Progress) -> None:
        """The only committer. It commits what workers had delivered even when this is stopped."""
        waiting: list[dict[str, Any]] = []
        committed_s = time.monotonic()
        try:
            for batch in written.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                told = batch.to_pylist()
                for each in told:
                    if each["error"]:
                        raise getattr(errors, each["error"])(each["message"])
                waiting += told
                if time.monotonic() - committed_s > COMMIT_EVERY_S:
                    waiting, ready = [], waiting
                    self._commit(ready, staging, progress)
                    committed_s = time.monotonic()
        finally:
            self._commit(waiting, staging, progress)

    def _commit(self, written: list[dict[str, Any]], staging: Staging, progress: Progress) -> None:
        import lance
        from lance.fragment import FragmentMetadata

        if not written:
            return
        fragments = [FragmentMetadata.from_json(text) for each in written for text in each["fragments"]]
        target = lance.dataset(staging.uri)
        lance.LanceDataset.commit(target.uri, lance.LanceOperation.Append(fragments), read_version=target.version)
        for each in written:
            self.rows_by_node[each["node"]] += each["rows"]
        progress.advance(sum(each["rows"] for each in written))


class Embedder:
    """Rows -> a fragment of the staging table, and which node made it; one per worker, which holds the model."""

    def __init__(
        self, checkpoint_folder: Path, model_digest: str, catalogue_uri: str, modality: Modality, staging_uri: str
    ) -> None:
        import ray

        self.checkpoint_folder, self.model_digest, self.catalogue_uri = checkpoint_folder, model_digest, catalogue_uri
        self.modality, self.staging_uri = modality, staging_uri
        self.node = ray.get_runtime_context().get_node_id()

    @cached_property
    def space(self) -> Space:
        return Space(_checkpoint_here(self.checkpoint_folder, self.model_digest), Catalogue.open(self.catalogue_uri))

    def __call__(self, rows: pa.Table) -> pa.Table:
        """One row: descriptions of fragments, their number of vectors, the node, and the error if the work failed."""
        told = {"fragments": [], "rows": 0, "node": self.node, "error": "", "message": ""}
        try:
            told |= {"fragments": self._write(rows), "rows": len(rows)}
        except PlaceBindError as error:  # passed on as data: Ray would reduce an exception to a text with its traceback
            told |= {"error": type(error).__name__, "message": str(error)}
        return pa.Table.from_pylist([told], schema=_TOLD)

    def _write(self, rows: pa.Table) -> list[str]:
        from lance_ray.fragment import write_fragment

        vectors = self.space.embed_rows(self.modality, rows)
        check_unit_vectors(vectors)
        schema = staging_schema(self.space.dim)
        table = pa.table([rows["id"], column_of(vectors)], schema=schema)
        written = write_fragment([table], self.staging_uri, schema=schema, retry_params=_LANCE_RETRIES)
        return [json.dumps(fragment.to_json()) for fragment, _ in written]


def _written(dataset: Any, blocks: list[npt.NDArray[np.int64]], modality: Modality, arguments: dict[str, Any]) -> Any:
    """The stream of written fragments, one row for each of ``blocks``; ``arguments`` are those of ``Embedder``.

    Reading mostly waits for the disk and takes no CPU from the embedding workers.
    """
    import ray
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    gpus, cpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("GPU", "CPU"))
    size = max(1, min(gpus or cpus, len(blocks)))
    whole: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}
    read = partial(_read_rows, uri=dataset.uri, version=dataset.version, columns=["id", *ROW_COLUMNS[modality]])
    numbers = ray.data.from_arrow([pa.table({"row": block}) for block in blocks])
    rows = numbers.map_batches(read, compute=TaskPoolStrategy(size=size), num_cpus=0, **whole)
    device: dict[str, Any] = {"num_gpus": 1} if gpus else {"num_cpus": 1}
    return rows.map_batches(Embedder, fn_constructor_kwargs=arguments, compute=ActorPoolStrategy(size=size), **device, **whole)


def _read_rows(numbers: pa.Table, uri: str, version: int, columns: list[str]) -> pa.Table:
    """Rows of one version of a Lance table by their numbers; runs in Ray's workers."""
    import lance

    return lance.dataset(uri, version=version).take(numbers["row"].to_numpy(), columns=columns)


def _row_numbers(dataset: Any, ids: pa.Array) -> npt.NDArray[np.int64]:
    """The positions of these ids in the table, ascending: neighbours are read together."""
    return np.flatnonzero(pc.is_in(dataset.to_table(columns=["id"])["id"], value_set=pa.array(ids)).to_numpy())


def _arguments(checkpoint: Checkpoint, catalogue: Catalogue, modality: Modality, staging: Staging) -> dict[str, Any]:
    """The arguments of an ``Embedder``, on whichever machine."""
    return {
        "checkpoint_folder": checkpoint.path.parent.resolve(),
        "model_digest": checkpoint.digest,
        "catalogue_uri": catalogue.uri if "://" in catalogue.uri else str(Path(catalogue.uri).resolve()),
        "modality": modality,
        "staging_uri": staging.uri,
    }


def _checkpoint_here(folder: Path, model_digest: str) -> Checkpoint:
    """The checkpoint as this machine sees it. Raises ``CheckpointError`` if it is missing or another one."""
    where = f"a Ray worker on {os.uname().nodename}"
    try:
        checkpoint = Checkpoint.open(folder)
    except CheckpointError as error:
        raise CheckpointError(f"{where}: {error}; every machine must see the same folder") from error
    if checkpoint.digest != model_digest:
        raise CheckpointError(
            f"{where} finds model {checkpoint.digest[:8]}… in {folder}, not {model_digest[:8]}…; copy the same one to every machine"
        )
    return checkpoint


def _join_cluster() -> None:
    for name in ("lance_ray", "ray.data"):
        extra(name)
    import ray

    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report usage to its makers
    address = os.environ.get("RAY_ADDRESS", "")
    try:
        with _quiet():
            _knock(address)
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"cannot join the Ray cluster at {address or 'this machine'}: {one_line(error)}; start it with `ray start`, "
            "or unset RAY_ADDRESS"
        ) from error


def _knock(address: str) -> None:
    """Raises ``OSError`` if nothing answers at a host:port; Ray would try for three minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Ray Data's own bars and notes, and without Lance's warning about forks: exec follows Ray's forks, which is safe."""
    from ray.data import DataContext

    context, logger = DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*fork.*")
            yield
    finally:
        context.enable_progress_bars = before[0]
        logger.setLevel(before[1])
