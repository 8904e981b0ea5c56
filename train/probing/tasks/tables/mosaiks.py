"""The test splits of MOSAIKS: what single satellite images were asked to tell, at 4,000 to 5,000 places each."""

from train.probing.tasks._files import table
from train.probing.tasks._table_task import Publication, TableTask, by_name

MOSAIKS = Publication(
    source="MOSAIKS, test splits as TorchSpatial's LocBench has them",
    licence="CC BY 4.0 (labels)",
    citation="Rolf et al. 2021, Nature Communications 12:4392, doi:10.1038/s41467-021-24638-z",
)
FILE = "mosaiks_test_splits.parquet"


def _task(name: str, asks: str, unit: str, label: str) -> TableTask:
    rows = table(
        FILE,
        lat="lat",
        lon="lon",
        target="label",
        kind="regression",
        source=f"{MOSAIKS.source}, {label}",
        where=("task", f"mosaiks_{label}"),
    )
    return TableTask(name, asks, "regression", unit, MOSAIKS, (rows,))


COMPONENTS = by_name(
    _task("mosaiks_population", "How densely people live, as a logarithm.", "log people per km2", "population"),
    _task("forest_cover", "How much of the ground trees cover.", "%", "forest_cover"),
    _task("night_lights", "How bright the nights are, as a logarithm.", "log radiance", "nightlights"),
    _task("mosaiks_elevation", "How high the ground lies.", "m", "elevation"),
)
