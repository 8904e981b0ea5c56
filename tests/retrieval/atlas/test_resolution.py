"""How far apart places must be, with encoders whose cosines can be computed by hand."""

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import InputError
from index.geo import fibonacci_sphere, unit_xyz
from retrieval.atlas.resolution import crossing_km, measure_resolution

RNG = np.random.default_rng(0)


def on_the_sphere(lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The place itself as its vector: the cosine is that of the angle between two places."""
    return unit_xyz(lat, lon).astype(np.float32)


def by_longitude(lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.float32]:
    theta = np.radians(np.asarray(lon))
    return np.stack([np.cos(theta), np.sin(theta)], axis=-1).astype(np.float32)


def everywhere(count: int = 400) -> npt.NDArray[np.float64]:
    return np.stack(fibonacci_sphere(count), axis=1)


def test_the_curve_is_the_cosine_of_the_angle_moved() -> None:
    distances_km = (1, 1000, 5000)
    curve = measure_resolution(on_the_sphere, everywhere(), RNG, distances_km=distances_km).curves[0]
    np.testing.assert_allclose(curve.mean, np.cos(np.array(distances_km) / 6371.0088), atol=0.004)
    assert (curve.low <= curve.mean).all()
    assert (curve.mean <= curve.high).all()


def test_half_way_down_to_the_floor_is_where_places_are_told_apart() -> None:
    measured = measure_resolution(on_the_sphere, everywhere(), RNG, distances_km=(1000, 6000, 6500, 6800, 9000))
    assert measured.floor == pytest.approx(-1 / 399, abs=1e-4)  # the sum of all is nothing: n + n (n - 1) floor = 0
    assert measured.curves[0].half_km == pytest.approx(6371 * np.pi / 3, rel=0.01)  # cosine 1/2 at 60 degrees


def test_the_floor_is_the_mean_of_all_pairs() -> None:
    places = everywhere()[100:130]
    vectors = on_the_sphere(*places.T)
    pairs = [float(one @ other) for row, one in enumerate(vectors) for other in vectors[row + 1 :]]
    assert measure_resolution(on_the_sphere, places, RNG).floor == pytest.approx(np.mean(pairs), abs=1e-6)


def test_bands_of_latitude_are_told_apart_and_thin_ones_left_out() -> None:
    curves = measure_resolution(by_longitude, everywhere(), RNG).curves
    assert [curve.label for curve in curves] == ["", "0° to 23.5°", "23.5° to 45°", "45° to 66.5°", "66.5° to 90°"]
    assert sum(curve.places for curve in curves[1:]) == curves[0].places == 400
    assert curves[1].places == pytest.approx(400 * np.sin(np.radians(23.5)), abs=2)
    halves = [curve.half_km or np.inf for curve in curves[1:]]
    assert sorted(halves, reverse=True) == halves  # meridians come together towards the poles
    assert [curve.label for curve in measure_resolution(by_longitude, everywhere(50), RNG).curves] == ["", "0° to 23.5°"]


def test_an_encoder_that_tells_nothing_apart_never_falls() -> None:
    measured = measure_resolution(lambda lat, lon: on_the_sphere(lat, lon) * 0 + [1, 0, 0], everywhere(), RNG)
    assert measured.curves[0].half_km is None
    assert measured.floor == pytest.approx(1)


def test_half_the_finest_wave_is_half_the_globe_over_the_degree() -> None:
    assert measure_resolution(on_the_sphere, everywhere(30), RNG, degrees=20).half_wave_km == 1000
    assert measure_resolution(on_the_sphere, everywhere(30), RNG).half_wave_km is None


@pytest.mark.parametrize(("level", "km"), [(0.6, 10**2.5), (0.8, 100), (0.2, None), (2, 10)])
def test_a_level_is_crossed_between_distances_on_a_logarithmic_scale(level: float, km: float | None) -> None:
    assert crossing_km((10, 100, 1000), np.array([1, 0.8, 0.4]), level) == (km if km is None else pytest.approx(km))


def test_a_single_place_is_refused() -> None:
    with pytest.raises(InputError, match="2 places or more, got 1"):
        measure_resolution(on_the_sphere, everywhere(1), RNG)
