"""Filters as users write and read them: numbers, rings, dates and texts as input, plain English as output."""

from collections.abc import Mapping
from datetime import date as Date
from pathlib import Path
from typing import Any

import numpy as np

from index.errors import InputError
from index.records import BBox, Place
from index.search.geojson import geojson_of, read_region
from index.search.region import Circle, Region
from index.settings import check_characters

MAX_VALUES, MAX_VALUE_CHARACTERS = 1000, 200
MAX_METRES = 20_000.0  # nothing on the Earth is as high or as deep
Days = tuple[Date | None, Date | None]
Heights = tuple[float | None, float | None]


def read_box(given: Any) -> BBox:
    """From "south,west,north,east", four numbers, or a mapping of these names."""
    if isinstance(given, BBox):
        return given
    south, west, north, east = _numbers(given, ("south", "west", "north", "east"), "bbox")
    return BBox(south=south, west=west, north=north, east=east)


def read_circle(given: Any) -> Circle:
    """From "lat,lon,km", (``Place``, km), three numbers, or a mapping with lat, lon and radius_km."""
    if isinstance(given, Circle):
        return given
    if isinstance(given, tuple | list) and given and isinstance(given[0], Place):
        given = [given[0].lat, given[0].lon, *given[1:]]
    lat, lon, radius_km = _numbers(given, ("lat", "lon", "radius_km"), "near")
    return Circle(place=Place(lat=lat, lon=lon), radius_km=radius_km)


def read_polygon(given: Any) -> Region:
    """From GeoJSON (text or object, or a ``Path`` to a file of it), or rings of (lat, lon)."""
    if isinstance(given, Region):
        return given
    try:
        return read_region(given) if isinstance(given, str | Path | Mapping) else _region_of_rings(given)
    except InputError as error:
        raise InputError(f"polygon: {error}") from None


def read_texts(given: Any, name: str, choices: tuple[str, ...] = ()) -> tuple[str, ...]:
    """One text or several; ``choices``: the allowed values."""
    values = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list | tuple) else None
    if values is None or not all(isinstance(each, str) and len(each) <= MAX_VALUE_CHARACTERS for each in values):
        raise InputError(f"{name} must be texts of at most {MAX_VALUE_CHARACTERS} characters, got {str(given)[:60]!r}")
    if len(values) > MAX_VALUES:
        raise InputError(f"{name} may name {MAX_VALUES:,} values, got {len(values):,}; write a condition with where")
    if unknown := [each for each in values if choices and each not in choices]:
        raise InputError(f"{name} must be one of {', '.join(map(repr, choices))}, got {unknown[0]!r}")
    for each in values:
        check_characters(each, name)
    return values


def read_dates(given: Any) -> Days:
    """From "first/last" or two dates, of which one may be left out ('', '..' or None); a single one is one day."""
    parts = given.split("/") if isinstance(given, str) else list(given) if isinstance(given, tuple | list) else [given]
    try:
        first, last = (_day(each) for each in (parts * 2 if len(parts) == 1 else parts))
    except (ValueError, TypeError):
        first = last = None
        parts = [given]
    if (not (first or last) and any(parts)) or (first and last and first > last):
        raise InputError(f"dates must be FIRST/LAST as 2021-06-01/2021-08-31 (one may be left out), got {str(given)[:60]!r}")
    return first, last


def read_heights(given: Any) -> Heights:
    """From "least/most" in metres or two numbers, of which one may be left out ('', '..' or None)."""
    parts = given.split("/") if isinstance(given, str) else list(given) if isinstance(given, tuple | list) else [given]
    try:
        least, most = (_metres(each) for each in (parts if any(parts) else (None, None)))
    except (ValueError, TypeError, OverflowError):
        least, most, parts = None, None, [given]
    if (least is None and most is None and any(parts)) or (least is not None and most is not None and least > most):
        raise InputError(f"elevation_m must be LEAST/MOST in metres as 2000/4000 (one may be left out), got {str(given)[:60]!r}")
    return least, most


