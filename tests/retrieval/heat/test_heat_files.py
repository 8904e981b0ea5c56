"""Heat as files, read back by rasterio."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from index.errors import InputError
from index.geo import fibonacci_sphere, unit_xyz
from retrieval.heat.cells import Cells
from retrieval.heat.grids import WorldGrid
from retrieval.heat.heat import Heat, heat_of
from retrieval.heat.heat_files import write_heat_geotiff, write_heat_png

GRID = WorldGrid(72, 36)


@pytest.fixture
def heat() -> Heat:
    """Only the northern half has cells; the query points at 30 N, 100 E."""
    lat, lon = fibonacci_sphere(1000)
    places = np.stack([lat, lon], axis=1)[lat > 0]
    vectors = unit_xyz(places[:, 0], places[:, 1]).astype(np.float32)
    return heat_of(Cells(vectors, places, reach_km=800, model_digest="abc123"), unit_xyz(30, 100))


def test_a_geotiff_has_both_scales_at_their_places(heat: Heat, tmp_path: Path) -> None:
    write_heat_geotiff(heat, tmp_path / "new" / "heat.tif", GRID, query="steppe")
    with rasterio.open(tmp_path / "new" / "heat.tif") as file:
        assert (file.crs.to_epsg(), file.dtypes, file.descriptions) == (4326, ("float32",) * 2, ("cosine", "percentile"))
        assert file.bounds == (-180, -90, 180, 90)
        np.testing.assert_array_equal(file.read(1), heat.raster(GRID, "cosine"))
        np.testing.assert_array_equal(file.read(2), heat.raster(GRID, "percentile"))
        (at_query, far_south) = file.sample([(100, 30), (100, -60)])
        assert at_query == pytest.approx([1, 100], rel=0.01)
        assert np.isnan(far_south).all()
        assert np.isnan(file.nodata)


def test_a_geotiff_says_what_was_asked_of_which_model(heat: Heat, tmp_path: Path) -> None:
    write_heat_geotiff(heat, tmp_path / "heat.tif", GRID, query="wet\x00 rice\nfields " + "x" * 1_000_000)
    with rasterio.open(tmp_path / "heat.tif") as file:
        assert file.tags()["PLACEBIND_QUERY"].startswith("wet  rice fields xxx")
        assert len(file.tags()["PLACEBIND_QUERY"]) == 1000
        assert file.tags()["PLACEBIND_MODEL"] == "abc123"


def test_a_large_geotiff_is_cloud_optimised_and_its_overviews_keep_the_coast(heat: Heat, tmp_path: Path) -> None:
    write_heat_geotiff(heat, tmp_path / "heat.tif", WorldGrid(1440, 720), query="steppe")
    with rasterio.open(tmp_path / "heat.tif") as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1) == [2, 4]
        small = file.read(1, out_shape=(360, 720))
        known = small[~np.isnan(small)]
    assert np.isin(known, heat.cosines).all()


def test_a_picture_is_the_heat_as_png(heat: Heat, tmp_path: Path) -> None:
    write_heat_png(heat, tmp_path / "heat.png", GRID, transparent_below=50)
    assert (tmp_path / "heat.png").read_bytes() == heat.png(GRID, transparent_below=50)


def test_where_a_file_cannot_be_written_nothing_is_left(heat: Heat, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*taken"):
        write_heat_png(heat, tmp_path / "taken", GRID)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_file_in_the_place_of_the_folder_is_said(heat: Heat, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="give a file in a folder that can be written"):
        write_heat_png(heat, tmp_path / "taken" / "heat.png", GRID)
