"""Tiles from Sentinel-2 products: band by band, offset by offset, without a gap; and products that were made to do harm."""

import hashlib
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest

import index.imagery.archive
from index.errors import InputError
from index.geo import geodesic_km
from index.imagery.sensors import SENTINEL2
from index.records import Done, Rejected, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import contents

pytest.importorskip("rasterio", reason="needs the [raster] extra")

import rasterio

from index.sources.sentinel2_safe import build

SIDE_PX = 60  # at 10 m; a real product has 10,980
LEFT, TOP = 499_980.0, 5_300_040.0  # of tile 32UPU's grid: multiples of 60 m plus what UTM's origin gives
METRES = {"B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20}
METRES |= {"B09": 60, "B10": 60, "B11": 20, "B12": 20, "SCL": 20}
COUNT_OF = {band: 1100 + 100 * number for number, band in enumerate(SENTINEL2.bands)}


@dataclass
class World:
    """An invented product; change it, then ``write`` it as ESA would."""

    level: str = "L2A"
    baseline: str = "05.09"
    date: str = "2023-06-10"
    tile: str = "32UPU"
    quantification: str = "10000"
    offsets: Callable[[str], int] | None = field(default=lambda band: -1000)
    scl: Any = 4
    manifest: str = "MD5"
    side_px: int = SIDE_PX
    psd: str = "14.9"

    def __post_init__(self) -> None:
        day = self.date.replace("-", "")
        number = "N" + self.baseline.replace(".", "")
        self.name = f"S2A_MSI{self.level}_{day}T101601_{number}_R065_T{self.tile}_{day}T150000"
        self.bands = {band: self._ramp(band) for band in SENTINEL2.bands if self.level == "L1C" or band != "B10"}

    def _ramp(self, band: str) -> Any:
        """Counts that differ from band to band and from pixel to pixel, so that a shift or a mix-up shows."""
        side = self.side_px * 10 // METRES[band]
        return COUNT_OF[band] + np.arange(side * side).reshape(side, side) % 97

    def fine(self, band: str) -> Any:
        factor = METRES[band] // 10
        return self.bands[band].repeat(factor, 0).repeat(factor, 1)

    def write(self, folder: Path) -> Path:
        product = folder / f"{self.name}.SAFE"
        granule = f"{self.level}_T{self.tile}_A041600_{self.date.replace('-', '')}T101559"
        layers = self.bands | (
            {"SCL": np.broadcast_to(np.asarray(self.scl), (self.side_px // 2,) * 2)} if self.level == "L2A" else {}
        )
        members = {}
        for band, counts in layers.items():
            metres = METRES[band]
            stem = f"T{self.tile}_{self.date.replace('-', '')}T101601_{band}"
            inside = f"R{metres}m/{stem}_{metres}m.jp2" if self.level == "L2A" else f"{stem}.jp2"
            members[f"GRANULE/{granule}/IMG_DATA/{inside}"] = write_jp2(
                product / f"GRANULE/{granule}/IMG_DATA/{inside}", counts, metres
            )
        (product / f"MTD_MSI{self.level}.xml").write_text(self.metadata(), encoding="utf-8")
        if self.manifest:
            (product / "manifest.safe").write_text(self.checksums(members), encoding="utf-8")
        (product / "INSPIRE.xml").write_text("<x/>")
        return product

    def metadata(self) -> str:
        kind, value = (
            ("RADIO_ADD_OFFSET", "QUANTIFICATION_VALUE") if self.level == "L1C" else ("BOA_ADD_OFFSET", "BOA_QUANTIFICATION_VALUE")
        )
        offsets = "".join(
            f'<{kind} band_id="{number}">{self.offsets(band)}</{kind}>' for number, band in enumerate(SENTINEL2.bands)
        ) if self.offsets else ""  # fmt: skip
        if self.psd == "14.2" and self.level == "L2A":
            return self.metadata_of_2017()
        number = self.psd.partition(".")[0]
        psd = f"https://psd-{number}.sentinel2.eo.esa.int/PSD/User_Product_Level-{self.level[1:]}.xsd"
        return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{self.level[1:]}_User_Product xmlns:n1="{psd}"><n1:General_Info>
<Product_Info><PRODUCT_START_TIME>{self.date}T10:16:01.024Z</PRODUCT_START_TIME>
<PRODUCT_URI>{self.name}.SAFE</PRODUCT_URI><PROCESSING_BASELINE>{self.baseline}</PROCESSING_BASELINE></Product_Info>
<Product_Image_Characteristics><{value} unit="none">{self.quantification}</{value}><LIST>{offsets}</LIST>
</Product_Image_Characteristics></n1:General_Info></n1:Level-{self.level[1:]}_User_Product>"""

    def metadata_of_2017(self) -> str:
        """L2A of PSD 14.2: the elements have other names, and the L1C product that it was made of is named before its own."""
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd"><n1:General_Info>
<L2A_Product_Info><PRODUCT_START_TIME>{self.date}T10:16:01.024Z</PRODUCT_START_TIME>
<PRODUCT_URI_1C>{self.name.replace("MSIL2A", "MSIL1C")}.SAFE</PRODUCT_URI_1C><PRODUCT_URI_2A>{self.name}.SAFE</PRODUCT_URI_2A>
<PROCESSING_LEVEL>Level-2Ap</PROCESSING_LEVEL><PRODUCT_TYPE>S2MSI2Ap</PRODUCT_TYPE>
<PROCESSING_BASELINE>{self.baseline}</PROCESSING_BASELINE></L2A_Product_Info><L2A_Product_Image_Characteristics>
<L1C_L2A_Quantification_Values_List><L1C_TOA_QUANTIFICATION_VALUE unit="none">10000</L1C_TOA_QUANTIFICATION_VALUE>
<L2A_BOA_QUANTIFICATION_VALUE unit="none">{self.quantification}</L2A_BOA_QUANTIFICATION_VALUE>
<L2A_AOT_QUANTIFICATION_VALUE unit="none">1000.0</L2A_AOT_QUANTIFICATION_VALUE></L1C_L2A_Quantification_Values_List>
</L2A_Product_Image_Characteristics></n1:General_Info></n1:Level-2A_User_Product>"""

    def checksums(self, members: dict[str, Path]) -> str:
        algorithm = self.manifest.lower().replace("-", "_")
        parts = "".join(
            f'<dataObject ID="i"><byteStream mimeType="application/octet-stream"><fileLocation locatorType="URL" href="./{name}"/>'
            f'<checksum checksumName="{self.manifest}">{hashlib.new(algorithm, file.read_bytes()).hexdigest()}</checksum>'
            "</byteStream></dataObject>"
            for name, file in members.items()
        )
        return f'<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1"><dataObjectSection>{parts}</dataObjectSection></xfdu:XFDU>'


def write_jp2(path: Path, counts: Any, metres: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "uint8" if "SCL" in path.name else "uint16"
    height, width = counts.shape
    profile = {"driver": "JP2OpenJPEG", "width": width, "height": height, "count": 1, "dtype": kind, "crs": "EPSG:32632"}
    transform = rasterio.Affine(metres, 0, LEFT, 0, -metres, TOP)
    blocks = {"BLOCKXSIZE": "64", "BLOCKYSIZE": "64", "RESOLUTIONS": "1"}  # ESA: 1024
    with rasterio.open(path, "w", transform=transform, QUALITY="100", REVERSIBLE="YES", **blocks, **profile) as file:
        file.write(counts.astype(kind), 1)
    return path


def zipped(product: Path, **more: bytes) -> Path:
    """The product as a zip with its folder inside, as ESA serves it."""
    path = product.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(product.rglob("*")):
            if file.is_file():
                archive.write(file, f"{product.name}/{file.relative_to(product).as_posix()}")
    shutil.rmtree(product)
    return path


def tiles(*paths: Path, **options: Any) -> list[Tile]:
    records = list(build(paths=paths, **({"tile_px": 16, "min_valid": 0.0} | options)).records())
    assert [each for each in records if isinstance(each, Rejected)] == []
    return [each for each in records if isinstance(each, Tile)]


def rejected(*paths: Path, **options: Any) -> list[str]:
    records = list(build(paths=paths, **({"tile_px": 16} | options)).records())
    assert not any(isinstance(each, Tile | Done) for each in records)
    return [each.why for each in records if isinstance(each, Rejected)]


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# What a good product gives


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize("pack", [Path, zipped], ids=["folder", "zip"])
def test_every_band_of_a_product_lies_in_its_layer_and_at_its_place(tmp_path: Path, level: str, pack: Any) -> None:
    world = World(level=level)
    (tile,) = tiles(pack(world.write(tmp_path)), tile_px=SIDE_PX)
    assert tile.bands == tuple(world.bands)
    assert len(tile.bands) == (13 if level == "L1C" else 12)
    for band, layer in zip(tile.bands, tile.pixels, strict=True):
        np.testing.assert_array_equal(layer, world.fine(band) - 1000, err_msg=band)
    assert (tile.level, tile.date, tile.sensor, tile.crs) == (level, "2023-06-10", "sentinel2", "EPSG:32632")
    assert tile.bounds == (LEFT, TOP - 600, LEFT + 600, TOP)
    assert (tile.source, tile.title) == (world.name, "Sentinel-2 32UPU 2023-06-10 (pixel 0, 0)")
    # 300 m south-east of the corner, which lies 20 m west of 9 E (by definition 500 km) at this northing.
    lon, lat = pyproj.Proj("EPSG:32632")(LEFT + 300, TOP - 300, inverse=True)
    assert geodesic_km(tile.place.lat, tile.place.lon, lat, lon) < 1e-6


@pytest.mark.parametrize(("side", "stride"), [(16, 0), (17, 0), (16, 7), (60, 0), (100, 0), (25, 25)])
def test_tiles_leave_no_pixel_out_and_each_knows_where_it_lies(tmp_path: Path, side: int, stride: int) -> None:
    world = World()
    whole = np.zeros((12, SIDE_PX, SIDE_PX), dtype=np.uint16)
    seen = np.zeros((SIDE_PX, SIDE_PX), dtype=int)
    found = tiles(world.write(tmp_path), tile_px=side, stride=stride)
    for tile in found:
        left, bottom, right, top = tile.bounds
        rows = slice(round((TOP - top) / 10), round((TOP - bottom) / 10))
        columns = slice(round((left - LEFT) / 10), round((right - LEFT) / 10))
        assert tile.pixels.shape[1:] == (rows.stop - rows.start, columns.stop - columns.start) == (min(side, SIDE_PX),) * 2
        whole[:, rows, columns] = tile.pixels
        seen[rows, columns] += 1
    assert seen.min() == 1
    for band, layer in zip(found[0].bands, whole, strict=True):
        np.testing.assert_array_equal(layer, world.fine(band) - 1000, err_msg=band)


def test_the_finest_of_several_resolutions_of_a_band_is_taken(tmp_path: Path) -> None:
    world = World(manifest="")
    product = world.write(tmp_path)
    (fine,) = product.rglob("*_B02_10m.jp2")
    for metres in (20, 60):
        coarse = fine.parents[1] / f"R{metres}m" / fine.name.replace("_10m", f"_{metres}m")
        write_jp2(coarse, np.full((SIDE_PX * 10 // metres,) * 2, 9), metres)
    (tile,) = tiles(product, tile_px=SIDE_PX)
    np.testing.assert_array_equal(tile.pixels[tile.bands.index("B02")], world.fine("B02") - 1000)


def test_a_folder_of_products_is_read_in_order(tmp_path: Path) -> None:
    for day in ("2023-06-11", "2023-06-10"):
        World(date=day).write(tmp_path)
    zipped(tmp_path / f"{World(date='2023-06-11').name}.SAFE")
    assert [tile.date for tile in tiles(tmp_path, tile_px=SIDE_PX)] == ["2023-06-10", "2023-06-11"]


# Scale and offset, as the metadata states them


def test_a_product_from_before_baseline_04_00_has_no_offset(tmp_path: Path) -> None:
    world = World(baseline="02.14", date="2019-06-10", offsets=None)
    (tile,) = tiles(world.write(tmp_path), tile_px=SIDE_PX)
    np.testing.assert_array_equal(tile.pixels[0], world.fine("B01"))


def test_a_product_that_does_not_list_its_offsets_has_the_one_of_its_baseline(tmp_path: Path) -> None:
    world = World(baseline="04.00", offsets=None)
    (tile,) = tiles(world.write(tmp_path), tile_px=SIDE_PX)
    np.testing.assert_array_equal(tile.pixels[0], world.fine("B01") - 1000)


def test_each_band_has_its_own_offset_and_band_8_of_the_list_is_b8a(tmp_path: Path) -> None:
    world = World(offsets=lambda band: -1000 if band == "B8A" else -7)
    (tile,) = tiles(world.write(tmp_path), tile_px=SIDE_PX)
    for band, layer in zip(tile.bands, tile.pixels, strict=True):
        np.testing.assert_array_equal(layer, world.fine(band) - (1000 if band == "B8A" else 7), err_msg=band)


def test_another_quantification_is_brought_to_10_000(tmp_path: Path) -> None:
    world = World(quantification="1000", offsets=lambda band: -100)
    (tile,) = tiles(world.write(tmp_path), tile_px=SIDE_PX)
    np.testing.assert_array_equal(tile.pixels[1], (world.fine("B02").astype(int) - 100) * 10)


@pytest.mark.parametrize(("rule", "kept"), [("none", 0), ("remove", 1000)])
def test_the_offset_can_be_decided_by_hand(tmp_path: Path, rule: str, kept: int) -> None:
    world = World(offsets=lambda band: -5)
    (tile,) = tiles(world.write(tmp_path), tile_px=SIDE_PX, offset=rule)
    np.testing.assert_array_equal(tile.pixels[0], world.fine("B01") - kept)


def test_dark_pixels_stay_valid_and_no_data_stays_no_data(tmp_path: Path) -> None:
    world = World(level="L1C")
    for counts in world.bands.values():
        counts[0, :] = 0
    world.bands["B02"][30, 30] = 990  # darker than the offset
    (tile,) = tiles(world.write(tmp_path), tile_px=SIDE_PX)
    assert tile.pixels[1, 30, 30] == 1
    assert (tile.pixels[:, 0] == 0).all()
    assert tile.valid == pytest.approx(59 / 60), "the first row has no data in any band"


# Which tiles, which bands


def test_clouds_are_no_data_and_tiles_with_too_few_pixels_are_left_out(tmp_path: Path) -> None:
    scl = np.full((30, 30), 4)
    scl[:, :15] = 9  # the western half is cloud
    scl[0, 20] = 6  # water is not
    product = World(scl=scl).write(tmp_path)
    (whole,) = tiles(product, tile_px=SIDE_PX)
    assert (whole.pixels[:, :, :30] == 0).all()
    assert (whole.pixels[:, :, 30:] > 0).all()
    assert whole.valid == 0.5
    assert {tile.bounds[0] for tile in tiles(product, tile_px=30, min_valid=0.6)} == {LEFT + 300}
    assert len(tiles(product, tile_px=30, min_valid=0.6, clouds="keep")) == 4


@pytest.mark.parametrize("hidden", [0, 1, 3, 8, 9, 10])
def test_a_scene_without_ground_gives_no_tile_and_says_so(tmp_path: Path, hidden: int) -> None:
    records = list(build(paths=(World(scl=hidden).write(tmp_path),), tile_px=30).records())
    assert [type(each) for each in records] == [Done, Done, Rejected]
    assert "no tile has 50% of its pixels with data and without cloud; lower --min-valid" in records[2].why


@pytest.mark.parametrize("ground", [2, 4, 5, 6, 7, 11])
def test_ground_water_and_snow_are_kept(tmp_path: Path, ground: int) -> None:
    assert len(tiles(World(scl=ground).write(tmp_path), tile_px=SIDE_PX)) == 1


def test_some_bands_can_be_asked_for_and_come_in_the_order_of_the_sensor(tmp_path: Path) -> None:
    world = World()
    (tile,) = tiles(world.write(tmp_path), tile_px=SIDE_PX, bands=("b12", "B8A"))
    assert tile.bands == ("B8A", "B12")
    np.testing.assert_array_equal(tile.pixels[1], world.fine("B12") - 1000)


def test_a_band_that_no_sentinel_2_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'B13' is not a band of Sentinel-2; choose from B01"):
        build(paths=(World().write(tmp_path),), bands=("B13",))


def test_a_few_tiles_are_spread_over_the_scene_and_always_the_same(tmp_path: Path) -> None:
    product = World(side_px=240).write(tmp_path)
    some = tiles(product, max_tiles=20)
    assert len(some) == 20
    assert [tile.id for tile in some] == [tile.id for tile in tiles(product, max_tiles=20)]
    assert len({tile.bounds[0] for tile in some}) > 5
    assert len({tile.bounds[3] for tile in some}) > 5


# Repeating and resuming


def test_an_ingest_that_stopped_goes_on_and_ends_with_the_same_table(tmp_path: Path) -> None:
    product = World().write(tmp_path)
    options = {"paths": (product,), "tile_px": 16}
    whole = Catalogue.open(tmp_path / "whole", create=True)
    ingest(whole, build(**options))

    stopped = Catalogue.open(tmp_path / "stopped", create=True)
    with pytest.raises(KeyboardInterrupt):
        ingest(stopped, Interrupted(build(**options), after=7))  # 4 tiles, their row, 2 tiles of the next row
    assert stopped.count("tiles") == 6
    again = ingest(stopped, build(**options))
    assert (again.read, again.added, again.known) == (12, 10, 2), "the finished row is not read again"
    assert contents(stopped, "tiles") == contents(whole, "tiles")
    assert ingest(stopped, build(**options)).read == 0


class Interrupted:
    """A source whose process is ended after some records."""

    def __init__(self, source: Any, after: int) -> None:
        self.modality, self.total, self.key = source.modality, source.total, source.key
        self.source, self.after = source, after

    def records(self, finished: Any) -> Any:
        for number, each in enumerate(self.source.records(finished)):
            if number == self.after:
                raise KeyboardInterrupt
            yield each


def test_the_same_product_under_another_path_is_in_already_but_other_options_are_not(tmp_path: Path) -> None:
    product = World().write(tmp_path)
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    ingest(catalogue, build(paths=(product,), tile_px=16))
    moved = zipped(product)
    assert ingest(catalogue, build(paths=(moved,), tile_px=16)).read == 0
    assert ingest(catalogue, build(paths=(moved,), tile_px=20)).added == 9


def test_only_windows_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = [0]
    read = index.imagery.raster.BandStack._read

    def watched(self: Any, name: str, window: Any) -> Any:
        values = read(self, name, window)
        largest[0] = max(largest[0], values.size)
        return values

    monkeypatch.setattr(index.imagery.raster.BandStack, "_read", watched)
    assert len(tiles(World().write(tmp_path))) == 16
    assert largest[0] == 16 * 16


# Products that are damaged


def test_a_damaged_image_is_told_of_by_its_checksum_and_the_other_products_are_kept(tmp_path: Path) -> None:
    bad, good = World(date="2023-06-10").write(tmp_path), World(date="2023-06-11").write(tmp_path)
    (image,) = bad.rglob("*_B04_10m.jp2")
    raw = bytearray(image.read_bytes())
    raw[-200:-150] = bytes(50)
    image.write_bytes(raw)
    records = list(build(paths=(tmp_path,), tile_px=SIDE_PX).records())
    assert [type(each) for each in records] == [Rejected, Tile, Done]
    assert records[0].where == str(bad)
    assert "_B04_10m.jp2' differs from its md5 in manifest.safe; download the product again" in records[0].why
    assert records[1].source == good.stem


@pytest.mark.parametrize("algorithm", ["MD5", "SHA3-256"])
def test_both_kinds_of_checksums_are_compared(tmp_path: Path, algorithm: str) -> None:
    product = World(manifest=algorithm).write(tmp_path)
    assert len(tiles(product, tile_px=SIDE_PX)) == 1
    (image,) = product.rglob("*_B12_20m.jp2")
    image.write_bytes(image.read_bytes() + b"\0")
    assert "differs from its" in rejected(product)[0]


def test_without_a_manifest_a_truncated_image_is_still_told_of(tmp_path: Path) -> None:
    product = World(manifest="", side_px=240).write(tmp_path)
    (image,) = product.rglob("*_B04_10m.jp2")
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    records = list(build(paths=(product,), tile_px=120).records())  # windows over several blocks: GDAL would take several threads
    assert not any(isinstance(each, Tile) and (each.pixels[3] == 0).any() for each in records), "no zeros in place of what was lost"
    assert any(isinstance(each, Rejected) and "not a readable band B04" in each.why for each in records)
    lost = sum(isinstance(each, Rejected) for each in records)
    assert lost + sum(isinstance(each, Done) for each in records) == 2, "a row of tiles that was not read whole is not done"


def test_a_zip_with_a_flipped_bit_is_told_of_by_its_crc(tmp_path: Path) -> None:
    product = zipped(World(manifest="").write(tmp_path))
    with zipfile.ZipFile(product) as archive:
        member = next(each for each in archive.infolist() if "_B04_" in each.filename)
        middle = member.header_offset + member.compress_size // 2
    raw = bytearray(product.read_bytes())
    raw[middle] ^= 0xFF
    product.write_bytes(raw)
    (why,) = rejected(product)
    assert "download it again" in why


@pytest.mark.parametrize("part", [0.0, 0.3, 0.999])
def test_a_truncated_zip_is_told_of(tmp_path: Path, part: float) -> None:
    product = zipped(World().write(tmp_path))
    raw = product.read_bytes()
    product.write_bytes(raw[: int(len(raw) * part)])
    (why,) = rejected(product)
    assert why.startswith("not a whole zip")


def test_a_missing_band_is_told_of_with_what_there_is(tmp_path: Path) -> None:
    product = World().write(tmp_path)
    (image,) = product.rglob("*_B11_20m.jp2")
    image.unlink()
    assert rejected(product) == [
        "B11 not in the product; download it again, or take what it has: --bands B01,B02,B03,B04,B05,B06,B07,B08,B09,B12,B8A"
    ]
    assert len(tiles(product, tile_px=SIDE_PX, bands=("B02", "B12"))[0].bands) == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda xml: xml.replace("05.09", "new"), "is not complete"),
        (lambda xml: xml.replace("2023-06-10T", "yesterday "), "is not complete"),
        (lambda xml: xml.replace(">10000<", ">0<"), "is not complete"),
        (lambda xml: xml.replace('band_id="3"', 'band_id="13"'), "for band '13'"),
        (lambda xml: xml.replace('band_id="3"', 'band_id="-1"'), "for band '-1'"),
        (lambda xml: xml.replace(">-1000<", ">nan<"), "an offset of 'nan'"),
        (lambda xml: xml[: len(xml) // 2], "is not XML"),
        (lambda xml: "", "is not XML"),
        (lambda xml: xml.replace("S2A_MSI", "../../S2A_MSI"), "is not complete"),
    ],
)
def test_metadata_that_cannot_be_used_is_told_of(tmp_path: Path, change: Callable[[str], str], complaint: str) -> None:
    product = World().write(tmp_path)
    metadata = product / "MTD_MSIL2A.xml"
    metadata.write_text(change(metadata.read_text()))
    (why,) = rejected(product)
    assert complaint in why


def test_bands_that_do_not_cover_the_same_ground_are_told_of(tmp_path: Path) -> None:
    product = World(manifest="").write(tmp_path)
    (image,) = product.rglob("*_B12_20m.jp2")
    write_jp2(image, np.full((29, 29), 2000), 20)
    assert "band B12 does not cover the same ground as band B01" in rejected(product)[0]


def test_a_path_without_product_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.SAFE folder and no \.zip"):
        build(paths=(tmp_path,))
    with pytest.raises(InputError, match="no such file or folder"):
        build(paths=(tmp_path / "gone",))
    (tmp_path / "empty.SAFE").mkdir()
    assert "expected one MTD_MSIL1C.xml or MTD_MSIL2A.xml, got 0" in rejected(tmp_path)[0]


# Products that were made to do harm


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt", "a/../../outside.txt", "C:/outside.txt", "..\\outside.txt"])
def test_a_zip_with_a_member_that_would_leave_it_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    product = zipped(World().write(inside))
    with zipfile.ZipFile(product, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"harm")
    before = everything_in(tmp_path)
    (why,) = rejected(product)
    assert "would leave the product's folder; do not unpack it" in why
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_zip_with_a_link_or_a_device_is_refused(tmp_path: Path, kind: int) -> None:
    product = zipped(World().write(tmp_path))
    member = zipfile.ZipInfo(f"{product.stem}.SAFE/GRANULE/x/IMG_DATA/T32UPU_B02.jp2")
    member.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(product, "a") as archive:
        archive.writestr(member, "/etc/passwd")
    assert "is a link or a device" in rejected(product)[0]


@pytest.mark.parametrize("target", ["outside", "inside"])
def test_a_folder_with_a_link_is_refused(tmp_path: Path, target: str) -> None:
    product = World().write(tmp_path)
    (image,) = product.rglob("*_B04_10m.jp2")
    elsewhere = (tmp_path if target == "outside" else product) / "elsewhere.jp2"
    image.rename(elsewhere)
    image.symlink_to(elsewhere)
    assert "is a link or a device" in rejected(product)[0]


def test_a_folder_with_a_linked_folder_is_refused_and_not_walked_into(tmp_path: Path) -> None:
    product = World().write(tmp_path)
    (product / "loop").symlink_to(product, target_is_directory=True)
    assert "'loop' is a link or a device" in rejected(product)[0]


def test_a_zip_that_claims_more_than_a_product_can_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    product = zipped(World().write(tmp_path))
    with zipfile.ZipFile(product, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(20_000_000))
    assert product.stat().st_size < 1_000_000
    monkeypatch.setattr(index.imagery.archive, "MAX_PRODUCT_BYTES", 10_000_000)
    assert "it claims more than a product can hold" in rejected(product)[0]


def test_a_zip_that_claims_little_and_holds_much_is_refused(tmp_path: Path) -> None:
    product = World(manifest="").write(tmp_path)
    (product / "MTD_MSIL2A.xml").write_bytes(b" " * 20_000_000)
    product = zipped(product)
    raw = product.read_bytes()
    product.write_bytes(raw.replace((20_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    (why,) = rejected(product)
    assert "download it again" in why


def test_metadata_larger_than_any_is_not_read_whole(tmp_path: Path) -> None:
    product = World().write(tmp_path)
    (product / "MTD_MSIL2A.xml").write_bytes(b" " * (index.imagery.archive.MAX_TEXT_BYTES + 1))
    assert "larger than metadata can be (limit 16 MiB)" in rejected(zipped(product))[0]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_members_of_one_name_is_refused(tmp_path: Path) -> None:
    product = zipped(World().write(tmp_path))
    with zipfile.ZipFile(product, "a") as archive:
        archive.writestr(archive.namelist()[0], b"another")
    assert "two of its members have the same name" in rejected(product)[0]


def test_a_zip_of_too_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.imagery.archive, "MAX_MEMBERS", 5)
    product = World().write(tmp_path)
    assert "more than 5 files" in rejected(product)[0]
    assert "claims more than a product can hold" in rejected(zipped(product))[0]


@pytest.mark.parametrize("pack", [Path, zipped], ids=["folder", "zip"])
@pytest.mark.parametrize("where", ["MTD_MSIL2A.xml", "manifest.safe"])
def test_metadata_with_entities_is_refused_and_no_file_is_read_for_it(tmp_path: Path, where: str, pack: Any) -> None:
    (tmp_path / "secret.txt").write_text("05.09")
    product = World().write(tmp_path)
    file = product / where
    text = file.read_text().partition("?>")[2] or file.read_text()
    declared = f'<!DOCTYPE x [<!ENTITY stolen SYSTEM "file://{tmp_path}/secret.txt">]>'
    file.write_text(declared + text.replace("05.09", "&stolen;"))
    assert "declares a document type" in rejected(pack(product))[0]


def test_metadata_that_grows_without_end_is_refused_at_once(tmp_path: Path) -> None:
    product = World().write(tmp_path)
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    (product / "MTD_MSIL2A.xml").write_text(f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><x>&a11;</x>', encoding="utf-16")
    (why,) = rejected(product)
    assert "document type" in why


def test_an_image_that_is_something_else_is_not_opened_as_that(tmp_path: Path) -> None:
    product = World(manifest="").write(tmp_path)
    secret = tmp_path / "secret.tif"
    transform = rasterio.Affine(10, 0, LEFT, 0, -10, TOP)
    profile = {"driver": "GTiff", "width": 60, "height": 60, "count": 1, "dtype": "uint16", "crs": "EPSG:32632"}
    with rasterio.open(secret, "w", transform=transform, **profile) as file:
        file.write(np.full((1, 60, 60), 4242, dtype=np.uint16))
    (image,) = product.rglob("*_B04_10m.jp2")
    image.write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="60"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="0">{secret}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>'
    )
    assert "not a readable JPEG 2000 file" in rejected(product)[0]


def test_an_image_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    product = World(manifest="").write(tmp_path)
    (image,) = product.rglob("*_B04_10m.jp2")
    raw = bytearray(image.read_bytes())
    # In the image header box: height and width, 4 bytes each; in the codestream's SIZ marker those of the image and of its blocks.
    header, siz = raw.index(b"ihdr") + 4, raw.index(b"\xff\x51") + 6
    for place in (header, siz, siz + 16):
        raw[place : place + 8] = (100_000).to_bytes(4, "big") * 2
    image.write_bytes(raw)
    assert "100000 x 100000 px is more than expected (limit 10980 px a side)" in rejected(product)[0]


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize(
    ("psd", "baseline", "date", "offset"),
    [
        ("14.2", "02.05", "2017-08-25", None),
        ("14.5", "02.07", "2018-05-20", None),
        ("14.6", "02.14", "2020-07-30", None),
        ("14.9", "04.00", "2022-02-10", -1000),
        ("15.0", "05.00", "2018-06-10", -1000),  # Collection 1: an old date, processed again
        ("15.1", "05.11", "2025-03-01", -1000),
    ],
)
def test_products_are_read_in_every_format_since_2017(
    tmp_path: Path, level: str, psd: str, baseline: str, date: str, offset: int | None
) -> None:
    made = World(level=level, psd=psd, baseline=baseline, date=date, offsets=(lambda band: offset) if offset else None)
    made.write(tmp_path)
    found = tiles(tmp_path, tile_px=SIDE_PX)
    assert [(each.level, each.date, each.source) for each in found] == [(level, date, made.name)]
    assert found[0].pixels[found[0].bands.index("B02"), 0, 0] == COUNT_OF["B02"] + (offset or 0)
