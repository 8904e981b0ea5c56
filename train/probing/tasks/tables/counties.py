"""Median household income of the counties of the USA in 2016, in dollars: the figures of Jia and Benson at the census's points."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.errors import InputError
from train.probing.tasks._files import Format, Remote, read_frame, table
from train.probing.tasks._table_task import Publication, TableTask, by_name
from train.probing.tasks._task import Labelled

COUNTIES = Publication(
    source="counties of the USA, Jia and Benson's table at the Census Bureau's internal points of 2020",
    licence="public domain (US Census Bureau)",
    citation="Jia and Benson 2020, KDD, arXiv:2002.08274",
)
INCOME = "MedianIncome2016"
_TABLE = Remote(
    "https://raw.githubusercontent.com/000Justin000/gnn-residual-correlation/master/datasets/election/income.csv", "income.csv"
)
_PLACES = Remote(
    "https://www2.census.gov/geo/docs/maps-data/data/gazetteer/2020_Gazetteer/2020_Gaz_counties_national.zip",
    "2020_Gaz_counties_national.zip",
)


def counties(paths: Sequence[Path]) -> Labelled:
    """Income by county code, placed by the gazetteer; states, which the table has too, are in no gazetteer of counties."""
    import pandas as pd  # type: ignore[import-untyped]

    income = read_frame(paths[0])
    places = pd.read_csv(paths[1], sep="\t", dtype={"GEOID": str}).rename(columns=str.strip)  # the last name has trailing blanks
    if not {"FIPS", INCOME} <= set(income.columns) or not {"GEOID", "INTPTLAT", "INTPTLONG"} <= set(places.columns):
        raise InputError(f"{paths[0]} and {paths[1]}: expected the columns FIPS and {INCOME}, and GEOID, INTPTLAT and INTPTLONG")
    places["FIPS"] = places["GEOID"].astype(np.int64)
    found = income.merge(places, on="FIPS")
    dollars = pd.to_numeric(found[INCOME].astype(str).str.replace(",", ""), errors="coerce")
    return Labelled.of(found["INTPTLAT"], found["INTPTLONG"], dollars, "regression", COUNTIES.source)


COMPONENTS = by_name(
    TableTask(
        "median_income", "Median household income of a county of the USA in 2016.",
        "regression", "dollars a year", COUNTIES,
        (
            table("median_income.csv", lat="lat", lon="lon", target="median_income", kind="regression", source="a table given"),
            Format((_TABLE.file, _PLACES.file), counties, (_TABLE, _PLACES)),
        ),
    ),
)  # fmt: skip
