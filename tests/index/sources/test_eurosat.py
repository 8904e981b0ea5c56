"""EuroSAT's patches: the class is the title, B8A is the last band of the file and not of the tile."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import InputError
from index.imagery.sensors import SENTINEL2
from index.records import Rejected, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import DARK_LAND, contents, write_geotiff

pytest.importorskip("rasterio", reason="needs the [raster] extra")

import rasterio

from index.sources.eurosat import build

# The order in which the 13 bands lie in the files, without names: B8A last.
STORED = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A")
REAL_TILES = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "s2_tiles" / "geotiff"


def patch(root: Path, name: str, **more: Any) -> Path:
    """An invented patch at ``Class/Class_1.tif``, each band with the value it has in ``DARK_LAND``."""
    folder = root / name.partition("_")[0]
    folder.mkdir(parents=True, exist_ok=True)
    return write_geotiff(folder / name, [DARK_LAND[band] for band in STORED], side=64, **more)


def tiles(*paths: Path, **options: Any) -> list[Tile]:
    records = list(build(paths=paths, **options).records())
    assert [each for each in records if isinstance(each, Rejected)] == []
    return [each for each in records if isinstance(each, Tile)]


def test_every_band_comes_out_under_its_name(tmp_path: Path) -> None:
    patch(tmp_path, "Forest_1.tif")
    (tile,) = tiles(tmp_path)
    assert tile.bands == SENTINEL2.bands
    assert dict(zip(tile.bands, tile.pixels[:, 3, 3].tolist(), strict=True)) == DARK_LAND
    assert (tile.title, tile.level, tile.source, tile.date) == ("Forest", "L1C", "EuroSAT", "")
    assert "MIT" in tile.licence


def test_nothing_is_taken_off_a_bright_patch_because_it_is_older_than_the_offset(tmp_path: Path) -> None:
    folder = tmp_path / "Industrial"
    folder.mkdir()
    write_geotiff(folder / "Industrial_1.tif", [2000] * 13)
    (tile,) = tiles(tmp_path)
    assert (tile.pixels == 2000).all()


def test_classes_are_found_below_the_folders_of_the_archive_and_can_be_chosen(tmp_path: Path) -> None:
    root = tmp_path / "ds" / "images" / "remote_sensing" / "otherDatasets" / "sentinel_2" / "tif"
    for name in ("Forest_2.tif", "River_1.tif", "Forest_1.tif", "SeaLake_1.tif"):
        patch(root, name)
    assert [tile.title for tile in tiles(tmp_path)] == ["Forest", "Forest", "River", "SeaLake"]
    assert [tile.title for tile in tiles(tmp_path, classes=("River", "SeaLake"))] == ["River", "SeaLake"]
    with pytest.raises(InputError, match="no class Desert; choose from Forest, River, SeaLake"):
        build(paths=(tmp_path,), classes=("Desert", "River"))


def test_a_bad_patch_is_told_of_and_the_others_are_kept(tmp_path: Path) -> None:
    patch(tmp_path, "Forest_1.tif")
    (tmp_path / "Forest" / "Forest_2.tif").write_bytes(b"II*\0 and then nothing")
    write_geotiff(tmp_path / "Forest" / "Forest_3.tif", [1, 2, 3])
    patch(tmp_path, "Forest_4.tif", crs=None)
    patch(tmp_path, "River_1.tif", centre=(600_000.0, 5_000_000.0))
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    source = build(paths=(tmp_path,))
    report = ingest(catalogue, source)
    assert (source.total, report.read, report.added) == (5, 5, 2)
    assert [Path(each.where).name for each in report.rejected] == ["Forest_2.tif", "Forest_3.tif", "Forest_4.tif"]
    assert ["not a readable" in each.why for each in report.rejected] == [True, False, False]
    assert "13 bands, the file has 3; expected a patch of the multispectral version" in report.rejected[1].why
    assert {row["title"] for row in contents(catalogue, "tiles")} == {"Forest", "River"}


def test_a_geotiff_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "Forest").mkdir()
    bomb = tmp_path / "Forest" / "Forest_1.tif"
    profile = {"driver": "GTiff", "width": 100_000, "height": 100_000, "count": 13, "dtype": "uint16", "crs": "EPSG:32632"}
    blocks = {"tiled": True, "blockxsize": 8192, "blockysize": 8192, "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 0)}
    with rasterio.open(bomb, "w", SPARSE_OK="TRUE", compress="deflate", **blocks, **profile):
        pass
    assert bomb.stat().st_size < 1_000_000
    (rejected,) = build(paths=(tmp_path,)).records()
    assert isinstance(rejected, Rejected)
    assert "13 bands of 100000 x 100000 px is too large" in rejected.why


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = patch(tmp_path / "elsewhere", "Forest_9.tif")
    patch(tmp_path / "eurosat", "Forest_1.tif")
    (tmp_path / "eurosat" / "Forest" / "Forest_2.tif").symlink_to(outside)
    assert len(tiles(tmp_path / "eurosat")) == 1


def test_a_folder_without_multispectral_patches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder; unpack EuroSATallBands\.zip"):
        build(paths=(tmp_path / "gone",))
    (tmp_path / "Forest").mkdir()
    (tmp_path / "Forest" / "Forest_1.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(InputError, match=r"the RGB version of EuroSAT \(\.jpg\) cannot be used"):
        build(paths=(tmp_path,))


def test_in_real_patches_the_cirrus_band_is_the_darkest_and_b8a_is_like_b08(tmp_path: Path) -> None:
    real = sorted(REAL_TILES.glob("eurosat_*.tif"))
    if not real:
        pytest.skip(f"no real tiles at {REAL_TILES}")
    for file in real:
        name = file.name.removeprefix("eurosat_")
        with rasterio.open(file) as opened:  # this copy names its bands; the real files do not
            values, crs, transform = opened.read(), opened.crs, opened.transform
            assert opened.descriptions == STORED
        folder = tmp_path / name.partition("_")[0]
        folder.mkdir(exist_ok=True)
        profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 13, "dtype": "uint16", "crs": crs, "transform": transform}
        with rasterio.open(folder / name, "w", **profile) as copy:
            copy.write(values)
    found = tiles(tmp_path)
    assert len(found) == len(real)
    for tile in found:
        medians = dict(zip(tile.bands, np.median(tile.pixels, axis=(1, 2)), strict=True))
        assert min(medians, key=lambda band: medians[band]) == "B10", tile.title
        assert medians["B8A"] == pytest.approx(medians["B08"], rel=0.3), tile.title
