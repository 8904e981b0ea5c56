"""Areas against slow and obvious ways to tell what is in them: across the antimeridian, around the poles, with holes."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import InputError
from index.geo import geodesic_km, uniform_on_sphere, wrap_lon
from index.records import Place
from index.search.region import MAX_CORNERS, Circle, Region, Ring

seeds = st.integers(0, 10_000)


def inside(region: Region | Circle, *points: tuple[float, float]) -> list[bool]:
    lat, lon = np.array(points, dtype=np.float64).T
    return [bool(each) for each in region.contains(lat, lon)]


def polygon(*rings: Ring) -> Region:
    return Region((rings,))


def box(south: float, west: float, north: float, east: float) -> Ring:
    return ((south, west), (south, east), (north, east), (north, west))


def slowly_inside(ring: Ring, lat: float, lon: float) -> bool:
    """Walk from the point to the north pole and count the sides crossed; every side takes the shorter way around the globe."""
    crossed = 0
    for (lat_a, lon_a), (lat_b, lon_b) in zip(ring, ring[1:] + ring[:1], strict=True):
        a = float(wrap_lon(lon_a - lon))
        b = a + float(wrap_lon(lon_b - lon_a))
        for meridian in (-360, 0, 360):  # the point's own, as seen from the side
            if (a < meridian) != (b < meridian):
                crossed += lat_a + (lat_b - lat_a) * (meridian - a) / (b - a) > lat
    return crossed % 2 == 1


def points_around(rng: np.random.Generator, ring: Ring) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points all over the globe and some near the corners, where most is decided; none of them on a side."""
    lat, lon = uniform_on_sphere(60, rng)
    at = rng.integers(len(ring), size=60)
    near = np.array(ring)[at] + rng.normal(0, 3, size=(60, 2))
    return np.r_[lat, near[:, 0].clip(-89.9, 89.9)], np.r_[lon, wrap_lon(near[:, 1])]


# Polygons


@given(seeds, st.integers(-180, 180), st.integers(3, 12))
def test_a_ring_anywhere_on_the_globe_holds_what_counting_crossings_says(seed: int, west: int, corners: int) -> None:
    rng = np.random.default_rng(seed)  # the ring may cross itself, and the antimeridian
    lat, lon = rng.uniform(-80, 80, corners), wrap_lon(west + rng.uniform(0, 175, corners))
    ring = tuple(zip(lat.tolist(), lon.tolist(), strict=True))
    lats, lons = points_around(rng, ring)
    expected = [slowly_inside(ring, *point) for point in zip(lats.tolist(), lons.tolist(), strict=True)]
    assert polygon(ring).contains(lats, lons).tolist() == expected


@given(seeds, st.sampled_from([1, -1]), st.sampled_from([1, -1]), st.integers(4, 12))
def test_a_ring_around_the_globe_holds_the_pole_that_is_nearer_to_it(seed: int, pole: int, way: int, corners: int) -> None:
    rng = np.random.default_rng(seed)
    lon = np.arange(corners) * 360 / corners + rng.uniform(0, 80 / corners, corners) - 180
    lat = pole * rng.uniform(5, 85, corners)
    ring = tuple(zip(lat.tolist(), lon.tolist(), strict=True))
    lats, lons = points_around(rng, ring)
    border = np.interp(lons, lon, lat, period=360)
    np.testing.assert_array_equal(polygon(ring[::way]).contains(lats, lons), lats * pole > border * pole)
    assert inside(polygon(ring), (90 * pole, 77), (-90 * pole, 77)) == [True, False]


