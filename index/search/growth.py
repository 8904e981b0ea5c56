"""A snapshot made from an earlier one, at the cost of the new rows: known rows keep their places, new ones follow them.

``index.search.snapshot`` -> here. A snapshot's folder holds ``fragments.json``: the fragments that it was made from, and its row
count each time it grew. Rows of a fragment that is still there are unchanged. Rows of one that is gone (compacted, or with a
changed title) are looked up by id in the new fragments. Their vectors are not read again, since a record's vector never changes
within one vector column (``index.store.vectors``). A deleted row, or a new vector column, requires a new snapshot.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from index.store.manifest import COLUMN_KEY
from index.store.vector_column import HAS_VECTOR, VECTOR, WRITE_ROWS, matrix_of

COLUMNS = ("id", "lat", "lon")
_FILE = "fragments.json"
_OFFSET_BITS = 32  # of a Lance row id, below the number of the fragment


@dataclass(frozen=True)
class Fragments:
    """Which rows a table holds in the columns of a snapshot: by fragment, its data files and what is deleted in it.

    ``column`` names the vector column: one that was dropped and created again has another name. ``sizes`` are the row counts at
    which the snapshot was an earlier one.
    """

    column: str
    fragments: dict[str, str]
    sizes: tuple[int, ...] = ()

    @classmethod
    def of(cls, dataset: Any) -> Self:
        wanted, fragments = {each.id() for each in dataset.lance_schema.fields() if each.name() in (*COLUMNS, VECTOR)}, {}
        for fragment in dataset.get_fragments():
            parts = fragment.metadata.to_json()
            files = sorted(file["path"] for file in parts["files"] if wanted & set(file["fields"]))
            fragments[str(parts["id"])] = json.dumps([parts["id"], files, parts.get("deletion_file")], sort_keys=True, default=str)
        return cls((dataset.metadata or {}).get(COLUMN_KEY, ""), fragments)

    @property
    def digest(self) -> str:
        digest = hashlib.blake2b(digest_size=8)
        for content in self.fragments.values():
            digest.update(content.encode())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        (folder / _FILE).write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises ``OSError`` or ``ValueError`` if the file is missing, as with a snapshot of an older PlaceBind, or incomplete."""
        said = json.loads((folder / _FILE).read_text())
        if not isinstance(said, dict) or set(said) != {"column", "fragments", "sizes"}:
            raise ValueError(f"{folder / _FILE} is not of this PlaceBind")
        return cls(said["column"], said["fragments"], tuple(said["sizes"]))


def numbers(column: pa.ChunkedArray, kind: Any) -> npt.NDArray[Any]:
    """A column of at most one chunk, without gaps, as it lies in memory: Arrow's own ``to_numpy`` imports pandas."""
    if not len(column):
        return np.empty(0, kind)
    (chunk,) = column.chunks
    return np.frombuffer(chunk.buffers()[1], kind)[chunk.offset : chunk.offset + len(chunk)]


def arrow(rows: npt.NDArray[np.int64]) -> pa.Array:
    """Rows to take from a table: ``pa.array`` imports pandas."""
    return pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows, np.int64))])


def grow(folder: Path, base: Path, dataset: Any, dim: int, dtype: str) -> bool:
    """Make the snapshot of ``dataset`` in ``folder`` from the one in ``base``; False if that is not possible.

    Files derived from the base's rows (``.faiss``) are carried over, to be extended later.
    """
    try:
        known, parts = Fragments.load(base), Fragments.of(dataset)
        old = pa.ipc.open_file(pa.memory_map(str(base / "rows.arrow"))).read_all()
        vectors = mapped(base / "vectors.npy", (len(old), dim))
    except (OSError, ValueError, EOFError):  # removed by another process, damaged, or of an older PlaceBind
        return False
    if not len(old) or known.column != parts.column or dataset.has_stable_row_ids:
        return False
    grown = _rows(old, known, parts, dataset)
    if grown is None:
        return False
    folder.mkdir()
    write_rows(folder, grown)
    added = np.empty((len(grown) - len(old), dim), dtype)
    if len(added):
        put(added, grown["_rowid"].to_numpy()[len(old) :], _changed(dataset, known, parts).to_batches())
    if not _appended(base / "vectors.npy", folder / "vectors.npy", vectors, added):
        target = allocate(folder / "vectors.npy", dtype, (len(grown), dim))
        target[: len(old)], target[len(old) :] = vectors, added
        target.flush()
    sizes = (*known.sizes, len(old)) if len(added) else known.sizes
    Fragments(parts.column, parts.fragments, sizes).save(folder)
    with suppress(OSError):  # the base is gone by now, or its disk has no links: then they are rebuilt
        for path in base.glob("*.faiss"):
            os.link(path, folder / path.name)
    return True


