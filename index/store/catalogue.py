"""The catalogue: one LanceDB database with a table each for articles, tiles and locations.

source -> records -> here -> training batches and vectors. Rows are only ever added, keyed by content hash, so that an ingest can be
repeated or interrupted and resumed. ``index.store.vectors`` handles the vector column of the same tables.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from index.errors import CatalogueError, NotHereError
from index.extras import extra
from index.records import MODALITIES, Modality
from index.store.contention import persistently
from index.store.manifest import SCHEMA_KEY, SCHEMA_VERSION
from index.store.statistics import SUM_COLUMNS, BandStatistics, band_statistics
from index.store.unique import ID
from index.threads import once

_COMMON = [ID, ("lat", pa.float64()), ("lon", pa.float64())]
_COMMON += [(name, pa.string()) for name in ("title", "url", "country", "source", "licence")]

SCHEMAS: dict[Modality, pa.Schema] = {
    "articles": pa.schema([*_COMMON, *[(name, pa.string()) for name in ("text", "split", "language", "wikidata", "image")]]),
    "tiles": pa.schema(
        [
            *_COMMON,
            *[(name, pa.string()) for name in ("sensor", "level", "date", "crs", "dtype", "split", "assumed")],
            ("bands", pa.list_(pa.string())),
            ("bounds", pa.list_(pa.float64(), 4)),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("valid", pa.float32()),
            *SUM_COLUMNS,
            ("pixels", pa.large_binary()),
        ]
    ),
    "locations": pa.schema([*_COMMON, *[(name, pa.string()) for name in ("kind", "other_names", "people", "region")]]),
}

IDS_IN_A_CONDITION = 1000  # a condition of a million ids takes gigabytes to parse


class Catalogue:
    """An opened catalogue. Reads always see the newest committed version, also of other processes. Tables of a local one are read
    by Lance alone (``dataset``): LanceDB takes a second to import."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @classmethod
    def open(cls, uri: str | Path, *, create: bool = False) -> Catalogue:
        """Open the catalogue in a folder (or any URI LanceDB takes). Raises ``CatalogueError`` where there is none."""
        uri = _address(uri)
        local = not is_object_store(uri)
        if local and not create and not Path(uri).is_dir():
            raise CatalogueError(
                f"no catalogue at {uri}; fill one with `placebind ingest … --catalogue {uri}` or run `placebind demo`"
            )
        try:
            catalogue = cls(uri)
            if not local:
                _ = catalogue.db
            elif create:
                Path(uri).mkdir(parents=True, exist_ok=True)
            if not create and not any(catalogue.has(modality) for modality in MODALITIES):
                raise CatalogueError(f"{uri} holds no PlaceBind tables; fill it with `placebind ingest … --catalogue {uri}`")
        except OSError as error:
            raise CatalogueError(f"cannot open the catalogue {uri}: {error}") from error
        return catalogue

    @once
    def db(self) -> Any:
        """The LanceDB connection."""
        return extra("lancedb").connect(self.uri, read_consistency_interval=timedelta(0))

    def names(self) -> list[str]:
        """All tables, also those that cache features."""
        if not is_object_store(self.uri):
            return sorted(path.stem for path in Path(self.uri).glob("*.lance") if self._has_version(path.stem))
        found, token = [], None
        while True:
            page = self.db.list_tables(page_token=token, limit=1000)
            found += page.tables
            token = page.page_token
            if not token:
                return found

    def _has_version(self, name: str) -> bool:
        """Whether the folder is a table. One that a full disk or a killed process left without a version is not: Lance lists it and
        cannot open it, but can create a table there."""
        with suppress(FileNotFoundError), os.scandir(Path(self.uri) / f"{name}.lance" / "_versions") as files:
            return any(file.name.endswith(".manifest") for file in files)
        return False

    def opened(self, name: str, schema: pa.Schema) -> Any:
        """The table of this name; it is created if missing, which another process may be doing too."""
        return persistently(lambda: self.db.open_table(name) if name in self.names() else self.db.create_table(name, schema=schema))

    def has(self, modality: Modality) -> bool:
        return modality in self.names() if is_object_store(self.uri) else self._has_version(modality)

    def table(self, modality: Modality) -> Any:
        """The LanceDB table of one modality. Raises ``CatalogueError`` if it is not there or of another schema version."""
        self._check_there(modality)
        table = self.db.open_table(modality)
        self._check_schema(modality, table.to_lance())
        return table

    def dataset(self, modality: Modality) -> Any:
        """The newest version of one table as a Lance data set. Raises what ``table`` raises."""
        if is_object_store(self.uri):
            return self.table(modality).to_lance()
        self._check_there(modality)
        import lance

        dataset = lance.dataset(str(Path(self.uri) / f"{modality}.lance"))
        self._check_schema(modality, dataset)
        return dataset

    def _check_there(self, modality: Modality) -> None:
        if not self.has(modality):
            raise CatalogueError(f"the catalogue {self.uri} has no {modality}; add some with `placebind ingest`")

    def _check_schema(self, modality: Modality, dataset: Any) -> None:
        version = (dataset.metadata or {}).get(SCHEMA_KEY)
        if version != str(SCHEMA_VERSION) and dataset.count_rows():  # an empty one comes from a first ingest that was killed
            raise CatalogueError(
                f"table {modality} in {self.uri} has schema version {version}, this PlaceBind reads {SCHEMA_VERSION}; "
                "ingest again into a new folder"
            )

    def state(self, modality: Modality) -> str:
        """What changes with every commit to a table, and where another takes its place, without opening it: the names of its
        versions, and time and inode of their folder. '' if it has no folder, as in an object store."""
        if is_object_store(self.uri):
            return ""
        folder = Path(self.uri) / f"{modality}.lance" / "_versions"
        try:
            names, state = sorted(os.listdir(folder)), folder.stat()
        except FileNotFoundError:
            return ""
        said = repr((names, state.st_mtime_ns, state.st_ino))
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()

    def count(self, modality: Modality, where: str | None = None) -> int:
        return int(self.dataset(modality).count_rows(where)) if self.has(modality) else 0

    def rows(self, modality: Modality, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """The rows of these ids, in the order of ``ids``. Raises ``NotHereError`` if one is not there."""
        return rows_by_id(self.dataset(modality), ids, columns)

    def column(self, modality: Modality, columns: Sequence[str], where: str | None = None) -> pa.Table:
        """Some columns of all rows (or those that fulfil the SQL condition ``where``), ordered by id."""
        return self.dataset(modality).to_table(columns=["id", *columns], filter=where).sort_by("id")

    def band_statistics(self) -> list[BandStatistics]:
        """What the tiles measured, by sensor, level and band."""
        return band_statistics(self.table("tiles")) if self.has("tiles") else []


def is_object_store(uri: str | Path) -> bool:
    """Whether the catalogue of this address is no folder of this machine."""
    return "://" in _address(uri)


def _address(uri: str | Path) -> str:
    """The address as text. In a ``Path``, as the command line passes it, pathlib has merged the slashes into one."""
    scheme, colon, rest = str(uri).partition(":/")
    if not isinstance(uri, Path) or not colon or not re.fullmatch(r"[a-z][a-z0-9+-]+", scheme):
        return str(uri)
    return f"{scheme}://{'/' if scheme.startswith('file') else ''}{rest}"


def rows_by_id(dataset: Any, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """Rows of a Lance table in the order of ``ids`` (content hashes: hex, so safe inside a condition).

    Few ids are looked up by the index of the column; many are located among all ids at once.
    """
    names = list(dict.fromkeys(["id", *columns]))
    if not ids:
        return dataset.schema.empty_table().select(names)
    if len(ids) <= IDS_IN_A_CONDITION:
        wanted = ", ".join(f"'{id_}'" for id_ in ids)
        rows = dataset.to_table(columns=names, filter=f"id IN ({wanted})")
        return rows.take(places_of(ids, rows["id"]))
    places = places_of(ids, dataset.to_table(columns=["id"])["id"])
    return dataset.take(places, columns=names)


def places_of(ids: Sequence[str], among: pa.ChunkedArray) -> pa.Array:
    """The position of each of ``ids``. Raises ``NotHereError`` if one is missing."""
    places = pc.index_in(pa.array(ids, pa.string()), value_set=among)
    if places.null_count:
        first = next(id_ for id_, found in zip(ids, places.is_valid().to_pylist(), strict=True) if not found)
        raise NotHereError(
            f"{places.null_count} of {len(ids)} records are not in the table (first: {first}); "
            "copy an id from a hit of this catalogue, or open it again if records were taken out meanwhile"
        )
    return places
