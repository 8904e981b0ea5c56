"""Where an opened raster lies, decided once for all sources: by what the file states, or not at all.

The geotransform counts, else ground control points that fit an affine transform, else a world file next to it. No file is ever
placed by its pixel numbers. A tile is north up: rows from south to north and columns from east to west are flipped, and a rotated
file is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import geodesic_km, wrap_lon
from index.imagery.raster import centre_of, checked, import_rasterio
from index.records import Place

SLACK_PX = 0.5  # how far a pixel may lie from its position in a north-up grid
MAX_LON = 540.0  # rasters from 0 to 360 degrees are common; values further out are metres mistaken for degrees
MAX_SIDE_FILE_BYTES = 2**16
_WORLD_FILES = (".tfw", ".tifw", ".tiffw", ".tfwx", ".tifwx", ".wld")
_WARP = "warp it onto a grid: gdalwarp -t_srs EPSG:4326 IN.tif OUT.tif"


@dataclass(frozen=True, slots=True)
class Georeference:
    """``bounds`` are (left, bottom, right, top) in units of ``crs``, ``pixel_m`` the longer side of a pixel on the ground."""

    crs: Any
    bounds: tuple[float, float, float, float]
    centre: Place
    pixel_m: float
    from_south: bool
    from_east: bool

    def north_up(self, layers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """[..., H, W] as the file has it -> with the first row in the north and the first column in the west."""
        return layers[..., :: -1 if self.from_south else 1, :: -1 if self.from_east else 1]


def georeference(raster: Any, stated_crs: str = "", file: Path | None = None) -> Georeference:
    """Where an opened raster lies. ``stated_crs`` is for files that name none; world file and .prj are looked for next to ``file``.

    Raises ``InputError`` with the remedy if the raster states no place, states two, or is rotated.
    """
    transform, crs = _placement(raster, file)
    crs = _one_crs(crs, stated_crs)
    if crs is None:
        raise InputError(
            "the file names no coordinate system (CRS); state it with --crs EPSG:…, or in the file by gdal_edit.py -a_srs"
        )
    if transform is None:
        raise InputError(
            "the file does not say where it lies (no geotransform, control points or world file); write its corners into it with "
            "gdal_edit.py -a_ullr LEFT TOP RIGHT BOTTOM"
        )
    width, height = raster.width, raster.height
    a, b, c, d, e, f = tuple(transform)[:6]
    if not np.isfinite((a, b, c, d, e, f)).all() or not a * e - b * d:
        raise InputError(f"the file's geotransform {(a, b, c, d, e, f)} has no extent; export it again")
    if abs(b) * height > SLACK_PX * abs(a) or abs(d) * width > SLACK_PX * abs(e):
        raise InputError(f"the file is rotated or sheared on its map; {_WARP}")
    x, y = a * width / 2 + b * height / 2 + c, d * width / 2 + e * height / 2 + f
    x -= _turns(x) * 360 if crs.is_geographic else 0
    half_width, half_height = abs(a) * width / 2, abs(e) * height / 2
    bounds = (x - half_width, y - half_height, x + half_width, y + half_height)
    if crs.is_geographic and (abs(x) > MAX_LON or abs(y) > 90):
        raise InputError(
            f"lat must lie in [-90, 90] and lon in [-180, 360] degrees, got {y}, {x}; if these are metres, name the file's own CRS "
            "in it with gdal_edit.py -a_srs"
        )
    return Georeference(crs, bounds, centre_of(bounds, crs), _pixel_m(crs, x, y, a, e), from_south=e > 0, from_east=a < 0)


def georeference_of(raster: Any) -> Georeference | None:
    """Of a picture that needs no place; None if it states no reliable one."""
    try:
        return georeference(raster)
    except InputError:
        return None


def _placement(raster: Any, file: Path | None) -> tuple[Any, Any]:
    """(pixel -> map, CRS), either None where the raster does not say."""
    crs = raster.crs or _projection_file(file)
    if not _is_pixel_numbers(raster.transform, raster.height):
        return raster.transform, crs
    points, points_crs = raster.gcps
    if points:
        return _by_control_points(points, points_crs or crs), points_crs or crs
    if raster.rpcs:
        raise InputError(
            "the file is placed by RPCs, which need a terrain model; warp it: gdalwarp -rpc -t_srs EPSG:4326 IN.tif OUT.tif"
        )
    return _world_file(file), crs


def _is_pixel_numbers(transform: Any, height: int) -> bool:
    """Whether the map coordinates are only pixel numbers: GDAL and others write these where there is no geotransform."""
    a, b, c, d, e, f = tuple(transform)[:6]
    return (abs(a), b, d, abs(e)) == (1, 0, 0, 1) and abs(c) <= 0.5 and min(abs(f), abs(f - height)) <= 0.5


def _by_control_points(points: Any, crs: Any) -> Any:
    """The least-squares affine transform from (column, row) to [x, y]. Refused if a point is off by ``SLACK_PX`` or more."""
    pixels = np.array([(point.col, point.row, 1.0) for point in points])
    ground = np.array([(point.x, point.y) for point in points])
    if crs is not None and crs.is_geographic:  # points on both sides of the antimeridian
        ground[:, 0] = ground[0, 0] + wrap_lon(ground[:, 0] - ground[0, 0])
    centred = pixels - pixels.mean(axis=0) * (1, 1, 0)
    if len(points) < 3 or np.linalg.matrix_rank(centred) < 3:
        raise InputError(f"the file is placed by {len(points)} control points, but at least 3 not in a line are needed; {_WARP}")
    middle = ground.mean(axis=0)  # makes the numbers similar in size: northings have seven digits
    solution, *_ = np.linalg.lstsq(centred, ground - middle, rcond=None)
    step = np.sqrt(abs(np.linalg.det(solution[:2])))
    if not step or np.abs(centred @ solution + middle - ground).max() > SLACK_PX * step:
        raise InputError(f"the file's control points do not lie on a straight grid; {_WARP}")
    (a, d), (b, e), (c, f) = solution
    column, row = pixels[:, :2].mean(axis=0)
    return import_rasterio().Affine(a, b, c + middle[0] - a * column - b * row, d, e, f + middle[1] - d * column - e * row)


def _world_file(file: Path | None) -> Any:
    """Six numbers, one a line; the last two are the centre of the first pixel."""
    text = _beside(file, (*_WORLD_FILES, *((f"{file.suffix}w",) if file else ())))
    if text is None:
        return None
    try:
        a, d, b, e, x, y = (float(number.replace(",", ".")) for number in text.split())
    except ValueError:
        raise InputError(f"the world file next to it holds '{text[:40]!r}', expected six numbers; correct or remove it") from None
    return import_rasterio().Affine(a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)


def _projection_file(file: Path | None) -> Any:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    text = _beside(file, (".prj",))
    if text is None:
        return None
    try:
        return CRS.from_wkt(text)
    except CRSError:
        raise InputError("the .prj next to it is not a coordinate system; remove it and state --crs EPSG:…") from None


def _beside(file: Path | None, suffixes: tuple[str, ...]) -> str | None:
    """The text of the small file of the same name with one of these suffixes, upper or lower case."""
    if file is None:
        return None
    for name in dict.fromkeys(file.stem + each for suffix in suffixes for each in (suffix, suffix.upper())):
        path = file.with_name(name)
        if path.is_file():
            with path.open("rb") as stream:
                return stream.read(MAX_SIDE_FILE_BYTES).decode("utf-8", errors="replace")
    return None


def _one_crs(own: Any, stated: str) -> Any:
    """The file's CRS, else the stated one; both only if they are the same."""
    if not stated:
        return own
    given = _parsed(stated)
    if own and not _same(own, given):
        raise InputError(
            f"the file's coordinate system is {_name(own)}, --crs says {_name(given)}; leave --crs out, or correct the file with "
            "gdal_edit.py -a_srs"
        )
    return own or given


def _parsed(text: str) -> Any:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError:
        raise InputError(f"--crs '{text}' is not a coordinate system; give something like EPSG:32632") from None


def _same(one: Any, other: Any) -> bool:
    from pyproj import CRS

    return CRS.from_wkt(one.to_wkt()).equals(CRS.from_wkt(other.to_wkt()), ignore_axis_order=True)


def _name(crs: Any) -> str:
    return str(crs.to_string())[:60]


def _turns(lon: float) -> int:
    """Whole turns that bring a longitude into its usual range; 0 for a value that is not a longitude."""
    return round((lon - float(wrap_lon(lon))) / 360) if 180 < abs(lon) <= MAX_LON else 0


def _pixel_m(crs: Any, x: float, y: float, width: float, height: float) -> float:
    """The longer side of the central pixel, in metres on the ground."""
    with checked("position"):
        lon, lat = import_rasterio().warp.transform(
            crs, "EPSG:4326", [x - width / 2, x + width / 2, x, x], [y, y, y - height / 2, y + height / 2]
        )
    return 1000 * float(np.max(geodesic_km(lat[::2], lon[::2], lat[1::2], lon[1::2])))
