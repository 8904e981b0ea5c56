"""Distances, unit vectors and blocks on the globe, against numbers that can be looked up or computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.geo import (
    block_of,
    cell_of,
    chord_km,
    fibonacci_sphere,
    geodesic_km,
    great_circle_km,
    jitter,
    moved,
    uniform_on_sphere,
    unit_xyz,
    wrap_lon,
)

LATS = st.floats(-90, 90)
LONS = st.floats(-180, 180)
# Multiples of 1/8 degree: arithmetic with them is exact, so that a block border is never a matter of rounding.
EXACT_LATS = st.integers(-90 * 8, 90 * 8).map(lambda n: n / 8)
EXACT_LONS = st.integers(-180 * 8, 180 * 8).map(lambda n: n / 8)


def test_one_degree_along_the_equator_is_the_equatorial_radius_times_one_degree() -> None:
    assert geodesic_km(0, 0, 0, 1) == pytest.approx(6378.137 * math.pi / 180, rel=1e-9)


def test_pole_to_pole_is_two_quarter_meridians() -> None:
    quarter_meridian_km = 10001.965729  # WGS84
    assert geodesic_km(90, 0, -90, 0) == pytest.approx(2 * quarter_meridian_km, abs=1e-5)


def test_wellington_to_salamanca_is_as_far_as_karney_says() -> None:
    # The example of GeographicLib's documentation: nearly antipodal, where older formulas do not converge.
    assert geodesic_km(-41.32, 174.81, 40.96, -5.50) == pytest.approx(19959.679267, abs=1e-5)


def test_latitude_comes_before_longitude() -> None:
    # From (0, 0) to 60 N is two thirds of a quarter meridian; to 60 E is a sixth of the equator, 32 km more.
    north, east = geodesic_km(0, 0, 60, 0), geodesic_km(0, 0, 0, 60)
    assert east == pytest.approx(6378.137 * math.pi / 3, rel=1e-9)
    assert north < east - 20


def test_the_short_way_leads_across_the_antimeridian() -> None:
    assert geodesic_km(0, 179.5, 0, -179.5) == pytest.approx(geodesic_km(0, 0, 0, 1), rel=1e-12)
    assert great_circle_km([0], [179.5], [0], [-179.5])[0, 0] == pytest.approx(6371.0088 * math.pi / 180, rel=1e-9)


def test_all_longitudes_meet_at_the_pole() -> None:
    assert geodesic_km(90, -170, 90, [0, 45, 180]).tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    assert great_circle_km([-90], [-170], [-90] * 3, [0, 45, 180])[0].tolist() == pytest.approx([0, 0, 0], abs=1e-9)


def test_distances_are_elementwise_with_broadcasting() -> None:
    from_one = geodesic_km(0, 0, [0, 0, 0], [1, 2, 3])
    assert from_one.shape == (3,)
    assert from_one[2] == pytest.approx(3 * from_one[0])
    assert geodesic_km(0, 0, [[0], [1]], [0, 1, 2]).shape == (2, 3)


def test_great_circles_are_all_pairs() -> None:
    quarter_km = 6371.0088 * math.pi / 2
    found = great_circle_km([0, 90], [0, 0], [0, 0, -90], [0, 90, 0])
    assert found == pytest.approx(np.array([[0, 1, 1], [1, 1, 2]]) * quarter_km, abs=1e-6)


@given(LATS, LONS, LATS, LONS)
def test_a_great_circle_is_within_0_6_percent_of_the_geodesic(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> None:
    geodesic = float(geodesic_km(lat_a, lon_a, lat_b, lon_b))
    one_metre_km = 0.001
    assert great_circle_km([lat_a], [lon_a], [lat_b], [lon_b])[0, 0] == pytest.approx(geodesic, rel=0.006, abs=one_metre_km)


@pytest.mark.parametrize("metres", [10, 1, 0.1])
def test_a_great_circle_keeps_its_precision_for_near_points(metres: float) -> None:
    step_deg = math.degrees(metres / 6_371_008.8)
    for lat in (0.0, 51.1, -80.3):
        found = great_circle_km([lat], [7.1], [lat + step_deg], [7.1])[0, 0]
        assert found * 1000 == pytest.approx(metres, rel=0.006)


@given(LATS, LONS, LATS, LONS)
def test_the_way_back_is_as_long(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> None:
    assert geodesic_km(lat_a, lon_a, lat_b, lon_b) == pytest.approx(geodesic_km(lat_b, lon_b, lat_a, lon_a), abs=1e-6)


def test_chords_are_as_long_as_their_arcs_say_and_no_neighbour_is_infinitely_far() -> None:
    quarter_km = 6371.0088 * math.pi / 2
    assert chord_km([0.0, math.sqrt(2), 2.0, 2.0 + 1e-15, math.inf]) == pytest.approx(
        [0.0, quarter_km, 2 * quarter_km, 2 * quarter_km, math.inf], rel=1e-7
    )


def test_unit_vectors_point_where_the_docstring_says() -> None:
    found = unit_xyz([0, 0, 90, -90, 0], [0, 90, 0, 123, 180])
    assert found == pytest.approx(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [-1, 0, 0]]), abs=1e-15)


@given(st.floats(-89, 89), LONS)
def test_a_place_can_be_read_back_from_its_unit_vector(lat: float, lon: float) -> None:
    x, y, z = unit_xyz(lat, lon)
    assert math.hypot(x, y, z) == pytest.approx(1, abs=1e-15)
    assert math.degrees(math.asin(z)) == pytest.approx(lat, abs=1e-9)
    turned = math.degrees(math.atan2(y, x)) - lon
    assert abs((turned + 180) % 360 - 180) < 1e-9


@pytest.mark.parametrize(
    ("lon", "wrapped"), [(0, 0), (180, -180), (-180, -180), (181, -179), (-181, 179), (360, 0), (540, -180), (-725, -5)]
)
def test_longitudes_are_wrapped_into_one_turn(lon: float, wrapped: float) -> None:
    assert wrap_lon(lon) == wrapped


@given(st.floats(-1e6, 1e6))
def test_a_wrapped_longitude_is_the_same_meridian_and_lies_below_180(lon: float) -> None:
    wrapped = float(wrap_lon(lon))
    assert -180 <= wrapped < 180
    turns = (lon - wrapped) / 360
    assert turns == pytest.approx(round(turns), abs=1e-9)
    assert wrap_lon(wrapped) == pytest.approx(wrapped, abs=1e-9)


def test_a_longitude_a_hair_west_of_the_antimeridian_is_still_wrapped_below_180() -> None:
    just_beyond = np.nextafter(-180.0, -181.0)
    assert -180 <= wrap_lon(just_beyond) < 180


def test_the_first_points_of_the_spiral_are_where_the_formula_puts_them() -> None:
    lat, lon = fibonacci_sphere(1)
    assert (lat.tolist(), lon.tolist()) == ([0], [0])
    lat, lon = fibonacci_sphere(2)  # z = 1/2 and -1/2, half a turn of 360 / golden ratio squared apart
    assert lat == pytest.approx([30, -30])
    assert lon[1] == pytest.approx(180 * (3 - math.sqrt(5)))


def test_the_spiral_is_even_over_the_sphere() -> None:
    lat, lon = fibonacci_sphere(2000)
    points = unit_xyz(lat, lon)
    assert np.abs(points.mean(axis=0)).max() < 1e-3
    assert (lat > 30).mean() == pytest.approx(1 / 4, abs=0.001)  # a cap of height 1/2 has a quarter of the surface
    cosines = points @ points.T
    np.fill_diagonal(cosines, -1)
    nearest = np.arccos(cosines.max(axis=1))
    assert nearest.min() > 0.5 * nearest.max()
    assert ((lon >= -180) & (lon < 180)).all()


def test_blocks_are_numbered_from_the_south_west_corner_row_by_row() -> None:
    lat, lon = [-90, -90, -85.01, -85, 0, 89.9], [-180, 179.9, -180, -180, 0, 179.9]
    assert block_of(lat, lon).tolist() == [0, 71, 0, 72, 18 * 72 + 36, 36 * 72 - 1]


def test_both_names_of_the_antimeridian_are_in_the_same_block() -> None:
    assert block_of(10, 180) == block_of(10, -180) != block_of(10, 179.9)


def test_the_pole_lies_in_the_northernmost_row_of_blocks() -> None:
    assert block_of(90, 2) == block_of(89.9, 2)


@given(EXACT_LATS, EXACT_LONS, st.sampled_from([5.0, 10.0, 7.0]))
def test_points_share_a_block_exactly_if_they_share_row_and_column(lat: float, lon: float, size_deg: float) -> None:
    columns, rows = math.ceil(360 / size_deg), math.ceil(180 / size_deg)
    row, column = divmod(int(block_of(lat, lon, size_deg)), columns)
    assert 0 <= row < rows
    south, west = row * size_deg - 90, column * size_deg - 180
    assert south <= lat < south + size_deg or (lat == 90 and row == rows - 1)
    assert west <= float(wrap_lon(lon)) < west + size_deg


@pytest.mark.parametrize("size_km", [300.0, 1000.0, 2500.0])
def test_every_cell_has_the_same_area(size_km: float) -> None:
    """By counting 200,000 evenly spread points: each cell gets its share to about a point per border crossed."""
    counts = np.bincount(cell_of(*fibonacci_sphere(200_000), size_km))
    assert len(counts) == round(4 * math.pi * (6371.0088 / size_km) ** 2)
    assert counts.mean() * (4 * math.pi * 6371.0088**2 / 200_000) == pytest.approx(size_km**2, rel=0.05)
    assert abs(counts - counts.mean()).max() < 3 * math.sqrt(counts.mean())


def test_no_cell_is_a_sliver() -> None:
    """Leopardi's bound: no two points of a cell are twice its side apart. A 5 degree block at a pole: 556 km by 48 at most."""
    lat, lon = fibonacci_sphere(60_000)
    cells = cell_of(lat, lon, 1000)
    for cell in np.unique(cells):
        inside = cells == cell
        assert great_circle_km(lat[inside], lon[inside], lat[inside], lon[inside]).max() < 2000


