"""The border for foreign tables: what is guessed is said, what fits nothing is refused, and no row is lost without its number."""

import csv
import io
import json
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import InputError
from index.records import Article, Location, Rejected
from index.sources import parquet_articles, points
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.tables.csv_table import CsvTable
from tests.worlds import write_parquet

WIEN = (48.2082, 16.3738)


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def read(path: Path, **options: Any) -> tuple[list[tuple[str, float, float]], list[Rejected], list[str]]:
    """(title, lat, lon) of what became a location, what did not, and what was said."""
    source = points.build(paths=(path,), **options)
    records = list(source.records())
    found = [(each.title, round(each.place.lat, 4), round(each.place.lon, 4)) for each in records if isinstance(each, Location)]
    return found, [each for each in records if isinstance(each, Rejected)], source.remarks


# Separators, encodings, decimal commas


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("name,lat,lon\nWörgl,48.2082,16.3738\n", "utf-8", ""),
        ("name;lat;lon\nWörgl;48.2082;16.3738\n", "utf-8", "separated by semicolons"),
        ("Name;LAT;Long\r\nWörgl;48,2082;16,3738\r\n", "utf-8-sig", "decimal comma"),
        ('name,lat,lon\nWörgl,"48,2082","16,3738"\n', "utf-8", "decimal comma"),
        ("name\tlat\tlon\nWörgl\t48.2082\t16.3738\n", "utf-8", "separated by tabs"),
        ("name|lat|lon\nWörgl|48.2082|16.3738\n", "utf-8", "separated by pipes"),
        ("name,lat,lon\nWörgl,48.2082,16.3738\n", "utf-16", "in the encoding utf-16"),
        ("name;lat;lon\nWörgl;48,2082;16,3738\n", "utf-16-le", "in the encoding utf-16-le"),
        ("name,lat,lon\nWörgl,48.2082,16.3738\n", "cp1252", "in the encoding cp1252"),
        ("sep=,\nname,lat,lon\nWörgl,48.2082,16.3738\n", "utf-8", "its first line 'sep=' left out"),
        ("sep=;\r\nname;lat;lon\r\nWörgl;48,2082;16,3738\r\n", "cp1252", "its first line 'sep=' left out"),
        ("name, lat, lon\nWörgl, 48.2082, 16.3738\n", "utf-8", ""),
        ('"name","lat","lon"\n"Wörgl","48.2082","16.3738"\n', "utf-8", ""),
        ("name,lat,lon\rWörgl,48.2082,16.3738\r", "utf-8", ""),
    ],
)
def test_a_table_is_read_as_it_was_written_and_what_was_guessed_is_said(
    tmp_path: Path, text: str, encoding: str, said: str
) -> None:
    found, faults, remarks = read(written(tmp_path / "a.csv", text, encoding))
    assert (found, faults) == ([("Wörgl", *WIEN)], [])
    assert said in " / ".join(remarks)
    assert bool(said) == bool(remarks)


def test_what_was_guessed_stands_in_the_report_of_the_ingest(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "name;lat;lon\nA;48,2;16,3\n")
    report = ingest(Catalogue.open(tmp_path / "catalogue", create=True), points.build(paths=(path,))).as_dict()
    assert (report["added"], report["skipped"]) == (1, [])
    assert report["remarks"] == [
        f"{path}: read as a table separated by semicolons", f"{path}: numbers in lat and lon are read with a decimal comma"
    ]  # fmt: skip


def test_a_number_with_a_comma_among_numbers_with_points_is_refused(tmp_path: Path) -> None:
    found, faults, _ = read(written(tmp_path / "a.csv", "name;lat;lon\nA;48.2;16.3\nB;48,2;16,3\n"))
    assert [each[0] for each in found] == ["A"]
    assert "row 2" in faults[0].where


# Quotes


