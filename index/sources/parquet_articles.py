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

from index.errors import InputError
from index.records import Article, Modality, Place, Rejected
from index.settings import Settings

_OPTIONAL = ("title", "url", "country", "source", "licence", "split")


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
            row, ragged = 0, list[Rejected]()
            try:
                for batch in _batches(path, ragged):
                    for values in batch.to_pylist():
                        row += 1
                        yield self._article(values, path, row)
            except (pa.ArrowException, OSError) as error:
                why = f"the file is damaged from here on ({_first_line(error)}); repair or export it again"
                yield Rejected(where=f"{path}, row {row + 1}", why=why)
            yield from ragged

    def _article(self, values: dict[str, Any], path: Path, row: int) -> Article | Rejected:
        options = self.options
        try:
            optional = {name: _string(values.get(getattr(options, name))) for name in _OPTIONAL}
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


def _open(path: Path, ragged: list[Rejected] | None = None) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of a Parquet or CSV file")
    try:
        if _is_parquet(path):
            return pyarrow.parquet.ParquetFile(path)
        if path.suffix.lower() == ".csv":

            def skip(invalid: Any) -> str:
                if ragged is not None:
                    fields = f"the row has {invalid.actual_columns} fields, expected {invalid.expected_columns}"
                    why = f"{fields}; quote fields that hold commas"
                    ragged.append(Rejected(where=f"{path}, the row '{invalid.text[:40]}'", why=why))
                return "skip"

            parsing = pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
            header = pyarrow.csv.open_csv(path, parse_options=parsing).schema.names
            # Everything as text: a column type guessed from the first block would fail the whole file on one odd row.
            conversion = pyarrow.csv.ConvertOptions(column_types={name: pa.string() for name in header}, strings_can_be_null=True)
            return pyarrow.csv.open_csv(path, parse_options=parsing, convert_options=conversion)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable {path.suffix[1:]} file ({_first_line(error)}); export it again") from None
    raise InputError(f"{path}: expected a .parquet or .csv file; convert it first")


def _columns(path: Path) -> list[str]:
    opened = _open(path)
    schema = opened.schema_arrow if _is_parquet(path) else opened.schema
    return list(schema.names)


def _batches(path: Path, ragged: list[Rejected]) -> Iterator[Any]:
    opened = _open(path, ragged)
    yield from opened.iter_batches(1024) if _is_parquet(path) else opened


def _string(value: Any) -> str:
    return "" if value is None else str(value)


def _degrees(values: dict[str, Any], column: str) -> float:
    value = values[column]
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{column} must be a number in degrees, got {value!r}") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
