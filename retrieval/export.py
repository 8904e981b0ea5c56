"""Hits as a file for maps and tables: GeoJSON, GeoParquet or CSV, by the ending of its name; complete or not written at all.

Own columns stand beside those of a hit, under their own names: in a GeoParquet file with their types, else dates in ISO 8601.

A GeoParquet file says which space its hits come from: the file's key ``placebind`` holds JSON with ``query``, ``model_digest``,
``dim``, ``metric`` (of the column ``score``) and ``vector_column``, null where the vectors [dim] of the hits are not saved.
Vectors from files with the same ``model_digest`` may be compared. ``vectors_of`` reads both back.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError, one_line
from index.extras import extra
from index.files import CHOOSE_ANOTHER, made_whole
from index.records import Hit, Place, in_json

Vectors = npt.NDArray[np.float32]
METADATA_KEY = "placebind"
VECTOR_COLUMN = "vector"
_TEXTS = ("modality", "id", "title", "link", "country", "snippet")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where hits come from: the question, the model and its number of dimensions."""

    query: str = ""
    model_digest: str = ""
    dim: int | None = None


def export_hits(hits: Iterable[Hit], path: Path, origin: Origin | None = None, vectors: Vectors | None = None) -> int:
    """Write hits (an ``Answer`` is an iterable of them) and return how many; ``vectors`` [n, D], in the order of the hits.

    Raises ``InputError`` for another ending, for vectors that do not fit or that the format cannot hold, and if the file
    cannot be written; then an earlier file stays.
    """
    hits, origin = list(hits), origin or Origin()
    check_ending(path)
    if vectors is not None:
        _check_vectors(vectors, len(hits), origin.dim, path)
    with whole(path) as partial:
        _WRITERS[path.suffix.lower()](hits, partial, origin, vectors)
    return len(hits)


def check_ending(path: Path) -> None:
    """Raises ``InputError`` for a name with the ending of no known format."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"hits are saved to a file ending in {', '.join(_WRITERS)}, got '{path.name}'")


def vectors_of(path: Path) -> tuple[dict[str, Any], Vectors | None]:
    """What our GeoParquet file says about its space, and its vectors [n, dim]. Raises ``InputError`` for any other file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        said: dict[str, Any] = json.loads(table.schema.metadata[METADATA_KEY.encode()])
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path} is not a GeoParquet file from PlaceBind: {one_line(error)}") from None
    if said["vector_column"] is None:
        return said, None
    flat = table[said["vector_column"]].combine_chunks().flatten()
    return said, flat.to_numpy(zero_copy_only=False).reshape(len(table), said["dim"])


def _check_vectors(vectors: Vectors, count: int, dim: int | None, path: Path) -> None:
    if path.suffix.lower() not in GEOPARQUET:
        raise InputError(f"vectors can only be saved as {' or '.join(GEOPARQUET)}, got '{path.name}'; leave them out")
    if vectors.ndim != 2 or len(vectors) != count or dim not in (None, vectors.shape[1]):
        raise InputError(f"expected vectors [{count}, {dim or 'D'}], one for each hit, got {vectors.shape}")


def _write_geojson(hits: Sequence[Hit], path: Path, origin: Origin, vectors: Vectors | None) -> None:
    """RFC 7946: WGS84, longitude first. The query and the model are foreign members of the collection that other readers ignore."""
    features = [
        {
            "type": "Feature",
            "id": hit.id,
            "geometry": {"type": "Point", "coordinates": [hit.place.lon, hit.place.lat]},
            "properties": {name: in_json(value) for name, value in hit.as_row().items()},
        }
        for hit in hits
    ]
    said = {"query": origin.query, "model_digest": origin.model_digest}
    collection = {"type": "FeatureCollection", METADATA_KEY: said, "features": features}
    path.write_text(json.dumps(collection, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _write_csv(hits: Sequence[Hit], path: Path, origin: Origin, vectors: Vectors | None) -> None:
    """Texts that a spreadsheet would run as a formula (CWE-1236) get a leading ', as OWASP advises; numbers stay."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        names = [*_columns(), *_own(hits)]
        writer = csv.writer(stream)
        writer.writerow(map(as_cell, names))
        writer.writerows([as_cell(in_json(row.get(name))) for name in names] for row in map(Hit.as_row, hits))


def as_cell(value: Any) -> Any:
    """A value that no spreadsheet runs."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def _write_geoparquet(hits: Sequence[Hit], path: Path, origin: Origin, vectors: Vectors | None) -> None:
    """As geopandas writes it; Arrow then adds own columns, vectors and the key, for which geopandas has no option."""
    geopandas = extra("geopandas")
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {name: "string" if name in _TEXTS else "int64" if name == "rank" else "float64" for name in _columns()}
    points = geopandas.points_from_xy([hit.place.lon for hit in hits], [hit.place.lat for hit in hits])
    facts = {name: [hit.as_dict()[name] for hit in hits] for name in kinds}
    frame = geopandas.GeoDataFrame(facts, geometry=points, crs="EPSG:4326").astype(kinds)
    buffer = BytesIO()
    frame.to_parquet(buffer)
    table = pq.read_table(buffer)
    for name, values in _own(hits).items():
        table = table.append_column(name, values)
    dim = origin.dim if vectors is None else vectors.shape[1]
    if vectors is not None:
        flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
        table = table.append_column(VECTOR_COLUMN, pa.FixedSizeListArray.from_arrays(flat, dim))
    said = {"query": origin.query, "model_digest": origin.model_digest, "dim": dim, "metric": "cosine"}
    said["vector_column"] = None if vectors is None else VECTOR_COLUMN
    metadata = (table.schema.metadata or {}) | {METADATA_KEY.encode(): json.dumps(said, ensure_ascii=False).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def _columns() -> list[str]:
    """The names of a hit's fields, in order."""
    return list(Hit(rank=1, modality="articles", id="", title="", place=Place(lat=0, lon=0), score=0).as_dict())


def _own(hits: Sequence[Hit]) -> dict[str, Any]:
    """The own columns of all hits as Arrow arrays, nothing where a kind of record does not have one. A column of several types, as
    two kinds of records may have, is text."""
    import pyarrow as pa

    arrays = {}
    for name in dict.fromkeys(name for hit in hits for name in hit.own):
        values = [hit.own.get(name) for hit in hits]
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and kinds != {int, float}:
            values = [None if value is None else str(in_json(value)) for value in values]
        array = pa.array(values)
        arrays[name] = array.cast(pa.string()) if array.type == pa.null() else array
    return arrays


GEOPARQUET = (".parquet", ".geoparquet")
_WRITERS: dict[str, Callable[[Sequence[Hit], Path, Origin, Vectors | None], None]] = {
    ".geojson": _write_geojson,
    ".json": _write_geojson,
    ".csv": _write_csv,
    **dict.fromkeys(GEOPARQUET, _write_geoparquet),
}


def whole(path: Path) -> AbstractContextManager[Path]:
    """``made_whole`` for a file that the user named. Its folder must exist: otherwise a misspelt one would be created."""
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {path.parent}; {CHOOSE_ANOTHER}")
    return made_whole(path, InputError, CHOOSE_ANOTHER)