def test_a_quote_that_nobody_closes_costs_its_own_row(tmp_path: Path) -> None:
    rows = [f"Site {n},48.{n},16.{n}" for n in range(1, 10)]
    rows[2], rows[4], rows[6] = '"Inn 24" Motel,48.3,16.3', 'Mill "The Old,48.5,16.5', '"Gasthof,48.7,16.7'
    found, faults, _ = read(written(tmp_path / "a.csv", "name,lat,lon\n" + "\n".join(rows) + "\n"))
    assert [each[0] for each in found] == [
        "Site 1",
        "Site 2",
        "Inn 24 Motel",
        "Site 4",
        'Mill "The Old',
        "Site 6",
        "Site 8",
        "Site 9",
    ]
    assert [each.where.rpartition(", ")[2] for each in faults] == ["row 7"]
    assert "a quote opens in line 8 and is not closed" in faults[0].why


@pytest.mark.parametrize("later", ['"Site 4",48.4,16.4', '"Site ""4""",48.4,16.4', 'Site 4,"48.4",16.4', '"Site 4,48.4,16.4'])
def test_a_later_quote_does_not_close_an_earlier_one(tmp_path: Path, later: str) -> None:
    text = f'name,lat,lon\nSite 1,48.1,16.1\n"Site 2,48.2,16.2\nSite 3,48.3,16.3\n{later}\nSite 5,48.5,16.5\n'
    found, faults, _ = read(written(tmp_path / "a.csv", text))
    assert "row 2" in faults[0].where
    assert len(found) + len(faults) == 5
    assert {"Site 1", "Site 3", "Site 5"} <= {each[0] for each in found}


