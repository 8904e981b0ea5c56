"""Points from CSV, GeoPackage, GeoJSON and shapefile: any coordinate system, any geometry, and files that lie about themselves."""

import json
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import pyarrow as pa
import pytest
import shapely

from index.errors import ConfigError, InputError
from index.records import Location, Place, Rejected
from index.sources import points
from index.sources.points import build
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.worlds import contents, write_csv

VIENNA = {"name": "Wien", "lat": 48.2082, "lon": 16.3738}
FORMATS = (".gpkg", ".geojson", ".shp")


def read(*paths: Path, **options: Any) -> list[Any]:
    return list(build(paths=paths, **options).records())


def locations(*paths: Path, **options: Any) -> list[Location]:
    records = read(*paths, **options)
    assert [each for each in records if isinstance(each, Rejected)] == []
    return records


def save(path: Path, shapes: list[Any], crs: Any = "EPSG:4326", layer: str = "", **columns: list[Any]) -> Path:
    frame = geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)
    frame.to_file(path, **({"layer": layer} if layer else {}))
    return path


def near(place: Place, lat: float, lon: float, degrees: float = 1e-7) -> bool:
    return abs(place.lat - lat) < degrees and abs(place.lon - lon) < degrees


# CSV


def test_a_csv_with_the_usual_columns_needs_no_option(tmp_path: Path) -> None:
    row = VIENNA | {"url": "https://wien.example", "country": "Austria", "kind": "city", "population": 2_000_000}
    (found,) = locations(write_csv(tmp_path / "cities.csv", [row]))
    facts = {"title": "Wien", "url": "https://wien.example", "country": "Austria", "kind": "city", "source": "cities"}
    assert found == Location(place=Place(lat=48.2082, lon=16.3738), **facts)


@pytest.mark.parametrize(
    ("lat", "lon"), [("lat", "lon"), ("Latitude", "Longitude"), ("LAT", "lng"), ("y", "x"), ("latitude", "long")]
)
def test_coordinates_are_found_under_their_usual_names(tmp_path: Path, lat: str, lon: str) -> None:
    (found,) = locations(write_csv(tmp_path / "a.csv", [{lon: 16.3738, "title": "Wien", lat: 48.2082}]))
    assert (found.place, found.title) == (Place(lat=48.2082, lon=16.3738), "Wien")


def test_columns_can_be_named_and_then_must_be_there(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [{"breite": 48.2, "laenge": 16.4, "ort": "Wien", "name": "not this"}])
    (found,) = locations(path, lat="breite", lon="laenge", name="ort", licence="CC0-1.0")
    assert (found.title, found.licence) == ("Wien", "CC0-1.0")
    with pytest.raises(InputError, match="no column 'lat' for lat; name it with --lat, the file has breite, laenge, ort, name"):
        build(paths=(path,))
    with pytest.raises(InputError, match="no column 'dorf' for name; name it with --name"):
        build(paths=(path,), lat="breite", lon="laenge", name="dorf")


def test_a_csv_in_another_coordinate_system_is_brought_to_wgs84(tmp_path: Path) -> None:
    # UTM zone 32: an easting of 500 km is 9 E, a northing of 0 the equator, by definition.
    (found,) = locations(write_csv(tmp_path / "a.csv", [{"x": 500_000, "y": 0}]), crs="EPSG:32632")
    assert near(found.place, 0.0, 9.0)


