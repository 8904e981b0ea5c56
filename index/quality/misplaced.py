"""Records whose point cannot be right: not on Earth, on null island, at sea, or in a country other than the one they name.

The country that a record names (its column ``country``; for an article also its title and first sentence) is compared with the
country at its point. If the two differ, but agree once latitude and longitude are swapped or one sign is changed, that is the
error.
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.geo import KM_PER_DEG
from index.places.country_at import AGREES_WITHIN_KM, Codes, Countries, Degrees, Mask
from index.places.packaged import is_land
from index.quality.findings import Batch, Finding, Rows, Severity

NULL_ISLAND_DEG = 0.01
SHORE_KM = 25.0  # the land mask lacks small islands, and its coasts are inexact
# A point this far from the country it names is wrong; between 100 km and this, a border or an empty quarter may explain it.
MISTAKE_KM = 200.0
OTHER_COUNTRY_KM = 400.0  # without a fix that proves the mistake; Wrangel Island is 400 km from the next Russian town

# An article that contains one of these may well be about a place at sea, or on an island that the mask does not have.
_AT_SEA = re.compile(
    r"\b(?:islands?|isles?|islets?|ins\.|atolls?|cays?|reefs?|archipelago|seas?|oceans?|mare|gulf|bay|strait|channel|sound|lagoon"
    r"|shoals?|banks?|seamount|offshore|off the coast|continental shelf|trench|ridge|submarine|underwater|undersea|shipwreck|wreck"
    r"|sank|sunk|maritime|marine|naval|(?:oil|gas) ?field|wind farm|lighthouse|ice shelf|glacier tongue|lakes?)\b",
    re.IGNORECASE,
)


def bad_coordinates(batch: Batch) -> list[Finding]:
    """Not finite or out of range (sources refuse such records, so this is damage), and null island."""
    lat, lon = batch.lat, batch.lon
    impossible = ~((np.abs(lat) <= 90) & (np.abs(lon) <= 180))  # NaN is not <= 90
    null = (np.abs(lat) < NULL_ISLAND_DEG) & (np.abs(lon) < NULL_ISLAND_DEG)
    found = []
    for row in np.flatnonzero(impossible | null).tolist():
        where = f"the point is {_shown(lat[row], lon[row])}"
        if impossible[row]:
            why, kind = f"{where}, which is not on Earth", "bad-coordinates"
        else:
            why, kind = f"{where}: null island, where missing coordinates end up", "null-island"
        found.append(batch.finding(row, kind, "error", why, "correct the coordinates in the source and ingest it again"))
    return found


def elsewhere(batch: Batch, countries: Countries) -> list[Finding]:
    """Wrong signs and swapped coordinates, with the fix, and points far from the country in the record's column ``country``."""
    points = _Points.of(batch, countries)
    stated = [countries.named(batch.columns["country"][row]) for row in points.rows]
    found = _wrong_coordinates(batch, points, stated, "its country is", np.zeros(len(stated), dtype=bool))
    if batch.table == "articles":
        written = [countries.mentioned(batch.columns["title"][row], batch.columns["text"][row]) for row in points.rows]
        doubtful = points.agree_with(stated, AGREES_WITHIN_KM)  # the column 'country' then contradicts the text
        found = _wrong_coordinates(batch, points, written, "its text names", doubtful) | found
    far = ~points.agree_with(stated, OTHER_COUNTRY_KM) & (points.town_km <= AGREES_WITHIN_KM) & _any(stated)
    for at in np.flatnonzero(far).tolist():
        row, here = int(points.rows[at]), countries.names[points.country[at]]
        why = f"its country is {batch.columns['country'][row]}, but {_shown(points.lat[at], points.lon[at])} is in {here}"
        remedy = "correct the country or the coordinates in the source"
        found.setdefault(row, batch.finding(row, "other-country", "warning", why, remedy))
    return list(found.values())


@dataclass(frozen=True)
class _Points:
    """The points of a batch that are on Earth: their rows, and the country of and the distance to the nearest town."""

    rows: Rows
    lat: Degrees
    lon: Degrees
    country: npt.NDArray[np.str_]
    town_km: Degrees
    countries: Countries

    @classmethod
    def of(cls, batch: Batch, countries: Countries) -> "_Points":
        rows = np.flatnonzero(_real_points(batch))
        lat, lon = batch.lat[rows], batch.lon[rows]
        return cls(rows, lat, lon, *countries.nearest(lat, lon), countries)

    def agree_with(self, named: list[Codes], within_km: float) -> Mask:
        """Whether each point has a town of one of its countries within so many km, or as the nearest town of all."""
        here = np.array([code in codes for code, codes in zip(self.country, named, strict=True)], dtype=bool)
        return here | (self.countries.away_km(named, self.lat, self.lon) <= within_km)