@given(
    st.lists(st.tuples(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))), max_size=8)
)
@settings(deadline=None, max_examples=60)
def test_what_a_writer_of_csv_quotes_is_read_as_it_was(rows: list[tuple[str]]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
    writer.writerows([["name", "number"], *([name, n] for n, (name,) in enumerate(rows))])
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "a.csv", stream.getvalue())
        assert [values["name"] for _, values in CsvTable(path).rows(["name"]) if isinstance(values, dict)] == [
            name for (name,) in rows
        ]


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=150)
def test_no_bytes_after_a_header_end_an_ingest_or_lose_a_row_without_a_word(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(b"name,lat,lon\nA,1,2\n" + raw)
        found, faults, _ = read(path)
    assert ("A", 1.0, 2.0) in found
    assert all(each.where for each in faults)


def test_a_field_longer_than_python_reads_by_itself_is_read(tmp_path: Path) -> None:
    ring = ", ".join(f"{n / 1e4:.6f} 48" for n in range(20_000))
    text = f'name,lat,lon,outline\nA,1,2,x\nB,3,4,"POLYGON (({ring}))"\nC,5,6,x\n'
    assert [each[0] for each in read(written(tmp_path / "a.csv", text))[0]] == ["A", "B", "C"]


# Columns


@pytest.mark.parametrize(
    ("header", "refused"),
    [
        ("X,Y,Latitude", "Latitude has no partner and Y, X may be of another system; say which with --lat and --lon"),
        ("x,y,latitude,longitude_wgs84", "latitude has no partner"),
        ("lat,latitude,lon,longitude", "may all be the coordinates; say which with --lat and --lon"),
        ("LAT,lat,lon", "may all be the coordinates"),
        ("lat,name", "no column 'lon' for lon; name it with --lon"),
        ("lon,name", "no column 'lat' for lat; name it with --lat"),
        ("y,northing,x,easting", "several columns may be the coordinates"),
    ],
)
def test_coordinates_are_a_pair_that_belongs_together_or_are_refused(tmp_path: Path, header: str, refused: str) -> None:
    path = written(tmp_path / "a.csv", f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    with pytest.raises(InputError, match=refused):
        points.build(paths=(path,))


def test_a_latitude_and_a_longitude_come_before_x_and_y(tmp_path: Path) -> None:
    assert read(written(tmp_path / "a.csv", "x,y,Lat,Lng\n601900,5340100,48.2082,16.3738\n"))[0] == [("", *WIEN)]


def test_numbers_that_are_metres_are_told_as_such(tmp_path: Path) -> None:
    _, (fault,), _ = read(written(tmp_path / "a.csv", "x,y\n601900,5340100\n"))
    assert "numbers as large as 5340100, 601900 are metres, not degrees; state their system with --crs EPSG:…" in fault.why


# Geometries


SHAPES = [shapely.Point(16.3738, 48.2082), shapely.box(10, 40, 12, 42)]


@pytest.mark.parametrize("of", ["wkt", "ewkt", "wkb", "wkb_hex", "geojson"])
def test_a_column_of_geometries_says_where_rows_lie(tmp_path: Path, of: str) -> None:
    values = {
        "wkt": [each.wkt for each in SHAPES],
        "ewkt": [f"SRID=4326;{each.wkt}" for each in SHAPES],
        "wkb": [each.wkb for each in SHAPES],
        "wkb_hex": [each.wkb_hex for each in SHAPES],
        "geojson": [json.dumps(shapely.geometry.mapping(each)) for each in SHAPES],
    }[of]
    path = write_parquet(tmp_path / "a.parquet", [{"name": "A", "geom": values[0]}, {"name": "B", "geom": values[1]}])
    found, faults, remarks = read(path)
    assert (found, faults) == ([("A", *WIEN), ("B", 41.0, 11.0)], [])
    assert "the geometries in the column geom" in remarks[0]
    if of != "wkb":
        text = "name\tgeom\n" + "".join(f"{name}\t{value}\n" for name, value in zip("AB", values, strict=True))
        assert read(written(tmp_path / "a.csv", text.replace('"', "'") if of != "geojson" else text))[0] == found


@pytest.mark.parametrize("bad", ["POINT (1", "nonsense", "", b"\x01\x01", "SRID=31287;POINT (1 2)", {"a": 1}, None])
def test_a_geometry_that_is_none_costs_its_own_row(tmp_path: Path, bad: Any) -> None:
    frame = pa.table({"name": ["A"], "geometry": pa.array([bad])})
    pyarrow.parquet.write_table(frame, tmp_path / "a.parquet")
    found, faults, _ = read(tmp_path / "a.parquet")
    assert (found, len(faults)) == ([], 1)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:31287", "EPSG:3857"])
@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
def test_geoparquet_is_read_in_its_own_system(tmp_path: Path, crs: str, encoding: str) -> None:
    frame = geopandas.GeoDataFrame({"title": ["Wien"], "text": ["Capital."]}, geometry=SHAPES[:1], crs=4326).to_crs(crs)
    for name in ("a.parquet", "a.geoparquet"):
        frame.to_parquet(tmp_path / name, geometry_encoding=encoding)
        assert read(tmp_path / name)[0] == [("Wien", *WIEN)]
        (article,) = parquet_articles.build(paths=(tmp_path / name,)).records()
        assert isinstance(article, Article)
        assert (round(article.place.lat, 4), round(article.place.lon, 4)) == WIEN


def test_geoparquet_without_a_system_needs_one_and_with_one_contradicts_another(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"title": ["Wien"]}, geometry=SHAPES[:1], crs=4326).to_crs(31287)
    frame.set_crs(None, allow_override=True).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"names no coordinate system \(CRS\); state it with --crs"):
        read(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", crs="EPSG:31287")[0] == [("Wien", *WIEN)]
    frame.to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"the file says MGI / Austria Lambert, --crs says EPSG:4326"):
        read(tmp_path / "b.parquet", crs="EPSG:4326")


def geojson(path: Path, crs: str = "") -> Path:
    point = {"type": "Feature", "properties": {"name": "Wien"}, "geometry": {"type": "Point", "coordinates": [1822723, 6141584]}}
    member = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    path.write_text(json.dumps({"type": "FeatureCollection", **member, "features": [point]}))
    return path


def test_the_crs_of_a_geojson_that_names_none_is_the_one_that_was_stated_and_that_is_said(tmp_path: Path) -> None:
    found, _, (remark,) = read(geojson(tmp_path / "a.geojson"), crs="EPSG:3857")
    assert found[0][1:] == pytest.approx(WIEN, abs=0.01)
    assert "read as EPSG:3857" in remark


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp"])
def test_a_crs_that_contradicts_the_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".geojson":
        geojson(path, "urn:ogc:def:crs:EPSG::3857")
    else:
        geopandas.GeoDataFrame({"name": ["Wien"]}, geometry=SHAPES[:1], crs=4326).to_file(path)
    with pytest.raises(InputError, match=r"the file says WGS 84.*, --crs says EPSG:31287; leave --crs out"):
        read(path, crs="EPSG:31287")


