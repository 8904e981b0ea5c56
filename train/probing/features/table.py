"""Values from a table: a teacher at the table's own points, where somebody measured or computed them.

Columns lat and lon and columns of numbers; an empty cell is unknown, and the loss leaves it out. Rows at one point are averaged.
"""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from index.errors import InputError
from index.files import file_sha256
from index.geo import wrap_lon
from index.settings import Settings
from train.probing.features._features import Degrees, Vectors, file_given
from train.probing.tasks._files import read_frame

REMEDY = "give a CSV or Parquet file with the columns lat, lon and numbers as table:file=FILE"


class Options(Settings):
    file: Path | None = Field(None, description="a CSV or Parquet file with the columns lat and lon")
    columns: tuple[str, ...] = Field((), description="columns of numbers; default: all others that hold numbers")


def build(**options: Any) -> "Table":
    """Raises ``FeaturesUnavailableError`` where there is no file, ``InputError`` for a column that says nothing."""
    given = Options.parse(options, where="table")
    return Table(file_given(given.file, "table", REMEDY), given.columns)


class Table:
    probe = ""

    def __init__(self, file: Path, columns: tuple[str, ...]) -> None:
        frame = read_frame(file)
        lacking = sorted({"lat", "lon", *columns} - set(frame.columns))
        if lacking:
            raise InputError(f"{file} has no column {', '.join(lacking)}; it has {', '.join(map(str, frame.columns[:12]))}")
        numbers = frame.select_dtypes("number").columns
        self.file = file
        self.columns = columns or tuple(name for name in numbers if name not in ("lat", "lon"))
        unusable = [name for name in self.columns if name not in numbers or frame[name].notna().sum() < 2]
        if unusable or not self.columns:
            named = f"column {', '.join(unusable)} of {file}" if unusable else str(file)
            raise InputError(f"{named} holds fewer than two numbers; {REMEDY}")
        frame = frame[["lat", "lon", *self.columns]].dropna(subset=["lat", "lon"]).dropna(subset=[*self.columns], how="all")
        if len(frame) and frame["lat"].abs().max() > 90:
            raise InputError(f"{file}: a latitude is beyond 90 degrees; are latitude and longitude swapped?")
        at = np.stack([frame["lat"], wrap_lon(frame["lon"])], axis=1)
        self._points = frame[list(self.columns)].groupby([at[:, 0], at[:, 1]]).mean()
        self.name = f"table {file.stem}"
        self.digest = f"table-{file_sha256(file)}-{','.join(self.columns)}"

    def places(self) -> tuple[Degrees, Degrees]:
        """lat, lon [N] of the points that the table has."""
        at = self._points.index
        lat, lon = (np.array(at.get_level_values(number), dtype=np.float64) for number in (0, 1))
        return lat, lon

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """[N, columns], unknown numbers NaN. Raises ``InputError`` for a point that the table does not have."""
        import pandas as pd  # type: ignore[import-untyped]

        rows = self._points.index.get_indexer(pd.MultiIndex.from_arrays([np.asarray(lat), wrap_lon(lon)]))
        if (rows < 0).any():
            worst = int((rows < 0).argmax())
            raise InputError(
                f"{self.file} has no row at {lat[worst]}, {lon[worst]}; a table knows its own points only, so use it as a teacher"
            )
        return self._points.to_numpy(np.float32)[rows]
