"""S2-100K: where index.csv says a patch lies, and whether the patch agrees."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import InputError
from index.geo import geodesic_km
from index.records import Place, Rejected, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import DARK_LAND, contents, write_csv, write_geotiff

pytest.importorskip("rasterio", reason="needs the [raster] extra")

import rasterio

from index.sources.s2_100k import build

L2A_LAND = {band: value for band, value in DARK_LAND.items() if band != "B10"}
VALUES = tuple(L2A_LAND.values())
REAL_TILES = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "s2_tiles"
# The middle of the patches: 9 E on the equator, by definition of UTM zone 32.
HERE = {"lat": 0.0, "lon": 9.0}


def patch(root: Path, number: int, values: Sequence[int] = VALUES, **more: Any) -> str:
    """An invented patch without band names, dates or tags; its name in index.csv."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    write_geotiff(root / "images" / f"patch_{number}.tif", list(values), side=8, **more)
    return f"patch_{number}.tif"


def records(root: Path, *rows: dict[str, Any]) -> list[Any]:
    write_csv(root / "index.csv", rows)
    return list(build(paths=(root,)).records())


def test_a_patch_has_12_bands_no_date_and_the_place_of_the_index(tmp_path: Path) -> None:
    fn = patch(tmp_path, 0)
    (tile,) = records(tmp_path, {"fn": fn, "lon": 9.01, "lat": -0.02})
    assert dict(zip(tile.bands, tile.pixels[:, 0, 0].tolist(), strict=True)) == L2A_LAND
    assert (tile.place, tile.level, tile.date) == (Place(lat=-0.02, lon=9.01), "L2A", "")
    assert (tile.title, tile.source) == ("S2-100K patch_0", "S2-100K")


@pytest.mark.parametrize("order", [("fn", "lon", "lat"), ("lat", "lon", "url", "fn"), ("lon", "lat", "fn")])
def test_columns_are_taken_by_name_in_whatever_order_they_stand(tmp_path: Path, order: tuple[str, ...]) -> None:
    values = {"fn": patch(tmp_path, 0, centre=(500_000.0, 5_500_000.0)), "lat": 49.65, "lon": 9.0, "url": "https://x"}
    (tile,) = records(tmp_path, {name: values[name] for name in order})
    assert tile.place == Place(lat=49.65, lon=9.0)


def test_an_index_with_swapped_names_is_told_of_with_the_remedy(tmp_path: Path) -> None:
    fn = patch(tmp_path, 0, centre=(500_000.0, 5_500_000.0))
    (rejected,) = records(tmp_path, {"fn": fn, "lat": 9.0, "lon": 49.65})
    assert "lat and lon of index.csv are swapped; rename its columns" in rejected.why
    # Where the longitude is beyond 90 degrees the latitude gives it away.
    (rejected,) = records(tmp_path, {"fn": fn, "lat": 149.0, "lon": 49.65})
    assert "are lat and lon swapped?" in rejected.why


@pytest.mark.parametrize(("lat", "kept"), [(0.04, True), (0.05, False), (-0.05, False)])
def test_coordinates_more_than_5_km_off_are_told_of(tmp_path: Path, lat: float, kept: bool) -> None:
    assert (geodesic_km(0, 9, lat, 9) < 5) is np.bool_(kept)
    (found,) = records(tmp_path, {"fn": patch(tmp_path, 0), "lat": lat, "lon": 9.0})
    assert isinstance(found, Tile if kept else Rejected)
    if not kept:
        assert "the file lies 6 km from there (limit 5); leave the patch out or download it again" in found.why


def test_a_patch_on_the_antimeridian_agrees_with_either_sign(tmp_path: Path) -> None:
    # Zone 60 ends at 180 E, 334 km east of its middle meridian on the equator.
    fn = patch(tmp_path, 0, crs="EPSG:32660", centre=(833_978.56, 0.0))
    east, west = records(tmp_path, {"fn": fn, "lat": 0, "lon": 179.999}, {"fn": fn, "lat": 0, "lon": -179.999})
    assert isinstance(east, Tile)
    assert isinstance(west, Tile)


