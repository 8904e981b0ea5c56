"""Files written completely or not at all, their digests, and the user's cache folder."""

import csv
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from index.errors import CatalogueError, PlaceBindError, one_line

CHOOSE_ANOTHER = "give a file in a folder that can be written"  # the remedy where the user named the file
PARTIAL = ".partial-"  # in the name of an unfinished file or folder


def cache_folder() -> Path:
    """PlaceBind's folder in the user's cache. Its contents can be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "placebind"


@contextmanager
def made_whole(final: Path, error: type[PlaceBindError] = CatalogueError, remedy: str = "free some space there") -> Iterator[Path]:
    """A temporary path next to ``final`` for a new file or folder, which is renamed to ``final`` when the block succeeds.

    If another process was faster, its folder stays and ours is removed: both were made from the same rows. Raises ``error`` with
    the ``remedy`` if the disk is full or not writable. Nothing is left behind then, and an earlier file stays.
    """
    partial = final.with_name(f"{final.name}{PARTIAL}{uuid.uuid4().hex[:12]}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _take_name(partial, final)
    except OSError as problem:
        elsewhere = " or set XDG_CACHE_HOME to another disk" if final.is_relative_to(cache_folder()) else ""
        raise error(f"cannot write {final}: {one_line(problem)}; {remedy}{elsewhere}") from problem
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it exists. One that cannot be deleted stays: our code never trusts a name alone."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _take_name(partial: Path, final: Path) -> None:
    try:
        partial.replace(final)
    except OSError:
        # A folder with files in it cannot be replaced: another process has made it meanwhile.
        if not (partial.is_dir() and final.is_dir()):
            raise


def file_sha256(path: Path) -> str:
    """In hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table with a column for each name that occurs in any row, in order of appearance. Missing cells are empty."""
    with made_whole(path) as partial, partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
