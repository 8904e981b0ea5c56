"""Kinds of places around a point: how many glaciers, railway stations, mountains … a gazetteer has within a radius, as logarithms.

What people named near a place says what is there, also where nobody wrote more than a title. [N, K]: log(1 + number), a column for
each kind that the gazetteer has often enough, by name. Rows with a split other than train are not counted.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from index.errors import InputError
from index.files import file_sha256
from index.geo import chord_of_km, unit_xyz
from index.settings import Settings
from train.probing.features._features import Degrees, Vectors, file_given
from train.probing.tasks._files import read_frame

REMEDY = "give a CSV or Parquet file with the columns lat, lon and category as kinds:file=FILE"
COLUMNS = ("lat", "lon", "category")


class Options(Settings):
    file: Path | None = Field(None, description="a gazetteer, CSV or Parquet, with the columns lat, lon, category, perhaps split")
    radius_km: float = Field(50, gt=0, le=2000)
    fewest: int = Field(100, ge=1, description="rows of a kind below which it has no column")


def build(**options: Any) -> "Kinds":
    """Raises ``FeaturesUnavailableError`` where there is no file, ``InputError`` for one without kinds."""
    return Kinds(Options.parse(options, where="kinds"))


class Kinds:
    probe = ""

    def __init__(self, options: Options) -> None:
        self.options, self.file = options, file_given(options.file, "gazetteer", REMEDY)
        frame = read_frame(self.file)
        lacking = sorted(set(COLUMNS) - set(frame.columns))
        if lacking:
            raise InputError(f"{self.file} has no column {', '.join(lacking)}; {REMEDY}")
        if "split" in frame:
            frame = frame[frame["split"] == "train"]
        frame = frame[frame["category"].notna() & (frame["category"] != "") & frame["lat"].notna() & frame["lon"].notna()]
        often = frame["category"].value_counts()
        self.names = tuple(sorted(often[often >= options.fewest].index))
        if not self.names:
            raise InputError(f"{self.file} has no kind with {options.fewest} rows; lower `fewest`, or {REMEDY}")
        self._frame = frame
        self.name = f"kinds within {options.radius_km:g} km"
        self.digest = f"kinds-{file_sha256(self.file)}-{options.radius_km:g}-{options.fewest}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        points, chord = unit_xyz(lat, lon), chord_of_km(self.options.radius_km)
        counts = [tree.query_ball_point(points, chord, return_length=True) for tree in self._trees]
        return np.log1p(np.stack(counts, axis=1)).astype(np.float32)

    @cached_property
    def _trees(self) -> list[Any]:
        from scipy.spatial import cKDTree

        kinds = (self._frame[self._frame["category"] == name] for name in self.names)
        return [cKDTree(unit_xyz(kind["lat"].to_numpy(), kind["lon"].to_numpy())) for kind in kinds]
