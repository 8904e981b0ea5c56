"""Which country a point is in: at the places of articles or at SatCLIP's and RANGE's points, else at towns of GeoNames."""

from typing import Any

from index.places.towns import load_towns
from train.probing.tasks._files import loader, table
from train.probing.tasks._points import COUNT, GEONAMES, GEONAMES_CITATION, GEONAMES_LICENCE
from train.probing.tasks._task import Labelled, LabelOptions, Task

MIN_POPULATION = 15_000  # of the packaged towns: 34,000, from which the points are drawn


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    columns: dict[str, Any] = {"lat": "lat", "lon": "lon", "target": "country", "kind": "classification"}
    formats = (
        table("labels_at_articles.parquet", source="the places of articles", one_a_place=True, **columns),
        table("lat_lon_country.csv", source="SatCLIP's points on land", absent=(0,), **columns),
        table("country.csv", source="RANGE's points", **columns),
    )
    load = loader("country", Options.parse(options, where="country"), formats, towns)
    return Task(
        "country", "classification", "country",
        source=f"a table of points with country, else towns of {GEONAMES}",
        licence=f"of the table: as its publisher says; towns: {GEONAMES_LICENCE}", citation=GEONAMES_CITATION, load=load,
    )  # fmt: skip


def towns() -> Labelled:
    """Towns drawn at random, so that a country has points in proportion to its towns."""
    found = load_towns(MIN_POPULATION)
    return Labelled.of(found.lat, found.lon, found.codes, "classification", f"towns of {MIN_POPULATION:,} people or more").at_most(
        COUNT
    )
