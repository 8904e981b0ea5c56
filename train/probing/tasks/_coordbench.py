"""CoordBench, a suite of points with labels (Corley et al. 2026, arXiv:2609.25454): all of it, or any column of any table.

--tasks coordbench
--tasks coordbench:dataset=mosaiks-treecover
--tasks coordbench:table=satclip_country,column=country,kind=classification,absent=0

The suite has 52 data sets with 78 targets. It is the one of the paper (its code: https://github.com/taylor-geospatial/mind,
src/mind/eval/benchmarks.py), by the names that torchgeo-bench has in coordbench/catalog.py; that package adds eight data sets that
the paper left out. Labels are taken, dropped and logged as there, and official splits are ignored as there. The suite is not a
component of the registry, because "all tasks" should not bring 78 more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from index.errors import ConfigError, InputError, one_line
from train.probing.tasks._files import Format, Remote, loader, table
from train.probing.tasks._task import Kind, Labelled, LabelOptions, Task

NAME = "coordbench"
HUB = "https://huggingface.co/datasets/taylor-geospatial/CoordBench"
OF_EVERY_TABLE = ("lon", "lat", "timestamp", "timestamp_end", "split", "id")
_NO_DATA = "-999"  # in the tables of USAVars


class Options(LabelOptions):
    table: str = Field("satclip_elevation", pattern=r"^[a-z0-9_]+$", description="name of the table, as satclip_elevation")
    column: str = Field("elevation", description="the column with the label, or a part of its name that no other column has")
    kind: Kind = Field("regression", description="regression or classification")
    absent: str = Field("", description="a value that stands for no label, as -999")
    log: bool = Field(False, description="ask for log(1 + label)")


@dataclass(frozen=True)
class Target:
    """One question of a data set, with the options that it sets."""

    dataset: str
    table: str
    column: str
    kind: Kind = "regression"
    absent: str = ""
    log: bool = False


def build(**options: Any) -> Task:
    """One column of one table."""
    chosen = Options.parse(options, where=NAME)
    return _task(f"{chosen.table}.{chosen.column}", chosen)


def tasks(where: dict[str, Any], options: dict[str, str]) -> list[Task]:
    """The suite, one ``dataset`` of it, or one column that ``options`` describe; ``where`` as in ``LabelOptions``.

    Raises ``ConfigError`` for a data set that does not exist.
    """
    if options.keys() - {"dataset"}:
        return [build(**{**where, **options})]
    chosen = [target for target in TARGETS if target.dataset == options.get("dataset", target.dataset)]
    if not chosen:
        known = ", ".join(dict.fromkeys(target.dataset for target in TARGETS))
        raise ConfigError(f"CoordBench has no data set '{options['dataset']}'; choose one of: {known}")
    return [_of_target(target, where) for target in chosen]


def _task(name: str, chosen: Options) -> Task:
    source = f"CoordBench, {chosen.table}.{chosen.column}"
    address = f"data/{chosen.table}/data.parquet"
    remote = Remote(f"{HUB}/resolve/main/{address}", f"coordbench-{chosen.table}.parquet")

    def read(paths: Sequence[Path]) -> Labelled:
        return _read(paths, chosen, source)

    formats = (Format((address,), read, (remote,)), Format((f"coordbench/{chosen.table}.parquet",), read))
    return Task(
        f"{NAME}/{name}", chosen.kind, f"log(1 + {chosen.column})" if chosen.log else chosen.column, HUB,
        licence="of each table: see its card", citation=f"CoordBench, {HUB}", load=loader(f"{NAME}/{name}", chosen, formats),
    )  # fmt: skip


def _of_target(target: Target, where: dict[str, Any]) -> Task:
    several = sum(other.dataset == target.dataset for other in TARGETS) > 1
    name = f"{target.dataset}.{target.column}" if several else target.dataset
    options = {field.name: getattr(target, field.name) for field in fields(target) if field.name != "dataset"}
    return _task(name, Options.parse({**where, **options}, where=NAME))


def _read(paths: Sequence[Path], chosen: Options, source: str) -> Labelled:
    absent = (chosen.absent, *_numbers(chosen.absent)) if chosen.absent else ()
    column = column_of(paths[0], chosen.column)
    found = table(paths[0].name, lat="lat", lon="lon", target=column, kind=chosen.kind, source=source, absent=absent).read(paths)
    return _logged(found) if chosen.log else found


def column_of(path: Path, wanted: str) -> str:
    """The column of that name, else the only one whose name contains it, else the only numeric one that not every table has.

    The third is what CoordBench's own code comes to for tables whose label is named otherwise: "price" in usavars_housing. Raises
    ``InputError`` where it is none or several.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as a table ({one_line(error)}); expected Parquet") from None
    if wanted in schema.names:
        return wanted
    own = [field for field in schema if field.name.lower() not in OF_EVERY_TABLE]
    alike = [field.name for field in own if wanted.lower() in field.name.lower()]
    numeric = [field.name for field in own if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)]
    for names in (alike, numeric if not alike else []):
        if len(names) == 1:
            return names[0]
    raise InputError(f"{path} has no column {wanted}, and no other can stand for it; it has {', '.join(schema.names[:12])}")