def test_a_pole_is_in_one_cell_whatever_its_longitude_and_so_are_its_neighbours() -> None:
    lon = np.arange(-180, 181, 15.0)
    for pole in (90.0, -90.0):
        around = np.concatenate([np.full(25, pole), np.full(25, pole * 0.999)])  # 10 km off
        assert len(set(cell_of(around, np.tile(lon, 2), 100).tolist())) == 1
    assert cell_of(90, 0, 100) != cell_of(-90, 0, 100)


def test_180_is_minus_180_for_cells_but_a_ring_starts_there() -> None:
    lat = np.linspace(-90, 90, 181)
    np.testing.assert_array_equal(cell_of(lat, np.full(181, 180.0), 200), cell_of(lat, np.full(181, -180.0), 200))
    assert cell_of(0, 179.999, 200) != cell_of(0, -179.999, 200)


@given(LATS, LONS, st.sampled_from([0.5, 40.0, 999.0, 5000.0, 40_000.0]))
def test_cells_are_numbered_from_0_to_how_many_there_are(lat: float, lon: float, size_km: float) -> None:
    total = max(2, round(4 * math.pi * (6371.0088 / size_km) ** 2))
    assert 0 <= cell_of(lat, lon, size_km) < total
    assert (cell_of(90, lon, size_km), cell_of(-90, lon, size_km)) == (0, total - 1)


