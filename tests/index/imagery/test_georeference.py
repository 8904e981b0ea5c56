"""Where a raster lies: by geotransform, control points or world file, in every row order, around the globe, or refused."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import InputError
from index.geo import geodesic_km, wrap_lon

pytest.importorskip("rasterio", reason="needs the [raster] extra")

import rasterio
from rasterio.control import GroundControlPoint

from index.imagery.georeference import Georeference, georeference, georeference_of

SIDE = 8
DEGREES = "EPSG:4326"
STEP = 0.0001


@pytest.fixture(autouse=True)
def no_word_about_missing_places() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


def written(path: Path, transform: Any = None, crs: str | None = DEGREES, **more: Any) -> Path:
    """One layer whose number is 8 x row + column of the file."""
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "uint16", "crs": crs}
    with rasterio.open(path, "w", **profile, **({"transform": transform} if transform else {}), **more) as file:
        file.write(np.arange(SIDE * SIDE, dtype=np.uint16).reshape(1, SIDE, SIDE))
    return path


def placed(path: Path, crs: str = "") -> Georeference:
    with rasterio.open(path, driver="GTiff") as raster:
        return georeference(raster, crs, path)


def affine(lon: float, lat: float, across: float = STEP, down: float = -STEP, turn: float = 0.0) -> Any:
    """Around a centre in degrees; ``turn`` in degrees."""
    about = rasterio.Affine.translation(lon, lat) @ rasterio.Affine.rotation(turn) @ rasterio.Affine.scale(across, down)
    return about @ rasterio.Affine.translation(-SIDE / 2, -SIDE / 2)


def corners(transform: Any, lon_of: Any = lambda lon: lon) -> list[GroundControlPoint]:
    ground = [(row, column, transform @ (column, row)) for row in (0, SIDE) for column in (0, SIDE)]
    return [GroundControlPoint(row, column, lon_of(x), y) for row, column, (x, y) in ground]


@settings(max_examples=60, deadline=None)
@given(st.floats(-360, 360), st.floats(-80, 80), st.booleans(), st.booleans(), st.floats(0.00005, 0.0005))
def test_any_order_of_rows_and_columns_anywhere_comes_out_north_up_at_its_place(
    lon: float, lat: float, from_south: bool, from_east: bool, step: float
) -> None:
    transform = affine(lon, lat, -step if from_east else step, step if from_south else -step)
    with TemporaryDirectory() as folder:
        path = written(Path(folder) / "a.tif", transform)
        found = placed(path)
        numbers = found.north_up(rasterio.open(path).read())[0]
    assert geodesic_km(found.centre.lat, found.centre.lon, lat, float(wrap_lon(lon))) < 0.001
    left, bottom, right, top = found.bounds
    assert (right - left, top - bottom) == (pytest.approx(SIDE * step), pytest.approx(SIDE * step))
    assert -180 <= (left + right) / 2 <= 180
    row, column = int(numbers[0, 0]) // SIDE, int(numbers[0, 0]) % SIDE  # of the file: the pixel that is north-west now
    x, y = transform @ (column + 0.5, row + 0.5)
    assert (wrap_lon(x - left - step / 2), y) == (pytest.approx(0, abs=1e-9), pytest.approx(top - step / 2))


@settings(max_examples=60, deadline=None)
@given(st.floats(-200, 380), st.floats(-80, 80), st.floats(-180, 180))
def test_what_is_turned_is_placed_within_half_a_pixel_or_refused(lon: float, lat: float, turn: float) -> None:
    with TemporaryDirectory() as folder:
        path = written(Path(folder) / "a.tif", affine(lon, lat, turn=turn))
        # By next to nothing, or upside down, which is both orders reversed.
        if min(abs(turn), 180 - abs(turn)) > np.degrees(np.arctan(0.5 / SIDE)):
            with pytest.raises(InputError, match="gdalwarp"):
                placed(path)
            return
        found = placed(path)
    assert geodesic_km(found.centre.lat, found.centre.lon, lat, float(wrap_lon(lon))) < 0.001


@settings(max_examples=40, deadline=None)
@given(st.floats(-179.9, 179.9), st.floats(-80, 80), st.booleans(), st.booleans())
def test_control_points_place_as_the_transform_that_they_were_made_of(lon: float, lat: float, from_south: bool, wrap: bool) -> None:
    transform = affine(lon, lat, STEP, STEP if from_south else -STEP)
    points = corners(transform, (lambda x: float(wrap_lon(x))) if wrap else (lambda x: x))
    with TemporaryDirectory() as folder:
        found = placed(by_points(folder, points))
    assert geodesic_km(found.centre.lat, found.centre.lon, lat, lon) < 0.001
    assert found.from_south == from_south


def by_points(folder: Any, points: list[GroundControlPoint], crs: str | None = DEGREES) -> Path:
    path = written(Path(folder) / "points.tif", None, None)
    with rasterio.open(path, "r+") as file:
        file.gcps = (points, rasterio.crs.CRS.from_user_input(crs) if crs else rasterio.crs.CRS())
    return path


def test_control_points_at_the_antimeridian_may_lie_on_both_sides_of_it(tmp_path: Path) -> None:
    found = placed(by_points(tmp_path, corners(affine(180.0, -17.0), lambda x: float(wrap_lon(x)))))
    assert abs(found.centre.lon) == pytest.approx(180)
    assert found.bounds[2] - found.bounds[0] == pytest.approx(SIDE * STEP)


def test_control_points_that_no_straight_grid_meets_are_refused(tmp_path: Path) -> None:
    bent = corners(affine(16.0, 48.0))
    bent[3] = GroundControlPoint(bent[3].row, bent[3].col, bent[3].x + 3 * STEP, bent[3].y)
    with pytest.raises(InputError, match=r"do not lie on a straight grid; warp it .*gdalwarp"):
        placed(by_points(tmp_path, bent))


@pytest.mark.parametrize("chosen", [slice(1), slice(2), slice(0, 4, 3)])
def test_too_few_control_points_are_refused(tmp_path: Path, chosen: slice) -> None:
    with pytest.raises(InputError, match="at least 3 not in a line are needed"):
        placed(by_points(tmp_path, corners(affine(16.0, 48.0))[chosen]))


@pytest.mark.parametrize("stated", ["", DEGREES, "EPSG:32633"])
@pytest.mark.parametrize(
    "numbers",
    [None, rasterio.Affine(1, 0, 0, 0, -1, SIDE), rasterio.Affine(1, 0, -0.5, 0, 1, -0.5), rasterio.Affine(1, 0, 0, 0, -1, 0)],
)
def test_nothing_is_placed_by_the_numbers_of_its_pixels(tmp_path: Path, stated: str, numbers: Any) -> None:
    path = written(tmp_path / "a.tif", numbers, None)
    with pytest.raises(InputError, match=r"does not say where it lies|names no coordinate system"):
        placed(path, stated)
    with rasterio.open(path) as raster:
        assert georeference_of(raster) is None


@pytest.mark.parametrize("suffix", [".tfw", ".TFW", ".tifw", ".wld"])
def test_a_world_file_beside_it_places_a_file(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / "a.tif", None, None)
    # The middle of the first pixel, as world files have it.
    (tmp_path / f"a{suffix}").write_text("10.0\n0.0\n0.0\n-10.0\n600005.0\n5339995.0\n")
    with pytest.raises(InputError, match="state it with --crs"):
        placed(path)
    assert placed(path, "EPSG:32633").bounds == (600_000, 5_340_000 - 80, 600_080, 5_340_000)
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(32633).to_wkt())
    assert placed(path).crs.to_epsg() == 32633


def test_a_world_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", None, None)
    (tmp_path / "a.tfw").write_text("10\n0\n0\n")
    with pytest.raises(InputError, match="expected six numbers"):
        placed(path, "EPSG:32633")


def test_rpcs_are_refused_with_the_remedy(tmp_path: Path) -> None:
    from rasterio.rpc import RPC

    path = written(tmp_path / "a.tif", None, None)
    ones = [0.0, 1.0, *[0.0] * 18]
    with rasterio.open(path, "r+") as file:
        file.rpcs = RPC(
            height_off=0, height_scale=1, lat_off=48, lat_scale=1, long_off=16, long_scale=1, line_off=1, line_scale=1, samp_off=1,
            samp_scale=1, line_num_coeff=ones, line_den_coeff=ones, samp_num_coeff=ones, samp_den_coeff=ones, err_bias=None,
            err_rand=None,
        )  # fmt: skip
    with pytest.raises(InputError, match=r"placed by RPCs.*gdalwarp -rpc"):
        placed(path, DEGREES)


@pytest.mark.parametrize(("x", "y"), [(16.0, 91.0), (900.0, 48.0), (500_000.0, 5_400_000.0)])
def test_degrees_beyond_the_globe_are_refused_with_the_remedy(tmp_path: Path, x: float, y: float) -> None:
    with pytest.raises(InputError, match=r"lat must lie in \[-90, 90\].*gdal_edit.py -a_srs"):
        placed(written(tmp_path / "a.tif", affine(x, y)))


def test_the_size_of_a_pixel_is_that_on_the_ground(tmp_path: Path) -> None:
    at_60_north = written(tmp_path / "a.tif", affine(16.0, 60.0, 0.0002, -0.0001))
    assert placed(at_60_north).pixel_m == pytest.approx(11.15, abs=0.05)
    mercator = rasterio.Affine(20, 0, 1_781_000, 0, -20, 8_399_800)  # 60 N, where the map is twice as large as the ground
    assert placed(written(tmp_path / "b.tif", mercator, "EPSG:3857")).pixel_m == pytest.approx(10, abs=0.1)