def test_a_ring_around_a_pole_may_fold_back_on_its_way() -> None:
    ring = ((60.0, 120.0), (60.0, -120.0), (50.0, -40.0), (40.0, 40.0), (60.0, -20.0), (75.0, 10.0))
    lat, lon = (each.ravel() for each in np.meshgrid(np.arange(31.5, 90, 1), np.arange(-179.3, 180, 2)))
    beyond = [slowly_inside(ring, *point) for point in zip(lat.tolist(), lon.tolist(), strict=True)]
    for first in range(len(ring)):  # wherever it starts
        assert (polygon(ring[first:] + ring[:first]).contains(lat, lon) == ~np.array(beyond)).all()
    assert inside(polygon(ring), (45, 20), (60, 20), (80, 20), (41, 20)) == [True, False, True, False]


@given(seeds, st.integers(-360, 360))
def test_turning_the_globe_turns_the_answer_with_it(seed: int, turn: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.integers(0, 360, 8)) * np.pi / 180
    ring = (*((float(round(40 * np.sin(a))), float(round(60 * np.cos(a)))) for a in angles), (0.0, 70.0))
    if len(set(ring)) < 4:
        return
    turned = tuple((lat, float(wrap_lon(lon + turn))) for lat, lon in ring)
    lat, lon = points_around(rng, ring)
    np.testing.assert_array_equal(polygon(ring).contains(lat, lon), polygon(turned).contains(lat, wrap_lon(lon + turn)))


def test_a_box_over_the_antimeridian_holds_both_sides_of_it_however_it_is_written() -> None:
    points = [(0.0, 175.0), (0.0, -175.0), (0.0, 180.0), (0.0, -180.0), (0.0, 0.0), (0.0, 165.0), (0.0, -165.0)]
    expected = [True] * 4 + [False] * 3
    for ring in (box(-10, 170, 10, -170), box(-10, 170, 10, 190), box(-10, -190, 10, -170), box(-10, 170, 10, -170)[::-1]):
        assert inside(polygon(ring), *points) == expected
    split = Region(((box(-10, 170, 10, 180),), (box(-10, -180, 10, -170),)))  # as RFC 7946 wants it
    assert inside(split, *points) == expected


def test_corners_on_either_side_of_the_seam_at_the_same_place_change_nothing() -> None:
    ring = ((-10, 170), (-10, 180), (-10, -180), (-10, -170), (10, -170), (10, -180), (10, 180), (10, 170))
    assert inside(polygon(ring), (0, 175), (0, -175), (0, 180), (0, 0)) == [True, True, True, False]


def test_a_band_from_180_to_180_goes_all_around_the_globe() -> None:
    band = polygon(box(-10, -180, 10, 180))
    assert inside(band, (0, 0), (0, 180), (0, -180), (0, 90), (11, 0), (-11, 180)) == [True] * 4 + [False] * 2


def test_antarctica_as_map_data_has_it_closed_along_the_pole_holds_the_pole() -> None:
    ring = ((-70, -180), (-65, -60), (-70, 60), (-70, 180), (-90, 180), (-90, -180))
    points = ((-90, 0), (-90, 123), (-89, 179), (-80, -180), (-80, 180), (-66, -60), (-60, -60), (89, 0))
    assert inside(polygon(ring), *points) == [True] * 6 + [False] * 2


def test_a_polygon_that_touches_a_pole_holds_it_whatever_longitude_the_pole_is_written_with() -> None:
    wedge = polygon(((80, 0), (80, 10), (90, 5)))
    assert inside(wedge, (90, 5), (90, -120), (85, 5), (85, -120)) == [True, True, True, False]


def test_what_lies_in_a_hole_is_outside_also_over_the_antimeridian_and_around_a_pole() -> None:
    fiji = polygon(box(-20, 170, 20, -170), box(-5, 175, 5, -175))
    assert inside(fiji, (0, 172), (0, 180), (0, -180), (0, -172), (10, 180)) == [True, False, False, True, True]
    rim = polygon(((60, 0), (60, 120), (60, -120)), ((80, 10), (80, 130), (80, -110)))
    assert inside(rim, (70, 0), (70, 180), (85, 10), (85, 100), (90, 0), (50, 0)) == [True, True, False, False, False, False]


