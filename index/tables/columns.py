"""Which column of a table holds what. Coordinates are taken only as a pair that belongs together, and only if there is one."""

from collections.abc import Sequence

from index.errors import InputError

_LATS, _LONS = ("lat", "latitude"), ("lon", "lng", "long", "longitude")
_PLANE = (("y", "x"), ("northing", "easting"))


def column(names: Sequence[str], asked: str, usual: Sequence[str], flag: str, where: str, *, needed: bool = False) -> str:
    """The column that was asked for by name, else the first of the usual ones, without regard to case; '' where there is none.

    Raises ``InputError`` if one that was asked for or is needed is missing or there twice.
    """
    if asked:
        found = [name for name in names if name == asked] or [name for name in names if name.lower() == asked.lower()]
    else:
        found = next((there for each in usual if (there := [name for name in names if name.lower() == each])), [])
    if len(found) > 1:
        raise InputError(f"{where}: several columns are named {', '.join(found)}; give one of them another name")
    if not found and (asked or needed):
        raise InputError(
            f"{where}: no column '{asked or usual[0]}' for {flag}; name it with --{flag}, the file has {_listed(names)}"
        )
    return found[0] if found else ""


def coordinate_columns(names: Sequence[str], lat: str, lon: str, where: str, *, plane: bool) -> tuple[str, str] | None:
    """(latitude or northing, longitude or easting): as asked for, else the only pair of usual names; None where none is there.

    With ``plane`` x and y count too. Raises ``InputError`` if several fit, or half of a pair is there next to another pair.
    """
    if lat or lon:
        return (
            column(names, lat, _LATS + (("y",) if plane else ()), "lat", where, needed=True),
            column(names, lon, _LONS + (("x",) if plane else ()), "lon", where, needed=True),
        )
    lats, lons = ([name for name in names if name.lower() in usual] for usual in (_LATS, _LONS))
    planes = [([n for n in names if n.lower() == y], [n for n in names if n.lower() == x]) for y, x in _PLANE if plane]
    pairs = [(ys, xs) for ys, xs in planes if ys and xs]
    remedy = "say which with --lat and --lon"
    if len(lats) > 1 or len(lons) > 1:
        raise InputError(f"{where}: the columns {', '.join([*lats, *lons])} may all be the coordinates; {remedy}")
    if lats and lons:
        return lats[0], lons[0]
    if (lats or lons) and pairs:
        others = ", ".join(name for pair in pairs for half in pair for name in half)
        raise InputError(f"{where}: {(lats or lons)[0]} has no partner and {others} may be of another system; {remedy}")
    if len(pairs) > 1 or any(len(half) > 1 for pair in pairs for half in pair):
        raise InputError(f"{where}: several columns may be the coordinates; {remedy}")
    return (pairs[0][0][0], pairs[0][1][0]) if pairs else None


def no_coordinates(names: Sequence[str], where: str) -> InputError:
    """The error for a table without coordinates."""
    lower = [name.lower() for name in names]
    axis = "lon" if any(each in lower for each in _LATS) else "lat"
    return InputError(f"{where}: no column '{axis}' for {axis}; name it with --{axis}, the file has {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")
