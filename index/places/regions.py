"""Where points lie: the country and the continent of each, by the nearest town, and none on the high seas.

A filter's ``inside`` and ``outside`` name such regions; ``index.places.countries`` says how far a country reaches.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import Degrees, chord_km, unit_xyz
from index.places.cldr import LANGUAGES, UN_NUMBERS, continents
from index.places.continents import ANTARCTIC_LAT, NAMES, continent_of_town
from index.places.countries import LAND_REACH_KM, MIN_POPULATION, SEA_REACH_KM
from index.places.country_names import code_of, countries_like, english_names, folded, name_of
from index.places.packaged import is_land
from index.places.towns import load_towns


@dataclass(frozen=True)
class Whereabouts:
    """``countries`` [N] are ISO 3166-1 codes of two letters, ``continents`` [N] places in ``index.places.continents.NAMES``;
    '' and -1 on the high seas."""

    countries: npt.NDArray[np.str_]
    continents: npt.NDArray[np.int64]

    def within(self, regions: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which points lie in one of the regions, named as by ``region_named``."""
        inside = np.zeros(len(self.countries), dtype=bool)
        for name in regions:
            inside |= self.continents == NAMES.index(name) if name in NAMES else self.countries == code_of(name)
        return inside


def whereabouts(lat: Degrees, lon: Degrees) -> Whereabouts:
    """Of points [N]; 250,000 take a second. Raises ``MissingExtraError`` without [demo]."""
    towns, lat = load_towns(MIN_POPULATION), np.asarray(lat, dtype=np.float64)
    chord, nearest = towns.tree().query(unit_xyz(lat, lon))
    near = chord_km(chord) <= np.where(is_land(lat, lon), LAND_REACH_KM, SEA_REACH_KM)
    antarctic = lat < ANTARCTIC_LAT
    countries = np.where(antarctic, "AQ", np.where(near, towns.codes[nearest], ""))
    continents = np.where(antarctic, NAMES.index("Antarctica"), np.where(near, _continents()[nearest], -1))
    return Whereabouts(countries, continents)


def region_named(name: str) -> str:
    """The English name of a continent or country that is named in any case and one of many languages, or by its ISO code.

    Raises ``InputError`` with near names for what is neither.
    """
    continent = _continents_by_name().get(folded(name))
    code = None if continent else code_of(name)
    if continent or code == "AQ":
        return continent or "Antarctica"
    if code is None:
        near = countries_like(name) if name.strip() else []
        remedy = f"did you mean {' or '.join(near)}?" if near else "give a name as Africa or Peru, or an ISO code"
        raise InputError(f"no continent or country '{name[:60]}'; {remedy}")
    return name_of(code)


@cache
def region_names() -> tuple[str, ...]:
    """The continents, then the countries by name."""
    return (*NAMES, *sorted({name_of(code) for code in english_names()} - set(NAMES)))


def continent_named(name: str) -> str | None:
    """The English name of a continent, None for what is none."""
    return _continents_by_name().get(folded(name))


@cache
def _continents_by_name() -> dict[str, str]:
    of_languages = [continents(language) for language in LANGUAGES]
    names = {folded(each[number]): name for name, number in UN_NUMBERS.items() for each in reversed(of_languages) if number in each}
    return names | {folded(each["AQ"]): "Antarctica" for each in of_languages} | {folded(name): name for name in NAMES}


@cache
def _continents() -> npt.NDArray[np.int64]:
    """The place in ``NAMES`` of the continent of every town."""
    towns = load_towns(MIN_POPULATION)
    pairs, which = np.unique(np.char.add(np.char.add(towns.codes, " "), towns.areas), return_inverse=True)
    split = [pair.split(" ", 1) for pair in pairs.tolist()]
    return np.array([NAMES.index(continent_of_town(towns.countries[code], area)) for code, area in split])[which]
