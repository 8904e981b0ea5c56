"""Tiles of one pixel from tables of spectra: numbers, absent bands, levels and dates, chosen dates, and rows that are wrong."""

from pathlib import Path
from typing import Any

import pytest

from index.errors import InputError
from index.geo import geodesic_km
from index.records import Place, Rejected, Tile
from index.sources.spectra import build, date_of, level_of
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import write_csv, write_parquet
from ui.server.thumbnails import thumbnail

NAN = float("nan")
ROW: dict[str, Any] = {
    "source": "fields", "place": "f1", "lat": 48.0, "lon": 16.0, "date": "2021-07-03", "B02": 0.05, "B04": 0.1234, "B8A": 0.4,
    "level": "L2A", "license": "CC0-1.0", "bright": False, "split": "val",
}  # fmt: skip


def read(path: Path, **options: Any) -> tuple[list[Tile], list[Rejected]]:
    records = list(build(paths=(path,), **options).records())
    return [each for each in records if isinstance(each, Tile)], [each for each in records if isinstance(each, Rejected)]


def tiles(path: Path, **options: Any) -> list[Tile]:
    found, rejected = read(path, **options)
    assert rejected == []
    return found


def save(folder: Path, *rows: dict[str, Any]) -> Path:
    """A Parquet file whose rows are ``ROW`` but for what is given."""
    return write_parquet(folder / "spectra.parquet", [ROW | row for row in rows])


def series(places: int, dates: int) -> list[dict[str, Any]]:
    return [
        {"place": f"p{place}", "lat": float(place), "date": f"2021-{month:02}", "B02": (place * dates + month) / 1000}
        for place in range(places)
        for month in range(1, dates + 1)
    ]


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_a_row_becomes_a_tile_of_one_pixel_of_ten_metres(tmp_path: Path, write: Any) -> None:
    (tile,) = tiles(write(tmp_path / ("a.csv" if write is write_csv else "a.parquet"), [ROW]))
    assert (tile.place, tile.sensor, tile.bands) == (Place(lat=48.0, lon=16.0), "sentinel2", ("B02", "B04", "B8A"))
    assert (tile.pixels.tolist(), tile.pixels.dtype) == ([[[500]], [[1234]], [[4000]]], "uint16")
    assert (tile.level, tile.date, tile.title, tile.source) == ("L2A", "2021-07-03", "f1 2021-07-03", "fields")
    assert (tile.licence, tile.split, tile.valid, tile.crs) == ("CC0-1.0", "val", 1.0, "EPSG:4326")
    left, bottom, right, top = tile.bounds
    assert geodesic_km(48.0, left, 48.0, right) == pytest.approx(0.01, rel=0.01)
    assert geodesic_km(bottom, 16.0, top, 16.0) == pytest.approx(0.01, rel=0.01)


