"""Tiles of one sensor over the same ground. An identical tile cannot be there twice: its id is the hash of its content."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from index.progress import Progress, Quiet
from index.quality.findings import NAMED_AT_ONCE, Finding, FrozenTable
from index.store.catalogue import Catalogue

OVERLAP_FROM = 0.5  # of the smaller tile
QUERY_AT_ONCE = 1024
Bounds = tuple[float, float, float, float]


@dataclass
class _Footprints:
    """The facts needed of each tile, by row: the sensor and CRS, the bounds, the date."""

    system: list[tuple[str, str]] = field(default_factory=list)
    bounds: list[Bounds] = field(default_factory=list)
    date: list[str] = field(default_factory=list)


def overlapping_tiles(catalogue: Catalogue, progress: Progress | None = None) -> list[Finding]:
    """Ground that one sensor shows twice on a date (warning; note for L1C and L2A), and series of dates (one note per place).

    Bounds are compared within one CRS. If a date is not known, only tiles with identical bounds count as the same.
    """
    tiles, footprints = FrozenTable(catalogue, "tiles"), _Footprints()
    for batch in tiles.batches(["sensor", "crs", "bounds", "date"], progress or Quiet(), "compare tiles"):
        footprints.system += zip(batch.columns["sensor"], batch.columns["crs"], strict=True)
        footprints.bounds += [tuple(bounds) for bounds in batch.columns["bounds"]]
        footprints.date += batch.columns["date"]
    places: dict[object, list[int]] = defaultdict(list)
    for row, (system, bounds) in enumerate(zip(footprints.system, footprints.bounds, strict=True)):
        places[system, tuple(round(edge, 6) for edge in bounds)].append(row)
    twice = _twice(places.values(), footprints.date)
    partly = _partly(footprints, skip=set(twice))
    return _named_twice(tiles, twice | partly) + _series(tiles, places.values(), footprints.date)


def _twice(places: Iterable[list[int]], date: Sequence[str]) -> dict[int, tuple[int, float]]:
    """All but the first of the tiles with the same bounds and date: (the first, the share of it that they have in common)."""
    found = {}
    for rows in places:
        first: dict[str, int] = {}
        for row in rows:
            if first.setdefault(date[row], row) != row:
                found[row] = (first[date[row]], 1.0)
    return found


def _partly(footprints: _Footprints, skip: set[int]) -> dict[int, tuple[int, float]]:
    """Tiles of a known date that share more than half of the smaller one with an earlier row: (that row, the share)."""
    days: dict[object, list[int]] = defaultdict(list)
    for row, (system, date) in enumerate(zip(footprints.system, footprints.date, strict=True)):
        if date and row not in skip:
            days[system, date].append(row)
    found: dict[int, tuple[int, float]] = {}
    for rows in (rows for rows in days.values() if len(rows) > 1):
        for a, b, share in _shared(np.array([footprints.bounds[row] for row in rows])):
            later, first = max(rows[a], rows[b]), min(rows[a], rows[b])
            if share > found.get(later, (0, OVERLAP_FROM))[1]:
                found[later] = (first, share)
    return found


def _shared(bounds: npt.NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """Pairs of boxes [N, 4] that overlap by more than half: (a, b, share of the smaller box), a < b."""
    import shapely  # type: ignore[import-untyped]

    tree = shapely.STRtree(shapely.box(*bounds.T))
    pairs: list[tuple[int, int, float]] = []
    for start in range(0, len(bounds), QUERY_AT_ONCE):
        a, b = tree.query(shapely.box(*bounds[start : start + QUERY_AT_ONCE].T))
        a, b = a[a + start < b] + start, b[a + start < b]
        low, high = np.maximum(bounds[a, :2], bounds[b, :2]), np.minimum(bounds[a, 2:], bounds[b, 2:])
        smaller = np.minimum(_area(bounds[a]), _area(bounds[b]))
        share = np.prod(np.maximum(0, high - low), axis=1) / np.where(smaller > 0, smaller, np.inf)
        over = share > OVERLAP_FROM
        pairs += zip(a[over].tolist(), b[over].tolist(), share[over].tolist(), strict=True)
    return pairs


def _area(bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1]))


def _named_twice(tiles: FrozenTable, twice: dict[int, tuple[int, float]]) -> list[Finding]:
    found, later = [], sorted(twice)
    for start in range(0, len(later), NAMED_AT_ONCE):
        rows = later[start : start + NAMED_AT_ONCE]
        own, other = tiles.take(rows, ["date", "level"]), tiles.take([twice[row][0] for row in rows], ["level"])
        for at, row in enumerate(rows):
            when = f"on {own.columns['date'][at]}" if own.columns["date"][at] else "(neither has a date)"
            levels = {own.columns["level"][at], other.columns["level"][at]} - {""}
            name = f"'{other.columns['title'][at]}' {other.columns['id'][at][:8]}"
            why = f"{twice[row][1]:.0%} of its ground is also in {name} {when}"
            if len(levels) > 1:
                why += f", as {' and '.join(sorted(levels))}"
                found.append(own.finding(at, "two-levels", "note", why, "keep to one level where brightness matters"))
            else:
                found.append(own.finding(at, "overlapping-tiles", "warning", why, "keep one of the two"))
    return found


def _series(tiles: FrozenTable, places: Iterable[list[int]], date: Sequence[str]) -> list[Finding]:
    series = [(rows, {date[row] for row in rows} - {""}) for rows in places if len(rows) > 1]
    series = [(rows, dates) for rows, dates in series if len(dates) > 1]
    found = []
    for start in range(0, len(series), NAMED_AT_ONCE):
        part = series[start : start + NAMED_AT_ONCE]
        first = tiles.take([rows[0] for rows, _ in part], [])
        for at, (rows, dates) in enumerate(part):
            why = f"{len(rows)} tiles show this place, on {len(dates)} dates from {min(dates)} to {max(dates)}"
            found.append(first.finding(at, "time-series", "note", why, "none needed; in training they count as one place"))
    return found
