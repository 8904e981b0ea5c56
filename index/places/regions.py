"""Continents and countries by name, as a filter's ``inside`` and ``outside`` have them.

``index.places.whereabouts`` says which points lie in them.
"""

from functools import cache

from index.errors import InputError
from index.places.cldr import LANGUAGES, UN_NUMBERS, continents
from index.places.continents import CODES, NAMES
from index.places.country_names import code_of, countries_like, english_names, folded, name_of


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


def code_of_region(name: str) -> tuple[str, str]:
    """``("continent", "AF")`` or ``("country", "PE")`` of a name as by ``region_named``."""
    return ("continent", CODES[name]) if name in CODES else ("country", code_of(name) or "")


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