def test_random_points_are_uniform_in_area_not_in_degrees() -> None:
    """North of 60 N lie (1 - sin 60) / 2 = 6.7 % of the sphere, a sixth of the degrees; 100,000 points: standard error 0.0008."""
    lat, lon = uniform_on_sphere(100_000, np.random.default_rng(1))
    for pole in (1, -1):
        assert (pole * lat > 60).mean() == pytest.approx((1 - math.sin(math.pi / 3)) / 2, abs=0.004)
    assert np.abs(unit_xyz(lat, lon).mean(axis=0)).max() < 0.01


def test_random_points_lie_in_all_four_quadrants_alike() -> None:
    lat, lon = uniform_on_sphere(100_000, np.random.default_rng(2))
    for north in (True, False):
        for east in (True, False):
            assert (((lat > 0) == north) & ((lon > 0) == east)).mean() == pytest.approx(1 / 4, abs=0.007)


def test_random_points_are_the_same_for_the_same_generator_and_within_bounds() -> None:
    lat, lon = uniform_on_sphere(1000, np.random.default_rng(3))
    np.testing.assert_array_equal((lat, lon), uniform_on_sphere(1000, np.random.default_rng(3)))
    assert np.abs(lat).max() <= 90
    assert ((lon >= -180) & (lon < 180)).all()


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (55.0, 179.99), (-70.0, -180.0), (89.99, 30.0), (90.0, 0.0), (-90.0, 77.0)])
def test_jitter_goes_to_all_sides_alike_at_poles_and_antimeridian_too(lat: float, lon: float) -> None:
    """In a plane that touches the globe at the point: mean 0 and standard deviation sigma in both directions, uncorrelated."""
    n, sigma_km = 20_000, 10.0
    moved = jitter(np.full(n, lat), np.full(n, lon), sigma_km, np.random.default_rng(5))
    across = unit_xyz(*moved) @ _tangents(lat, lon).T * 6371.0088
    assert across.mean(axis=0) == pytest.approx([0, 0], abs=5 * sigma_km / math.sqrt(n))
    assert np.cov(across.T) == pytest.approx(np.eye(2) * sigma_km**2, rel=0.05, abs=0.03 * sigma_km**2)
    for axis in (0, 1):
        assert (across[:, axis] > 0).mean() == pytest.approx(0.5, abs=0.02)  # SatCLIP's went only north and east
    assert np.abs(moved[0]).max() <= 90
    assert ((moved[1] >= -180) & (moved[1] < 180)).all()