def mapped(path: Path, shape: tuple[int, int]) -> npt.NDArray[Any]:
    """The first rows of an array file, which may hold more rows than its header says or than needed: see ``_appended``.

    Raises ``OSError`` or ``ValueError`` if the file is missing, incomplete or of another width.
    """
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        (_, width), _, dtype = np.lib.format.read_array_header_1_0(file)
        offset, size = file.tell(), path.stat().st_size
    if width != shape[1] or size < offset + shape[0] * width * dtype.itemsize:
        raise ValueError(f"{path} holds no {shape} vectors")
    if not shape[0]:
        return np.empty(shape, dtype)  # an empty file cannot be mapped
    return np.asarray(np.memmap(path, dtype, mode="r", offset=offset, shape=shape))


def write_rows(folder: Path, rows: pa.Table) -> None:
    rows = rows.combine_chunks()
    with pa.OSFile(str(folder / "rows.arrow"), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)


def allocate(path: Path, dtype: str, shape: tuple[int, int]) -> np.memmap[Any, Any]:
    """An array file to write into; its space is taken at once, as a mapped file on a full disk kills the process (SIGBUS)."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def put(target: npt.NDArray[Any], row_ids: npt.NDArray[np.uint64], batches: Iterable[pa.RecordBatch]) -> None:
    """Write the vectors of batches into ``target`` [N, D], whose rows are those of these Lance row ids; other rows are skipped."""
    order = np.argsort(row_ids)
    for batch in batches:
        found = batch["_rowid"].to_numpy()
        at = order[np.searchsorted(row_ids, found, sorter=order).clip(max=len(order) - 1)]
        wanted = row_ids[at] == found
        target[at[wanted]] = matrix_of(batch[VECTOR])[wanted]


def _rows(old: pa.Table, known: Fragments, parts: Fragments, dataset: Any) -> pa.Table | None:
    """The old rows where they are now, then the new ones by id; None if an old one is gone."""
    fresh = _changed(dataset, known, parts, list(COLUMNS)).to_table()
    stays = [int(number) for number, content in known.fragments.items() if parts.fragments.get(number) == content]
    stayed = np.isin(old["_rowid"].to_numpy() >> _OFFSET_BITS, np.array(stays, dtype=np.uint64))
    moved = pc.index_in(old["id"], value_set=fresh["id"].combine_chunks())
    if not (stayed ^ moved.is_valid().to_numpy()).all():  # gone; or there twice, and it is unknown which one is meant
        return None
    at = moved.combine_chunks().fill_null(0).to_numpy() if len(fresh) else np.zeros(len(old), np.int64)
    columns: dict[str, Any] = {"id": old["id"]}
    for name in (*COLUMNS[1:], "_rowid"):
        now = fresh[name].to_numpy()[at] if len(fresh) else old[name].to_numpy()
        columns[name] = np.where(stayed, old[name].to_numpy(), now)
    new = fresh.filter(pc.invert(pc.is_in(fresh["id"], value_set=old["id"].combine_chunks()))).sort_by("id")
    return pa.concat_tables([pa.table(columns, schema=old.schema), new.select(old.schema.names).cast(old.schema)])


def _changed(dataset: Any, known: Fragments, parts: Fragments, columns: list[str] | None = None) -> Any:
    """A scanner of the rows with vectors in fragments unknown to the earlier snapshot; it reads their vectors, or ``columns``."""
    numbers = {number for number, content in parts.fragments.items() if known.fragments.get(number) != content}
    fragments = [each for each in dataset.get_fragments() if str(each.fragment_id) in numbers]
    options = {"columns": columns or [VECTOR], "filter": HAS_VECTOR, "with_row_id": True, "batch_size": WRITE_ROWS}
    return dataset.scanner(**options, **({"fragments": fragments} if fragments else {"limit": 0}))


def _appended(base: Path, path: Path, vectors: npt.NDArray[Any], added: npt.NDArray[Any]) -> bool:
    """Append the ``added`` rows to the base's file and link it as the new snapshot's; False if it must be copied instead.

    A process that has the base mapped sees only its first rows, which do not change. Only one snapshot can extend a file: it must
    end where the base does. If another process was faster or was killed while appending, or if the disk has no links, the file is
    copied.
    """
    try:
        with base.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = _offset(file) + vectors.nbytes
            if len(added) and file.seek(0, os.SEEK_END) != end:
                return False
            os.link(base, path)
            try:
                file.write(added.data)
                file.flush()
            except OSError:
                file.truncate(end)
                raise
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def _offset(file: BinaryIO) -> int:
    """Where the numbers of an array file begin."""
    np.lib.format.read_magic(file), np.lib.format.read_array_header_1_0(file)
    return file.tell()
