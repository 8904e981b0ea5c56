"""The rows of retrieval figures in the folder of an evaluation: one flat table, as Parquet and as JSON, to which rows are added.

A row is a model (or a floor), a question and a group of the queries. Fields that do not apply are null, also where ``not_run`` says
why there are no figures. Rows with the same ``key`` are the figures of one question to one model, and are computed only once.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from index.errors import InputError, one_line
from index.files import made_whole
from retrieval.figures.measures import BEATS, RECALL_K, WITHIN_KM

PARQUET_FILE, JSON_FILE = "retrieval.parquet", "retrieval.json"
WITH_INTERVAL = (
    "median_km", "mean_km", BEATS, *(f"within_{km}_km" for km in WITHIN_KM), *(f"recall_at_{k}" for k in RECALL_K), "mrr",
    "reachable", "answered",
)  # fmt: skip
_FIGURES = [f"{name}{end}" for name in WITH_INTERVAL for end in ("", "_low", "_high")]
GAP = ("modality_gap", "modality_gap_centred", "recall_at_10_within_200_km", "recall_at_10_within_200_km_centred")
GEO_BIAS = ("geo_bias", "geo_bias_shuffled", "geo_bias_covered")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("model", "query", "slice", "group")),
        ("floor", pa.bool_()), ("queries", pa.int64()), ("gallery", pa.int64()), ("radius_km", pa.float64()),
        *((name, pa.float64()) for name in (*_FIGURES, *GAP, *GEO_BIAS, "intrinsic_dimension")),
        ("not_run", pa.string()), ("key", pa.string()),
    ]
)  # fmt: skip
Row = dict[str, Any]


class ResultRows:
    """Opened at a new or a used folder. Raises ``InputError`` for a damaged table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._earlier: dict[str, list[Row]] = defaultdict(list)
        self.asked: list[Row] = []  # in this run, in order
        file = folder / PARQUET_FILE
        if file.is_file():
            try:
                found = pq.read_table(file, schema=SCHEMA).to_pylist()
            except (pa.ArrowException, OSError, KeyError, ValueError) as error:
                raise InputError(f"{file} is not a table of retrieval figures ({one_line(error)}); choose another --out") from None
            for row in found:
                if row["key"]:
                    self._earlier[row["key"]].append(row)

    def of(self, key: str, model: str) -> list[Row] | None:
        """The stored rows of a question, under the name that the model has now; None if it has not been answered."""
        known = [row for row in self.asked if row["key"] == key] or self._earlier.get(key)
        return None if not known else [row | {"model": model} for row in known if row["model"] == known[0]["model"]]

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows of this run to disk at once; missing columns are null. Floors that are there already are not repeated."""
        whole = [{name: row.get(name) for name in SCHEMA.names} for row in rows]
        self.asked += [row for row in whole if row not in self.asked]
        keys = {row["key"] for row in self.asked}
        earlier = [row for key, rows_of in self._earlier.items() if key not in keys for row in rows_of]
        with made_whole(self.folder / PARQUET_FILE) as partial:
            pq.write_table(pa.Table.from_pylist([*earlier, *self.asked], schema=SCHEMA), partial)
        with made_whole(self.folder / JSON_FILE) as partial:
            partial.write_text(json.dumps([*earlier, *self.asked], indent=1, ensure_ascii=False), encoding="utf-8")