@pytest.mark.parametrize(
    ("lat", "lon", "complaint"),
    [
        ("north", "16", "lat must be a number in degrees, got 'north'"),
        ("", "16", "lat must be a number in degrees, got ''"),
        ("48,2", "16", "got '48,2' (a decimal comma among decimal points)"),
        ("nan", "16", "lat must be a number"),
        ("inf", "16", "lat must be a number"),
        ("100", "16", "are lat and lon swapped?"),
        ("48", "400", "lon must lie in"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_of_and_the_others_are_kept(tmp_path: Path, lat: str, lon: str, complaint: str) -> None:
    path = write_csv(tmp_path / "a.csv", [VIENNA, {"name": "?", "lat": lat, "lon": lon}, VIENNA])
    records = read(path)
    assert [type(each) for each in records] == [Location, Rejected, Location]
    assert (records[1].where, complaint in records[1].why) == (f"{path}, row 2", True), records[1].why


def test_longitudes_from_0_to_360_are_brought_to_the_usual_half(tmp_path: Path) -> None:
    (found,) = locations(write_csv(tmp_path / "a.csv", [{"lat": -18.1, "lon": 181.5}]))
    assert near(found.place, -18.1, -178.5)


@pytest.mark.parametrize("place", [(90.0, 0.0), (-90.0, 180.0), (0.0, -180.0), (0.0, 180.0)])
def test_poles_and_the_antimeridian_are_places(tmp_path: Path, place: tuple[float, float]) -> None:
    (found,) = locations(write_csv(tmp_path / "a.csv", [{"lat": place[0], "lon": place[1]}]))
    assert (found.place.lat, found.place.lon) == place


def test_ragged_rows_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,lat,lon\nA,1,2\nB,3\nC,5,6,7,8\nD,5,6,,\n", encoding="utf-8-sig")
    a, b, c, d = read(tmp_path / "a.csv")
    assert (a.title, d.title, d.place) == ("A", "D", Place(lat=5, lon=6))
    assert [each.where.rpartition(", ")[2] for each in (b, c)] == ["row 2", "row 3"]


def test_rows_before_the_place_where_a_csv_is_damaged_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.tables.located.BATCH_ROWS", 3)
    monkeypatch.setattr("index.tables.csv_table.MAX_ROW_CHARS", 10_000)
    rows = "".join(f"place {i},{i},{i}\n" for i in range(5))
    (tmp_path / "a.csv").write_text(f"name,lat,lon\n{rows}{'x' * 20_000},1,2\nlost,1,2\n")
    *good, bad = read(tmp_path / "a.csv")
    assert [each.title for each in good] == [f"place {i}" for i in range(5)]
    assert (bad.where, "the file is damaged from here on" in bad.why) == (f"{tmp_path / 'a.csv'}, row 6", True)


# Files with geometries


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_format_gives_the_same_locations(tmp_path: Path, suffix: str) -> None:
    names = ["Wien", "Suva", None]
    path = save(
        tmp_path / f"a{suffix}", [shapely.Point(16.3738, 48.2082), shapely.Point(178.44, -18.14), shapely.Point(0, 0)], name=names
    )
    found = locations(path)
    assert [each.title for each in found] == ["Wien", "Suva", ""]
    assert near(found[0].place, 48.2082, 16.3738)
    assert near(found[1].place, -18.14, 178.44)
    assert {each.source for each in found} == {"a"}
    assert build(paths=(path,)).total == 3


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
@pytest.mark.parametrize(
    ("crs", "point", "lat", "lon"),
    [
        ("EPSG:32632", (500_000, 0), 0.0, 9.0),
        ("EPSG:3857", (0, 0), 0.0, 0.0),
        ("EPSG:4326", (16.3738, 48.2082), 48.2082, 16.3738),  # its axes are lat, lon; files have lon, lat
        ("EPSG:3031", (0, 0), -90.0, 0.0),  # polar stereographic, from the pole
    ],
)
def test_any_coordinate_system_is_brought_to_wgs84(
    tmp_path: Path, suffix: str, crs: str, point: tuple[float, float], lat: float, lon: float
) -> None:
    (found,) = locations(save(tmp_path / f"a{suffix}", [shapely.Point(point)], crs, name=["x"]))
    assert near(found.place, lat, lon)


def test_a_line_and_an_area_count_as_a_point_that_lies_on_them(tmp_path: Path) -> None:
    horseshoe = shapely.box(0, 0, 10, 10) - shapely.box(2, 2, 10, 8)  # its centroid is in the gap
    river = shapely.LineString([(0, 0), (5, 5), (10, 0)])
    islands = shapely.MultiPolygon([shapely.box(20, 0, 21, 1), shapely.box(30, 0, 40, 10)])
    shapes = [horseshoe, river, islands]
    assert not horseshoe.contains(horseshoe.centroid)
    found = locations(save(tmp_path / "a.gpkg", shapes, name=["bay", "river", "islands"]))
    for shape, each in zip(shapes, found, strict=True):
        assert shape.distance(shapely.Point(each.place.lon, each.place.lat)) < 1e-9, each.title


def test_an_area_across_the_antimeridian_lies_on_the_globe(tmp_path: Path) -> None:
    (found,) = locations(save(tmp_path / "a.geojson", [shapely.box(179, -19, 185, -17)], name=["Fiji"]))
    assert near(found.place, -18.0, -178.0)


def test_all_layers_of_a_geopackage_are_read_or_those_that_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    save(path, [shapely.Point(1, 1)], layer="towns", name=["a town"])
    save(path, [shapely.Point(500_000, 0)], "EPSG:32632", layer="peaks", name=["a peak"])
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes (text TEXT)")
    assert [each.title for each in locations(path)] == ["a town", "a peak"]
    (peak,) = locations(path, layers=("peaks",))
    assert near(peak.place, 0.0, 9.0)
    with pytest.raises(InputError, match="no layer lakes; it has towns, peaks"):
        build(paths=(path,), layers=("lakes",))


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_a_file_that_names_no_coordinate_system_needs_one(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", [shapely.Point(500_000, 0)], None, name=["x"])
    with pytest.raises(InputError, match=r"names no coordinate system \(CRS\); state it with --crs EPSG:…"):
        build(paths=(path,))
    (found,) = locations(path, crs="EPSG:32632")
    assert near(found.place, 0.0, 9.0)
    with pytest.raises(InputError, match="'EPSG:99999' is not a coordinate system"):
        build(paths=(path,), crs="EPSG:99999")


@pytest.mark.filterwarnings("ignore:invalid value")
def test_features_without_a_usable_geometry_are_told_of_and_the_others_are_kept(tmp_path: Path) -> None:
    broken, bow_tie = shapely.LineString([(float("nan"), 0), (1, 1)]), shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    shapes = [shapely.Point(1, 1), None, shapely.Point(), broken, bow_tie, shapely.Point(2, 100)]
    path = save(tmp_path / "a.gpkg", shapes, name=list("abcdef"))
    records = read(path)
    assert [type(each) for each in records] == [Location, Rejected, Rejected, Rejected, Location, Rejected]
    assert records[1].where == f"{path}, layer a, row 2"
    assert "the geometry is missing, empty or damaged" in records[1].why
    assert "lat must lie in" in records[5].why


@pytest.mark.parametrize("suffix", FORMATS)
def test_batches_do_not_change_what_is_read(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / f"a{suffix}", [shapely.Point(i, i / 10) for i in range(50)], name=[f"p{i}" for i in range(50)])
    whole = locations(path)
    monkeypatch.setattr(points, "BATCH_ROWS", 7)
    assert locations(path) == whole
    assert len(whole) == 50


def test_the_catalogue_takes_them_once(tmp_path: Path) -> None:
    path = save(tmp_path / "a.gpkg", [shapely.Point(i, 1) for i in range(5)], name=[f"p{i}" for i in range(5)])
    catalogue = Catalogue.open(tmp_path / "catalogue", create=True)
    assert ingest(catalogue, build(paths=(path,))).added == 5
    assert ingest(catalogue, build(paths=(path,))).known == 5
    assert {row["title"] for row in contents(catalogue, "locations")} == {f"p{i}" for i in range(5)}


# Files that are damaged or were made to do harm


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_is_something_else_is_not_opened_as_that(tmp_path: Path, suffix: str) -> None:
    secret = write_csv(tmp_path / "secret.csv", [VIENNA])
    layer = f'<OGRVRTLayer name="secret"><SrcDataSource>{secret}</SrcDataSource><LayerSRS>WGS84</LayerSRS>'
    layer += '<GeometryField encoding="PointFromColumns" x="lon" y="lat"/></OGRVRTLayer>'
    (tmp_path / f"a{suffix}").write_text(f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>")
    with pytest.raises(InputError, match=rf"is not a \{suffix} by its contents; export it again"):
        build(paths=(tmp_path / f"a{suffix}",))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kept", [0.0, 0.3])
def test_a_truncated_file_is_refused_or_told_of(tmp_path: Path, suffix: str, kept: float) -> None:
    path = save(
        tmp_path / f"a{suffix}", [shapely.Point(i % 90, 1) for i in range(3000)], name=[f"place number {i}" for i in range(3000)]
    )
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    records = outcome(path)
    assert any(isinstance(each, Rejected) for each in records), "what was lost is told of"
    assert all(each.title == f"place number {i}" for i, each in enumerate(records) if isinstance(each, Location))


def outcome(path: Path) -> list[Any]:
    """What the source yields; a file that it refuses at once counts as rejected."""
    try:
        return read(path)
    except InputError as error:
        return [Rejected(where=str(path), why=str(error))]


def test_text_that_is_not_utf_8_costs_only_the_characters_that_cannot_be_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.geojson", [shapely.Point(1, 1), shapely.Point(2, 2)], name=["Wien", "K?ln"])
    path.write_bytes(path.read_bytes().replace(b"K?ln", b"K\xf6ln"))
    assert [each.title for each in locations(path)] == ["Wien", "K\N{REPLACEMENT CHARACTER}ln"]


def test_a_shapefile_without_its_companions_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.shp", [shapely.Point(1, 1)], name=["x"])
    path.with_suffix(".shx").unlink()
    with pytest.raises(InputError, match=r"a\.shp: not a readable \.shp"):
        build(paths=(path,))


def test_a_geojson_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"name": "not geographic"}))
    with pytest.raises(InputError, match=r"a\.geojson: "):
        build(paths=(path,))


def test_other_files_are_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(
        InputError, match=r"expected a \.csv, .* or \.shp, or the \.txt of GeoNames; convert it first \(a zip: unpack it\)"
    ):
        build(paths=(tmp_path / "a.zip",))
    with pytest.raises(InputError, match="no such file"):
        build(paths=(tmp_path / "gone.csv",))
    with pytest.raises(ConfigError, match="unknown setting 'colour'"):
        build(paths=(tmp_path / "a.csv",), colour="red")


# Own columns


@pytest.mark.parametrize("ending", [*FORMATS, ".csv", ".parquet"])
def test_every_format_keeps_own_columns_with_their_type(ending: str, tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"name": ["Alm", "Hof"], "beds": [12, 7], "share": [0.5, 1.25], "owner": ["Ö", None]}
    path = tmp_path / f"huts{ending}"
    if ending == ".csv":
        write_csv(path, [{"lat": 47, "lon": 11, **{key: values[at] or "" for key, values in columns.items()}} for at in range(2)])
    elif ending == ".parquet":
        geopandas.GeoDataFrame(columns, geometry=[shapely.Point(11, 47)] * 2, crs="EPSG:4326").to_parquet(path)
    else:
        save(path, [shapely.Point(11, 47)] * 2, **columns)
    source = build(paths=[path], keep=("beds", "share", "owner=who"))
    assert source.own == {"beds": pa.int64(), "share": pa.float64(), "who": pa.string()}
    expected = [{"beds": 12, "share": 0.5, "who": "Ö"}, {"beds": 7, "share": 1.25, "who": None}]
    assert [dict(each.own) for each in source.records() if isinstance(each, Location)] == expected


def test_a_geojson_with_lists_and_structures_keeps_the_rest(tmp_path: Path) -> None:
    facts = {"name": "Alm", "open": True, "since": "1999-05-01", "tags": ["a"], "more": {"x": 1}}
    feature = {"type": "Feature", "properties": facts, "geometry": {"type": "Point", "coordinates": [11, 47]}}
    path = tmp_path / "huts.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    source = build(paths=[path], keep=("all",))
    assert source.own == {"open": pa.bool_(), "since": pa.date32()}
    assert [said.split(": ", 1)[1] for said in source.remarks] == [
        f"the column '{name}' is left out: it holds {what}; leave it out"
        for name, what in (("tags", "lists"), ("more", "structures"))
    ]
    (found,) = source.records()
    assert found.own == {"open": True, "since": date(1999, 5, 1)}


def test_the_dump_of_geonames_has_no_columns_to_keep(tmp_path: Path) -> None:
    dump = tmp_path / "AT.txt"
    dump.write_text("\t".join(["1", "Wien", "Wien", "", "48.2", "16.4", "P", "PPLC", "AT", *[""] * 5, "7", "", "", "", ""]) + "\n")
    with pytest.raises(InputError, match="GeoNames' dump has no columns to keep; leave --keep out"):
        build(paths=[dump], keep=("all",))