@given(seeds)
def test_a_hole_takes_away_exactly_what_it_would_hold_as_a_polygon(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outer = box(-60, 120, 60, -80)
    hole = tuple((float(lat), float(wrap_lon(lon))) for lat, lon in rng.uniform((-50, 130), (50, 270), size=(5, 2)))
    lat, lon = points_around(rng, hole)
    expected = polygon(outer).contains(lat, lon) & ~polygon(hole).contains(lat, lon)
    np.testing.assert_array_equal(polygon(outer, hole).contains(lat, lon), expected)


def test_the_edge_belongs_to_a_polygon() -> None:
    assert inside(polygon(box(0, 0, 10, 10)), (0, 5), (10, 10), (5, 0), (10.001, 5)) == [True, True, True, False]


def test_a_ring_may_repeat_its_first_corner_at_the_end() -> None:
    assert polygon((*box(0, 0, 10, 10), (0, 0))).spans == polygon(box(0, 0, 10, 10)).spans == [(0, 0, 10, 10)]


@pytest.mark.parametrize(
    ("ring", "message"),
    [
        (((0, 0), (0, 10)), "at least 3 different corners"),
        (((0, 0), (0, 10), (0, 0)), "at least 3 different corners"),
        (((0, 0), (0, 10), (0, 20)), "no area"),
        (((100, 0), (0, 10), (10, 10)), "are they swapped"),
        (((6_000_000, 500_000), (0, 10), (10, 10)), "EPSG:4326"),
        (((float("nan"), 0), (0, 10), (10, 10)), "WGS84 degrees"),
        (((0, 0), (0, 361), (10, 10)), "WGS84 degrees"),
        (((0, 0), (9, 120), (9, -120), (0, 0), (5, 120), (5, -120)), "at most once around the globe, this one 2 times"),
    ],
)
def test_rings_that_are_none_are_refused_in_one_line(ring: Ring, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        polygon(ring)
    assert "\n" not in str(refused.value)


def test_regions_without_a_ring_or_with_too_many_corners_are_refused() -> None:
    for none in ((), ((),)):
        with pytest.raises(InputError, match="at least one polygon"):
            Region(none)
    angles = np.linspace(0, 6, MAX_CORNERS + 1)
    with pytest.raises(InputError, match="simplify"):
        polygon(tuple(zip(np.sin(angles).tolist(), np.cos(angles).tolist(), strict=True)))


# Circles


@given(seeds, st.floats(-90, 90), st.floats(-180, 180), st.floats(0.001, 20_040))
def test_a_circle_holds_what_is_within_its_radius_by_the_geodesic(seed: int, lat: float, lon: float, radius_km: float) -> None:
    lats, lons = uniform_on_sphere(300, np.random.default_rng(seed))
    away_km = geodesic_km(lats, lons, lat, lon)
    circle = Circle(place=Place(lat=lat, lon=lon), radius_km=radius_km)
    np.testing.assert_array_equal(circle.contains(lats, lons), away_km <= radius_km)
    just = Circle(place=Place(lat=lat, lon=lon), radius_km=float(away_km[7]))  # exactly on the border
    assert just.contains(lats[7:8], lons[7:8])[0]


def test_a_circle_around_a_pole_and_over_the_antimeridian() -> None:
    pole = Circle(place=Place(lat=90, lon=0), radius_km=600)  # five degrees are 558 km here, six are 670
    assert inside(pole, (85, 0), (85, 180), (85, -90), (84, 0)) == [True, True, True, False]
    fiji = Circle(place=Place(lat=-17, lon=179.5), radius_km=200)
    assert inside(fiji, (-17, -179.5), (-17, 178), (-17, -177)) == [True, True, False]


@pytest.mark.parametrize("radius_km", [0, -1, 20_041, float("nan"), float("inf")])
def test_a_radius_is_more_than_nothing_and_at_most_half_the_globe(radius_km: float) -> None:
    with pytest.raises(InputError, match="radius"):
        Circle(place=Place(lat=0, lon=0), radius_km=radius_km)
