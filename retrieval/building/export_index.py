"""The vectors of a table as a GeoParquet file for maps, tables and other programs: ids, places, vectors, and their model.

The file's key ``placebind`` holds the same JSON as files of hits (``retrieval.export``), so ``vectors_of`` reads both; it adds
``modality`` and ``preprocessing``. Rows are written in groups, so any number of rows fits into memory.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.errors import InputError
from index.search.snapshot import Snapshot
from index.store.vector_column import WRITE_ROWS, column_of
from retrieval.export import GEOPARQUET, METADATA_KEY, VECTOR_COLUMN, whole

_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("lon", "<f8"), ("lat", "<f8")])  # well-known binary, 21 bytes


def export_index(snapshot: Snapshot, path: Path) -> int:
    """Write every row that has a vector; returns how many. Raises ``InputError`` for another ending or a failed write."""
    import pyarrow.parquet as pq

    if path.suffix.lower() not in GEOPARQUET:
        raise InputError(f"vectors are saved to a file ending in {' or '.join(GEOPARQUET)}, got '{path.name}'")
    schema = _schema(snapshot)
    with whole(path) as partial, pq.ParquetWriter(partial, schema, use_dictionary=False) as writer:
        for start in range(0, len(snapshot), WRITE_ROWS):
            writer.write_batch(_batch(snapshot, slice(start, start + WRITE_ROWS), schema))
    return len(snapshot)


def _schema(snapshot: Snapshot) -> pa.Schema:
    manifest = snapshot.manifest
    said = {
        "query": "", "model_digest": manifest.model_digest, "dim": manifest.dim, "metric": manifest.metric,
        "vector_column": VECTOR_COLUMN, "modality": snapshot.modality, "preprocessing": manifest.preprocessing,
    }  # fmt: skip
    # Without a "crs" the coordinates are WGS84, longitude first (GeoParquet 1.0).
    point = {
        "primary_column": "geometry",
        "version": "1.0.0",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
    }
    fields = [("id", pa.string()), ("lat", pa.float64()), ("lon", pa.float64()), ("geometry", pa.binary())]
    columns = pa.schema([*fields, (VECTOR_COLUMN, pa.list_(pa.float32(), manifest.dim))])
    return columns.with_metadata({"geo": json.dumps(point), METADATA_KEY: json.dumps(said, ensure_ascii=False)})


def _batch(snapshot: Snapshot, rows: slice, schema: pa.Schema) -> pa.RecordBatch:
    lat, lon = snapshot.places[rows].T
    ids, vectors = snapshot.ids[rows], column_of(snapshot.vectors[rows].astype(np.float32, copy=False))
    return pa.record_batch([ids, pa.array(lat), pa.array(lon), _points(lat, lon), vectors], schema=schema)


def _points(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> pa.Array:
    points: Any = np.empty(len(lat), _POINT)
    points["order"], points["kind"], points["lon"], points["lat"] = 1, 1, lon, lat
    offsets = np.arange(len(lat) + 1, dtype=np.int32) * _POINT.itemsize
    return pa.Array.from_buffers(pa.binary(), len(lat), [None, pa.py_buffer(offsets), pa.py_buffer(points.tobytes())])
