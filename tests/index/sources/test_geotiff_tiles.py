"""Tiles from GeoTIFF files: which band is which, which offset is in, where it lies on the globe, and what is refused."""

import dataclasses
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import ConfigError, InputError
from index.geo import geodesic_km
from index.imagery.sensors import NASA_COARSE, SENTINEL2, canonical_band, sensor_of
from index.records import Rejected, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import DARK_LAND, EQUATOR_AT_9_EAST, Listed, contents, tile, write_csv, write_geotiff

pytest.importorskip("rasterio", reason="needs the [raster] extra")

import rasterio

from index.sources.geotiff_tiles import MAX_SIDE_PX, Options, build, read_tile, write_tile

REAL_TILES = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "s2_tiles"
WITH_OFFSET = {band: value + 1000 for band, value in DARK_LAND.items()}
L2A_LAND = {band: value for band, value in DARK_LAND.items() if band != "B10"}


@pytest.fixture(autouse=True)
def no_other_coordinates() -> Iterator[None]:
    """Some of these files have no place on the globe on purpose; rasterio warns of it when they are written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


def read(path: Path, **options: Any) -> Tile:
    return read_tile(path, Options.parse({"paths": (path,)} | options, where="geotiff_tiles"))


def first_pixel(found: Tile) -> dict[str, int]:
    return dict(zip(found.bands, found.pixels[:, 0, 0].tolist(), strict=True))


# Which band is which


def test_a_file_in_canonical_order_is_read_as_it_is(tmp_path: Path) -> None:
    found = read(write_geotiff(tmp_path / "field.tif", DARK_LAND))
    assert (found.bands, found.sensor, found.pixels.dtype, found.pixels.shape) == (
        SENTINEL2.bands,
        "sentinel2",
        np.uint16,
        (13, 4, 4),
    )
    assert first_pixel(found) == DARK_LAND


def test_a_file_that_stores_b8a_last_gives_the_same_tile(tmp_path: Path) -> None:
    b8a_last = {band: value for band, value in DARK_LAND.items() if band != "B8A"} | {"B8A": DARK_LAND["B8A"]}
    assert list(b8a_last) != list(DARK_LAND)
    canonical, other = read(write_geotiff(tmp_path / "a.tif", DARK_LAND)), read(write_geotiff(tmp_path / "b.tif", b8a_last))
    assert other.bands == canonical.bands
    assert other.id == canonical.id


@pytest.mark.parametrize("spelling", ["b{n}", "B{n}", "Band {n}", "band_{n}", "B{n:0>2}", " {n} "])
def test_bands_may_be_spelt_as_people_do(tmp_path: Path, spelling: str) -> None:
    numbers = {band: band[1:].lstrip("0") for band in DARK_LAND}
    spelt = {spelling.format(n=numbers[band]): value for band, value in reversed(DARK_LAND.items())}
    assert first_pixel(read(write_geotiff(tmp_path / "a.tif", spelt))) == DARK_LAND


@pytest.mark.parametrize(
    ("description", "band"),
    [
        ("B04", "B04"),
        ("b8a", "B8A"),
        ("8A", "B8A"),
        ("B13", None),
        ("B00", None),
        ("NDVI", None),
        ("", None),
        (None, None),
        ("Red", "red"),
    ],
)
def test_a_band_is_known_by_its_name_or_not_at_all(description: str | None, band: str | None) -> None:
    assert canonical_band(description) == band


def test_a_sensor_is_known_by_its_bands() -> None:
    assert sensor_of(("B04", "B08")) is SENTINEL2
    assert sensor_of(("red", "relief")) is NASA_COARSE
    assert sensor_of(("B04", "relief")) is sensor_of(()) is None


@pytest.mark.parametrize("count", [10, 12, 13])
def test_10_12_and_13_unnamed_bands_are_those_of_the_usual_products(tmp_path: Path, count: int) -> None:
    left_out = {10: {"B01", "B09", "B10"}, 12: {"B10"}, 13: set()}[count]
    expected = {band: value for band, value in DARK_LAND.items() if band not in left_out}
    found = read(write_geotiff(tmp_path / "a.tif", list(expected.values())))
    assert first_pixel(found) == expected


@pytest.mark.parametrize("count", [1, 4, 11])
def test_another_number_of_unnamed_bands_is_refused_with_the_remedy(tmp_path: Path, count: int) -> None:
    with pytest.raises(InputError, match=rf"cannot tell the bands of this {count}-band file .*name them with --bands"):
        read(write_geotiff(tmp_path / "a.tif", [300] * count))


def test_unnamed_bands_can_be_named_by_hand(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", [400, 300, 200, 800])
    assert first_pixel(read(path, bands=("B04", "B03", "B02", "B08"))) == {"B02": 200, "B03": 300, "B04": 400, "B08": 800}


def test_as_many_names_are_needed_as_the_file_has_bands(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--bands names 2 bands, the file has 3"):
        read(write_geotiff(tmp_path / "a.tif", [1, 2, 3]), bands=("B02", "B03"))


def test_a_name_given_by_hand_wins_over_the_one_in_the_file(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"B02": 200, "B03": 300})
    assert first_pixel(read(path, bands=("B03", "B02"))) == {"B02": 300, "B03": 200}


def test_missing_bands_are_missing_and_the_others_stay_in_order(tmp_path: Path) -> None:
    found = read(write_geotiff(tmp_path / "a.tif", {"B08": 800, "B04": 400, "B12": 1200, "B03": 300}))
    assert first_pixel(found) == {"B03": 300, "B04": 400, "B08": 800, "B12": 1200}


def test_layers_that_are_no_bands_are_left_out(tmp_path: Path) -> None:
    found = read(write_geotiff(tmp_path / "a.tif", {"SCL": 4, "B08": 800, "cloud mask": 1, "B04": 400}))
    assert first_pixel(found) == {"B04": 400, "B08": 800}


def test_of_a_band_that_comes_twice_the_first_counts(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", [400, 401, 800])
    assert first_pixel(read(path, bands=("B04", "b4", "B08"))) == {"B04": 400, "B08": 800}


def test_bands_that_belong_to_no_sensor_are_refused_and_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot tell the bands .*it says: HH, HV"):
        read(write_geotiff(tmp_path / "a.tif", {"HH": 1, "HV": 2}))


def test_a_nasa_picture_stays_in_bytes(tmp_path: Path) -> None:
    layers = {"relief": 10, "Red": 255, "Green": 20, "Blue": 30}
    found = read(write_geotiff(tmp_path / "a.tif", layers, dtype="uint8", pixel=7400))
    assert (found.sensor, found.level, found.pixels.dtype) == ("nasa_coarse", "", np.uint8)
    assert first_pixel(found) == {"red": 255, "green": 20, "blue": 30, "relief": 10}


@pytest.mark.parametrize("pixel", [500, 1200, 2500, 7400, 20_000])
def test_a_coarse_picture_in_colours_needs_no_relief_whatever_its_scale(tmp_path: Path, pixel: float) -> None:
    found = read(write_geotiff(tmp_path / "a.tif", {"Red": 255, "Green": 20, "Blue": 30}, dtype="uint8", pixel=1.001 * pixel))
    assert (found.sensor, first_pixel(found)) == ("nasa_coarse", {"red": 255, "green": 20, "blue": 30})


@pytest.mark.parametrize("layers", [[90, 80, 70], {"B04": 90, "B03": 80, "B02": 70}], ids=["unnamed", "as Sentinel-2"])
def test_a_coarse_picture_without_names_of_colours_is_refused_with_these(tmp_path: Path, layers: Any) -> None:
    path = write_geotiff(tmp_path / "a.tif", layers, dtype="uint8", pixel=1200)
    with pytest.raises(InputError, match="with --bands red,green,blue"):
        read(path)
    assert read(path, bands=("red", "green", "blue")).sensor == "nasa_coarse"


@pytest.mark.parametrize(("pixel", "allowed"), [(300, 500), (90_000, NASA_COARSE.pixel_m[1])])
def test_colours_finer_or_coarser_than_those_of_coarse_pictures_are_to_be_resampled_to_these(
    tmp_path: Path, pixel: float, allowed: float
) -> None:
    with pytest.raises(InputError, match=rf"are not NASA .* resample it to pixels of {allowed:,.0f} m"):
        read(write_geotiff(tmp_path / "a.tif", {"Red": 90, "Green": 80, "Blue": 70}, dtype="uint8", pixel=pixel))


def test_reflectance_called_red_green_blue_and_nir_at_10_m_is_sentinel_2_and_keeps_all_four(tmp_path: Path) -> None:
    # Read as a NASA picture every pixel would be white, and the near infrared lost.
    found = read(write_geotiff(tmp_path / "a.tif", {"Red": 400, "Green": 300, "Blue": 1200, "NIR": 2800}))
    assert (found.sensor, first_pixel(found)) == ("sentinel2", {"B02": 1200, "B03": 300, "B04": 400, "B08": 2800})


@pytest.mark.parametrize("spelling", ["Band {n}", "Band_{n}", "band{n}", "b{n}", "B{n}", "{n}", "Band {n:02d}", "layer {n}"])
@pytest.mark.parametrize("count", [1, 3, 4, 11, 12])
def test_layers_that_are_merely_counted_are_refused_with_the_remedy(tmp_path: Path, spelling: str, count: int) -> None:
    layers = {spelling.format(n=number): 100 * number + 300 for number in range(1, count + 1)}
    with pytest.raises(InputError, match=r"these count layers and do not name bands; name them with --bands"):
        read(write_geotiff(tmp_path / "a.tif", layers))


@pytest.mark.parametrize("names", [("Band_3", "Band_2", "Band_1"), ("B04", "2", "3"), ("3", "B03", "1")])
def test_a_count_is_no_name_in_any_order_nor_beside_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="these count layers"):
        read(write_geotiff(tmp_path / "a.tif", dict.fromkeys(names, 400)))


@pytest.mark.parametrize(
    ("names", "bands"),
    [
        (("B4", "B3", "B2", "B8"), ("B02", "B03", "B04", "B08")),  # as Earth Engine writes them
        (("B4, central wavelength 665 nm", "B3, central wavelength 560 nm"), ("B03", "B04")),  # GDAL's driver
        (("B02_10m", "T33UXP_20230604T100031_B8A_20m"), ("B02", "B8A")),
        (("blue", "green", "red", "nir"), ("B02", "B03", "B04", "B08")),
        (("Blue", "Red Edge 1", "rededge3", "nir08", "swir16", "swir22"), ("B02", "B05", "B07", "B8A", "B11", "B12")),
        (("coastal", "nir09", "cirrus"), ("B01", "B09", "B10")),
    ],
)
def test_names_that_tools_and_stac_give_are_known(tmp_path: Path, names: tuple[str, ...], bands: tuple[str, ...]) -> None:
    assert read(write_geotiff(tmp_path / "a.tif", dict.fromkeys(names, 400))).bands == bands


@pytest.mark.parametrize("name", ["Red Edge", "SWIR", "B08 NIR-like", "NIR 2", "pan"])
def test_light_of_which_the_band_is_not_clear_is_refused_and_never_left_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="may be one of several bands or of none; name them with --bands"):
        read(write_geotiff(tmp_path / "a.tif", {"B04": 400, name: 800}))


def test_counted_layers_with_wavelengths_are_named_by_these(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"Band 1": 200, "Band 2": 800, "Band 3": 900})
    with rasterio.open(path, "r+") as file:
        for layer, tags in enumerate(({"wavelength": "492.4"}, {"WAVELENGTH": "0.833"}, {"CENTRAL_WAVELENGTH_UM": "0.865"}), 1):
            file.update_tags(layer, **tags)
    assert first_pixel(read(path)) == {"B02": 200, "B08": 800, "B8A": 900}


def test_an_alpha_is_no_band_and_what_it_hides_is_no_data(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"B04": 400, "B03": 300, "B02": 200, "": np.where(np.arange(4) < 2, 0, 65535)})
    with rasterio.open(path, "r+") as file:
        file.colorinterp = [*file.colorinterp[:3], rasterio.enums.ColorInterp.alpha]
    found = read(path, bands=("B04", "B03", "B02"))
    assert found.bands == ("B02", "B03", "B04")
    assert found.valid == 0.5


@pytest.mark.parametrize(("pixel", "of"), [(0.2, "0.2 m are not Sentinel-2"), (3, "3 m"), (30, "Landsat"), (250, "250 m")])
def test_pixels_of_another_size_are_of_another_sensor(tmp_path: Path, pixel: float, of: str) -> None:
    with pytest.raises(InputError, match=of):
        read(write_geotiff(tmp_path / "a.tif", {"B04": 400, "B03": 300, "B02": 200}, pixel=pixel))


def test_colours_of_10_m_are_no_coarse_picture_and_an_aerial_photo_is_no_satellite_image(tmp_path: Path) -> None:
    colours = {"Blue": 40, "Green": 60, "Red": 80}
    with pytest.raises(InputError, match="8-bit numbers are not reflectance"):
        read(write_geotiff(tmp_path / "a.tif", colours, dtype="uint8"))
    with pytest.raises(InputError, match=r"pixels of 0\.2 m are not Sentinel-2"):
        read(write_geotiff(tmp_path / "b.tif", colours, dtype="uint8", pixel=0.2))


def test_13_unnamed_layers_in_the_order_of_eurosat_are_refused(tmp_path: Path) -> None:
    values = [300, 200, 300, 400, 500, 600, 700, 800, 700, 12, 1100, 1200, 900]  # the tenth sees nothing of the ground
    with pytest.raises(InputError, match="use the source eurosat, or name the layers with --bands"):
        read(write_geotiff(tmp_path / "a.tif", values))


def test_what_was_stated_or_left_out_stands_in_the_row_of_the_tile(tmp_path: Path) -> None:
    layers = {"B04": 400, "B08": 800, "NDVI": 3}
    write_geotiff(tmp_path / "a.tif", layers, crs=None)
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    ingest(catalogue, build(paths=(tmp_path / "a.tif",), crs="EPSG:32632", scale=0.0001, offset="0"))
    ingest(catalogue, build(paths=(write_geotiff(tmp_path / "b.tif", {"B04": 401}),)))
    said = {row["title"]: row["assumed"] for row in contents(catalogue, "tiles")}
    assert said == {"a": "layers left out: NDVI; crs stated as EPSG:32632; scale stated as 0.0001; offset stated as 0", "b": ""}
    assert read(write_geotiff(tmp_path / "c.tif", [400, 800]), bands=("B04", "B08")).assumed == "bands stated as B04,B08"


# Level, date and other facts


def test_a_file_with_the_cirrus_band_is_l1c_and_one_without_is_l2a(tmp_path: Path) -> None:
    assert read(write_geotiff(tmp_path / "a.tif", DARK_LAND)).level == "L1C"
    assert read(write_geotiff(tmp_path / "b.tif", L2A_LAND)).level == "L2A"


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_the_level_can_stand_in_the_name_the_tags_or_the_table(tmp_path: Path, level: str) -> None:
    in_name = write_geotiff(tmp_path / f"S2B_MSI{level}_33UXP.tif", {"B04": 400})
    in_tags = write_geotiff(tmp_path / "a.tif", {"B04": 400}, tags={"PRODUCT_TYPE": f"S2MSI-{level}"})
    unsaid = write_geotiff(tmp_path / "b.tif", {"B04": 400})
    assert read(in_name).level == read(in_tags).level == read_tile(unsaid, facts={"level": level}).level == level


def test_the_table_is_believed_before_the_file_name(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "S2A_MSIL2A_20200301.tif", {"B04": 400})
    found = read_tile(path, facts={"level": "L1C", "date": "2019-05-06"})
    assert (found.level, found.date) == ("L1C", "2019-05-06")


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("S2A_MSIL2A_20200301T100031_N0214_R122", "2020-03-01"),
        ("slovenia_2015-08-20", "2015-08-20"),
        ("s2100k_33188", ""),
        ("patch_20209999", ""),
        ("field", ""),
    ],
)
def test_the_date_is_read_from_the_name(tmp_path: Path, name: str, date: str) -> None:
    assert read(write_geotiff(tmp_path / f"{name}.tif", {"B04": 400})).date == date


def test_the_date_is_read_from_the_tags(tmp_path: Path) -> None:
    assert (
        read(write_geotiff(tmp_path / "a.tif", {"B04": 400}, tags={"TIFFTAG_DATETIME": "2021:07:04 10:30:00"})).date == "2021-07-04"
    )


def test_a_tile_is_named_after_its_file_and_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "eurosat"
    folder.mkdir()
    found = read(write_geotiff(folder / "Forest_1.tif", {"B04": 400}))
    assert (found.title, found.source, found.split) == ("Forest_1", "eurosat", "")


def test_a_table_says_what_the_files_do_not(tmp_path: Path) -> None:
    known, unknown = write_geotiff(tmp_path / "a.tif", {"B04": 400}), write_geotiff(tmp_path / "b.tif", {"B04": 401})
    row = {"file": "somewhere/a.tif", "level": "L1C", "date": "2019-05-06", "split": "val", "title": "a field", "url": "http://x"}
    table = write_csv(tmp_path / "facts.csv", [row | {"country": "Austria", "source": "atlas", "license": "CC BY 4.0", "bytes": 7}])
    first, second = build(paths=(known, unknown), table=table).records()
    assert isinstance(first, Tile)
    assert isinstance(second, Tile)
    assert (first.level, first.date, first.split, first.title, first.url) == ("L1C", "2019-05-06", "val", "a field", "http://x")
    assert (first.country, first.source, first.licence) == ("Austria", "atlas", "CC BY 4.0")
    assert (second.title, second.split, second.licence) == ("b", "", "")


def test_a_table_gives_tiles_own_columns_with_their_type(tmp_path: Path) -> None:
    files = [write_geotiff(tmp_path / f"{name}.tif", {"B04": 400 + at}) for at, name in enumerate("abc")]
    rows = [
        {"file": "a.tif", "crop": "rye", "yield": "6.5", "date": "2019-05-06"},
        {"file": "b.tif", "crop": "", "yield": "7", "date": ""},
    ]
    table = write_csv(tmp_path / "facts.csv", rows)
    source = build(paths=tuple(files), table=table, keep=("all",))
    assert source.own == {"crop": pa.string(), "yield": pa.float64()}
    expected = [{"crop": "rye", "yield": 6.5}, {"crop": None, "yield": 7.0}, {}]
    assert [dict(each.own) for each in source.records() if isinstance(each, Tile)] == expected
    with pytest.raises(InputError, match="PlaceBind uses the name 'date' itself; rename it with --keep 'date=NAME'"):
        build(paths=tuple(files), table=table, keep=("date",))
    with pytest.raises(InputError, match="--keep is of columns of a table; give one with --table"):
        build(paths=tuple(files), keep=("crop",))


def test_a_table_states_of_each_file_what_the_flags_state_of_all(tmp_path: Path) -> None:
    """Two files that no flags fit both: one has other bands, 8 bits and no coordinate system."""
    write_geotiff(tmp_path / "a.tif", [3000, 500])
    write_geotiff(tmp_path / "b.tif", [100, 60, 50], dtype="uint8", crs=None)
    row = {"file": "b.tif", "bands": "B08, B04, B03", "crs": "EPSG:32632", "scale": "0.002", "offset": "0"}
    table = write_csv(tmp_path / "facts.csv", [row | {"file": "a.tif", "crs": "", "scale": "", "offset": "", "bands": ""}, row])
    first, second = build(paths=(tmp_path,), table=table, bands=("B08", "B02")).records()
    assert (first.bands, first.pixels[:, 0, 0].tolist()) == (("B02", "B08"), [500, 3000])
    assert (second.bands, second.pixels[:, 0, 0].tolist()) == (("B03", "B04", "B08"), [1000, 1200, 2000])
    assert second.assumed == "bands stated as B08,B04,B03; crs stated as EPSG:32632; scale stated as 0.002; offset stated as 0"


@pytest.mark.parametrize(
    ("stated", "why"),
    [({"bands": "B04,B08,B02"}, "names 3 bands, the file has 2"), ({"scale": "ten"}, "its row of the table: scale"),
     ({"offset": "up"}, "its row of the table: offset"), ({"crs": "EPSG:32633"}, "EPSG:32633")],
)  # fmt: skip
def test_a_statement_of_the_table_that_does_not_fit_costs_its_own_file(tmp_path: Path, stated: dict[str, str], why: str) -> None:
    for name in ("a.tif", "b.tif"):
        write_geotiff(tmp_path / name, {"B04": 500, "B08": 3000})
    table = write_csv(tmp_path / "facts.csv", [{"file": "a.tif"} | stated])
    rejected, found = build(paths=(tmp_path,), table=table).records()
    assert why in rejected.why
    assert found.bands == ("B04", "B08")


def test_a_band_without_any_data_is_absent_and_not_dark(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"B02": 400, "B04": 500, "B8A": 0})
    (found,) = build(paths=(path,)).records()
    assert (found.bands, found.pixels.shape, found.valid) == (("B02", "B04"), (2, 4, 4), 1.0)
    assert found.assumed == "bands without data left out: B8A"


def test_an_empty_cell_of_the_table_says_nothing(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "slovenia_2015-08-20.tif", {"B04": 400})
    table = write_csv(tmp_path / "facts.csv", [{"file": path.name, "date": "", "title": "", "level": ""}])
    (found,) = build(paths=(path,), table=table).records()
    assert isinstance(found, Tile)
    assert (found.date, found.title, found.level) == ("2015-08-20", "slovenia_2015-08-20", "L2A")


def test_a_table_saved_by_a_spreadsheet_starts_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"B04": 400})
    (tmp_path / "facts.csv").write_text("file,level\na.tif,L1C\n", encoding="utf-8-sig")
    (found,) = build(paths=(path,), table=tmp_path / "facts.csv").records()
    assert isinstance(found, Tile)
    assert found.level == "L1C"


@pytest.mark.parametrize("text", ["name,level\na.tif,L1C\n", "", "level,file\nL1C\n"])
def test_a_table_without_file_names_is_refused(tmp_path: Path, text: str) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"B04": 400})
    (tmp_path / "facts.csv").write_text(text)
    with pytest.raises(InputError, match=r"facts\.csv: .*'file'"):
        build(paths=(path,), table=tmp_path / "facts.csv")


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"B04": 400})
    with pytest.raises(InputError, match=r"gone\.csv: not a readable CSV"):
        build(paths=(path,), table=tmp_path / "gone.csv")


def test_a_split_in_the_table_is_one_that_is_known(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"B04": 400})
    (rejected,) = build(paths=(path,), table=write_csv(tmp_path / "facts.csv", [{"file": "a.tif", "split": "holdout"}])).records()
    assert isinstance(rejected, Rejected)
    assert "split" in rejected.why


# The unit: reflectance x 10,000 without offset


@pytest.mark.parametrize("date", ["", "2022-01-25", "2023-06-10"])
def test_the_offset_is_removed_where_even_the_darkest_pixels_have_it(tmp_path: Path, date: str) -> None:
    assert first_pixel(read_tile(write_geotiff(tmp_path / "a.tif", WITH_OFFSET), facts={"date": date})) == DARK_LAND


@pytest.mark.parametrize("date", ["", "2020-01-01", "2022-01-25", "2023-06-10"])
def test_what_has_dark_pixels_has_no_offset_whatever_the_date(tmp_path: Path, date: str) -> None:
    assert first_pixel(read_tile(write_geotiff(tmp_path / "a.tif", DARK_LAND), facts={"date": date})) == DARK_LAND


@pytest.mark.parametrize("date", ["2016-07-01", "2022-01-24"])
def test_a_bright_scene_from_before_baseline_04_00_is_bright_and_has_no_offset(tmp_path: Path, date: str) -> None:
    bright_desert = {band: value + 1000 for band, value in L2A_LAND.items()}
    assert first_pixel(read_tile(write_geotiff(tmp_path / "a.tif", bright_desert), facts={"date": date})) == bright_desert


def test_one_dark_band_is_enough_to_tell_that_there_is_no_offset(tmp_path: Path) -> None:
    snow = WITH_OFFSET | {"B11": 300}
    assert first_pixel(read(write_geotiff(tmp_path / "a.tif", snow))) == snow


def test_a_few_dead_pixels_do_not_hide_the_offset(tmp_path: Path) -> None:
    side = 20
    layers: dict[str, Any] = {band: np.full((side, side), value) for band, value in WITH_OFFSET.items()}
    for layer in layers.values():
        layer[0, :2] = 1  # 2 of 400: below the first percentile
    found = read(write_geotiff(tmp_path / "a.tif", layers, side=side))
    assert found.pixels[:, 5, 5].tolist() == list(DARK_LAND.values())
    assert (found.pixels[:, 0, 0] == 1).all(), "what would fall below zero stays valid"


def test_the_offset_can_be_kept_by_hand(tmp_path: Path) -> None:
    assert first_pixel(read(write_geotiff(tmp_path / "a.tif", WITH_OFFSET), offset="none")) == WITH_OFFSET


def test_the_offset_can_be_removed_by_hand_and_no_valid_pixel_turns_into_no_data(tmp_path: Path) -> None:
    found = first_pixel(read(write_geotiff(tmp_path / "a.tif", DARK_LAND), offset="remove"))
    assert found == {band: max(value - 1000, 1) for band, value in DARK_LAND.items()}


def test_no_data_does_not_take_part_in_telling_the_offset(tmp_path: Path) -> None:
    half_empty = {band: np.where(np.arange(4) < 2, 0, value) for band, value in WITH_OFFSET.items()}
    found = read(write_geotiff(tmp_path / "a.tif", half_empty))
    assert found.pixels[:, 0, 0].tolist() == [0] * 13
    assert found.pixels[:, 0, 3].tolist() == list(DARK_LAND.values())


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_reflectance_as_a_fraction_is_stored_times_10_000(tmp_path: Path, kind: str) -> None:
    fractions = {band: value / 10_000 for band, value in DARK_LAND.items()}
    found = read(write_geotiff(tmp_path / "a.tif", fractions, dtype=kind))
    assert found.pixels.dtype == np.uint16
    assert first_pixel(found) == DARK_LAND


def test_a_fraction_with_offset_loses_it_too(tmp_path: Path) -> None:
    fractions = {band: value / 10_000 for band, value in WITH_OFFSET.items()}
    assert first_pixel(read(write_geotiff(tmp_path / "a.tif", fractions, dtype="float32"))) == DARK_LAND


def test_a_few_glaring_pixels_do_not_turn_a_fraction_into_a_number(tmp_path: Path) -> None:
    side = 20
    layers = {band: np.full((side, side), value / 10_000) for band, value in DARK_LAND.items()}
    layers["B02"][0, 0] = 3.5  # the sun in a glass roof: one pixel of 13 x 400
    found = read(write_geotiff(tmp_path / "a.tif", layers, side=side, dtype="float32"))
    assert found.pixels[:, 5, 5].tolist() == list(DARK_LAND.values())
    assert found.pixels[1, 0, 0] == 35_000


def test_whole_numbers_in_a_float_file_are_taken_as_they_are(tmp_path: Path) -> None:
    assert first_pixel(read(write_geotiff(tmp_path / "a.tif", DARK_LAND, dtype="float32"))) == DARK_LAND


@pytest.mark.parametrize("reflectance", [0.00002, -0.01])
def test_a_pixel_darker_than_black_is_valid_and_keeps_at_least_1(tmp_path: Path, reflectance: float) -> None:
    # Atmospheric correction overshoots in deep shadow; 0 would say that nothing was measured there.
    fractions = {band: value / 10_000 for band, value in DARK_LAND.items()} | {"B04": reflectance}
    assert first_pixel(read(write_geotiff(tmp_path / "a.tif", fractions, dtype="float32")))["B04"] == 1


def test_a_glint_beyond_the_range_of_a_word_is_clipped_and_a_band_of_them_refused(tmp_path: Path) -> None:
    layers = {band: np.full((20, 20), value) for band, value in DARK_LAND.items()}
    layers["B02"][0, 0] = 70_000
    found = read(write_geotiff(tmp_path / "a.tif", layers, side=20, dtype="int32"))
    assert (found.pixels[1, 0, 0], found.pixels[1, 0, 1]) == (65_535, 200)
    with pytest.raises(InputError, match=r"70000 is impossible as reflectance; .*-a_nodata 70000"):
        read(write_geotiff(tmp_path / "b.tif", DARK_LAND | {"B02": 70_000}, dtype="int32"))


def test_a_scale_stated_in_the_file_is_applied(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", {band: value * 2 for band, value in DARK_LAND.items()}, scales=(0.00005,) * 13)
    assert first_pixel(read(path)) == DARK_LAND


def test_a_scale_and_an_offset_stated_in_the_file_are_applied_together(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", WITH_OFFSET, scales=(0.0001,) * 13, offsets=(-0.1,) * 13)
    assert first_pixel(read(path)) == DARK_LAND


def test_an_offset_alone_stated_in_the_file_is_applied_without_wrapping_around(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", WITH_OFFSET | {"B04": 900}, offsets=(-1000,) * 13)
    assert first_pixel(read(path)) == DARK_LAND | {"B04": 1}


def test_an_offset_in_the_tags_is_taken_off_bright_ground_once(tmp_path: Path) -> None:
    snow = {band: value + 6000 for band, value in L2A_LAND.items()}
    path = write_geotiff(tmp_path / "s_20230214_L2A.tif", snow, scales=(0.0001,) * 12, offsets=(-0.1,) * 12)
    assert first_pixel(read(path)) == {band: value - 1000 for band, value in snow.items()}
    with pytest.raises(InputError, match=r"the offset -0\.1 of the file's tags is taken off already"):
        read(path, offset="remove")


def test_a_scale_in_the_tags_without_an_offset_states_that_there_is_none(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "s_20230214_L2A.tif", dict.fromkeys(L2A_LAND, 6000), scales=(0.0001,) * 12)
    assert set(first_pixel(read(path)).values()) == {6000}


def test_tags_and_flags_may_not_contradict_each_other(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", WITH_OFFSET, scales=(0.0001,) * 13, offsets=(-0.1,) * 13)
    assert first_pixel(read(path, scale=0.0001, offset="-0.1")) == DARK_LAND
    with pytest.raises(InputError, match=r"tags say scale 0\.0001 and offset -0\.1, the flags 0.001 and 0; leave the flags out"):
        read(path, scale=0.001)


@pytest.mark.parametrize(
    ("dtype", "number", "said"),
    [("uint8", 102, "8-bit"), ("uint16", 102, "nearly all"), ("float32", 40.0, "nearly all"), ("int16", 40, "nearly all")],
)
def test_bytes_and_percents_are_refused_until_their_unit_is_stated(tmp_path: Path, dtype: str, number: float, said: str) -> None:
    path = write_geotiff(tmp_path / "a.tif", {"B04": number, "B08": number}, dtype=dtype)
    with pytest.raises(InputError, match=rf"{said}.*--scale and --offset"):
        read(path)
    percent = 1 / 255 if number == 102 else 0.01
    assert set(first_pixel(read(path, scale=percent, offset="0")).values()) == {4000}


def test_an_offset_without_a_scale_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs --scale too"):
        read(write_geotiff(tmp_path / "a.tif", DARK_LAND), offset="-0.1")
    with pytest.raises(ConfigError, match="offset"):
        read(write_geotiff(tmp_path / "a.tif", DARK_LAND), offset="some")


@pytest.mark.parametrize(
    ("dtype", "odd"), [("int16", -5000), ("float32", -0.5), ("float32", -12.5), ("int32", 90_000), ("float32", -999)]
)
def test_numbers_that_no_reflectance_can_be_are_refused_and_named(tmp_path: Path, dtype: str, odd: float) -> None:
    unit = 1 if dtype.startswith("int") else 0.0001
    layers = {band: np.where(np.arange(4) == 0, odd, value * unit) for band, value in DARK_LAND.items()}
    with pytest.raises(InputError, match=rf"{odd:g} is impossible as reflectance; .*gdal_edit.py -a_nodata {odd:g}"):
        read(write_geotiff(tmp_path / "a.tif", layers, dtype=dtype))


def test_the_baseline_of_the_product_is_believed_before_dates_and_dark_pixels(tmp_path: Path) -> None:
    bright = {band: value + 3000 for band, value in L2A_LAND.items()}
    dated = {"TIFFTAG_DATETIME": "2024:05:01 10:00:00"}  # when it was exported
    old = write_geotiff(tmp_path / "S2A_MSIL2A_20200301T100031_N0214_R122_T32UPU_20200301T120000.tif", bright, tags=dated)
    assert (read(old).date, first_pixel(read(old))) == ("2020-03-01", bright)
    again = write_geotiff(tmp_path / "S2A_MSIL2A_20200301T100031_N0500_R122_T32UPU_20230301T120000.tif", bright, tags=dated)
    assert first_pixel(read(again)) == {band: value - 1000 for band, value in bright.items()}
    tagged = write_geotiff(
        tmp_path / "a.tif", bright, tags={"PROCESSING_BASELINE": "05.09", "PRODUCT_START_TIME": "2020-03-01T10:00:31"}
    )
    assert (read(tagged).date, first_pixel(read(tagged))["B01"]) == ("2020-03-01", bright["B01"] - 1000)


def test_a_baseline_that_the_pixels_contradict_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "S2A_MSIL2A_20230301T100031_N0509_R122_T32UPU_20230301T120000.tif", L2A_LAND)
    with pytest.raises(InputError, match=r"baseline 05.09 adds 1000, but half of B01 is below 800.*--offset none"):
        read(path)
    assert first_pixel(read(path, offset="none")) == L2A_LAND


# No data


def test_declared_no_data_becomes_zero_and_is_counted(tmp_path: Path) -> None:
    layers = {band: np.where(np.arange(4) == 0, 65535, value) for band, value in DARK_LAND.items()}
    found = read(write_geotiff(tmp_path / "a.tif", layers, nodata=65535))
    assert found.valid == pytest.approx(0.75)
    assert (found.pixels[:, :, 0] == 0).all()
    assert found.pixels[:, 0, 1].tolist() == list(DARK_LAND.values())


@pytest.mark.parametrize("nodata", [None, float("nan")])
def test_nan_is_no_data_whether_declared_or_not(tmp_path: Path, nodata: float | None) -> None:
    layers = {band: np.where(np.arange(4) == 0, np.nan, value / 10_000) for band, value in DARK_LAND.items()}
    found = read(write_geotiff(tmp_path / "a.tif", layers, dtype="float32", nodata=nodata))
    assert found.valid == pytest.approx(0.75)
    assert (found.pixels[:, :, 0] == 0).all()
    assert found.pixels[:, 0, 1].tolist() == list(DARK_LAND.values())


def test_zero_in_every_band_is_no_data_without_being_declared(tmp_path: Path) -> None:
    layers = {band: np.where(np.arange(4) == 0, 0, value) for band, value in DARK_LAND.items()}
    assert read(write_geotiff(tmp_path / "a.tif", layers)).valid == pytest.approx(0.75)


def test_zero_in_one_band_leaves_the_pixel_valid(tmp_path: Path) -> None:
    assert read(write_geotiff(tmp_path / "a.tif", DARK_LAND | {"B10": 0})).valid == 1.0


@pytest.mark.parametrize(("value", "dtype"), [(0, "uint16"), (np.nan, "float32")])
def test_a_file_without_a_valid_pixel_is_refused(tmp_path: Path, value: float, dtype: str) -> None:
    with pytest.raises(InputError, match="no valid pixel in its bands; leave it out"):
        read(write_geotiff(tmp_path / "a.tif", dict.fromkeys(DARK_LAND, value), dtype=dtype))


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("uint16", 0), ("int16", -9999), ("int16", -32768), ("float32", -9999), ("float32", -3.4028235e38), ("float32", np.inf)],
)
@pytest.mark.parametrize("tagged", [False, True])
def test_fill_is_no_data_without_being_declared_also_where_numbers_are_scaled(
    tmp_path: Path, dtype: str, fill: float, tagged: bool
) -> None:
    layers = {band: np.where(np.arange(4) < 2, fill, value) for band, value in WITH_OFFSET.items()}
    more = {"scales": (0.0001,) * 13, "offsets": (-0.1,) * 13} if tagged else {}
    found = read(write_geotiff(tmp_path / "a.tif", layers, dtype=dtype, **more))
    assert found.valid == 0.5
    assert (found.pixels[:, :, :2] == 0).all()
    assert found.pixels[:, 0, 3].tolist() == list(DARK_LAND.values())


def test_what_an_internal_mask_hides_is_no_data(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", DARK_LAND)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(np.arange(16).reshape(4, 4) % 4 > 1)
    assert not path.with_suffix(".tif.msk").exists()
    found = read(path)
    assert (found.valid, found.pixels[0, 0].tolist()) == (0.5, [0, 0, 100, 100])


# Where it lies


def test_the_origin_of_utm_zone_32_is_on_the_equator_at_9_degrees_east(tmp_path: Path) -> None:
    found = read(write_geotiff(tmp_path / "a.tif", DARK_LAND, centre=EQUATOR_AT_9_EAST))
    assert (found.place.lat, found.place.lon) == (pytest.approx(0, abs=1e-9), pytest.approx(9, abs=1e-9))
    assert (found.crs, found.bounds) == ("EPSG:32632", (499_980, -20, 500_020, 20))


def test_a_tile_in_degrees_is_where_it_says(tmp_path: Path) -> None:
    found = read(write_geotiff(tmp_path / "a.tif", DARK_LAND, crs="EPSG:4326", centre=(16.5, 48.25), pixel=2**-13))
    assert (found.place.lat, found.place.lon, found.crs) == (48.25, 16.5, "EPSG:4326")
    assert found.bounds == (16.5 - 2**-12, 48.25 - 2**-12, 16.5 + 2**-12, 48.25 + 2**-12)


def test_a_tile_at_the_pole_is_at_the_pole(tmp_path: Path) -> None:
    found = read(write_geotiff(tmp_path / "a.tif", DARK_LAND, crs="EPSG:3413", centre=(0, 0)))
    assert found.place.lat == pytest.approx(90, abs=1e-6)


def test_a_tile_of_zone_60_beyond_the_antimeridian_has_a_western_longitude(tmp_path: Path) -> None:
    # 4 degrees east of the central meridian 177 E.
    found = read(write_geotiff(tmp_path / "a.tif", DARK_LAND, crs="EPSG:32660", centre=(500_000 + 445_000, 0)))
    assert found.place.lon == pytest.approx(-179, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.booleans(), st.integers(200_000, 800_000), st.integers(10_000, 9_000_000))
def test_the_place_of_a_tile_is_where_pyproj_puts_its_centre(zone: int, south: bool, easting: int, northing: int) -> None:
    from pyproj import Transformer

    crs = f"EPSG:{(32700 if south else 32600) + zone}"
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(easting, northing)
    with TemporaryDirectory() as folder:
        found = read(write_geotiff(Path(folder) / "a.tif", {"B04": 400}, crs=crs, centre=(easting, northing)))
    assert geodesic_km(found.place.lat, found.place.lon, lat, lon) * 1000 < 0.01
    assert found.crs == crs


def test_a_file_without_coordinate_system_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"names no coordinate system \(CRS\); state it with --crs EPSG:"):
        read(write_geotiff(tmp_path / "a.tif", DARK_LAND, crs=None))


def test_the_coordinate_system_can_be_stated_by_hand(tmp_path: Path) -> None:
    found = read(write_geotiff(tmp_path / "a.tif", DARK_LAND, crs=None), crs="EPSG:32632")
    assert (found.place.lon, found.crs) == (pytest.approx(9, abs=1e-9), "EPSG:32632")


def test_a_stated_coordinate_system_may_repeat_that_of_the_file_and_not_contradict_it(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", DARK_LAND)
    assert read(path, crs="EPSG:32632").crs == "EPSG:32632"
    with pytest.raises(InputError, match="is EPSG:32632, --crs says EPSG:32633; leave --crs out"):
        read(path, crs="EPSG:32633")


@pytest.mark.parametrize("crs", ["EPSG:99999", "somewhere in Austria"])
def test_a_coordinate_system_that_does_not_exist_is_refused_in_one_line(tmp_path: Path, crs: str) -> None:
    path = write_geotiff(tmp_path / "a.tif", DARK_LAND, crs=None)
    with pytest.raises((InputError, ConfigError), match=crs) as refused:
        read(path, crs=crs)
    assert "\n" not in str(refused.value)


def test_metres_taken_for_degrees_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lat must lie"):
        read(write_geotiff(tmp_path / "a.tif", DARK_LAND, crs="EPSG:4326", centre=(500_000, 5_400_000)))


def test_rows_from_south_to_north_are_turned(tmp_path: Path) -> None:
    layers = {band: np.arange(4)[:, None] + value for band, value in DARK_LAND.items()}
    up, down = write_geotiff(tmp_path / "a.tif", layers), tmp_path / "b.tif"
    with rasterio.open(up) as file:
        values, profile = file.read()[:, ::-1], file.profile | {"transform": rasterio.Affine(10, 0, 499_980, 0, 10, -20)}
    with rasterio.open(down, "w", **profile) as file:
        file.write(values)
        file.descriptions = tuple(layers)
    assert read(down).id == read(up).id


@pytest.mark.parametrize(("lon", "expected"), [(180.2, -179.8), (281.5, -78.5), (359.5, -0.5), (-180.5, 179.5)])
def test_longitudes_up_to_360_degrees_are_brought_back(tmp_path: Path, lon: float, expected: float) -> None:
    found = read(write_geotiff(tmp_path / "a.tif", DARK_LAND, crs="EPSG:4326", centre=(lon, -17), pixel=0.0001))
    assert found.place.lon == pytest.approx(expected)
    assert sum(found.bounds[::2]) / 2 == pytest.approx(expected)


# What is refused


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def overwritten(path: Path) -> None:
    path.write_bytes(b"no picture at all " * 40)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncated, overwritten, emptied])
def test_a_corrupt_file_is_refused_in_one_line(tmp_path: Path, damage: Any) -> None:
    path = write_geotiff(tmp_path / "a.tif", DARK_LAND)
    damage(path)
    with pytest.raises(InputError, match=r"not a readable GeoTIFF .*; download or export it again") as refused:
        read(path)
    assert "\n" not in str(refused.value)


def test_a_file_whose_pixels_are_cut_off_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(1, 5000, (64, 64))
    path = write_geotiff(tmp_path / "a.tif", dict.fromkeys(DARK_LAND, noise), side=64, compress="deflate")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match="not a readable GeoTIFF"):
        read(path)


def test_a_virtual_raster_disguised_as_a_tiff_cannot_point_at_other_files(tmp_path: Path) -> None:
    secret = write_geotiff(tmp_path / "secret.tif", {"B04": 400})
    disguised = tmp_path / "disguised.tif"
    disguised.write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="4"><SRS>EPSG:32632</SRS>'
        "<GeoTransform>499980, 10, 0, 20, 0, -10</GeoTransform>"
        '<VRTRasterBand dataType="UInt16" band="1"><Description>B04</Description>'
        f"<SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    with rasterio.open(disguised) as opened:
        assert opened.read(1)[0, 0] == 400, "GDAL by itself would follow it"
    with pytest.raises(InputError, match="not a readable GeoTIFF"):
        read(disguised)


@pytest.mark.parametrize("size", [{"width": MAX_SIDE_PX + 1, "height": 1}, {"width": 1, "height": MAX_SIDE_PX + 1}])
def test_a_file_too_large_for_one_tile_is_refused_with_the_remedy(tmp_path: Path, size: dict[str, int]) -> None:
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", count=1, dtype="uint16", crs="EPSG:32632", **size) as file:
        file.write(np.ones((1, size["height"], size["width"]), np.uint16))
    with pytest.raises(InputError, match=r"too large for one tile \(limit 2048 px a side\); cut it with gdal_retile.py"):
        read(tmp_path / "a.tif")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "gone.tif")
    with pytest.raises(InputError, match="no such file or folder"):
        build(paths=(tmp_path / "gone",))


def test_a_folder_without_tiffs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.tif or \.tiff file in this folder"):
        build(paths=(tmp_path,))


# The source


def test_a_folder_is_searched_and_bad_files_are_told_while_the_rest_is_kept(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    write_geotiff(tmp_path / "a.tif", DARK_LAND)
    bad = write_geotiff(tmp_path / "b.tif", [1, 2, 3])
    corrupt = tmp_path / "c.TIFF"
    corrupt.write_bytes(b"II*\0 and then nothing")
    write_geotiff(tmp_path / "deep" / "deeper" / "d.TIF", L2A_LAND)
    (tmp_path / "notes.txt").write_text("not a tile")
    source = build(paths=(tmp_path,))
    assert source.total == 4
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    report = ingest(catalogue, source)
    assert (report.read, report.added) == (4, 2)
    assert [each.where for each in report.rejected] == [str(bad), str(corrupt)]
    assert "--bands" in report.rejected[0].why
    assert "download or export it again" in report.rejected[1].why
    assert {row["title"] for row in contents(catalogue, "tiles")} == {"a", "d"}


def test_ingesting_a_folder_twice_gives_the_same_table(tmp_path: Path) -> None:
    write_geotiff(tmp_path / "a.tif", DARK_LAND)
    write_geotiff(tmp_path / "b.tif", L2A_LAND)
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    ingest(catalogue, build(paths=(tmp_path,)))
    once = contents(catalogue, "tiles")
    assert (ingest(catalogue, build(paths=(tmp_path,))).known, contents(catalogue, "tiles")) == (2, once)


@pytest.mark.parametrize("stated", [{}, {"scale": 0.0001}, {"offset": "remove"}])
def test_reading_a_tile_takes_little_more_than_its_numbers_and_its_pixels(tmp_path: Path, stated: dict[str, Any]) -> None:
    path = write_geotiff(tmp_path / "large.tif", WITH_OFFSET, side=256)
    read(path, **stated)  # what is loaded at the first file stays
    tracemalloc.start()
    try:
        found = read(path, **stated)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The numbers, their mask of half the size, the pixels, and copies of one of the 13 layers, in part as float64.
    assert most < 5 * found.pixels.nbytes


# Writing and reading back


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 13), st.integers(1, 9), st.integers(1, 9))
def test_a_sentinel_2_tile_is_read_back_as_it_was_written(seed: int, count: int, height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    bands = [SENTINEL2.bands[row] for row in sorted(random.choice(13, count, replace=False))]
    pixels = random.integers(0, 3000, (count, height, width)).astype(np.uint16)
    pixels[:, 0, 0] = 3000, *[50] * (count - 1)
    written = dataclasses.replace(
        tile(bands=bands), pixels=pixels, crs="EPSG:32632", bounds=(5e5, 0.0, 5e5 + 10 * width, 10.0 * height)
    )
    with TemporaryDirectory() as folder:
        write_tile(written, Path(folder) / "a.tif")
        found = read(Path(folder) / "a.tif", offset="none")
    np.testing.assert_array_equal(found.pixels, pixels)
    assert (found.bands, found.crs, found.pixels.dtype) == (written.bands, written.crs, np.uint16)
    assert found.bounds == pytest.approx(written.bounds)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
def test_a_nasa_tile_is_read_back_as_it_was_written(seed: int, count: int, height: int, width: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, height, width)).astype(np.uint8)
    pixels[0, 0, 0] = 255
    bands = NASA_COARSE.bands[:count]
    written = dataclasses.replace(tile(bands=bands), pixels=pixels, sensor="nasa_coarse", bounds=(10.0, 20.0, 11.0, 21.0))
    with TemporaryDirectory() as folder:
        write_tile(written, Path(folder) / "a.tif")
        found = read(Path(folder) / "a.tif")
    np.testing.assert_array_equal(found.pixels, pixels)
    assert (found.bands, found.sensor, found.pixels.dtype) == (bands, "nasa_coarse", np.uint8)


@pytest.mark.parametrize("value", [2, 1000, 2500, 65535])
def test_a_tile_as_bright_as_snow_or_as_dark_as_night_is_read_back_as_it_was_written(tmp_path: Path, value: int) -> None:
    # Its offset is already removed and its unit settled: reading it again must not do either a second time.
    written = tile(value, crs="EPSG:32632", bounds=(500_000.0, 0.0, 500_020.0, 20.0))
    write_tile(written, tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, written.pixels)


def test_writing_a_tile_leaves_no_half_written_file(tmp_path: Path) -> None:
    write_tile(tile(300), tmp_path / "a.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_what_was_written_before_stays_if_writing_fails(tmp_path: Path) -> None:
    write_tile(tile(300), tmp_path / "a.tif")
    before = (tmp_path / "a.tif").read_bytes()
    with pytest.raises(Exception):  # noqa: B017 - whatever rasterio says to a coordinate system that does not exist
        write_tile(tile(400, crs="EPSG:99999"), tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes() == before


# Real Sentinel-2 tiles


@pytest.fixture(scope="module")
def real_tiles() -> dict[str, Tile]:
    if not REAL_TILES.is_dir():
        pytest.skip(f"no real tiles at {REAL_TILES}")
    records = list(build(paths=(REAL_TILES,), table=REAL_TILES / "index.csv").records())
    assert [each for each in records if isinstance(each, Rejected)] == []
    return {each.title: each for each in records if isinstance(each, Tile)}


def test_all_real_tiles_are_read_and_lie_where_their_table_says(real_tiles: dict[str, Tile]) -> None:
    import csv

    with (REAL_TILES / "index.csv").open(newline="", encoding="utf-8") as stream:
        table = {row["tile_id"]: row for row in csv.DictReader(stream)}
    assert len(real_tiles) == len(table) == 44
    for name, each in real_tiles.items():
        row = table[name]
        assert geodesic_km(each.place.lat, each.place.lon, float(row["lat"]), float(row["lon"])) < 0.2, name
        assert each.pixels.shape[1:] == (int(row["height"]), int(row["width"])), name
        assert (each.level, each.date, each.split) == (row["level"][:3], row["date"], row["split"]), name
        assert each.valid > 0.9, name


def test_real_forests_are_brighter_in_the_near_infrared_than_in_the_red(real_tiles: dict[str, Tile]) -> None:
    forests = {name: each for name, each in real_tiles.items() if name.startswith("eurosat_Forest")}
    assert len(forests) == 3
    for name, each in forests.items():
        # EuroSAT stores B8A last; taken by position B08 would be right and B8A, B11 and B12 wrong.
        red, infrared, narrow, short_wave = (
            np.median(each.pixels[each.bands.index(band)]) for band in ("B04", "B08", "B8A", "B12")
        )
        assert infrared > 2 * red, name
        assert narrow == pytest.approx(infrared, rel=0.3), name
        assert short_wave < infrared, name


def test_real_cirrus_bands_are_dark_because_no_offset_is_left_in_them(real_tiles: dict[str, Tile]) -> None:
    # Water vapour hides the ground from B10: below a clear sky it is nearly black, whatever the scene.
    darkest = {
        name: float(np.quantile(each.pixels[each.bands.index("B10")], 0.01))
        for name, each in real_tiles.items()
        if "B10" in each.bands
    }
    assert len(darkest) > 10
    assert {name: value for name, value in darkest.items() if value >= 900} == {}


def test_real_tiles_survive_the_catalogue(real_tiles: dict[str, Tile], tmp_path: Path) -> None:
    from index.imagery.pixels import decode_pixels

    catalogue = Catalogue.open(tmp_path, create=True)
    some = list(real_tiles.values())[::4]
    assert ingest(catalogue, Listed("tiles", some)).added == len(some)
    rows = {row["id"]: row for row in contents(catalogue, "tiles")}
    for each in some:
        row = rows[each.id]
        found = decode_pixels(row["pixels"], (len(row["bands"]), row["height"], row["width"]), row["dtype"])
        np.testing.assert_array_equal(found, each.pixels)
