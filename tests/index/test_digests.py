"""A remembered digest is that of the file as it is."""

import hashlib
import os
from pathlib import Path

import pytest

from index.digests import known_sha256


def test_a_changed_file_has_another_digest_even_with_its_old_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    times = path.stat()
    assert known_sha256(path) == known_sha256(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert known_sha256(path) == hashlib.sha256(b"two").hexdigest()


def test_a_damaged_note_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    known_sha256(path)
    for note in (tmp_path / "cache").rglob("*.json"):
        note.write_text("[")
    assert known_sha256(path) == hashlib.sha256(b"one").hexdigest()