def test_the_darkest_pixels_decide_on_the_offset_of_patches_without_date(tmp_path: Path) -> None:
    plain, shifted = patch(tmp_path, 0), patch(tmp_path, 1, [value + 1000 for value in L2A_LAND.values()])
    first, second = records(tmp_path, HERE | {"fn": plain}, HERE | {"fn": shifted})
    np.testing.assert_array_equal(first.pixels, second.pixels)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"fn": "gone.tif"}, "no such file"),
        ({"fn": "../outside.tif"}, "fn must be the name of a file in images/"),
        ({"fn": "/etc/passwd"}, "fn must be the name of a file in images/"),
        ({"fn": ""}, "fn must be the name of a file in images/"),
        ({"lat": "north"}, "lat and lon must be numbers"),
        ({"lat": ""}, "lat and lon must be numbers"),
        ({"lat": "nan"}, "lat must lie in"),
        ({"lon": "181"}, "lon must lie in"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_of_and_the_others_are_kept(
    tmp_path: Path, change: dict[str, str], complaint: str
) -> None:
    write_geotiff(tmp_path / "outside.tif", list(L2A_LAND.values()))
    good = [HERE | {"fn": patch(tmp_path, number)} for number in range(3)]
    found = records(tmp_path, good[0], good[1] | change, good[2])
    assert [type(each) for each in found] == [Tile, Rejected, Tile]
    assert found[1].where.startswith(f"{tmp_path / 'index.csv'}, row 2")
    assert complaint in found[1].why


def test_a_patch_of_other_bands_is_told_of_and_the_option_it_names_is_there(tmp_path: Path) -> None:
    row = HERE | {"fn": patch(tmp_path, 0, (300, 900))}
    (rejected,) = records(tmp_path, row)
    assert "cannot tell the bands of this 2-band file" in rejected.why
    assert "name them with --bands" in rejected.why
    (tile,) = build(paths=(tmp_path,), bands=("B08", "B04")).records()
    assert (tile.bands, tile.pixels[:, 0, 0].tolist()) == (("B04", "B08"), [900, 300])


def test_a_patch_without_coordinate_system_is_told_of_and_the_option_it_names_is_there(tmp_path: Path) -> None:
    row = HERE | {"fn": patch(tmp_path, 0, crs=None)}
    (rejected,) = records(tmp_path, row)
    assert "state it with --crs EPSG:" in rejected.why
    (tile,) = build(paths=(tmp_path,), crs="EPSG:32632").records()
    assert tile.crs == "EPSG:32632"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = write_geotiff(tmp_path / "outside.tif", list(L2A_LAND.values()))
    root = tmp_path / "s2100k"
    patch(root, 0)
    (root / "images" / "patch_1.tif").symlink_to(outside)
    (rejected,) = records(root, HERE | {"fn": "patch_1.tif"})
    assert "must be the name of a file in images/" in rejected.why


def test_a_geotiff_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    profile = {"driver": "GTiff", "width": 100_000, "height": 100_000, "count": 12, "dtype": "uint16", "crs": "EPSG:32632"}
    blocks = {"tiled": True, "blockxsize": 8192, "blockysize": 8192, "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 0)}
    bomb = tmp_path / "images" / "patch_0.tif"
    with rasterio.open(bomb, "w", SPARSE_OK="TRUE", compress="deflate", **blocks, **profile):
        pass
    assert bomb.stat().st_size < 1_000_000
    (rejected,) = records(tmp_path, HERE | {"fn": bomb.name})
    assert "12 bands of 100000 x 100000 px is too large" in rejected.why


def test_an_index_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"index\.csv: not a readable CSV .*give the folder that holds index\.csv and images/"):
        build(paths=(tmp_path,))
    write_csv(tmp_path / "index.csv", [{"file": "patch_0.tif", "lat": 1, "lng": 2}])
    with pytest.raises(InputError, match="expected the columns fn, lat and lon, got file, lat, lng"):
        build(paths=(tmp_path,))


def test_an_index_saved_by_a_spreadsheet_starts_with_a_byte_order_mark(tmp_path: Path) -> None:
    fn = patch(tmp_path, 0)
    (tmp_path / "index.csv").write_text(f"fn,lon,lat\n{fn},9,0\n", encoding="utf-8-sig")
    (tile,) = build(paths=(tmp_path,)).records()
    assert isinstance(tile, Tile)


def test_a_repeated_ingest_adds_nothing(tmp_path: Path) -> None:
    rows = [HERE | {"fn": patch(tmp_path, number, [value + number for value in L2A_LAND.values()])} for number in range(3)]
    write_csv(tmp_path / "index.csv", rows)
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    source = build(paths=(tmp_path,))
    assert (source.total, ingest(catalogue, source).added) == (3, 3)
    once = contents(catalogue, "tiles")
    assert (ingest(catalogue, build(paths=(tmp_path,))).known, contents(catalogue, "tiles")) == (3, once)


def test_real_patches_lie_where_satclips_index_has_them(tmp_path: Path) -> None:
    # From figures/ssl4eo/example/index.csv of microsoft/satclip, in its order of columns.
    where = {"75123": (-54.18078401057424, -68.2091418648589), "25630": (73.81961749180473, -50.79729458780009)}
    where |= {"766272": (-15.602819643115392, 134.2469895421206), "770287": (71.89239099635323, 128.83568195017895)}
    if not REAL_TILES.is_dir():
        pytest.skip(f"no real tiles at {REAL_TILES}")
    (tmp_path / "images").mkdir()
    rows = []
    for number, (lat, lon) in where.items():
        copy = tmp_path / "images" / f"patch_{number}.tif"
        copy.write_bytes((REAL_TILES / "geotiff" / f"s2100k_{number}.tif").read_bytes())
        rows.append({"lat": lat, "lon": lon, "url": "", "fn": copy.name})
    found = records(tmp_path, *rows)
    assert [type(each) for each in found] == [Tile] * 4
    assert [dataclasses.astuple(each.place) for each in found] == list(where.values())
