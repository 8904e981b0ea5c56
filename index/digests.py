"""Digests of files that are read again at each start: remembered, since hashing a hundred megabytes takes longer than a search.

A remembered digest counts as long as size, inode and the times of the last change are the same; a user's program can set the time
of modification, but not that of the change of the inode.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from index.files import cache_folder, file_sha256


def known_sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal. Raises ``OSError`` where there is none."""
    real = path.resolve()
    found = real.stat()
    state = [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]
    note = cache_folder() / "digests" / f"{hashlib.blake2b(str(real).encode(), digest_size=12).hexdigest()}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):  # none yet, or a damaged one
        said = json.loads(note.read_text())
        if said["state"] == state:
            return str(said["sha256"])
    digest = file_sha256(real)
    with suppress(OSError):  # a cache that cannot be written costs time only
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps({"path": str(real), "state": state, "sha256": digest}))
        partial.replace(note)
    return digest
