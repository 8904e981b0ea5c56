"""Articles from any Parquet or CSV file with a latitude, a longitude and a text column.

Licence and citation are those of the file; name them with ``--licence``. Rows stream in batches: memory does not grow with the
file. A row that cannot be used is skipped and reported with its number (the first data row is row 1).
"""

from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from pydantic import Field

from index.errors import InputError, one_line
from index.records import Article, Modality, Place, Rejected
from index.references import language_code, web_address, wikidata_id
from index.settings import Settings

CSV_BLOCK_BYTES = 32 * 2**20  # no row may be longer
_REFERENCES = {"language": language_code, "wikidata": wikidata_id, "image": web_address}
_TEXTS = ("title", "url", "country", "source", "licence", "split")
_OPTIONAL = (*_TEXTS, *_REFERENCES)


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="Parquet or CSV files", min_length=1)
    lat: str = Field("lat", description="column with the latitude, WGS84 degrees")
    lon: str = Field("lon", description="column with the longitude, WGS84 degrees")
    text: str = Field("text", description="column with the text")
    title: str = Field("title", description="column with the title")
    url: str = Field("url", description="column with a link to the article")
    country: str = Field("country", description="column with the country")
    source: str = Field("source", description="column that names where the text is from; absent: the file's name")
    licence: str = Field("license", description="column with the licence of the text")
    split: str = Field("split", description="column with 'train' or 'val'; val is never trained on")
    language: str = Field("language", description="column with the language code of the text; anything else is left out")
    wikidata: str = Field("wikidata", description="column with the Wikidata item, Q84 or its address; anything else is left out")
    image: str = Field("image", description="column with the http(s) address of a picture; anything else is left out")


def build(**options: Any) -> "ParquetArticles":
    return ParquetArticles(Options.parse(options, where="parquet_articles"))


class ParquetArticles:
    modality: Modality = "articles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.options = options
        for path in options.paths:
            self._check_columns(path)
        self.total = sum(_count(path) for path in options.paths) if all(_is_parquet(p) for p in options.paths) else None

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Article | Rejected]:
        for path in self.options.paths:
            row, ragged = 0, dict[int, Rejected]()
            try:
                for batch in _batches(path, ragged):
                    for values in _with_bytes(batch).to_pylist():
                        row += 1
                        while row in ragged:
                            row += 1
                        yield self._article(values, path, row)
            except (pa.ArrowException, OSError) as error:
                why = f"the file is damaged from here on ({one_line(error)}); repair or export it again"
                yield Rejected(where=f"{path}, row {row + 1}", why=why)
            yield from ragged.values()

    def _article(self, values: dict[str, Any], path: Path, row: int) -> Article | Rejected:
        options = self.options
        try:
            optional = {name: _string(values.get(getattr(options, name))) for name in _TEXTS}
            optional |= {name: read(_lenient(values.get(getattr(options, name)))) for name, read in _REFERENCES.items()}
            optional["source"] = optional["source"] or path.stem
            place = Place(lat=_degrees(values, options.lat), lon=_degrees(values, options.lon))
            return Article(place=place, text=_string(values[options.text]), **optional)
        except InputError as error:
            return Rejected(where=f"{path}, row {row}", why=f"{error}; correct or delete the row")

    def _check_columns(self, path: Path) -> None:
        columns = _columns(path)
        named = self.options.model_fields_set & set(_OPTIONAL)  # an optional column that was asked for must be there
        for role in ("lat", "lon", "text", *sorted(named)):
            wanted = getattr(self.options, role)
            if wanted not in columns:
                raise InputError(
                    f"{path}: no column '{wanted}' for {role}; name it with --{role}, the file has {', '.join(columns)}"
                )


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _count(path: Path) -> int:
    return int(pyarrow.parquet.ParquetFile(path).metadata.num_rows)


def _open(path: Path, ragged: dict[int, Rejected] | None = None) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of a Parquet or CSV file")
    try:
        if _is_parquet(path):
            return pyarrow.parquet.ParquetFile(path)
        if path.suffix.lower() == ".csv":
            return _open_csv(path, {} if ragged is None else ragged)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable {path.suffix[1:]} file ({one_line(error)}); export it again") from None
    raise InputError(f"{path}: expected a .parquet or .csv file; convert it first")


def _open_csv(path: Path, ragged: dict[int, Rejected]) -> Any:
    """A reader that takes every value as text: a type guessed from the first block would fail the whole file on one odd row.

    Rows with too few or too many fields go into ``ragged`` by their number.
    """

    def skip(invalid: Any) -> str:
        number = invalid.number - 1 if invalid.number else len(ragged) + 1
        fields = f"the row has {invalid.actual_columns} fields, expected {invalid.expected_columns}"
        ragged[number] = Rejected(where=f"{path}, row {number}", why=f"{fields}; quote fields that hold commas")
        return "skip"

    reading = pyarrow.csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES)
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda invalid: "skip")
    names = pyarrow.csv.open_csv(path, read_options=reading, parse_options=parsing).schema.names
    parsing.invalid_row_handler = skip
    text = pyarrow.csv.ConvertOptions(
        column_types={name: pa.binary() for name in names}, strings_can_be_null=True, null_values=[""], check_utf8=False
    )
    return pyarrow.csv.open_csv(path, read_options=reading, parse_options=parsing, convert_options=text)


def _columns(path: Path) -> list[str]:
    opened = _open(path)
    schema = opened.schema_arrow if _is_parquet(path) else opened.schema
    return list(schema.names)


def _batches(path: Path, ragged: dict[int, Rejected]) -> Iterator[Any]:
    opened = _open(path, ragged)
    yield from opened.iter_batches(1024) if _is_parquet(path) else opened


def _with_bytes(batch: Any) -> Any:
    """Text columns as bytes, so that one value that is not UTF-8 costs its own row and no other."""
    kinds = [pa.binary() if pa.types.is_string(f.type) or pa.types.is_large_string(f.type) else f.type for f in batch.schema]
    return batch.cast(pa.schema([field.with_type(kind) for field, kind in zip(batch.schema, kinds, strict=True)]))


def _string(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InputError("the text is not valid UTF-8; convert the file") from None
    return "" if value is None else str(value)


def _lenient(value: Any) -> Any:
    """Columns named "image" often hold the picture itself: bytes that are no text must not cost the row."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _degrees(values: dict[str, Any], column: str) -> float:
    value = values[column]
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{column} must be a number in degrees, got '{_string(value)}'") from None
