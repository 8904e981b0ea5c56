"""Articles with coordinates from Wikimedia's structured contents, as Parquet or JSON lines.

Text CC BY-SA 4.0, the contributors of Wikipedia; made by Wikimedia Enterprise (https://enterprise.wikimedia.com, "Structured
Contents" snapshots) and published as ``wikimedia/structured-wikipedia`` on Hugging Face (over ten million rows; English and
French). The text is the abstract; the place is what a field for coordinates says, else the infobox.
"""

import gzip
import re
import tarfile
import zlib
from collections.abc import Container, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, quote, urlsplit

import pyarrow as pa
import pyarrow.parquet
from pydantic import Field

from index.errors import InputError
from index.records import Article, Modality, Place, Rejected
from index.references import language_code, web_address, wikidata_id
from index.settings import Settings
from index.tables.rows import record_or_rejection
from index.tables.values import as_list, as_mapping, as_text, json_value, number
from index.wikimedia.angles import check_globe, globe_in, place_at_end, place_from_fields

MAX_LINE_BYTES = 64 * 2**20
BATCH_ROWS = 64  # whole articles with all their sections: a few hundred kB each
_PLACE_COLUMNS = ("coordinates", "latitude", "longitude", "lat", "lon", "main_entity", "infoboxes", "infobox")
_TEXT_COLUMNS = ("abstract", "sections", "article_sections")
_COLUMNS = ("name", "url", "in_language", "is_part_of", "namespace", "license", "image", *_PLACE_COLUMNS, *_TEXT_COLUMNS)
_LINES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".tar.gz", ".tgz")
_BROKEN = (pa.ArrowException, OSError, EOFError, zlib.error, tarfile.TarError, UnicodeDecodeError)
_PLACE_FIELD = re.compile(r"coord|coordonn|location", re.IGNORECASE)
_FOREIGN_FIELD = re.compile(r"birth|born|death|died|resting|burial|source|start|end", re.IGNORECASE)


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="files: .parquet, .jsonl, .jsonl.gz or .tar.gz (a snapshot)", min_length=1)
    full: bool = Field(False, description="the text of all sections, not only the abstract")


def build(**options: Any) -> "WikipediaParquet":
    return WikipediaParquet(Options.parse(options, where="wikipedia_parquet"))


class WikipediaParquet:
    modality: Modality = "articles"
    key = ""
    total = None  # the number of rows with coordinates is known only after reading

    def __init__(self, options: Options) -> None:
        self.options = options
        for path in options.paths:
            if not path.is_file():
                raise InputError(f"{path}: no such file; give files of wikimedia/structured-wikipedia")
            if path.suffix.lower() == ".parquet":
                _check_columns(path)
            elif not path.name.lower().endswith(_LINES):
                raise InputError(f"{path}: expected .parquet or one of {', '.join(_LINES)}; unpack or convert it first")

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Article | Rejected]:
        for path in self.options.paths:
            row = 0
            try:
                for row, values in enumerate(_rows(path), start=1):
                    read = partial(read_row, values, full=self.options.full)
                    record = record_or_rejection(read, f"{path}, row {row}", "left out")
                    if record is not None:
                        yield record
            except _BROKEN as error:
                said = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
                why = f"the file is damaged from here on ({said}); download it again"
                yield Rejected(where=f"{path}, row {row + 1}", why=why)


def read_row(values: Any, *, full: bool = False) -> Article | None:
    """One row of structured contents as an article; None without coordinates or outside the article namespace.

    Raises ``InputError``: not a row of these files, or coordinates that cannot be.
    """
    if isinstance(values, InputError):
        raise values
    if not isinstance(values, dict) or not isinstance(values.get("name"), str):
        raise InputError("expected a JSON object with 'name'")
    values = {key: _decoded(value) for key, value in values.items()}
    if _inner(values, "namespace", "identifier") not in (None, 0):
        return None
    place = _place(values)
    if place is None:
        return None
    wiki = as_text(_inner(values, "is_part_of", "identifier")) or "en"
    language = as_text(_inner(values, "in_language", "identifier")) or wiki.removesuffix("wiki")
    title, url = values["name"], as_text(values.get("url"))
    if not url.startswith("https://"):
        url = f"https://{quote(language)}.wikipedia.org/wiki/{quote(title.replace(' ', '_'), safe=';@$!*(),/~:')}"
    licences = values.get("license")  # a list of them, or one
    licence = as_text(as_mapping(next(iter(as_list(licences)), licences)).get("identifier")) or "CC-BY-SA-4.0"
    return Article(
        place=place, title=title, text=_text(values, full=full), url=url, source=f"Wikimedia structured contents ({language})",
        licence=re.sub(r"^CC-BY-SA-", "CC BY-SA ", licence), language=language_code(language.replace("_", "-")),
        wikidata=wikidata_id(_inner(values, "main_entity", "identifier")),
        image=web_address(_inner(values, "image", "content_url")),
    )  # fmt: skip


