"""Articles from any Parquet, GeoParquet or CSV file with a place and a text in each row.

The place is a latitude and a longitude, or a geometry (WKB, WKT, GeoJSON). Licence and citation are those of the file; name them
with ``--licence``. Rows stream in batches and only the columns named here, and those of ``--keep``, are read: memory does not grow
with the file. A row that cannot be used is skipped and reported with its number (the first data row is row 1).
"""

from collections.abc import Container, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from index.errors import InputError
from index.records import Article, Modality, Place, Rejected
from index.references import language_code, web_address, wikidata_id
from index.settings import Settings
from index.store.own import OUR_NAMES
from index.tables.columns import column
from index.tables.located import LocatedRow, Position, Table, located_rows, open_table, position_of
from index.tables.own import HELP, Own, agreed, own_columns, types_of, values_of
from index.tables.rows import record_or_rejection
from index.tables.values import text

_REFERENCES = {"language": language_code, "wikidata": wikidata_id, "image": web_address}
_TEXTS = ("title", "url", "country", "source", "licence", "split")


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="Parquet, GeoParquet or CSV files", min_length=1)
    lat: str = Field("", description="column with the latitude, WGS84 degrees; absent: lat or latitude")
    lon: str = Field("", description="column with the longitude, WGS84 degrees; absent: lon, lng, long or longitude")
    geometry: str = Field("", description="column with WKB, WKT or GeoJSON; absent: that of GeoParquet, or geometry, geom, wkt …")
    crs: str = Field("", description="coordinate system of what is not in WGS84 and does not say so: EPSG:…")
    text: str = Field("text", description="column with the text")
    title: str = Field("title", description="column with the title")
    url: str = Field("url", description="column with a link to the article")
    country: str = Field("country", description="column with the country")
    source: str = Field("source", description="column that names where the text is from; absent: the file's name")
    licence: str = Field("license", description="column with the licence of the text")
    split: str = Field("split", description="column with 'train', 'val' or 'report'; only train is trained on")
    language: str = Field("language", description="column with the language code of the text; anything else is left out")
    wikidata: str = Field("wikidata", description="column with the Wikidata item, Q84 or its address; anything else is left out")
    image: str = Field("image", description="column with the http(s) address of a picture; anything else is left out")
    keep: tuple[str, ...] = Field((), description=HELP)


def build(**options: Any) -> "ParquetArticles":
    return ParquetArticles(Options.parse(options, where="parquet_articles"))


class ParquetArticles:
    modality: Modality = "articles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.files = [self._opened(path) for path in options.paths]
        self.own_of_files = agreed([self._own(*file) for file in self.files])
        counts = [table.count for table, _, _ in self.files]
        self.total = None if None in counts else sum(count for count in counts if count is not None)

    @property
    def own(self) -> dict[str, pa.DataType]:
        return {each.name: each.type for own in self.own_of_files for each in own}

    @property
    def remarks(self) -> list[str]:
        """What was guessed about the files."""
        return [f"{table.path}: {said}" for table, _, _ in self.files for said in table.remarks]

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Article | Rejected]:
        for (table, position, columns), own in zip(self.files, self.own_of_files, strict=True):
            last = 0
            try:
                for row in located_rows(table, position, [*columns.values(), *(each.column for each in own)]):
                    last = row.number
                    read = partial(_article, row, columns, own, table.path.stem)
                    yield record_or_rejection(read, f"{table.path}, row {row.number}", "correct or delete the row")
            except InputError as error:
                why = f"the file is damaged from here on ({error}); repair or export it again"
                yield Rejected(where=f"{table.path}, row {last + 1}", why=why)

    def _opened(self, path: Path) -> tuple[Table, Position, dict[str, str]]:
        """The file, where its rows lie, and which column holds what. Raises ``InputError``."""
        options, table = self.options, open_table(path)
        position = position_of(
            table, lat=options.lat, lon=options.lon, geometry=options.geometry, crs=options.crs, plane=bool(options.crs)
        )
        columns = {}
        for role in ("text", *_TEXTS, *_REFERENCES):
            name = getattr(options, role)
            asked = name if role in options.model_fields_set else ""  # an optional column that was asked for must be there
            if found := column(table.names, asked, (name.lower(),), role, str(path), needed=role == "text"):
                columns[role] = found
        return table, position, columns

    def _own(self, table: Table, position: Position, columns: dict[str, str]) -> tuple[str, Sequence[Own]]:
        where, used = str(table.path), {*position.columns, *columns.values()}
        own, left_out = own_columns(
            table.names, partial(types_of, table), self.options.keep, used=used, taken=OUR_NAMES, where=where
        )
        table.remarks += left_out
        return where, own


def _article(row: LocatedRow, columns: dict[str, str], own: Sequence[Own], file: str) -> Article:
    if isinstance(row.values, InputError):
        raise row.values
    said = {role: row.values[name] for role, name in columns.items()}
    facts = {role: text(said.get(role), columns.get(role, role)) for role in _TEXTS}
    facts |= {role: read(_lenient(said.get(role))) for role, read in _REFERENCES.items()}
    facts["source"] = facts["source"] or file
    return Article(
        place=Place(lat=row.lat, lon=row.lon), text=text(said["text"], columns["text"]), own=values_of(own, row.values), **facts
    )


def _lenient(value: Any) -> Any:
    """Columns named "image" often hold the picture itself: bytes that are not text must not cost the row."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
