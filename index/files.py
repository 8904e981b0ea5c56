"""Files that come to be whole or not at all, and the user's cache folder."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from index.errors import CatalogueError, one_line

PARTIAL = ".partial-"  # in the name of what is not whole yet


def cache_folder() -> Path:
    """PlaceBind's folder in the user's cache: what is in it can be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "placebind"


@contextmanager
def made_whole(final: Path) -> Iterator[Path]:
    """A temporary path beside ``final`` to make a file or folder at; it takes the name ``final`` when the block ends well.

    If another process was faster, its folder stays and ours goes: both were made from the same rows. Raises ``CatalogueError``
    if the disk is full or not writable; nothing is left behind then.
    """
    partial = final.with_name(f"{final.name}{PARTIAL}{uuid.uuid4().hex[:12]}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _take_name(partial, final)
    except OSError as error:
        elsewhere = " or set XDG_CACHE_HOME to another disk" if final.is_relative_to(cache_folder()) else ""
        raise CatalogueError(f"cannot write {final}: {one_line(error)}; free some space there{elsewhere}") from error
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there. What may not be deleted stays: nothing of ours trusts a name alone."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _take_name(partial: Path, final: Path) -> None:
    try:
        partial.replace(final)
    except OSError:
        if not final.is_dir():  # a folder with files in it cannot be replaced: another process has made it meanwhile
            raise
