"""Commands on a tiny catalogue, made to be disturbed: run in a process of their own, which kills itself at the n-th step.

``python -m tests.index.disturbed [COMMAND CATALOGUE STEP]...`` says of each command that it begins, runs it in a child process, and
prints the steps that it took; or the child dies by SIGKILL at ``STEP``, its number or how its name starts. A step is a change of a
file by Python inside the catalogue, or the moment before or after a call that makes Lance or FAISS change files. No torch: the
vectors are given, each follows from its record's id alone.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.errors import writing
from index.search.backends import faiss, lancedb
from index.search.snapshot import open_snapshot
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.upkeep import extend_indexes, optimize_table
from index.store.vectors import begin_vectors, finish_vectors, write_vectors
from index.store.versions import restore_version, tag_version
from tests.worlds import Listed, articles, catalogue_with, locations, unit

MODEL, OTHER_MODEL, DIM = "3fa1" * 16, "9c20" * 16, 8
BEFORE, AFTER = 60, 90  # articles, before and after the ingest
BATCH = 20  # vectors written at once
FLAT_BELOW_ROWS = 30  # so that LanceDB indexes so few
TAG = "before"
BEGINS, ENDED = "begins", "ended with"
FAISS = {"kind": "ivf", "lists": 4, "nprobe": 4, "refine": 1000}  # looks at every row: its answers are exact


def vectors_of(ids: list[str], model: str = MODEL) -> npt.NDArray[np.float32]:
    """Unit vectors [N, DIM] that follow from the ids and the model."""
    seeds = [[int(id_[:16], 16), int(model, 16) % 2**32] for id_ in ids]
    return unit([np.random.default_rng(seed).normal(size=DIM) for seed in seeds])


def ids_of(count: int) -> list[str]:
    return sorted(each.id for each in articles(count))


def more_articles(catalogue: Catalogue, count: int = AFTER) -> None:
    ingest(catalogue, Listed("articles", articles(count)))


def build(catalogue: Catalogue, model: str = MODEL, *, rebuild: bool = False) -> None:
    """What ``placebind index build`` and ``append`` do to one table."""
    pending = begin_vectors(catalogue, "articles", model, DIM, rebuild=rebuild)
    for start in range(0, len(pending), BATCH):
        ids = pending[start : start + BATCH]
        write_vectors(catalogue, "articles", ids, vectors_of(ids, model))
    finish_vectors(catalogue, "articles", model, {})
    index_for_search(catalogue)


def first_of_another_kind(catalogue: Catalogue) -> None:
    ingest(catalogue, Listed("locations", locations(BEFORE)))


def rebuild(catalogue: Catalogue) -> None:
    build(catalogue, OTHER_MODEL, rebuild=True)


def index_for_search(catalogue: Catalogue) -> None:
    from lancedb.index import FTS

    table = catalogue.table("articles")
    if "title_idx" not in [each.name for each in table.list_indices()]:
        with writing("the words of the articles could not be indexed"):  # as retrieval.ranking.fulltext, which would import torch
            table.create_index("title", config=FTS(), replace=True)
    if not lancedb.has_index(table):
        lancedb.build_index(catalogue, "articles")
    extend_indexes(catalogue, "articles")
    faiss.build(snapshot=open_snapshot(catalogue, "articles"), **FAISS)


def optimize(catalogue: Catalogue) -> None:
    optimize_table(catalogue, "articles", timedelta(0))
    faiss.build(snapshot=open_snapshot(catalogue, "articles"), **FAISS)


def restore(catalogue: Catalogue) -> None:
    restore_version(catalogue, "articles", TAG)
    faiss.build(snapshot=open_snapshot(catalogue, "articles"), **FAISS)


COMMANDS: dict[str, Callable[[Catalogue], None]] = {
    "ingest": more_articles,
    "first": first_of_another_kind,
    "build": build,
    "append": build,
    "rebuild": rebuild,
    "optimize": optimize,
    "restore": restore,
}


def articles_with_own_columns(catalogue: Catalogue) -> None:
    numbered = [replace(each, own={"number": number}) for number, each in enumerate(articles(AFTER))]
    ingest(catalogue, Listed("articles", numbered, own={"number": pa.int64()}))


OTHERS = {"own": articles_with_own_columns}  # in a world for "ingest"; tests/index/store/test_own.py


def world_for(command: str, folder: Path) -> Catalogue:
    """A catalogue as it is before this command."""
    catalogue = catalogue_with(folder, articles=articles(BEFORE))
    if command == "build":
        return catalogue
    build(catalogue)
    if command in ("ingest", "first"):
        return catalogue
    tag_version(catalogue, "articles", TAG)
    more_articles(catalogue)
    if command in ("optimize", "restore"):
        build(catalogue)
    return catalogue


class Steps:
    """Counts the steps of this process in one folder, and kills it at one of them."""

    def __init__(self, folder: str, fatal: str) -> None:
        self.folder, self.fatal, self.names = folder, fatal, list[str]()

    def take(self, name: str) -> None:
        self.names.append(name)
        if self.fatal and (self.fatal == str(len(self.names) - 1) or name.startswith(self.fatal)):
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Every change of a file that goes through Python."""
        changes = ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree")
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in changes) and str(arguments[0]).startswith(self.folder):
            self.take(f"{event} {Path(str(arguments[0])).name}")

    def around(self, owner: Any, name: str) -> None:
        call = getattr(owner, name)

        @wraps(call)
        def counted(*arguments: Any, **options: Any) -> Any:
            self.take(f"before {name}")
            result = call(*arguments, **options)
            self.take(f"after {name}")
            return result

        setattr(owner, name, counted)

    def watch(self) -> None:
        """Lance's own file operations are not Python's: the calls that make them are steps instead."""
        import faiss as library
        import lance
        from lance.dataset import DatasetOptimizer
        from lancedb.db import LanceDBConnection
        from lancedb.merge import LanceMergeInsertBuilder
        from lancedb.table import LanceTable

        for owner, names in {
            lance.LanceDataset: ("commit", "update_metadata", "cleanup_old_versions"),
            lance.LanceFragment: ("update_columns",),
            DatasetOptimizer: ("compact_files", "optimize_indices"),
            LanceTable: ("add", "add_columns", "drop_columns", "create_index", "optimize", "restore"),
            LanceMergeInsertBuilder: ("execute",),
            LanceDBConnection: ("create_table", "drop_table"),
            library: ("write_index",),
        }.items():
            for name in names:
                self.around(owner, name)
        sys.addaudithook(self.audit)


def run(command: str, folder: str, fatal: str) -> None:
    steps = Steps(folder, fatal)
    steps.watch()
    lancedb.FLAT_BELOW_ROWS = FLAT_BELOW_ROWS
    (COMMANDS | OTHERS)[command](Catalogue.open(folder))
    print("\n".join(steps.names), flush=True)


def main(*arguments: str) -> None:
    """Imports take most of a command's time: they are done once, and each child starts from there, before Lance has any thread."""
    for start in range(0, len(arguments), 3):
        print(BEGINS, flush=True)
        child = os.fork()
        if not child:
            run(*arguments[start : start + 3])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(f"{ENDED} {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