def _logged(found: Labelled) -> Labelled:
    """Labels of -1 and below have no logarithm: they are dropped and counted."""
    target = np.log1p(np.where(found.target > -1, found.target, np.nan))
    logged = Labelled.of(found.lat, found.lon, target, "regression", found.source)
    return Labelled(logged.lat, logged.lon, logged.target, logged.source, logged.dropped + found.dropped)


def _numbers(text: str) -> tuple[float, ...]:
    """The value as a number, if it is one: 0 in a table of integers is not '0'."""
    try:
        return (float(text),)
    except ValueError:
        return ()


def _targets() -> Iterator[Target]:
    for column in PDFM:
        yield Target("pdfm-conus27", "pdfm_conus27", column)
    yield Target("satclip-air-temp", "air_temp", "meanT")
    yield Target("california-housing", "california_housing", "MedHouseVal")
    yield Target("satclip-country", "satclip_country", "country", "classification", "0")
    yield Target("satclip-ecoregion", "satclip_ecoregion", "ecoregion_class_index", "classification", "-1")
    yield Target("satclip-biome", "satclip_ecoregion", "biome_class_index", "classification", "-1")
    yield Target("satclip-population", "satclip_population", "log_population")
    yield Target("satclip-elevation", "satclip_elevation", "elevation")
    for name, column in SUSTAINBENCH.items():
        yield Target(f"sustainbench-{name}", "sustainbench", column)
    for name, column in CDC_PLACES.items():
        yield Target(f"places-{name}", "cdc_places", f"{column}_crudeprev")
    for name, log in USAVARS.items():
        yield Target(f"mosaiks-{name}", f"usavars_{name}", name, absent=_NO_DATA, log=log)
    for column in ("bio1", "bio12"):
        yield Target(f"worldclim-{column}", "worldclim_bio", column)
    for column in ("soc", "phh2o"):
        yield Target(f"soilgrids-{column}", "soilgrids", column)
    for kind, names in DEEPMIND.items():
        for name in names:
            yield Target(f"dm-{name}", f"dm_{name}", "label", kind)


_PERCENT = "Percent_Person_"
PDFM = (
    *(
        f"{_PERCENT}{measure}"
        for measure in (
            "WithHighCholesterol", "WithPhysicalHealthNotGood", "WithStroke", "BingeDrinking", "PhysicalInactivity",
            "ReceivedAnnualCheckup", "WithCancerExcludingSkinCancer", "WithDiabetes", "WithMentalHealthNotGood",
            "WithCoronaryHeartDisease", "WithHighBloodPressure", "ReceivedCholesterolScreening", "ReceivedDentalVisit",
            "WithAsthma", "WithChronicKidneyDisease", "WithArthritis", "WithChronicObstructivePulmonaryDisease",
            "18OrMoreYears_WithHighBloodPressure_ReceivedTakingBloodPressureMedication", "Obesity", "SleepLessThan7Hours",
            "Smoking",
        )
    ),
    "Median_Income", "Median_HomeValue", "night_lights", "population_density", "tree_cover", "elevation",
)  # fmt: skip
SUSTAINBENCH = {
    "asset": "asset_index", "water": "water_index", "sanitation": "sanitation_index", "child_mortality": "under5_mort",
    "women_edu": "women_edu", "women_bmi": "women_bmi",
}  # fmt: skip
CDC_PLACES = {
    "phys_health": "phlth", "diabetes": "diabetes", "copd": "copd", "cancer": "cancer", "chd": "chd", "mental_health": "mhlth",
    "checkup": "checkup", "sleep_lt7": "sleep", "asthma": "casthma", "obesity": "obesity", "smoking": "csmoking",
    "high_chol": "highchol",
}  # fmt: skip
USAVARS = {  # whether the logarithm is asked for
    "treecover": False, "elevation": False, "population": True, "nightlights": True, "income": True, "roads": False,
    "housing": True,
}  # fmt: skip
DEEPMIND: dict[Kind, tuple[str, ...]] = {
    "classification": (
        "africa_crop_mask", "canada_crops_coarse", "canada_crops_fine", "descals", "ethiopia_crops", "glance", "lcmap_lc",
        "lcmap_lcc", "lcmap_lu", "lcmap_luc", "lucas_lc", "lucas_lu", "us_trees",
    ),
    "regression": ("aster_ged", "openet_ensemble"),
}  # fmt: skip
TARGETS = tuple(_targets())
