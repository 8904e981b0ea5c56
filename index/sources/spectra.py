"""Tiles of one pixel from a table of Sentinel-2 spectra: one row a place and date, reflectance as a fraction.

    source, place, lat, lon, date, B01 ... B12, level, license, bright, split

A spectrum is what a satellite saw of one spot of 10 m, at a thousandth of an image's size. Absent bands are empty or NaN. Rows that
are ``bright`` (cloud or snow) are left out unless asked for. The texts of ``level`` and ``date`` are reduced to what tiles know:
L1C, L2A or composite; a day, month or year, or a month of no year ("--07" in ISO 8601). Licence and citation are those of the rows.
"""

import math
import re
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from index.errors import InputError
from index.geo import KM_PER_DEG, wrap_lon
from index.imagery.radiometry import LOWEST
from index.imagery.reflectance import FRACTION_LIMIT, stored
from index.imagery.sensors import SENTINEL2
from index.records import Modality, Place, Rejected, Tile, content_id
from index.settings import Settings
from index.tables.columns import column
from index.tables.located import LocatedRow, Position, Table, located_rows, open_table, position_of
from index.tables.rows import record_or_rejection
from index.tables.values import number, text

PIXEL_KM = 0.01
FARTHEST = 85.0  # degrees of latitude: Sentinel-2 looks no farther
_FACTS = {name: (name,) for name in ("source", "place", "date", "level", "split", "bright")} | {"licence": ("license", "licence")}
_DATE = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)|(?P<month>\d{4}-\d\d)(?!\d)|month-(?P<any_year>\d\d)|(?P<year>\d{4})(?!\d)")
_TRUTH = {"true": True, "1": True, "false": False, "0": False, "": False}


class Options(Settings):
    paths: tuple[Path, ...] = Field(description="Parquet or CSV files", min_length=1)
    sources: tuple[str, ...] = Field((), description="sources to take, as the column 'source' names them; absent: all")
    dates: int | None = Field(None, ge=1, description="at most so many dates of each place, always the same ones; absent: all")
    bright: bool = Field(False, description="take bright rows too: cloud and snow")


def build(**options: Any) -> "Spectra":
    return Spectra(Options.parse(options, where="spectra"))


