"""Pictures that users sent, kept by the SHA-256 of their bytes so that a permalink can name them.

What is kept is bytes that nobody has looked into: only ``retrieval.asking.parts`` reads them, with its own limits on type and
pixels.
"""

from pathlib import Path

from index.errors import InputError, NotHereError
from ui.server.kept_files import KeptFiles

MAX_BYTES = 64 * 2**20  # as a GeoTIFF query may have
KEPT_BYTES = 512 * 2**20


class Uploads:
    """A folder of at most ``kept_bytes``; the least recently used files go first."""

    def __init__(self, folder: Path, kept_bytes: int = KEPT_BYTES) -> None:
        self.folder, self._files = folder, KeptFiles(folder, kept_bytes)

    def add(self, content: bytes) -> str:
        """Keep a picture; returns its name. Raises ``InputError`` for none and for one that is too large."""
        if not 0 < len(content) <= MAX_BYTES:
            raise InputError(
                f"a picture has between 1 byte and {MAX_BYTES // 2**20} MiB, got {len(content):,} bytes; send a smaller one"
            )
        return self._files.add(content)

    def read(self, name: str) -> bytes:
        """What was sent under this name. Raises ``NotHereError`` if it is not kept (any more)."""
        content = self._files.read(name)
        if content is None:
            raise NotHereError("the picture of this question is not kept on this server any more; upload it again")
        return content
