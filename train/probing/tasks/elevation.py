"""Elevation in metres: at given points (our table of airfields, SatCLIP's or RANGE's), else at the airfields of a package."""

from typing import Any

import numpy as np

from index.places.packaged import package
from train.probing.tasks._files import loader, table
from train.probing.tasks._points import COUNT
from train.probing.tasks._task import Labelled, LabelOptions, Task

FOOT_M = 0.3048
SATCLIP_DATA = (
    "https://drive.google.com/drive/folders/1tI2qo6iioRrv3P1OxSXwHKObpLCrinad"  # its downstream data; by hand, no direct link
)


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    columns: dict[str, Any] = {"lat": "lat", "lon": "lon", "kind": "regression"}
    own = "airfields on whose height two sources agree (OpenFlights and stations)"
    formats = (
        table("elevation_consensus_airport_station.parquet", target="elevation_m", source=own, **columns),
        table("labels_elevation.csv", target="elevation", source="SatCLIP's points", **columns),
        table("elevation.csv", target="elevation", source="RANGE's points", **columns),
    )
    load = loader("elevation", Options.parse(options, where="elevation"), formats, airfields)
    return Task(
        "elevation", "regression", "m",
        source=f"a table of points with elevation (SatCLIP's: {SATCLIP_DATA}), else airfields of the package airportsdata",
        licence="of the table: as its publisher says (ours ODbL and CC BY); airportsdata: MIT",
        citation="Klemmer et al. 2025, arXiv:2311.17179, for SatCLIP's points; airportsdata, https://pypi.org/project/airportsdata",
        load=load,
    )  # fmt: skip


def airfields() -> Labelled:
    """Heights of airfields, which the package gives in feet; 0 stands for sea level and for not known alike and is left out."""
    found = [each for each in package("airportsdata").load().values() if each["elevation"]]
    lat, lon, feet = (np.array([each[name] for each in found], dtype=np.float64) for name in ("lat", "lon", "elevation"))
    return Labelled.of(lat, lon, feet * FOOT_M, "regression", "airfields of airportsdata").at_most(COUNT)
