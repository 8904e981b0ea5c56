"""What SatCLIP and RANGE ask at the points of their tables, which their authors share by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from index.extras import extra
from train.probing.tasks._files import Format, table
from train.probing.tasks._points import COUNT
from train.probing.tasks._table_task import Publication, TableTask, by_name
from train.probing.tasks._task import Labelled

FOOT_M = 0.3048
SATCLIP_DATA = (
    "https://drive.google.com/drive/folders/1tI2qo6iioRrv3P1OxSXwHKObpLCrinad"  # its downstream data; by hand, no direct link
)
ELEVATION = Publication(
    source=f"a table of points with elevation (SatCLIP's: {SATCLIP_DATA}), else airfields of the package airportsdata",
    licence="of the table: as its publisher says (ours ODbL and CC BY); airportsdata: MIT",
    citation="Klemmer et al. 2025, arXiv:2311.17179, for SatCLIP's points; airportsdata, https://pypi.org/project/airportsdata",
)
POPULATION = Publication(
    source=f"SatCLIP's downstream data, {SATCLIP_DATA}",
    licence="not stated with the files",
    citation="Rolf et al. 2021, Nature Communications 12:4392 (MOSAIKS); Klemmer et al. 2025, arXiv:2311.17179",
)
_COLUMNS: dict[str, Any] = {"lat": "lat", "lon": "lon", "kind": "regression"}
_COUNTED = table("population.csv", target="population", source="RANGE's points", **_COLUMNS)


def airfields() -> Labelled:
    """Heights of airfields, which the package gives in feet; 0 stands for both sea level and not known, so it is left out."""
    found = [each for each in extra("airportsdata").load().values() if each["elevation"]]
    lat, lon, feet = (np.array([each[name] for each in found], dtype=np.float64) for name in ("lat", "lon", "elevation"))
    return Labelled.of(lat, lon, feet * FOOT_M, "regression", "airfields of airportsdata").at_most(COUNT)


def _logarithm(paths: Sequence[Path]) -> Labelled:
    """RANGE's table has the density itself."""
    found = _COUNTED.read(paths)
    return replace(found, target=np.log1p(found.target))


COMPONENTS = by_name(
    TableTask(
        "elevation", "Elevation at the points of a table (our airfields, SatCLIP's or RANGE's), else at airfields of a package.",
        "regression", "m", ELEVATION,
        (
            table(
                "elevation_consensus_airport_station.parquet", target="elevation_m",
                source="airfields on whose height two sources agree (OpenFlights and stations)", **_COLUMNS,
            ),
            table("labels_elevation.csv", target="elevation", source="SatCLIP's points", **_COLUMNS),
            table("elevation.csv", target="elevation", source="RANGE's points", **_COLUMNS),
        ),
        airfields,
    ),
    TableTask(
        "population_density", "The logarithm of population density.",
        "regression", "log (1 + density)", POPULATION,
        (
            table("labels_population.csv", target="log_population", source="SatCLIP's points", **_COLUMNS),
            Format(_COUNTED.files, _logarithm),
        ),
    ),
)  # fmt: skip
