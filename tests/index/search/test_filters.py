"""What a filter lets through, against the obvious loop; how users write filters, and how filters describe themselves."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import ConfigError, InputError, PlaceBindError
from index.geo import geodesic_km
from index.records import Place
from index.search.filters import Filter
from index.search.region import Circle
from index.search.snapshot import Snapshot, open_snapshot
from tests.worlds import article, catalogue_with, clustered, index_with, tile

ARTICLES = [
    article(
        f"place {number}",
        lat=lat,
        lon=lon,
        text=f"What is written about {number}.",
        country=["Fiji", "Côte d'Ivoire", ""][number % 3],
        source=["Wikipedia (en)", "O'Brien"][number % 2],
        split=["", "train", "test"][number % 3],
    )
    for number, (lat, lon) in enumerate((lat, lon) for lat in range(-90, 91, 30) for lon in range(-180, 180, 20))
]
DATES = ["", "2021-06-01", "2021-06-01/2021-08-31", "2021-07", "2021", "2022-01-01", "2021-05-31", "2021-06-01T10:56:19"]
ACROSS = "lat, 170 to -170 lon across the antimeridian"
TILES = [tile(number, lat=number, date=day, valid=number / 10) for number, day in enumerate(DATES)]


def opened(folder: Path, modality: Any, **records: Any) -> Snapshot:
    catalogue = catalogue_with(folder, **records)
    index_with(catalogue, modality, clustered(len(records[modality]), 4))
    return open_snapshot(catalogue, modality)


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return opened(tmp_path_factory.mktemp("articles"), "articles", articles=ARTICLES)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return opened(tmp_path_factory.mktemp("tiles"), "tiles", tiles=TILES)


def found(snapshot: Snapshot, **values: Any) -> set[str]:
    rows = Filter.parse(values).rows(snapshot)
    assert rows is not None
    assert rows.dtype == np.int64
    assert (np.diff(rows) > 0).all(), "ascending"
    return {snapshot.ids[int(row)].as_py() for row in rows}


def ids(records: list[Any], condition: Any) -> set[str]:
    return {record.id for record in records if condition(record)}


# What is let through


def test_an_empty_filter_restricts_nothing_and_reads_nothing(articles: Snapshot) -> None:
    empty = Filter.parse({"dates": None, "bbox": None, "polygon": None, "near": None, "where": " ", "countries": []})
    assert empty == Filter()
    assert empty.rows(articles) is None
    assert empty.describe() == "everything"


def test_a_box_over_the_antimeridian_and_up_to_a_pole(articles: Snapshot) -> None:
    here = found(articles, bbox="50,170,90,-150")
    north = ids(ARTICLES, lambda a: a.place.lat == 90 or (a.place.lat == 60 and a.place.lon in (-180, -160)))
    assert here == north, "every record at 90 N is at the pole, whatever its longitude"


def test_within_a_radius_by_the_geodesic(articles: Snapshot) -> None:
    place = Place(lat=-20.0, lon=178.0)
    near = ids(ARTICLES, lambda a: geodesic_km(a.place.lat, a.place.lon, place.lat, place.lon) <= 2600)
    assert 1 < len(near) < 10
    assert found(articles, near=(place, 2600)) == near


def test_inside_of_a_polygon_with_a_hole_but_not_in_it(articles: Snapshot) -> None:
    outer, hole = [(-40, 150), (-40, -150), (40, -150), (40, 150)], [(-10, 170), (-10, -170), (10, -170), (10, 170)]
    lons = (160, -180, -160)
    inside = ids(ARTICLES, lambda a: abs(a.place.lat) <= 30 and a.place.lon in lons and (a.place.lat, a.place.lon) != (0, -180))
    assert found(articles, polygon=[outer, hole]) == inside
    assert found(articles, polygon=outer) == inside | ids(ARTICLES, lambda a: (a.place.lat, a.place.lon) == (0, -180))


@pytest.mark.parametrize(
    ("values", "condition"),
    [
        ({"countries": "FIJI"}, lambda a: a.country == "Fiji"),
        ({"countries": ["côte d'ivoire", "Fiji"]}, lambda a: a.country != ""),
        ({"sources": ("O'Brien",)}, lambda a: a.source == "O'Brien"),
        ({"splits": ["test", ""]}, lambda a: a.split in ("test", "")),
        ({"where": "lat > 0 AND title LIKE '%1'"}, lambda a: a.place.lat > 0 and a.title.endswith("1")),
        ({"licences": "none such"}, lambda a: False),
        ({"inside": "Antarctica"}, lambda a: a.place.lat < -60),
        ({"outside": ["antarctica"], "bbox": "-90,-180,-50,180"}, lambda a: a.place.lat == -60),
    ],
)
def test_facts_and_sql(articles: Snapshot, values: dict[str, Any], condition: Any) -> None:
    assert found(articles, **values) == ids(ARTICLES, condition)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ("2021-06-01/2021-06-30", {1, 2, 4, 7}),
        ("2021-06-01", {1, 2, 4, 7}),
        ("2021-07-15/2021-07-16", {2, 3, 4}),
        ("2021-08-31/", {2, 4, 5}),
        ("../2021-05-31", {4, 6}),
        ((date(2022, 1, 1), None), {5}),
        ("2023-01-01/2023-12-31", set()),
    ],
)
def test_tiles_whose_time_overlaps_the_days(tiles: Snapshot, dates: Any, expected: set[int]) -> None:
    assert found(tiles, dates=dates) == {TILES[number].id for number in expected}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "bbox": st.sampled_from([(-50, 100, 70, -100), (-90, -180, 0, 180)]),
            "near": st.sampled_from([(0, 180, 9000), (90, 0, 7000)]),
            "polygon": st.sampled_from([((-70, 90), (-70, -90), (70, -90), (70, 90)), ((10, 0), (10, 120), (10, -120))]),
            "countries": st.sampled_from(["Fiji", ["Fiji", "Côte d'Ivoire"]]),
            "sources": st.just("O'Brien"),
            "splits": st.sampled_from(["train", ["train", "test"]]),
            "inside": st.sampled_from(["Asia", ["Africa", "Canada", "Antarctica"]]),
            "outside": st.sampled_from(["Antarctica", ["Russia", "Africa"]]),
            "coast_km": st.sampled_from([100, 900]),
            "elevation_m": st.sampled_from(["500/", "/1000", "100/2000"]),
            "where": st.sampled_from(["lat > -70 OR lon > 0", "lon < 150"]),
        },
    )
)
def test_everything_given_must_hold_at_once(articles: Snapshot, values: dict[str, Any]) -> None:
    each = [found(articles, **{name: value}) for name, value in values.items()]
    if each:
        assert found(articles, **values) == set.intersection(*each)


def test_a_condition_of_a_user_cannot_widen_the_rest_of_the_filter(articles: Snapshot) -> None:
    assert found(articles, countries="Fiji", where="1 = 0 OR 1 = 1") == ids(ARTICLES, lambda a: a.country == "Fiji")


def test_a_fact_that_records_do_not_have_is_refused_with_those_that_have_it(articles: Snapshot, tiles: Snapshot) -> None:
    for values, message in (
        ({"dates": "2021-06-01"}, "articles have no dates to filter by; leave it out, or search only in tiles"),
        ({"sensors": "sentinel2"}, "articles have no sensors to filter by; leave it out, or search only in tiles"),
    ):
        with pytest.raises(InputError, match=message):
            Filter.parse(values).rows(articles)
        Filter.parse(values).check_fits("tiles")
    with pytest.raises(InputError, match="search only in articles and tiles"):
        Filter.parse({"splits": "val"}).check_fits("locations")
    assert found(tiles, sensors="sentinel2") == ids(TILES, lambda t: True)


def test_a_condition_over_columns_that_are_not_there_is_refused_by_name(articles: Snapshot) -> None:
    for where in ("nosuch = 1", "title", "lat > 'x'"):
        with pytest.raises(InputError, match="cannot filter the articles") as refused:
            Filter.parse({"where": where}).rows(articles)
        assert "\n" not in str(refused.value)


# How it is written, and how it describes itself


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"bbox": "-10,170,10,-170"}, {"bbox": {"south": -10, "west": 170, "north": 10, "east": -170}}),
        ({"near": "48.2,16.4,50"}, {"near": (Place(lat=48.2, lon=16.4), 50)}),
        ({"near": "48.2,16.4,50"}, {"near": Circle(place=Place(lat=48.2, lon=16.4), radius_km=50)}),
        ({"near": "48.2,16.4,50"}, {"near": {"lat": 48.2, "lon": 16.4, "radius_km": 50}}),
        ({"polygon": [(0, 0), (0, 9), (9, 9)]}, {"polygon": [[(0, 0), (0, 9), (9, 9)]]}),
        (
            {"polygon": [(0, 0), (0, 9), (9, 9), (0, 0)]},
            {"polygon": '{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,0]]]}'},
        ),
        ({"countries": "Fiji"}, {"countries": ["Fiji"]}),
        ({"inside": "afrika"}, {"inside": ["Africa"]}),
        ({"outside": ["DE", "Deutschland"]}, {"outside": "Germany"}),
        ({"elevation_m": "2000/"}, {"elevation_m": (2000, None)}),
        ({"elevation_m": "-5/1e3"}, {"elevation_m": [-5.0, "1000"]}),
        ({"elevation_m": ""}, {}),
        ({"dates": "2021-06-01/"}, {"dates": ("2021-06-01", None)}),
        ({"dates": "2021-06-01"}, {"dates": (date(2021, 6, 1), date(2021, 6, 1))}),
    ],
)
def test_the_same_filter_written_in_two_ways_is_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert Filter.parse(one) == Filter.parse(other)
    assert hash(Filter.parse(one)) == hash(Filter.parse(other))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"bbox": "1,2,3"}, "bbox must be south,west,north,east, 4 numbers, got '1,2,3'"),
        ({"bbox": "20,0,10,5"}, "south <= north"),
        ({"bbox": {"south": 1}}, "bbox must be"),
        ({"near": "98,1,2"}, "are lat and lon swapped"),
        ({"near": "1,2"}, "near must be lat,lon,radius_km, 3 numbers"),
        ({"near": "1,2,-3"}, "a radius must be above 0"),
        ({"near": 5}, "near must be"),
        ({"polygon": "somewhere"}, "polygon: expected GeoJSON"),
        ({"polygon": [(0, 0), (0, 9)]}, "polygon: a ring needs at least 3"),
        ({"polygon": 7}, "polygon: expected GeoJSON or rings"),
        ({"polygon": Path("missing.json")}, "polygon: missing.json: cannot be read"),
        ({"countries": 5}, "countries must be texts"),
        ({"countries": [5]}, "countries must be texts"),
        ({"sources": ["x"] * 1001}, "sources may name 1,000 values, got 1,001"),
        ({"sources": "x" * 10**6}, "sources must be texts of at most 200 characters"),
        ({"splits": "vall"}, "splits must be one of '', 'train', 'val', 'report', 'test', got 'vall'"),
        ({"sensors": "landsat"}, "sensors must be one of 'sentinel2', 'nasa_coarse'"),
        ({"dates": "2021-13-01"}, "dates must be FIRST/LAST as 2021-06-01/2021-08-31"),
        ({"dates": "2022-01-01/2021-01-01"}, "dates must be"),
        ({"dates": "a/b/c"}, "dates must be"),
        ({"dates": 7}, "dates must be"),
        ({"where": 7}, "where must be an SQL condition"),
        ({"where": "lat > 1; DROP TABLE articles"}, "without ';'"),
        ({"where": "x" * 10**6}, "1 to 10,000 characters, got 1,000,000"),
        ({"nope; DROP TABLE articles" * 10**5: 1}, "there is no filter 'nope; DROP TABLE"),
    ],
)
def test_what_is_wrong_is_said_in_one_short_line_with_what_was_expected(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(PlaceBindError) as refused:
        Filter.parse(values)
    assert isinstance(refused.value, InputError | ConfigError)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bbox": "-10,170,10,-170"}, f"in the box -10 to 10 {ACROSS}"),
        ({"polygon": [(-10, 170), (-10, -170), (10, -170)]}, f"in a polygon within -10 to 10 {ACROSS}"),
        ({"polygon": [(0, 0), (0, 9), (9, 9)]}, "in a polygon within 0 to 9 lat, 0 to 9 lon"),
        ({"near": "48.21,16.37,50", "countries": ["Austria", "Fiji"]}, "within 50 km of 48.21, 16.37, country Austria or Fiji"),
        ({"splits": ["val", ""], "dates": "2021-06-01/"}, "split val or not known, dated from 2021-06-01"),
        ({"dates": "2021-06-01/2021-08-31"}, "dated from 2021-06-01 until 2021-08-31"),
        ({"dates": "2021-06-01", "where": "valid > 0.9"}, "dated 2021-06-01, where valid > 0.9"),
    ],
)
def test_a_filter_says_in_words_what_it_lets_through(values: dict[str, Any], words: str) -> None:
    assert Filter.parse(values).describe() == words
