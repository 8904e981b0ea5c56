"""The form of a CSV: its encoding, its separator and its header. Anything but plain UTF-8 with commas is reported."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from index.errors import InputError, one_line

_CHUNK_BYTES = 2**20
_SAMPLE_CHARS = 2**16
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SEP_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_STRAY = re.compile("[\udc80-\udcff]")  # how surrogateescape marks a byte that is not part of a character
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Shape:
    """``skip`` lines stand before the header (an Excel "sep=" line); ``spaced`` is a table with a space after each separator."""

    encoding: str
    separator: str
    header: tuple[str, ...]
    skip: int = 0
    spaced: bool = False

    @property
    def remarks(self) -> list[str]:
        """What the user should check: all that was guessed, not stated."""
        said = []
        if self.separator != ",":
            said.append(f"separated by {SEPARATORS.get(self.separator, repr(self.separator))}")
        if self.encoding not in ("utf-8", "utf-8-sig"):
            said.append(f"in the encoding {self.encoding}")
        if self.skip:
            said.append("its first line 'sep=' left out")
        return [f"read as a table {', '.join(said)}"] if said else []


def shape_of(path: Path) -> Shape:
    """Raises ``InputError`` where there is no header, or the file cannot be read."""
    try:
        encoding = encoding_of(path)
        with path.open(newline="", encoding=encoding, errors="surrogateescape") as stream:
            sample = stream.read(_SAMPLE_CHARS)
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path}: not a readable csv file ({one_line(error)}); export it again") from None
    lines = [line for line in sample.splitlines() if line.strip()]
    stated = _SEP_LINE.fullmatch(lines[0]) if lines else None
    skip = 1 if stated else 0
    if len(lines) <= skip:
        raise InputError(f"{path}: not a readable csv file (it has no header); export it again")
    separator = stated[1] if stated else _separator(lines[:50])
    raw = _fields(lines[skip], separator)
    spaced = len(raw) > 1 and all(name.startswith(" ") for name in raw[1:])
    return Shape(encoding, separator, tuple(name.strip().strip('"') for name in raw), skip, spaced)


def encoding_of(path: Path, start: int = 0) -> str:
    """By its byte order mark, else UTF-8; cp1252 only if there are bytes beyond ASCII and none of them is UTF-8.

    A file that is UTF-8 except for some bytes stays UTF-8: as cp1252 all its other letters would be wrong.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
        marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")
        if marked:
            return marked
        if len(head) > 1 and 0 in head[:2] and any(head[:2]):
            return "utf-16-le" if head[1] == 0 else "utf-16-be"
        stream.seek(start)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        strays = False
        while chunk := stream.read(_CHUNK_BYTES):
            if not chunk.isascii() or decoder.getstate()[0]:
                part = decoder.decode(chunk)
                if _BEYOND_ASCII.search(part):
                    return "utf-8"
                strays = strays or bool(_STRAY.search(part))
    return "cp1252" if strays or decoder.getstate()[0] else "utf-8"


def _separator(lines: Sequence[str]) -> str:
    """The one that cuts the header and agrees with most rows; of equals the one that gives more columns, then the comma."""
    best, most = ",", (0.0, 0)
    for separator in SEPARATORS:
        count, *others = (len(_fields(line, separator)) for line in lines)
        agreeing = sum(each == count for each in others) / max(len(others), 1)
        if count > 1 and (agreeing, count) > most:
            best, most = separator, (agreeing, count)
    return best


def _fields(line: str, separator: str) -> list[str]:
    csv.field_size_limit(2**31 - 1)
    return next(csv.reader([line], delimiter=separator), [])