def _wrong_coordinates(batch: Batch, points: _Points, named: list[Codes], how: str, doubtful: Mask) -> dict[int, Finding]:
    """Points far from the named countries, by row, that lie in one of them after one of three simple changes."""
    found: dict[int, Finding] = {}
    suspects = np.flatnonzero(~points.agree_with(named, MISTAKE_KM) & _any(named))
    for kind, what, lat, lon in (
        ("swapped", "latitude and longitude are swapped", points.lon[suspects], points.lat[suspects]),
        ("wrong-sign", "the sign of the latitude is wrong", -points.lat[suspects], points.lon[suspects]),
        ("wrong-sign", "the sign of the longitude is wrong", points.lat[suspects], -points.lon[suspects]),
    ):
        there, town_km = points.countries.nearest(lat, lon)
        for at, code, km, fixed in zip(suspects.tolist(), there, town_km, zip(lat, lon, strict=True), strict=True):
            if abs(fixed[0]) > 90 or km > AGREES_WITHIN_KM or code not in named[at]:
                continue
            row, point, country = int(points.rows[at]), _shown(points.lat[at], points.lon[at]), points.countries.names[code]
            why = f"{how} {country}, {point} is not near it, {_shown(*fixed)} is in it: {what}"
            remedy = f"set the point to {_shown(*fixed)} in the source and ingest it again"
            severity: Severity = "warning" if doubtful[at] else "error"
            found.setdefault(row, batch.finding(row, kind, severity, why, remedy))
    return found


def at_sea(batch: Batch, countries: Countries) -> list[Finding]:
    """Points with neither land nor a town of 1,000 within 25 km, unless the record says that it is about the sea or an island."""
    rows = np.flatnonzero(_real_points(batch))
    rows = rows[~is_land(batch.lat[rows], batch.lon[rows])]
    rows = rows[~_land_near(batch.lat[rows], batch.lon[rows])]
    if not len(rows):
        return []
    _, town_km = countries.nearest(batch.lat[rows], batch.lon[rows])
    severity: Severity = "warning" if batch.table == "articles" else "note"  # a tile or a location may be of the sea
    found = []
    for row in rows[town_km > SHORE_KM].tolist():
        said = batch.columns["title"][row] + " " + batch.columns.get("text", [""] * len(batch))[row][:1000]
        if not _AT_SEA.search(said):
            why = f"{_shown(batch.lat[row], batch.lon[row])} is at sea (or on a great lake), more than {SHORE_KM:.0f} km from land"
            found.append(
                batch.finding(row, "at-sea", severity, why, "check the coordinates; leave it as it is if it belongs there")
            )
    return found


def _real_points(batch: Batch) -> Mask:
    """The points that ``bad_coordinates`` does not report."""
    lat, lon = batch.lat, batch.lon
    possible = (np.abs(lat) <= 90) & (np.abs(lon) <= 180)
    return np.asarray(possible & ((np.abs(lat) >= NULL_ISLAND_DEG) | (np.abs(lon) >= NULL_ISLAND_DEG)))


def _any(named: list[Codes]) -> Mask:
    return np.array([bool(codes) for codes in named], dtype=bool)


def _land_near(lat: Degrees, lon: Degrees) -> Mask:
    """Whether there is land on any of ten circles around each point, 2.5 km to 25 km."""
    radius_deg = np.arange(1, 11)[:, None] * (SHORE_KM / 10 / KM_PER_DEG)
    bearing = np.radians(np.arange(0, 360, 10))
    north, east = (radius_deg * np.cos(bearing)).ravel(), (radius_deg * np.sin(bearing)).ravel()
    widening = 1 / np.cos(np.radians(lat.clip(-89, 89)))[:, None]
    return np.asarray(is_land((lat[:, None] + north).clip(-90, 90), lon[:, None] + east * widening).any(axis=1))


def _shown(lat: float, lon: float) -> str:
    return f"{lat:.5g}, {lon:.6g}"
