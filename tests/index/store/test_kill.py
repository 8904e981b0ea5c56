"""kill -9 anywhere in a command, or a disk without room: the catalogue opens, nothing is lost, nothing half-built answers, and the
command run again ends as if nothing had happened.

The commands, and the steps at which they die, are those of ``tests.index.disturbed``.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import CatalogueError
from index.records import MODALITIES
from index.search.backends import exact, faiss
from index.search.backends import lancedb as lance_index
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.inventory import inventory_of
from index.store.vectors import is_finished, manifest_of
from index.store.versions import versions_of
from tests.disks import no_file_longer_than
from tests.index.disturbed import (
    AFTER,
    BEFORE,
    BEGINS,
    COMMANDS,
    DIM,
    ENDED,
    FAISS,
    FLAT_BELOW_ROWS,
    MODEL,
    OTHER_MODEL,
    ids_of,
    vectors_of,
    world_for,
)
from tests.worlds import clustered, contents

REPOSITORY = Path(__file__).parents[3]
QUERIES, K = clustered(5, DIM, seed=3), 10
EVERY_ROW = {"nprobe": 1000, "refine": 1000}  # that LanceDB's index can answer with: its answers are exact then

# What may answer after a kill, the model and the number of rows; None: there may be no index.
FEW, ALL, ANEW = (MODEL, BEFORE), (MODEL, AFTER), (OTHER_MODEL, AFTER)
INDEXED: dict[str, set[tuple[str, int] | None]] = {
    "ingest": {FEW},
    "first": {FEW},
    "build": {None, FEW},
    "append": {FEW, ALL},
    "rebuild": {FEW, None, ANEW},
    "optimize": {ALL},
    "restore": {ALL, FEW},
}
# How many records may be there then.
RECORDS: dict[str, set[int]] = {
    "ingest": {BEFORE, AFTER},
    "first": {BEFORE},
    "build": {BEFORE},
    "append": {AFTER},
    "rebuild": {AFTER},
    "optimize": {AFTER},
    "restore": {AFTER, BEFORE},
}

INGESTED = {BEFORE: "build", AFTER: "whole/ingest"}  # where so many articles are as they were ingested

# Runs a module so that even root may write only where permissions say so: without CAP_DAC_OVERRIDE (1), dropped by prctl's
# PR_CAPBSET_DROP (24) of Linux. Who is not root has nothing to drop.
WITHOUT_OVERRIDE = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])
"""

POINTS = [
    ("first", "after create_table"),
    ("build", "after add"),
    ("build", "before commit"),
    ("append", "after commit"),
    ("append", "after update_metadata"),
    ("append", "open fragments.json"),
    ("rebuild", "after drop_columns"),
    ("optimize", "after compact_files"),
    ("restore", "after restore"),
]


@dataclass(frozen=True)
class Bench:
    """``folder`` has a world for every command, to be copied, and in ``whole`` what becomes of each if it is not disturbed."""

    folder: Path

    def world(self, command: str, to: str) -> Path:
        return Path(shutil.copytree(self.folder / command, self.folder / to))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lance_index, "FLAT_BELOW_ROWS", FLAT_BELOW_ROWS)
        patch.setenv("XDG_CACHE_HOME", str(bench.folder / "cache"))
        for command, run in COMMANDS.items():
            world_for(command, bench.folder / command)
            run(Catalogue.open(bench.world(command, f"whole/{command}")))
        yield bench


@dataclass(frozen=True)
class Died:
    """The folders in which a command was killed at each of the points, and those in which it found that it may only read them."""

    killed: dict[tuple[str, str], Path]
    only_read: dict[str, Path]
    errors: list[str]


@pytest.fixture(scope="module")
def died(bench: Bench) -> Died:
    """All in one process: they would spend most of their time on imports."""
    killed = {point: bench.world(point[0], " ".join(point)) for point in POINTS}
    only_read = {command: bench.world(command, f"{command} only read") for command in COMMANDS}
    for folder in only_read.values():
        permit(folder, folders=0o555, files=0o444)
    fatal = [(command, killed[command, step], step) for command, step in POINTS]
    process = start(*fatal, *((command, folder, "") for command, folder in only_read.items()))
    said, error = process.communicate()
    for folder in only_read.values():
        permit(folder, folders=0o755, files=0o644)
    codes = [-signal.SIGKILL] * len(POINTS) + [1] * len(COMMANDS)
    assert said.splitlines() == [line for code in codes for line in (BEGINS, f"{ENDED} {code}")], error
    return Died(killed, only_read, [line for line in error.splitlines() if line.startswith("index.errors")])


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def permit(folder: Path, *, folders: int, files: int) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(folders if path.is_dir() else files)


