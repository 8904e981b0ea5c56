"""A home of its own for a server that a test starts."""

import os
from pathlib import Path

from index.files import cache_folder


def environment_of(home: Path) -> dict[str, str]:
    """Environment of a process whose home and cache are there. It shares the compiled names of this machine's cache, which take a
    minute of a busy core."""
    names, linked = cache_folder() / "names", home / "cache" / cache_folder().name / "names"
    names.mkdir(parents=True, exist_ok=True)
    linked.parent.mkdir(parents=True, exist_ok=True)
    if not linked.exists():
        linked.symlink_to(names)
    return os.environ | {"XDG_CACHE_HOME": str(home / "cache"), "HOME": str(home), "OMP_NUM_THREADS": "1"}
