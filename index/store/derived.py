"""Files that are made from a table and can be made again: where they lie, and how they come to be whole or not at all.

They lie beside a local table, in ``<catalogue>/_derived/<modality>/``. Where that folder cannot be written (an object store, a
read-only disk) they lie in the user's cache folder, under a name made from the catalogue's address.
"""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from index.errors import CatalogueError, one_line

ABANDONED_AFTER_S = 6 * 3600  # a partial that nobody has written to for so long was left by a killed process
_PARTIAL = ".partial-"


def derived_folders(uri: str, name: str) -> list[Path]:
    """Where the derived files of one table may lie, best first: beside the table if it is local, in the user's cache folder."""
    local = "://" not in uri
    address = str(Path(uri).resolve()) if local else uri
    place = hashlib.blake2b(address.encode(), digest_size=8).hexdigest()
    cached = cache_folder() / "catalogues" / place / name
    return [Path(uri) / "_derived" / name, cached] if local else [cached]


def cache_folder() -> Path:
    """PlaceBind's folder in the user's cache: what is in it can be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "placebind"


def writable_folder(folders: list[Path]) -> Path:
    """The first of these folders that can be made and written to. Raises ``CatalogueError`` if none can."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue  # the next one may do; if none does, that is said below
        if os.access(folder, os.W_OK):
            return folder
    raise CatalogueError(
        f"cannot write to any of {', '.join(map(str, folders))}; make one writable or set XDG_CACHE_HOME to a folder that is"
    )


def file_beside(folder: Path, name: str) -> Path:
    """Where a file derived from what is in ``folder`` lies: there; or, if it is not and cannot be written there, in the cache."""
    beside = folder / name
    return beside if beside.exists() or os.access(folder, os.W_OK) else cache_folder() / "files" / folder.name / name


@contextmanager
def made_whole(final: Path) -> Iterator[Path]:
    """A temporary path beside ``final`` to make a file or folder at; it takes the name ``final`` when the block ends well.

    If another process was faster, its folder stays and ours goes: both were made from the same rows. Raises ``CatalogueError``
    if the disk is full or not writable; nothing is left behind then.
    """
    partial = final.with_name(f"{final.name}{_PARTIAL}{uuid.uuid4().hex[:12]}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _take_name(partial, final)
    except OSError as error:
        elsewhere = " or set XDG_CACHE_HOME to another disk" if final.is_relative_to(cache_folder()) else ""
        raise CatalogueError(f"cannot write {final}: {one_line(error)}; free some space there{elsewhere}") from error
    finally:
        remove(partial)


def sweep(folder: Path, keep: Callable[[str], bool]) -> None:
    """Remove what is in ``folder`` and not to keep by its name; partials only once they are abandoned.

    Files that another process has open stay readable for it: a name goes, not the content.
    """
    for path in folder.iterdir():
        if _PARTIAL in path.name:
            if _idle_s(path) > ABANDONED_AFTER_S:
                remove(path)
        elif not keep(path.name):
            remove(path)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there. What may not be deleted stays: nothing of ours trusts a name alone."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """By when they were last written to. Those that another process removes meanwhile are left out."""
    found = []
    for path in paths:
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


def _take_name(partial: Path, final: Path) -> None:
    try:
        partial.replace(final)
    except OSError:
        if not final.is_dir():  # a folder with files in it cannot be replaced: another process has made it meanwhile
            raise


def _idle_s(path: Path) -> float:
    """Seconds since anything in ``path`` was last written."""
    try:
        return time.time() - max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    except FileNotFoundError:
        return 0.0  # just renamed or removed by its owner
