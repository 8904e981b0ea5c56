"""Spherical harmonics: against scipy, the addition theorem and quadrature; poles, antimeridian and the order of arguments."""

import math

import numpy as np
import pytest
import scipy.special
import torch

from train.nets.harmonics import real_harmonics

DEGREES = 101  # degrees 0 .. 100


def points(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Points all over the globe, the poles, the equator and both sides of the antimeridian among them."""
    rng = np.random.default_rng(seed)
    lat = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, n))), [90, -90, 0, 0, 89, -88.5, 45]])
    lon = np.concatenate([rng.uniform(-180, 180, n), [12, -77, 180, -180, 100, 33, 0]])
    return torch.from_numpy(lat), torch.from_numpy(lon)


def scipy_harmonics(lat: torch.Tensor, lon: torch.Tensor, degrees: int) -> np.ndarray:
    """The same from scipy's complex harmonics, one (l, m) at a time, with their Condon-Shortley phase (-1)^m taken out."""
    colatitude, azimuth = np.radians(90 - lat.numpy()), np.radians(lon.numpy())
    columns = []
    for degree in range(degrees):
        for order in range(-degree, degree + 1):
            value = scipy.special.sph_harm_y(degree, abs(order), colatitude, azimuth) * (-1) ** order
            columns.append(value.real if order == 0 else math.sqrt(2) * (value.real if order > 0 else value.imag))
    return np.stack(columns, axis=1)


def test_harmonics_agree_with_scipy_to_degree_100() -> None:
    lat, lon = points(20)
    ours = real_harmonics(lat, lon, DEGREES).numpy()
    assert ours.shape == (27, DEGREES**2)
    np.testing.assert_allclose(ours, scipy_harmonics(lat, lon, DEGREES), rtol=0, atol=1e-11)


def test_harmonics_keep_their_digits_close_to_the_poles() -> None:
    """cos(lat) there must not be computed from sin(lat), which rounds to 1: sqrt(1 - sin^2) has lost half of its digits."""
    distance_deg = torch.tensor([1e-1, 1e-2, 1e-4, 1e-6, 1e-8], dtype=torch.float64)
    lat, lon = torch.cat([90 - distance_deg, distance_deg - 90]), torch.linspace(-170, 160, 10, dtype=torch.float64)
    np.testing.assert_allclose(real_harmonics(lat, lon, 30).numpy(), scipy_harmonics(lat, lon, 30), rtol=0, atol=1e-12)


def test_the_squares_of_each_degree_add_up_to_2l_plus_1_over_4_pi_everywhere() -> None:
    lat, lon = points(200, seed=1)
    squares = real_harmonics(lat, lon, DEGREES) ** 2
    for degree in range(DEGREES):
        total = squares[:, degree**2 : (degree + 1) ** 2].sum(dim=1)
        expected = torch.full_like(total, (2 * degree + 1) / (4 * math.pi))
        torch.testing.assert_close(total, expected, rtol=1e-12, atol=0, msg=f"degree {degree}")


def test_products_of_two_points_are_legendre_polynomials_of_their_angle() -> None:
    (lat, lon), (other_lat, other_lon) = points(30, seed=2), points(30, seed=3)
    product = real_harmonics(lat, lon, DEGREES) * real_harmonics(other_lat, other_lon, DEGREES)
    a, b, c, d = (np.radians(x.numpy()) for x in (lat, lon, other_lat, other_lon))
    cosine = np.sin(a) * np.sin(c) + np.cos(a) * np.cos(c) * np.cos(b - d)
    for degree in range(DEGREES):
        total = product[:, degree**2 : (degree + 1) ** 2].sum(dim=1).numpy()
        expected = (2 * degree + 1) / (4 * math.pi) * scipy.special.eval_legendre(degree, cosine)
        np.testing.assert_allclose(total, expected, rtol=0, atol=1e-11, err_msg=f"degree {degree}")


def test_integrals_over_the_sphere_are_one_with_itself_and_zero_with_every_other() -> None:
    degrees = 12
    sin_lat, weights = np.polynomial.legendre.leggauss(degrees)  # exact for polynomials below degree 2 * degrees
    lon = np.arange(2 * degrees) * 180 / degrees - 180
    grid_lat, grid_lon = np.meshgrid(np.degrees(np.arcsin(sin_lat)), lon, indexing="ij")
    area = np.repeat(weights, len(lon)) * 2 * np.pi / len(lon)
    values = real_harmonics(torch.from_numpy(grid_lat.ravel()), torch.from_numpy(grid_lon.ravel()), degrees).numpy()
    np.testing.assert_allclose(values.T @ (area[:, None] * values), np.eye(degrees**2), rtol=0, atol=1e-13)


def test_the_first_four_are_a_constant_and_the_three_axes() -> None:
    lat, lon = torch.tensor([0.0, 0.0, 90.0, 30.0]), torch.tensor([0.0, 90.0, 0.0, 60.0])
    y = real_harmonics(lat, lon, 2)
    c = math.sqrt(3 / (4 * math.pi))
    xyz = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [math.sqrt(3) / 4, 3 / 4, 1 / 2]]
    by_hand = [[math.sqrt(1 / (4 * math.pi)), c * y_, c * z, c * x] for x, y_, z in xyz]  # no minus: no Condon-Shortley phase
    torch.testing.assert_close(y, torch.tensor(by_hand, dtype=torch.float64), rtol=0, atol=1e-15)


