"""Files that are made from a table and can be rebuilt: where they lie, and which are removed.

They lie next to a local table, in ``<catalogue>/_derived/<modality>/``. Where that folder cannot be written (an object store, a
read-only disk) they lie in the user's cache folder, under a name made from the catalogue's address.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import CatalogueError, one_line
from index.files import PARTIAL, cache_folder, made_whole, remove

ABANDONED_AFTER_S = 6 * 3600  # a partial file without a write for so long was left by a killed process


def derived_folders(uri: str, name: str) -> list[Path]:
    """Where the derived files of one table may lie, best first: next to the table if it is local, in the user's cache folder."""
    local = "://" not in uri
    address = str(Path(uri).resolve()) if local else uri
    place = hashlib.blake2b(address.encode(), digest_size=8).hexdigest()
    cached = cache_folder() / "catalogues" / place / name
    return [Path(uri) / "_derived" / name, cached] if local else [cached]


def writable_folder(folders: list[Path]) -> Path:
    """The first of these folders that can be created and written to. Raises ``CatalogueError`` if none can."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue  # the next one may work; if none does, the error below says so
        if os.access(folder, os.W_OK):
            return folder
    raise CatalogueError(
        f"cannot write to any of {', '.join(map(str, folders))}; make one writable or set XDG_CACHE_HOME to a folder that is"
    )


def file_beside(folder: Path, name: str) -> Path:
    """Where a file derived from ``folder`` lies: there, or in the cache if it is not there and cannot be written there."""
    beside = folder / name
    return beside if beside.exists() or os.access(folder, os.W_OK) else cache_folder() / "files" / folder.name / name


def array_on_disk(folder: Path, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """An array to write and read in a file without a name, which is gone with its last user, a killed one too.

    Its space is taken at once, as a mapped file on a full disk kills the process (SIGBUS). Raises ``CatalogueError`` without room.
    """
    size = 4 * shape[0] * shape[1]
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.float32, "r+", shape=shape)
    except OSError as error:
        raise CatalogueError(
            f"{folder} has no room for {size >> 20} MiB that are only needed for now: {one_line(error)}; free some space there"
        ) from error


def array_at(path: Path | None, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The array in a file, mapped; if it is not there, or damaged, what ``make`` makes, which is then written there. A folder that
    cannot be written costs time only; None is no file."""
    if path is not None:
        with suppress(OSError, ValueError, EOFError):
            return np.load(path, mmap_mode="r", allow_pickle=False)
    made = make()
    if path is not None and os.access(path.parent, os.W_OK):
        with suppress(CatalogueError), made_whole(path) as partial, partial.open("wb") as file:
            np.save(file, made, allow_pickle=False)
    return made


def sweep(folder: Path, keep: Callable[[str], bool]) -> None:
    """Remove the files in ``folder`` that ``keep`` does not want by name; partial ones only once they are abandoned.

    Files that another process has open stay readable for it: only the name is removed.
    """
    for path in folder.iterdir():
        if PARTIAL in path.name:
            if _idle_s(path) > ABANDONED_AFTER_S:
                remove(path)
        elif not keep(path.name):
            remove(path)


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """The paths sorted by their last write. Those that another process removes meanwhile are left out."""
    found = []
    for path in paths:
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


def _idle_s(path: Path) -> float:
    """Seconds since anything in ``path`` was last written."""
    try:
        return time.time() - max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    except FileNotFoundError:
        return 0.0  # just renamed or removed by its owner