def test_a_shapefile_that_names_no_encoding_is_read_in_the_one_it_is_in(tmp_path: Path) -> None:
    path = tmp_path / "a.shp"
    geopandas.GeoDataFrame({"name": ["München"]}, geometry=SHAPES[:1], crs=4326).to_file(path, encoding="cp1252")
    path.with_suffix(".cpg").unlink()
    found, _, (remark,) = read(path)
    assert found[0][0] == "München"
    assert "its .dbf names no encoding; read as cp1252" in remark


# Columns of Parquet that nobody asked for, and odd ones that somebody did


ODD_COLUMNS = {
    "nested": [{"a": [{"b": "c"}]}],
    "decimal": [Decimal("1.5")],
    "nothing": [None],
    "list": [[1, 2]],
    "day": [date(2026, 1, 1)],
}


@pytest.mark.parametrize("name", ODD_COLUMNS)
def test_an_odd_column_is_no_harm_where_it_is_not_used_and_a_fault_of_the_row_where_it_is(tmp_path: Path, name: str) -> None:
    row = {"lat": [48.2], "lon": [16.4], "text": ["Capital."], "title": ODD_COLUMNS[name]}
    pyarrow.parquet.write_table(pa.table(row), tmp_path / "a.parquet")
    (as_title,) = parquet_articles.build(paths=(tmp_path / "a.parquet",)).records()
    assert isinstance(as_title, Rejected) == (name in ("nested", "list"))
    pyarrow.parquet.write_table(pa.table(row | {"title": ["Wien"], "odd": ODD_COLUMNS[name]}), tmp_path / "b.parquet")
    (unused,) = parquet_articles.build(paths=(tmp_path / "b.parquet",)).records()
    assert isinstance(unused, Article)


def test_text_in_a_dictionary_and_numbers_as_decimals_are_read(tmp_path: Path) -> None:
    texts = pa.array(["Capital."]).dictionary_encode()
    table = pa.table({"lat": pa.array([Decimal("48.2")]), "lon": [16.4], "text": texts, "title": pd.Categorical(["Wien"])})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (found,) = parquet_articles.build(paths=(tmp_path / "a.parquet",)).records()
    assert isinstance(found, Article)
    assert (found.place.lat, found.text, found.title) == (48.2, "Capital.", "Wien")


def test_only_the_columns_that_are_needed_are_read(tmp_path: Path) -> None:
    noise = pa.array([b"\xff" * 1000] * 100)
    table = pa.table({"lat": [1.0] * 100, "lon": [2.0] * 100, "text": ["x"] * 100, "picture": noise})
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(table, path, use_dictionary=False, compression="none")
    about = pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(3)
    raw = bytearray(path.read_bytes())
    start = about.data_page_offset
    raw[start : start + about.total_compressed_size] = b"\xee" * about.total_compressed_size  # whoever reads it stumbles
    path.write_bytes(raw)
    assert all(isinstance(each, Article) for each in parquet_articles.build(paths=(path,)).records())


CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=4))
@settings(deadline=None, max_examples=100)
def test_no_cell_of_a_parquet_file_ends_an_ingest(rows: list[tuple[Any, ...]]) -> None:
    """A column has one type: each row is a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for number, row in enumerate(rows):
            try:
                table = pa.table({name: pa.array([cell]) for name, cell in zip(("lat", "lon", "text", "title"), row, strict=True)})
            except (OverflowError, pa.ArrowException, UnicodeError):
                continue  # such a file cannot be written
            path = Path(folder) / f"{number}.parquet"
            pyarrow.parquet.write_table(table, path)
            (record,) = parquet_articles.build(paths=(path,)).records()
            assert isinstance(record, Article | Rejected)