@dataclass(frozen=True)
class _File:
    """``facts`` and ``bands``: which column holds what."""

    table: Table
    position: Position
    facts: dict[str, str]
    bands: dict[str, str]

    def facts_of(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The texts of a row by what they say, '' where it has none; without a source the file's name is one. Raises
        ``InputError``."""
        facts = {role: text(values[self.facts[role]], role).strip() if role in self.facts else "" for role in _FACTS}
        return facts | {"source": facts["source"] or self.table.path.stem}

    def readable_facts(self) -> Iterator[dict[str, str]]:
        """Those of all rows that can be read; of the others ``Spectra.records`` reports each."""
        with suppress(InputError):  # the file is damaged from here on
            for _, values in self.table.rows([*self.facts.values()]):
                with suppress(InputError):
                    if not isinstance(values, InputError):
                        yield self.facts_of(values)


class Spectra:
    modality: Modality = "tiles"
    key = ""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.files = [_opened(path) for path in options.paths]
        for file in self.files:
            if options.dates and "place" not in file.facts:
                raise InputError(
                    f"{file.table.path}: --dates counts those of a place, and no column is 'place'; add it, or leave it out"
                )
        counts = [file.table.count for file in self.files]
        self.total = None if None in counts else sum(count for count in counts if count is not None)
        self.lots = self._drawn_lots() if options.dates or options.sources else {}

    @property
    def remarks(self) -> list[str]:
        """What was guessed about the files."""
        return [f"{file.table.path}: {said}" for file in self.files for said in file.table.remarks]

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Tile | Rejected]:
        for file in self.files:
            last, path = 0, file.table.path
            try:
                for row in located_rows(file.table, file.position, [*file.facts.values(), *file.bands.values()]):
                    last = row.number
                    tile = record_or_rejection(
                        partial(self._tile, row, file), f"{path}, row {row.number}", "correct or delete the row"
                    )
                    if tile is not None:
                        yield tile
            except InputError as error:
                why = f"the file is damaged from here on ({error}); repair or export it again"
                yield Rejected(where=f"{path}, row {last + 1}", why=why)

    def _tile(self, row: LocatedRow, file: _File) -> Tile | None:
        """None for a row that is not wanted. Raises ``InputError``."""
        if isinstance(row.values, InputError):
            raise row.values
        facts = file.facts_of(row.values)
        if not self._is_taken(facts) or self._is_over(facts):
            return None
        if abs(row.lat) > FARTHEST:
            raise InputError(f"Sentinel-2 looks at latitudes up to {FARTHEST:g} degrees, the row says {row.lat:g}")
        spectrum = _spectrum(row.values, file.bands)
        numbers = 10_000 * np.array([*spectrum.values()])[:, None, None]
        place = Place(lat=row.lat, lon=float(wrap_lon(row.lon)))
        return Tile(
            place=place, pixels=stored(numbers, np.array(True)), bands=tuple(spectrum), sensor=SENTINEL2.name, crs="EPSG:4326",
            bounds=_pixel_around(place), level=level_of(facts["level"]), date=date_of(facts["date"]), source=facts["source"],
            title=f"{facts['place']} {facts['date']}".strip(), split=facts["split"], licence=facts["licence"],
        )  # fmt: skip

    def _is_taken(self, facts: Mapping[str, str]) -> bool:
        """Whether the options want rows of this source, bright or not."""
        is_bright = not self.options.bright and _truth(facts["bright"])
        return not is_bright and (not self.options.sources or facts["source"] in self.options.sources)

    def _is_over(self, facts: Mapping[str, str]) -> bool:
        """Whether the place has ``dates`` other dates with lower lots."""
        lots = self.lots.get((facts["source"], facts["place"]), [])
        return bool(self.options.dates) and _lot(facts) not in lots[: self.options.dates]

    def _drawn_lots(self) -> dict[tuple[str, str], list[str]]:
        """Of each source and place the lots of its dates in order. Raises ``InputError`` for a source that no row has."""
        lots, sources = dict[tuple[str, str], set[str]](), set[str]()
        for file in self.files:
            for facts in file.readable_facts():
                sources.add(facts["source"])
                if self._is_taken(facts):
                    lots.setdefault((facts["source"], facts["place"]), set()).add(_lot(facts))
        if unknown := set(self.options.sources) - sources:
            raise InputError(f"no source {', '.join(sorted(unknown))}; choose from {', '.join(sorted(sources))}"[:2000])
        return {place: sorted(of_place) for place, of_place in lots.items()}


def level_of(said: str) -> str:
    """L1C, L2A or composite, as a text such as "L2A half-year geomedian" means; '' where it means none."""
    if re.search(r"composite|mosaic|median|mean|\bp\d\d\b", said, re.IGNORECASE):
        return "composite"
    match = re.search(r"L(?:1C|2A)", said, re.IGNORECASE)
    return match[0].upper() if match else ""


def date_of(said: str) -> str:
    """The ISO date in a text: a day, a month, a month of no year ("--07"), a year; '' where there is none."""
    match = _DATE.match(said)
    if not match:
        return ""
    return f"--{match['any_year']}" if match["any_year"] else match[0]


def _opened(path: Path) -> _File:
    """Raises ``InputError`` for a table without a place or without any band."""
    table, where = open_table(path), str(path)
    position = position_of(table, lat="", lon="", geometry="", crs="", plane=False)
    facts = {role: found for role, usual in _FACTS.items() if (found := column(table.names, "", usual, role, where))}
    bands = {band: found for band in SENTINEL2.bands if (found := column(table.names, "", (band.lower(),), band, where))}
    if not bands:
        raise InputError(f"{path}: no column is a band of Sentinel-2; name them B01, B02 … B8A … B12, with reflectance from 0 to 1")
    return _File(table, position, facts, bands)


def _spectrum(values: Mapping[str, Any], bands: Mapping[str, str]) -> dict[str, float]:
    """The reflectance of each band that the row has. Raises ``InputError`` for what no surface reflects."""
    spectrum = {}
    for band, name in bands.items():
        value = values[name]
        if value is None or (isinstance(value, float) and math.isnan(value)) or str(value).strip().lower() in ("", "nan"):
            continue
        spectrum[band] = number(value, band, unit="")
        if not LOWEST <= spectrum[band] <= FRACTION_LIMIT:
            raise InputError(
                f"{band} is {spectrum[band]:g}, impossible as reflectance (expected 0 to 1; divide x 10,000 by 10,000)"
            )
    if not spectrum:
        raise InputError("no band has a number")
    return spectrum


def _truth(said: str) -> bool:
    """Raises ``InputError`` for what is neither true nor false."""
    if said.lower() not in _TRUTH:
        raise InputError(f"bright must be true or false, got '{said[:60]}'")
    return _TRUTH[said.lower()]


def _lot(facts: Mapping[str, str]) -> str:
    """What decides which dates of a place are taken: chance, but the same in every run and whatever the order of the rows."""
    return content_id(facts["source"], facts["place"], facts["date"])


def _pixel_around(place: Place) -> tuple[float, float, float, float]:
    """(left, bottom, right, top) in degrees of the pixel of 10 m at a place."""
    up = PIXEL_KM / KM_PER_DEG / 2
    side = up / math.cos(math.radians(place.lat))
    return place.lon - side, place.lat - up, place.lon + side, place.lat + up