def start(*commands: tuple[str, Path, str]) -> "subprocess.Popen[str]":
    """A process that runs these commands, each until its step; nobody's permissions are overridden."""
    parts = [str(part) for command in commands for part in command]
    said = [sys.executable, "-c", WITHOUT_OVERRIDE, "tests.index.disturbed", *parts]
    return subprocess.Popen(said, cwd=REPOSITORY, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def best_by_hand(model: str, count: int, query: np.ndarray) -> list[str]:
    ids = ids_of(count)
    cosines = vectors_of(ids, model) @ query
    return [ids[row] for row in np.argsort(-cosines)[:K]]


def assert_answers(snapshot: Snapshot, model: str, count: int) -> None:
    """Whole, and right by every backend."""
    ids = snapshot.ids.to_pylist()
    assert (snapshot.manifest.model_digest, sorted(ids)) == (model, ids_of(count))
    np.testing.assert_array_equal(snapshot.vectors, vectors_of(ids, model))
    assert snapshot.take(np.arange(count), ["id"])["id"].to_pylist() == ids
    backends = [
        exact.build(snapshot=snapshot),
        faiss.build(snapshot=snapshot, **FAISS),
        lance_index.build(snapshot=snapshot, **EVERY_ROW),
    ]
    for backend in backends:
        found, _ = backend.search(QUERIES, K)
        assert [[ids[row] for row in each] for each in found] == [best_by_hand(model, count, query) for query in QUERIES]


def assert_nothing_lost(folder: Path, command: str, bench: Bench) -> None:
    """What is there opens, all that was ingested is in it, and what answers is an index of before or after the command."""
    catalogue = Catalogue.open(folder)
    found = inventory_of(catalogue, "articles")
    assert found.rows in RECORDS[command]
    assert versions_of(catalogue, "articles")[-1].rows == found.rows
    assert catalogue.count("tiles") == 0
    assert catalogue.count("locations") in {0, BEFORE}
    assert records(catalogue) == records(Catalogue.open(bench.folder / INGESTED[found.rows]))
    manifest = manifest_of(catalogue, "articles")
    if manifest is None:
        assert None in INDEXED[command]
        with pytest.raises(CatalogueError, match="not indexed"):
            open_snapshot(catalogue, "articles")
        return
    snapshot = open_snapshot(catalogue, "articles")
    assert (manifest.model_digest, len(snapshot)) in INDEXED[command]
    assert_answers(snapshot, manifest.model_digest, len(snapshot))


def records(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "vector"} for row in contents(catalogue, "articles")]


def assert_the_same(folder: Path, whole: Path) -> None:
    """The second run has ended where an undisturbed one does."""
    found, expected = Catalogue.open(folder), Catalogue.open(whole)
    assert found.names() == expected.names()
    for modality in MODALITIES:
        assert found.has(modality) == expected.has(modality)
        assert not found.has(modality) or contents(found, modality) == contents(expected, modality)
    manifests = [manifest_of(each, "articles") for each in (found, expected)]
    assert manifests[0] is not None
    assert manifests[1] is not None
    assert manifests[0].model_copy(update={"mean": ()}) == manifests[1].model_copy(update={"mean": ()})
    np.testing.assert_allclose(manifests[0].mean, manifests[1].mean, atol=1e-7)
    assert is_finished(found, "articles") == is_finished(expected, "articles")
    assert_answers(open_snapshot(found, "articles"), manifests[1].model_digest, manifests[1].rows)


def assert_recovers(command: str, folder: Path, bench: Bench) -> None:
    looked_at = folder.with_name(f"{folder.name}-looked-at")  # looking makes the files that are missing
    assert_nothing_lost(Path(shutil.copytree(folder, looked_at)), command, bench)
    COMMANDS[command](Catalogue.open(folder))
    assert_the_same(folder, bench.folder / "whole" / command)


@pytest.mark.parametrize("point", POINTS, ids=" ".join)
def test_a_command_killed_loses_nothing_and_ends_well_when_run_again(bench: Bench, died: Died, point: tuple[str, str]) -> None:
    assert_recovers(point[0], died.killed[point], bench)


# A disk without room, or that may only be read


@pytest.mark.parametrize(
    ("command", "size"),
    [
        ("ingest", 100), ("first", 100), ("build", 2500), ("append", 2500), ("restore", 100),
        *(pytest.param(*more, marks=pytest.mark.slow) for more in product(COMMANDS, [100, 1200, 2500, 5000])),
    ],
)  # fmt: skip
def test_a_disk_without_room_is_said_in_one_line_and_nothing_is_lost(bench: Bench, command: str, size: int) -> None:
    """No command gets to its end where no file may be longer than 100 bytes; where more is allowed, some do."""
    folder = bench.world(command, f"{command} of {size} bytes")
    said = ""
    with no_file_longer_than(size):
        try:
            COMMANDS[command](Catalogue.open(folder))
        except CatalogueError as error:
            said = str(error)
    assert said or size > 100
    assert not said or re.fullmatch(r".*too large.*(the disk has room, then run the same command again|free some space).*", said)
    assert_recovers(command, folder, bench)


def test_a_folder_that_may_only_be_read_is_said_in_one_line_and_stays_as_it_is(bench: Bench, died: Died) -> None:
    assert len(died.errors) == len(COMMANDS)
    assert all("CatalogueError" in line and "Permission denied" in line and "it is writable" in line for line in died.errors)
    for command, folder in died.only_read.items():
        assert files_in(folder) == files_in(bench.folder / command)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_commands_killed_at_fifty_random_points_lose_nothing(bench: Bench) -> None:
    """Half of them at a step, half at any moment: also within Lance, which takes no steps of Python's."""
    rng, steps, seconds = random.Random(20261123), dict[str, int](), dict[str, float]()
    for command in COMMANDS:
        process = start((command, bench.world(command, f"{command} counted"), ""))
        seconds[command] = -wait_for_begin(process)
        steps[command] = len(process.communicate()[0].splitlines()) - 1
        seconds[command] += time.perf_counter()
    for number in range(50):
        command = list(COMMANDS)[number % len(COMMANDS)]
        folder = bench.world(command, f"{number} {command}")
        if number // len(COMMANDS) % 2:
            process = start((command, folder, str(rng.randrange(steps[command]))))
        else:
            process = start((command, folder, ""))
            wait_for_begin(process)
            time.sleep(rng.uniform(0, seconds[command]))
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert_recovers(command, folder, bench)


def wait_for_begin(process: "subprocess.Popen[str]") -> float:
    """When a process has done its imports."""
    assert process.stdout is not None
    assert process.stdout.readline().strip() == BEGINS
    return time.perf_counter()
