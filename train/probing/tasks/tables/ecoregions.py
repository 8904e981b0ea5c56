"""Ecoregions 2017 (Dinerstein et al.): at RANGE's or SatCLIP's points, or the polygons themselves at random points."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from index.errors import InputError, one_line
from train.probing.tasks._files import Format, Remote, table
from train.probing.tasks._points import land_points
from train.probing.tasks._table_task import Publication, TableTask, by_name
from train.probing.tasks._task import Labelled

RESOLVE = Publication(
    source="Ecoregions 2017, https://ecoregions.appspot.com",
    licence="CC BY 4.0",
    citation="Dinerstein et al. 2017, BioScience 67:534, doi:10.1093/biosci/bix014",
)
_POLYGONS = Remote("https://storage.googleapis.com/teow2016/Ecoregions2017.zip", "Ecoregions2017.zip")
NOWHERE = ("N/A", "Rock and Ice")  # the polygons' values where nothing lives; neither is a biome


def _formats(name: str, index: str) -> tuple[Format, ...]:
    """The formats of the column ``name`` (polygons, RANGE) or ``index`` (SatCLIP, where -1 is the sea)."""
    columns: dict[str, Any] = {"kind": "classification"}
    return (
        table("ecoregion_train.csv", "ecoregion_val.csv", lat="Y", lon="X", target=name, source="RANGE's points", **columns),
        table(
            "lat_lon_ecoregion.csv", lat="lat", lon="lon", target=index, absent=(-1,), source="SatCLIP's points on land", **columns
        ),
        Format((_POLYGONS.file,), partial(at_random_points, column=name), (_POLYGONS,)),
    )


def at_random_points(paths: Sequence[Path], *, column: str) -> Labelled:
    """The polygon that each of 5,000 random points on land lies in; points in none of them are dropped."""
    import geopandas as gpd

    try:
        polygons = gpd.read_file(paths[0])[[column, "geometry"]]
    except (RuntimeError, KeyError, OSError) as error:
        raise InputError(f"{paths[0]}: expected polygons with the column {column} ({one_line(error)})") from None
    lat, lon = land_points()
    points = gpd.GeoDataFrame({"lat": lat, "lon": lon}, geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4326")
    joined = points.sjoin(polygons.to_crs("EPSG:4326"), how="left", predicate="within")
    joined = joined[~joined.index.duplicated()]  # a point in two polygons that overlap counts once
    target = joined[column].astype(object)
    target = target.where(target.notna() & ~target.isin(NOWHERE), None)
    source = f"random points on land, {RESOLVE.source}"
    return Labelled.of(joined["lat"], joined["lon"], target.to_numpy(), "classification", source)


COMPONENTS = by_name(
    TableTask(
        "biome", "Which of 14 biomes a point on land belongs to.",
        "classification", "biome", RESOLVE, _formats("BIOME_NAME", "biome_class_index"),
    ),
    TableTask(
        "ecoregion", "Which of some 800 ecoregions a point on land belongs to.",
        "classification", "ecoregion", RESOLVE, _formats("ECO_NAME", "ecoregion_class_index"),
    ),
)  # fmt: skip