def _place(values: dict[str, Any]) -> Place | None:
    """The place as first stated by: a coordinates field, latitude and longitude columns, the main entity, the infoboxes."""
    entity = values.get("main_entity")
    for holder in (values.get("coordinates"), values, entity, entity.get("coordinates") if isinstance(entity, dict) else None):
        found = _numbers(holder[0] if isinstance(holder, list) and holder else holder)
        if found:
            return found
    fault = None
    for part in _fields(values.get("infoboxes") or values.get("infobox")):
        try:
            found = _place_of_part(part)
            if found:
                return found
        except InputError as error:
            fault = fault or error
    if fault:
        raise fault
    return None


def _numbers(holder: Any) -> Place | None:
    if not isinstance(holder, dict):
        return None
    for lat_name, lon_name in (("latitude", "longitude"), ("lat", "lon")):
        lat, lon = holder.get(lat_name), holder.get(lon_name)
        if lat is not None and lon is not None:
            check_globe(as_text(holder.get("globe")).rsplit("/", 1)[-1].replace("Q2", "earth"))  # Wikidata: entity/Q2
            return Place(lat=number(lat, lat_name), lon=number(lon, lon_name))
    return None


def _fields(parts: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """All fields of the infoboxes, in order. Parts hold parts: some as deep as ten, none deeper than 50."""
    parts = _decoded(parts)
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(part, dict) and depth < 50:
            if part.get("type") in (None, "field") and part.get("name"):
                yield part
            yield from _fields(part.get("has_parts"), depth + 1)


def _place_of_part(part: dict[str, Any]) -> Place | None:
    """From the link to GeoHack, which repeats the article's source; else from the text, where the field is about a place."""
    name = as_text(part.get("name"))
    if _FOREIGN_FIELD.search(name):
        return None
    for link in as_list(part.get("links")):
        url = as_text(link.get("url") if isinstance(link, dict) else link)
        if "geohack" in url:
            fields = re.split("[_;]", _parameters(url))
            check_globe(globe_in(fields))
            return place_from_fields(fields)
    value = as_text(part.get("value"))
    is_place = _PLACE_FIELD.search(name) and re.search(r"\d\s*[°;]|^\s*[-−]?\d+\.\d+\s*,", value)
    return place_at_end(value) if is_place else None


def _parameters(url: str) -> str:
    """What a link to GeoHack says of the coordinate."""
    try:
        return parse_qs(urlsplit(url).query, separator="&").get("params", [""])[0]
    except ValueError:  # a bracket of an IPv6 host that is never closed
        raise InputError(f"expected an address of GeoHack, got '{url[:80]}'") from None


def _text(values: dict[str, Any], *, full: bool) -> str:
    abstract = as_text(values.get("abstract"))
    if abstract and not full:
        return abstract
    sections = as_list(values.get("sections")) or as_list(values.get("article_sections"))
    chosen = sections if full else sections[:1]
    return "\n".join(_paragraphs(chosen)) or abstract


def _paragraphs(parts: Any, depth: int = 0) -> Iterator[str]:
    for part in as_list(parts) if depth < 50 else []:
        if isinstance(part, dict):
            name, value = as_text(part.get("name")), as_text(part.get("value"))
            if part.get("type") == "section" and name and name != "Abstract":
                yield name
            if value:
                yield value
            yield from _paragraphs(part.get("has_parts"), depth + 1)


def _rows(path: Path) -> Iterator[Any]:
    if path.suffix.lower() == ".parquet":
        file = pyarrow.parquet.ParquetFile(path)
        columns = [name for name in file.schema_arrow.names if name in _COLUMNS]
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            yield from _as_python(batch)
    elif path.name.lower().endswith((".tar.gz", ".tgz")):
        with tarfile.open(path, "r|gz") as archive:  # read as a stream: nothing is written to disk, whatever its names are
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream:
                    yield from _json_lines(stream)
    else:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as lines:
            yield from _json_lines(lines)


def _as_python(batch: Any) -> Iterator[Any]:
    """The rows of a batch; a row whose text is not UTF-8 costs only itself."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for row in range(batch.num_rows):
            try:
                yield batch.slice(row, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield InputError("a text is not valid UTF-8")


def _json_lines(stream: IO[bytes] | Any) -> Iterator[Any]:
    """Each line's value, or the ``InputError`` that says why it has none."""
    while line := stream.readline(MAX_LINE_BYTES):
        if len(line) >= MAX_LINE_BYTES:
            raise OSError(f"a line is longer than {MAX_LINE_BYTES // 2**20} MiB")
        if line.strip():
            try:
                yield json_value(line)
            except InputError as error:
                yield InputError(f"expected one JSON object a line ({error})")


def _decoded(value: Any) -> Any:
    """Some editions of the Parquet files hold nested fields as JSON text."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json_value(value)
        except InputError:
            return value  # text that begins with a bracket
    return value


def _inner(values: dict[str, Any], outer: str, inner: str) -> Any:
    return as_mapping(values.get(outer)).get(inner)


def _check_columns(path: Path) -> None:
    try:
        names = set(pyarrow.parquet.ParquetFile(path).schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0][:200]}); download it again") from None
    lacking = [" or ".join(each) for each in (("name",), _TEXT_COLUMNS, _PLACE_COLUMNS) if not names & set(each)]
    if lacking:
        raise InputError(
            f"{path}: expected structured contents with {', '.join(lacking)}, got {', '.join(sorted(names))}; "
            "use `ingest parquet-articles` for other tables"
        )
