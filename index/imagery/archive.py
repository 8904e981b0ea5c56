"""Products from outside, as a folder or a zip, read in place: nothing is ever unpacked.

A product that holds anything but plain files below its own folder (``../``, absolute paths, links, devices), or more than a product
can hold, is refused as a whole: it is either malicious or damaged.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from index.errors import InputError

MAX_MEMBERS = 20_000
MAX_PRODUCT_BYTES = 16 * 2**30  # a Sentinel-2 product takes about 1 GiB
MAX_TEXT_BYTES = 16 * 2**20
_REMEDY = "do not unpack it; download the product again from its provider"


class Archive(Protocol):
    """``names`` are paths below the archive with '/'. Every method raises ``InputError`` with the remedy."""

    names: list[str]

    def stream(self, name: str) -> IO[bytes]: ...

    def gdal_path(self, name: str) -> str: ...


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """A folder or a zip, checked. Raises ``InputError`` if it is neither or holds something it should not."""
    try:
        if path.is_dir():
            yield Folder(path)
        elif path.is_file():
            with zipfile.ZipFile(path) as opened:
                yield Zip(path, opened)
        else:
            raise InputError("no such file or folder; give the path of a .SAFE folder or a .zip")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise InputError(f"not a whole zip ({error}); download it again") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error}); check it and its permissions, or download it again") from None


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.names: list[str] = []
        for folder, folders, files in os.walk(self.path, followlinks=False):
            for name in (*folders, *files):
                each = Path(folder, name)
                inside = each.relative_to(self.path).as_posix()
                mode = each.lstat().st_mode
                if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                    raise InputError(f"'{inside}' is a link or a device, expected plain files; {_REMEDY}")
                self.names += [inside] if stat.S_ISREG(mode) else []
            if len(self.names) > MAX_MEMBERS:
                raise InputError(f"more than {MAX_MEMBERS} files, but a product has a few hundred; name its .SAFE folder")

    def stream(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")

    def gdal_path(self, name: str) -> str:
        return str(self.path / name)


class Zip:
    def __init__(self, path: Path, opened: zipfile.ZipFile) -> None:
        self.path, self.opened = path.resolve(), opened
        members = opened.infolist()
        if len(members) > MAX_MEMBERS or sum(each.file_size for each in members) > MAX_PRODUCT_BYTES:
            limit = f"{MAX_MEMBERS} members and {MAX_PRODUCT_BYTES >> 20} MiB"
            raise InputError(f"it claims more than a product can hold (limit {limit}); {_REMEDY}")
        for each in members:
            problem = _problem(each)
            if problem:
                raise InputError(f"member '{each.filename[:100]}' {problem}; {_REMEDY}")
        self.names = [each.filename for each in members if not each.is_dir()]
        if len(set(self.names)) < len(self.names):
            raise InputError(f"two of its members have the same name; {_REMEDY}")

    def stream(self, name: str) -> IO[bytes]:
        return self.opened.open(name)

    def gdal_path(self, name: str) -> str:
        return f"/vsizip/{{{self.path}}}/{name}"


def _problem(member: zipfile.ZipInfo) -> str:
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in member.filename or ":" in member.filename:
        return "would leave the product's folder"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, expected plain files"
    return "is encrypted" if member.flag_bits & 1 else ""


def read_text(archive: Archive, name: str) -> bytes:
    """The whole content of a small member."""
    with archive.stream(name) as stream:
        raw = stream.read(MAX_TEXT_BYTES + 1)
    if len(raw) > MAX_TEXT_BYTES:
        raise InputError(f"'{name}' is larger than metadata can be (limit {MAX_TEXT_BYTES >> 20} MiB); {_REMEDY}")
    return raw