def test_jitter_of_zero_moves_nothing_and_keeps_the_shape() -> None:
    lat, lon = np.array([[10.0, -89.0], [0.0, 60.0]]), np.array([[20.0, 179.0], [-180.0, 0.0]])
    still = jitter(lat, lon, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(still, (lat, lon), atol=1e-9)
    assert jitter(0.0, 180.0, 0.0, np.random.default_rng(0))[1] == -180
    assert jitter(10.0, 20.0, 1.0, np.random.default_rng(0))[0].shape == ()


def test_jitter_moves_by_kilometres_on_the_ellipsoid() -> None:
    """The mean length of a plane normal step is sigma * sqrt(pi / 2)."""
    lat, lon = fibonacci_sphere(20_000)
    km = geodesic_km(lat, lon, *jitter(lat, lon, 200.0, np.random.default_rng(6)))
    assert km.mean() == pytest.approx(200 * math.sqrt(math.pi / 2), rel=0.02)


def _tangents(lat: float, lon: float) -> np.ndarray:
    """Unit vectors east and north [2, 3]."""
    phi, theta = math.radians(lat), math.radians(lon)
    east = [-math.sin(theta), math.cos(theta), 0]
    north = [-math.sin(phi) * math.cos(theta), -math.sin(phi) * math.sin(theta), math.cos(phi)]
    return np.array([east, north])


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 179.9), (89.9, 0.0), (-33.0, 18.0)])
def test_a_place_moved_is_as_far_from_where_it_was_as_asked_to_every_side(lat: float, lon: float) -> None:
    azimuths_deg = np.arange(0, 360, 30)
    to_lat, to_lon = moved(lat, lon, azimuths_deg, 1234.5)
    np.testing.assert_allclose(geodesic_km(lat, lon, to_lat, to_lon), 1234.5, rtol=1e-9)
    assert ((to_lon >= -180) & (to_lon < 180)).all()


def test_an_azimuth_of_zero_is_north_and_of_ninety_is_east() -> None:
    quarter_meridian_km, quarter_equator_km = 10001.965729, 6378.137 * math.pi / 2  # WGS84
    assert moved(0, 0, 0, quarter_meridian_km)[0] == pytest.approx(90)
    lat, lon = moved(0, 170, 90, quarter_equator_km * 2 / 9)
    assert (float(lat), float(lon)) == (pytest.approx(0, abs=1e-9), pytest.approx(-170))
