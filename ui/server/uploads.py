"""Pictures that users sent, kept by the SHA-256 of their bytes so that a permalink can name them; old ones give way to new ones.

What is kept is bytes that nobody has looked into: only ``retrieval.asking.parts`` reads them, with its own limits on type and
pixels.
"""

import hashlib
import os
import re
import threading
from pathlib import Path

from index.errors import InputError, NotHereError
from index.files import made_whole

MAX_BYTES = 64 * 2**20  # as a GeoTIFF query may have
KEPT_BYTES = 512 * 2**20
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Uploads:
    """A folder of at most ``kept_bytes``; the least recently used files go first."""

    def __init__(self, folder: Path, kept_bytes: int = KEPT_BYTES) -> None:
        self.folder, self.kept_bytes = folder, kept_bytes
        self._lock = threading.Lock()

    def add(self, content: bytes) -> str:
        """Keep a picture; returns its name. Raises ``InputError`` for none and for one that is too large."""
        if not 0 < len(content) <= MAX_BYTES:
            raise InputError(
                f"a picture has between 1 byte and {MAX_BYTES // 2**20} MiB, got {len(content):,} bytes; send a smaller one"
            )
        name = hashlib.sha256(content).hexdigest()
        with self._lock:
            file = self.folder / name
            if not file.is_file():
                with made_whole(file) as partial:
                    partial.write_bytes(content)
            file.touch()
            self._make_room(file)
        return name

    def read(self, name: str) -> bytes:
        """What was sent under this name. Raises ``NotHereError`` if it is not kept (any more)."""
        file = self.folder / name
        try:
            if _NAME.fullmatch(name):
                os.utime(file)  # used just now
                return file.read_bytes()
        except FileNotFoundError:
            pass  # it has made room for others
        raise NotHereError("the picture of this question is not kept on this server any more; upload it again")

    def _make_room(self, newest: Path) -> None:
        files = sorted(
            (each for each in self.folder.iterdir() if _NAME.fullmatch(each.name)), key=lambda each: each.stat().st_mtime
        )
        total = sum(each.stat().st_size for each in files)
        for each in files:
            if total <= self.kept_bytes or each == newest:
                return
            total -= each.stat().st_size
            each.unlink(missing_ok=True)  # another server of the same folder may have been faster