def test_absent_bands_are_left_out_and_dark_and_bright_ones_stay_what_can_be_stored(tmp_path: Path) -> None:
    first, second = tiles(save(tmp_path, {"B04": NAN, "B8A": None}, {"B02": -0.01, "B04": 0.0, "B8A": 2.4}))
    assert (first.bands, first.pixels.ravel().tolist()) == (("B02",), [500])
    assert (second.bands, second.pixels.ravel().tolist()) == (("B02", "B04", "B8A"), [1, 1, 24000])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"B04": 1234.0}, "B04 is 1234, impossible as reflectance"),
        ({"B04": -0.5}, "B04 is -0.5, impossible"),
        ({"B04": float("inf")}, "B04 must be a number"),
        ({"B02": NAN, "B04": NAN, "B8A": NAN}, "no band has a number"),
        ({"lat": 88.0}, "latitudes up to 85"),
        ({"lat": NAN}, "lat must be a number"),
        ({"split": "tset"}, "split must be one of"),
    ],
)
def test_an_impossible_row_is_rejected_with_its_number_and_the_others_are_read(
    tmp_path: Path, wrong: dict[str, Any], why: str
) -> None:
    found, (rejected,) = read(save(tmp_path, {}, wrong, {"date": "2021-08-01"}))
    assert [tile.date for tile in found] == ["2021-07-03", "2021-08-01"]
    assert rejected.where.endswith("spectra.parquet, row 2")
    assert why in rejected.why


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("L1C (TOA)", "L1C"), ("L2A", "L2A"), ("l2a", "L2A"), ("L2A monthly mean (S2_SR_HARMONIZED)", "composite"),
        ("L2A (10-day or monthly composite)", "composite"), ("L2A half-year geomedian", "composite"),
        ("L2A annual p50", "composite"),
        ("surface reflectance", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_level_in_words_is_one_of_three_or_none(said: str, level: str) -> None:
    assert level_of(said) == level


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("2021-07-03", "2021-07-03"), ("2021-07", "2021-07"), ("month-07", "--07"), ("2019-H1", "2019"),
        ("2024 annual geomedian (year to be checked)", "2024"), ("annual median (p50)", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_date_in_words_is_a_day_a_month_a_year_or_none(said: str, date: str) -> None:
    assert date_of(said) == date


def test_cloud_and_snow_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path, {}, {"bright": True, "date": "2021-01"}, {"bright": None, "date": "2021-08"})
    assert [tile.date for tile in tiles(path)] == ["2021-07-03", "2021-08"]
    assert [tile.date for tile in tiles(path, bright=True)] == ["2021-07-03", "2021-01", "2021-08"]
    _, (rejected,) = read(write_csv(tmp_path / "odd.csv", [ROW | {"bright": "perhaps"}]))
    assert "bright must be true or false, got 'perhaps'" in rejected.why


def test_at_most_so_many_dates_of_a_place_are_taken_and_the_same_ones_in_any_order(tmp_path: Path) -> None:
    rows = series(places=6, dates=9)
    some = tiles(save(tmp_path, *rows), dates=3)
    assert sorted(tile.place.lat for tile in some) == sorted([float(place) for place in range(6)] * 3)
    assert len({tuple(tile.date for tile in some if tile.place.lat == place) for place in range(6)}) > 1, "drawn for each place"
    assert {tile.id for tile in tiles(save(tmp_path, *rows[::-1]), dates=3)} == {tile.id for tile in some}
    assert {tile.id for tile in some} < {tile.id for tile in tiles(save(tmp_path, *rows), dates=4)}
    assert len(tiles(save(tmp_path, *rows), dates=9)) == len(tiles(save(tmp_path, *rows))) == 54


def test_bright_rows_take_no_date_from_others_and_places_of_two_sources_are_two(tmp_path: Path) -> None:
    rows = [{"date": f"2021-{month:02}", "bright": month > 2} for month in range(1, 13)]
    assert [tile.date for tile in tiles(save(tmp_path, *rows), dates=2)] == ["2021-01", "2021-02"]
    both = [{"source": name, "date": f"2021-{month:02}"} for name in "ab" for month in range(1, 5)]
    assert [tile.source for tile in tiles(save(tmp_path, *both), dates=1)] == ["a", "b"]


def test_dates_of_places_need_a_column_with_the_place(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [{name: value for name, value in ROW.items() if name != "place"}])
    with pytest.raises(InputError, match="no column is 'place'"):
        build(paths=(path,), dates=2)
    assert len(tiles(path)) == 1


def test_sources_are_chosen_by_name_and_an_unknown_one_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = save(tmp_path, {"source": "a"}, {"source": "b"}, {"source": ""}, {"source": "c"})
    assert [tile.source for tile in tiles(path, sources=("c", "a"))] == ["a", "c"]
    assert [tile.source for tile in tiles(path)] == ["a", "b", "spectra", "c"], "without a name that of the file"
    with pytest.raises(InputError, match="no source x; choose from a, b, c, spectra"):
        build(paths=(path,), sources=("a", "x"))


def test_a_table_without_any_band_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column is a band of Sentinel-2"):
        build(paths=(write_csv(tmp_path / "a.csv", [{"lat": 1, "lon": 2, "red": 0.1}]),))


def test_a_tile_of_one_pixel_is_stored_once_and_has_a_thumbnail_of_one_colour(tmp_path: Path) -> None:
    from io import BytesIO

    from PIL import Image

    catalogue = Catalogue.open(tmp_path / "c", create=True)
    path = save(tmp_path, {"B03": 0.08}, {"date": "2021-08"})
    for added in (2, 0):
        report = ingest(catalogue, build(paths=(path,)))
        assert (report.added, report.rejected) == (added, [])
    for id_ in catalogue.column("tiles", [])["id"].to_pylist():
        image = Image.open(BytesIO(thumbnail(catalogue, id_, 64)))
        assert image.size == (64, 64)
        assert len(image.getcolors()) == 1
        assert image.getpixel((0, 0))[3] == 255
