"""Random Fourier features of the unit vector: the formula, and that the sphere has neither seam nor special poles."""

import math

import numpy as np
import pytest
import torch

from index.errors import ConfigError
from index.geo import unit_xyz
from train.encoders.location import xyz_rff


def built() -> xyz_rff.XyzRandomFourier:
    torch.manual_seed(0)
    return xyz_rff.build(sigmas=(1.0, 8.0), frequencies=16, hidden=32, depth=2, dim=6)


def test_it_is_the_mlp_of_cosines_and_sines_of_the_unit_vector() -> None:
    encoder = built().double()
    lat, lon = np.array([48.2, -75.0]), np.array([16.4, -3.0])
    phases = [2 * math.pi * unit_xyz(lat, lon) @ scale.matrix.numpy().T for scale in encoder.scales]
    features = np.concatenate([wave(phase) for phase in phases for wave in (np.cos, np.sin)], axis=1)
    expected = encoder.network(torch.from_numpy(features))
    torch.testing.assert_close(encoder(torch.from_numpy(lat), torch.from_numpy(lon)), expected)


@pytest.mark.parametrize("lat", [-60.0, 0.0, 71.0])
def test_there_is_no_seam_at_the_antimeridian(lat: float) -> None:
    out = built()(torch.full((4,), lat, dtype=torch.float64), torch.tensor([180.0, -180.0, 179.9999, -179.9999]).double())
    torch.testing.assert_close(out[0], out[1], rtol=0, atol=1e-6)
    assert (out[2] - out[3]).abs().max() < 1e-2


@pytest.mark.parametrize("pole", [90.0, -90.0])
def test_a_pole_is_one_place(pole: float) -> None:
    lon = torch.linspace(-180, 180, 7, dtype=torch.float64)
    out = built()(torch.full_like(lon, pole), lon)
    torch.testing.assert_close(out, out[:1].expand_as(out), rtol=0, atol=1e-6)


def test_each_scale_has_frequencies_of_its_own() -> None:
    coarse, fine = built().scales
    assert fine.matrix.std() / coarse.matrix.std() == pytest.approx(8, rel=0.3)
    assert not torch.allclose(fine.matrix, 8 * coarse.matrix)


@pytest.mark.parametrize("sigmas", [(), (1.0, -2.0)])
def test_scales_must_be_there_and_positive(sigmas: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="sigmas"):
        xyz_rff.build(sigmas=sigmas)