def test_latitude_comes_first() -> None:
    lat, lon = torch.tensor([48.0, -33.0]), torch.tensor([16.0, 70.0])
    y = real_harmonics(lat, lon, 5)
    torch.testing.assert_close(y[:, 2], math.sqrt(3 / (4 * math.pi)) * torch.sin(torch.deg2rad(lat.double())))
    assert (y - real_harmonics(lon, lat, 5)).abs().max() > 0.1


@pytest.mark.parametrize("pole", [90.0, -90.0])
def test_at_a_pole_the_longitude_does_not_matter_and_only_m_0_is_left(pole: float) -> None:
    lon = torch.linspace(-180, 180, 25, dtype=torch.float64)
    y = real_harmonics(torch.full_like(lon, pole), lon, DEGREES)
    assert torch.isfinite(y).all()
    torch.testing.assert_close(y, y[:1].expand_as(y), rtol=0, atol=1e-12)
    degree = torch.arange(DEGREES)
    zonal = degree * degree + degree
    expected = torch.sqrt((2 * degree + 1).double() / (4 * math.pi)) * (1 if pole > 0 else -1) ** degree
    torch.testing.assert_close(y[0, zonal], expected, rtol=1e-12, atol=0)
    others = torch.ones(DEGREES**2, dtype=torch.bool)
    others[zonal] = False
    assert y[:, others].abs().max() < 1e-12


def test_minus_180_and_180_are_the_same_meridian() -> None:
    lat = torch.linspace(-90, 90, 37, dtype=torch.float64)
    west, east = real_harmonics(lat, torch.full_like(lat, -180), DEGREES), real_harmonics(lat, torch.full_like(lat, 180), DEGREES)
    torch.testing.assert_close(west, east, rtol=0, atol=1e-11)
    assert west.abs().max() > 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.int64])
def test_the_answer_is_float64_and_as_exact_whatever_the_input_is_stored_as(dtype: torch.dtype) -> None:
    lat, lon = torch.tensor([45, -60, 7]), torch.tensor([120, -3, 64])  # exact in every type
    y = real_harmonics(lat.to(dtype), lon.to(dtype), 60)
    assert y.dtype == torch.float64
    torch.testing.assert_close(y, real_harmonics(lat.double(), lon.double(), 60), rtol=0, atol=0)


def test_a_lower_limit_gives_the_first_columns_of_a_higher_one() -> None:
    lat, lon = points(5)
    high = real_harmonics(lat, lon, 10)
    for degrees in (1, 2, 9):
        torch.testing.assert_close(real_harmonics(lat, lon, degrees), high[:, : degrees**2], rtol=0, atol=0)
