"""Tiles from Major TOM's Parquet files: one GeoTIFF a band and row, each of its own resolution, and files that lie."""

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest

from index.errors import InputError
from index.geo import geodesic_km
from index.imagery.sensors import SENTINEL2
from index.records import Done, Rejected, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import contents, write_parquet

pytest.importorskip("rasterio", reason="needs the [raster] extra")

import rasterio

from index.sources import major_tom
from index.sources.major_tom import build

SIDE_PX = 60  # at 10 m; a real cell has 1,068
# Real files have origins that are no multiple of 10 m (the cell's corner, never snapped).
LEFT, TOP = 434_641.37, 4_494_778.92
METRES = {"B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20}
METRES |= {"B09": 60, "B10": 60, "B11": 20, "B12": 20, "cloud_mask": 10}
BANDS = tuple(band for band in SENTINEL2.bands if band != "B10")


def ramp(band: str) -> Any:
    side = SIDE_PX * 10 // METRES[band]
    return 1100 + 100 * SENTINEL2.bands.index(band) + np.arange(side * side).reshape(side, side) % 97


def fine(band: str) -> Any:
    factor = METRES[band] // 10
    return ramp(band).repeat(factor, 0).repeat(factor, 1)


def geotiff(values: Any, metres: int, **more: Any) -> bytes:
    """As Major TOM has it: one layer, deflated, no band name."""
    height, width = values.shape
    profile = {"driver": "GTiff", "width": width, "height": height, "count": 1, "dtype": "uint16", "crs": "EPSG:32612"} | more
    with rasterio.MemoryFile() as memory:
        with memory.open(compress="deflate", transform=rasterio.Affine(metres, 0, LEFT, 0, -metres, TOP), **profile) as file:
            file.write(values.astype(profile["dtype"]), 1)
        return bytes(memory.read())


def row(
    cell: str = "451U_946L", *, level: str = "L2A", baseline: str = "N0509", day: str = "20230415", cloud: Any = 0, **more: Any
) -> dict[str, Any]:
    """One row of Core-S2L2A, columns and all."""
    bands = SENTINEL2.bands if level == "L1C" else BANDS
    values = {"product_id": f"S2B_MSI{level}_{day}T181919_{baseline}_R127_T12TVK_{day}T211527", "grid_cell": cell}
    values |= {"product_datetime": f"{day}T181919", "thumbnail": {"bytes": b"\x89PNG", "path": None}}
    values |= {band: geotiff(ramp(band), METRES[band]) for band in bands}
    values["cloud_mask"] = geotiff(np.broadcast_to(np.asarray(cloud), (SIDE_PX, SIDE_PX)), 10, dtype="uint8")
    return values | more


def part(folder: Path, *rows: dict[str, Any], name: str = "part_00001.parquet", group: int = 1) -> Path:
    """A file with one row in each row group, as they are."""
    folder.mkdir(exist_ok=True)
    return write_parquet(folder / name, rows, row_group_size=group)


def everything(*paths: Path, **options: Any) -> list[Any]:
    return list(build(paths=paths, **({"tile_px": SIDE_PX, "min_valid": 0.0} | options)).records())


def tiles(*paths: Path, **options: Any) -> list[Tile]:
    records = everything(*paths, **options)
    assert [each for each in records if isinstance(each, Rejected)] == []
    return [each for each in records if isinstance(each, Tile)]


def complaints(*paths: Path, **options: Any) -> list[str]:
    records = everything(*paths, **options)
    assert not any(isinstance(each, Tile | Done) for each in records)
    return [each.why for each in records]


# What a good file gives


@pytest.mark.parametrize("level", ["L2A", "L1C"])
def test_every_band_lies_in_its_layer_without_offset_and_at_its_place(tmp_path: Path, level: str) -> None:
    (tile,) = tiles(part(tmp_path, row(level=level)))
    assert tile.bands == (SENTINEL2.bands if level == "L1C" else BANDS)
    for band, layer in zip(tile.bands, tile.pixels, strict=True):
        np.testing.assert_array_equal(layer, fine(band) - 1000, err_msg=band)
    assert (tile.level, tile.date, tile.crs, tile.valid) == (level, "2023-04-15", "EPSG:32612", 1.0)
    assert (tile.title, tile.licence) == ("Major TOM cell 451U_946L 2023-04-15 (pixel 0, 0)", "CC-BY-SA-4.0")
    assert tile.bounds == pytest.approx((LEFT, TOP - 600, LEFT + 600, TOP))
    lon, lat = pyproj.Proj("EPSG:32612")(LEFT + 300, TOP - 300, inverse=True)
    assert geodesic_km(tile.place.lat, tile.place.lon, lat, lon) < 1e-6


@pytest.mark.parametrize(("baseline", "kept"), [("N0214", 1000), ("N0301", 1000), ("N0400", 0), ("N0510", 0)])
def test_the_baseline_in_the_products_name_decides_on_the_offset(tmp_path: Path, baseline: str, kept: int) -> None:
    (tile,) = tiles(part(tmp_path, row(baseline=baseline)))
    np.testing.assert_array_equal(tile.pixels[1], fine("B02") - 1000 + kept)


def test_a_cell_is_cut_without_gaps(tmp_path: Path) -> None:
    whole = np.zeros((12, SIDE_PX, SIDE_PX), dtype=np.uint16)
    found = tiles(part(tmp_path, row()), tile_px=25)
    assert len(found) == 9
    for tile in found:
        left, top = round((tile.bounds[0] - LEFT) / 10), round((TOP - tile.bounds[3]) / 10)
        whole[:, top : top + 25, left : left + 25] = tile.pixels
    for band, layer in zip(BANDS, whole, strict=True):
        np.testing.assert_array_equal(layer, fine(band) - 1000, err_msg=band)


def test_the_full_1068_px_of_a_real_cell_take_25_tiles_of_256_px() -> None:
    cutting = major_tom.Options.parse({"paths": ("x",)}, where="test")
    rows = index_rows(1068, cutting)
    assert [len(each) for each in rows] == [5] * 5
    covered = np.zeros((1068, 1068), dtype=bool)
    for each in (window for one in rows for window in one):
        covered[each.top : each.top + each.height, each.left : each.left + each.width] = True
    assert covered.all()


def index_rows(side: int, cutting: Any) -> Any:
    from index.imagery.raster import rows_of_windows

    return rows_of_windows(side, side, cutting)


@pytest.mark.parametrize("cloudy", [1, 2, 3])
def test_clouds_and_their_shadows_are_no_data_unless_they_are_kept(tmp_path: Path, cloudy: int) -> None:
    mask = np.zeros((SIDE_PX, SIDE_PX))
    mask[:45] = cloudy
    file = part(tmp_path, row(cloud=mask))
    (tile,) = tiles(file)
    assert tile.valid == 0.25
    assert (tile.pixels[:, :45] == 0).all()
    assert (tile.pixels[:, 45:] > 0).all()
    assert tiles(file, min_valid=0.5) == []
    (kept,) = tiles(file, min_valid=0.5, clouds="keep")
    assert (kept.pixels > 0).all()


def test_a_file_without_cloud_mask_or_thumbnail_is_read_too(tmp_path: Path) -> None:
    slim = {name: value for name, value in row().items() if name not in ("thumbnail", "cloud_mask", "product_datetime")}
    assert len(tiles(part(tmp_path, slim))) == 1


def test_a_folder_is_searched_and_its_metadata_is_not_taken_for_images(tmp_path: Path) -> None:
    part(tmp_path / "images", row("1U_1L"), name="part_00002.parquet")
    part(tmp_path / "images", row("1U_2L"), name="part_00001.parquet")
    write_parquet(tmp_path / "metadata.parquet", [{"grid_cell": "1U_1L", "parquet_url": "https://x", "centre_lat": 1.0}])
    assert [tile.title.split()[3] for tile in tiles(tmp_path)] == ["1U_2L", "1U_1L"]


@pytest.mark.parametrize("group", [1, 2, 100])
def test_row_groups_of_any_size_give_the_same_tiles(tmp_path: Path, group: int) -> None:
    cells = ["1U_1L", "1D_2R", "900U_3L"]
    found = tiles(part(tmp_path, *(row(cell) for cell in cells), group=group))
    assert [tile.title.split()[3] for tile in found] == cells


# Repeating and resuming


def test_cells_that_are_in_already_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = row("1U_2L", B02=geotiff(ramp("B02") + 1, 10))
    first, both = part(tmp_path, row("1U_1L")), part(tmp_path / "more", row("1U_1L"), other, group=2)
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    assert ingest(catalogue, build(paths=(first,), tile_px=30)).added == 4
    again = ingest(catalogue, build(paths=(first, both), tile_px=30))
    assert (again.read, again.added) == (4, 4), "only the second cell"
    before = contents(catalogue, "tiles")
    monkeypatch.setattr(major_tom, "opened", None)  # no image is opened any more
    assert ingest(catalogue, build(paths=(first, both), tile_px=30)).read == 0
    assert contents(catalogue, "tiles") == before


def test_a_cell_that_was_rejected_is_tried_again(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    broken = part(tmp_path, row(B04=b"II*\0"))
    assert len(ingest(catalogue, build(paths=(broken,), tile_px=60)).rejected) == 1
    assert ingest(catalogue, build(paths=(part(tmp_path, row()),), tile_px=60)).added == 1


# Files that are damaged or were made to do harm


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"B04": b"II*\0 and then nothing"}, "not a readable GeoTIFF"),
        ({"B04": b""}, "B04 holds no GeoTIFF"),
        ({"B04": None}, "B04 holds no GeoTIFF"),
        ({"B04": b"<VRTDataset rasterXSize='60' rasterYSize='60'></VRTDataset>"}, "not a readable GeoTIFF"),
        ({"B04": geotiff(ramp("B04"), 10, crs=None)}, "band B04 names no coordinate system"),
        ({"B04": geotiff(ramp("B04"), 10, crs="EPSG:32613")}, "band B04 does not cover the same ground as band B01"),
        ({"B04": geotiff(ramp("B04")[:-1], 10)}, "band B04 does not cover the same ground as band B01"),
        ({"B04": geotiff(ramp("B04"), 15)}, "band B04 has pixels of 15.0 x 15.0, expected 10, 20 or 60 m"),
        ({"B04": geotiff(ramp("B04"), 10, dtype="float64")}, "expected one layer of 8 or 16 bit numbers, got 1 of float64"),
        ({"product_id": "../../etc/passwd"}, "are not Major TOM's"),
        ({"grid_cell": None}, "are not Major TOM's"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_of_and_the_others_are_kept(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    file = part(tmp_path, row("1U_1L"), row("1U_2L") | change, row("1U_3L"))
    records = everything(file)
    assert [type(each) for each in records] == [Tile, Done, Rejected, Tile, Done]
    assert records[2].where == f"{file}, row 2"
    assert complaint in records[2].why


def test_a_geotiff_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    bomb = sparse_geotiff(100_000)
    assert len(bomb) < 100_000
    (why,) = complaints(part(tmp_path, row(B04=bomb)))
    assert "100000 x 100000 px is more than expected (limit 2048 px a side)" in why


def sparse_geotiff(side: int) -> bytes:
    """A file of some kilobytes without a single block, that claims ``side`` x ``side`` pixels."""
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint16", "crs": "EPSG:32612"}
    more = {"SPARSE_OK": "TRUE", "tiled": True, "blockxsize": 8192, "blockysize": 8192, "compress": "deflate"}
    with rasterio.MemoryFile() as memory:
        with memory.open(transform=rasterio.Affine(10, 0, LEFT, 0, -10, TOP), **profile, **more):
            pass
        return bytes(memory.read())


def test_a_band_of_too_many_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(major_tom, "MAX_BAND_BYTES", 1000)
    assert "B01 holds no GeoTIFF of at most 0 MiB" in complaints(part(tmp_path, row(B01=bytes(1001))))[0]


def test_a_band_whose_blocks_are_damaged_is_told_of(tmp_path: Path) -> None:
    raw = bytearray(geotiff(ramp("B04"), 10))
    raw[-3000:] = bytes(3000)  # where the deflated pixels are
    records = everything(part(tmp_path, row(B04=bytes(raw))))
    assert not any(isinstance(each, Tile | Done) for each in records)
    assert "not a readable" in records[0].why


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_told_of_and_the_next_is_read(tmp_path: Path, kept: float) -> None:
    part(tmp_path, row("1U_2L"), name="part_00002.parquet")
    bad = part(tmp_path, row("1U_1L"), name="part_00001.parquet")
    raw = bad.read_bytes()
    bad.write_bytes(raw[: int(len(raw) * kept)])
    records = everything(tmp_path)
    assert [type(each) for each in records] == [Rejected, Tile, Done]
    assert records[0].where == str(bad)
    assert "not a readable Parquet file" in records[0].why


def test_a_damaged_row_group_is_told_of_and_the_others_are_read(tmp_path: Path) -> None:
    import pyarrow.parquet

    file = part(tmp_path, row("1U_1L"), row("1U_2L"), row("1U_3L"))
    group = pyarrow.parquet.ParquetFile(file).metadata.row_group(1)
    start = next(group.column(i).data_page_offset for i in range(group.num_columns) if group.column(i).path_in_schema == "B04")
    raw = bytearray(file.read_bytes())
    raw[start : start + 60] = b"\xff" * 60
    file.write_bytes(raw)
    records = everything(file)
    assert [type(each) for each in records] == [Tile, Done, Rejected, Tile, Done]
    assert (records[2].where, "this part of the file is damaged" in records[2].why) == (f"{file}, row 2", True)


def test_a_row_whose_name_is_not_text_is_told_of_and_the_others_are_read(tmp_path: Path) -> None:
    file = part(tmp_path, row("1U_1L"), row("1U_2L"), row("1U_3L"))
    raw = file.read_bytes()
    assert raw.count(b"1U_2L") >= 1
    file.write_bytes(raw.replace(b"1U_2L", b"1U_\xa1L"))
    records = everything(file)
    assert [type(each) for each in records] == [Tile, Done, Rejected, Tile, Done]
    assert records[2].where == f"{file}, row 2"


def test_another_parquet_file_is_refused(tmp_path: Path) -> None:
    other = write_parquet(tmp_path / "articles.parquet", [{"lat": 1.0, "text": "x"}])
    with pytest.raises(InputError, match="expected the columns product_id, grid_cell and bands B01 to B12, got lat, text"):
        build(paths=(other,))
    metadata = write_parquet(tmp_path / "metadata.parquet", [{"grid_cell": "1U_1L", "parquet_url": "https://x"}])
    with pytest.raises(InputError, match=r"metadata\.parquet has no images"):
        build(paths=(metadata,))
    with pytest.raises(InputError, match=r"no such file, or no \.parquet file"):
        build(paths=(tmp_path / "gone",))
