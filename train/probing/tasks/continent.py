"""Which continent a point is on: at the places of articles, else at random points on land by the nearest town of GeoNames."""

from typing import Any

import numpy as np

from index.places.continents import NAMES, continent_of
from train.probing.tasks._files import loader, table
from train.probing.tasks._points import GEONAMES, GEONAMES_CITATION, GEONAMES_LICENCE, land_points
from train.probing.tasks._task import Labelled, LabelOptions, Task


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    at_articles = table(
        "labels_at_articles.parquet", lat="lat", lon="lon", target="continent", kind="classification",
        source="the places of articles", one_a_place=True,
    )  # fmt: skip
    load = loader("continent", Options.parse(options, where="continent"), (at_articles,), land)
    return Task(
        "continent", "classification", "continent",
        source=f"a table of points with continent, else land by the nearest town of {GEONAMES}",
        licence=f"of the table: as its publisher says; towns: {GEONAMES_LICENCE}", citation=GEONAMES_CITATION, load=load,
    )  # fmt: skip


def land() -> Labelled:
    lat, lon = land_points()
    return Labelled.of(lat, lon, np.array(NAMES)[continent_of(lat, lon)], "classification", "random points on land")
