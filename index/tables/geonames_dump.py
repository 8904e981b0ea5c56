"""GeoNames' own dump (allCountries.txt, or that of one country): a place in each line, 19 fields between tabs, without a header.

https://download.geonames.org/export/dump/readme.txt says what they are. GeoNames is CC BY 4.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.errors import InputError, one_line
from index.tables.values import number

FIELDS = 19
LICENCE = "CC-BY-4.0"
# Feature codes, or else classes, by the kinds that resolution knows; what is not listed is no place that a text names.
KINDS = {
    "PCL": "country", "ADM1": "region", "ADM2": "county", "P": "town", "CONT": "continent", "MT": "mountain", "PK": "mountain",
    "VLC": "volcano", "HLL": "hill", "ISL": "island", "VAL": "valley", "DSRT": "desert", "CAPE": "cape", "PEN": "peninsula",
    "STM": "river", "LK": "lake", "RSV": "lake", "BAY": "bay", "GULF": "gulf", "STRT": "strait", "FJD": "fjord",
    "FLLS": "waterfall", "GLCR": "glacier", "LGN": "lagoon", "PRK": "park", "RESN": "park", "AIRP": "airport", "CSTL": "castle",
    "MNMT": "monument", "RUIN": "ruins", "CAVE": "cave", "PASS": "pass", "SEA": "sea", "OCN": "ocean",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A line of the dump: ``others`` are its further names, ``region`` the code of the first level inside its country, 'US-VA'."""

    id: str
    name: str
    others: str
    lat: float
    lon: float
    kind: str
    country: str
    region: str
    people: int


def is_dump(path: Path) -> bool:
    """Whether the first line of a file has the fields of the dump."""
    try:
        with path.open(encoding="utf-8") as lines:
            fields = next(lines, "").rstrip("\n").split("\t")
    except (OSError, UnicodeError):
        return False
    return len(fields) == FIELDS and fields[0].isdigit() and len(fields[6]) <= 1


def places_of(path: Path) -> Iterator[tuple[int, NamedPlace | InputError]]:
    """The places that a text may name, each with the number of its line, or what is wrong with it. Raises ``InputError`` where the
    file cannot be read any further."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            for at, line in enumerate(lines, 1):
                fields = line.rstrip("\n").split("\t")
                if len(fields) != FIELDS:
                    yield at, InputError(f"expected {FIELDS} fields between tabs, got {len(fields)}")
                elif kind := _kind(fields[6], fields[7]):
                    try:
                        yield at, _place(fields, kind)
                    except InputError as error:
                        yield at, error
    except OSError as error:
        raise InputError(one_line(error)) from None


def _place(fields: list[str], kind: str) -> NamedPlace:
    country = fields[8]
    return NamedPlace(
        id=fields[0], name=fields[1], others=fields[3], lat=number(fields[4], "latitude"), lon=number(fields[5], "longitude"),
        kind=kind, country=country, region=f"{country}-{fields[10]}" if fields[10] else "",
        people=int(number(fields[14] or "0", "population", unit="")),
    )  # fmt: skip


def _kind(feature_class: str, code: str) -> str:
    """'' for what is no place that a text names."""
    exact = KINDS.get(code) or KINDS.get(code.rstrip("0123456789S"))
    if feature_class == "A" and code.startswith("PCL"):
        return "country" if not code.endswith("H") else ""
    return exact or (KINDS.get(feature_class, "") if feature_class == "P" else "")