def _numbers(given: Any, names: tuple[str, ...], field: str) -> list[float]:
    """The numbers of "1,2,3", of a sequence or of a mapping by ``names``."""
    if isinstance(given, Mapping):
        parts: list[Any] = [given[name] for name in names if name in given] if len(given) == len(names) else []
    else:
        parts = given.split(",") if isinstance(given, str) else list(given) if isinstance(given, tuple | list) else []
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError, OverflowError):  # the last from an integer that no float can hold
        numbers = []
    if len(numbers) != len(names):
        raise InputError(f"{field} must be {','.join(names)}, {len(names)} numbers, got {str(given)[:60]!r}")
    return numbers


def _region_of_rings(given: Any) -> Region:
    """One ring of (lat, lon), or a list of rings: the outer one and its holes."""
    try:
        single = not np.ndim(given[0][0])
        rings = [given] if single else given
        return Region((tuple(tuple((float(lat), float(lon)) for lat, lon in ring) for ring in rings),))
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        raise InputError(f"expected GeoJSON or rings of (lat, lon), got {str(given)[:60]!r}") from None


def _day(said: Any) -> Date | None:
    if said is None or isinstance(said, Date):
        return said
    text = str(said).strip()
    return Date.fromisoformat(text) if text not in ("", "..") else None


def _metres(said: Any) -> float | None:
    text = "" if said is None else str(said).strip()
    if text in ("", ".."):
        return None
    metres = float(text)
    if not abs(metres) <= MAX_METRES:
        raise ValueError(metres)
    return metres


def area_as_text(area: BBox | Circle | Region) -> str:
    if isinstance(area, BBox):
        return f"in the box {_span(area.south, area.west, area.north, area.east + 360 * area.crosses_antimeridian)}"
    if isinstance(area, Circle):
        return f"within {area.radius_km:g} km of {area.place.lat:.2f}, {area.place.lon:.2f}"
    more = f" and {len(area.polygons) - 1} more" if len(area.polygons) > 1 else ""
    return f"in a polygon within {_span(*area.spans[0])}{more}"


def days_as_text(dates: Days) -> str:
    first, last = dates
    if first == last:
        return str(first)
    return " ".join([f"from {first}"] * bool(first) + [f"until {last}"] * bool(last))


def heights_as_text(heights: Heights) -> str:
    """'above 2000 m', 'below 500 m', 'from 500 to 1500 m'."""
    least, most = heights
    if least is not None and most is not None:
        return f"from {least:g} to {most:g} m high"
    return f"above {least:g} m" if least is not None else f"below {most:g} m"


def area_as_value(area: BBox | Circle | Region) -> str | dict[str, Any]:
    """The form that ``read_box``, ``read_circle`` and ``read_polygon`` take: comma-separated numbers, or GeoJSON."""
    if isinstance(area, Region):
        return geojson_of(area)
    numbers = (
        (area.south, area.west, area.north, area.east)
        if isinstance(area, BBox)
        else (area.place.lat, area.place.lon, area.radius_km)
    )
    return ",".join(repr(float(number)).removesuffix(".0") for number in numbers)


def days_as_value(dates: Days) -> str:
    """The form that ``read_dates`` takes."""
    return "/".join(day.isoformat() if day else "" for day in dates)


def heights_as_value(heights: Heights) -> str:
    """The form that ``read_heights`` takes."""
    return "/".join("" if each is None else f"{each:g}" for each in heights)


def _span(south: float, west: float, north: float, east: float) -> str:
    crosses = " across the antimeridian" if west < -180 < east or west < 180 < east else ""
    return f"{south:g} to {north:g} lat, {_wrapped(west):g} to {_wrapped(east):g} lon{crosses}"


def _wrapped(lon: float) -> float:
    return lon - 360 * round(lon / 360) if abs(lon) > 180 else lon
