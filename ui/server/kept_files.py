"""A folder of what visitors sent, named by its SHA-256 so that an address can name it; old things give way to new ones.

Several servers, and several processes of one, may share a folder.
"""

import hashlib
import os
import re
import threading
from pathlib import Path

from index.files import made_whole

LEAST_BYTES = 4096  # that a file takes on a disk


class KeptFiles:
    """At most ``kept_bytes``; the least recently used files go first. Names have so many hexadecimal ``digits``."""

    def __init__(self, folder: Path, kept_bytes: int, digits: int = 64) -> None:
        self.folder, self.kept_bytes, self._digits = folder, kept_bytes, digits
        self._name, self._lock = re.compile(f"[0-9a-f]{{{digits}}}", re.ASCII), threading.Lock()

    def add(self, content: bytes) -> str:
        """Keep this; returns its name."""
        name = hashlib.sha256(content).hexdigest()[: self._digits]
        file = self.folder / name
        with self._lock:
            is_new = not file.is_file()
            if is_new:
                with made_whole(file) as partial:
                    partial.write_bytes(content)
            file.touch()
            if is_new:
                self._make_room(file)
        return name

    def read(self, name: str) -> bytes | None:
        """What has this name; None if it is not kept (any more)."""
        file = self.folder / name
        try:
            if self._name.fullmatch(name):
                os.utime(file)  # used just now
                return file.read_bytes()
        except FileNotFoundError:
            pass  # it has made room for others
        return None

    def _make_room(self, newest: Path) -> None:
        found = []
        for each in self.folder.iterdir():
            try:
                if self._name.fullmatch(each.name):
                    found.append((each.stat().st_mtime, max(LEAST_BYTES, each.stat().st_size), each))
            except FileNotFoundError:
                continue  # another server of the same folder was faster
        total = sum(size for _, size, _ in found)
        for _, size, each in sorted(found):
            if total <= self.kept_bytes or each == newest:
                return
            total -= size
            each.unlink(missing_ok=True)
