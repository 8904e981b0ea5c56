"""The location encoder as a function on the sphere: shapes, seams, poles, and the order of its arguments."""

import pytest
import torch
from torch import Tensor

from index.errors import ConfigError
from train.encoders.location import sh_siren
from train.nets.harmonics import real_harmonics


@pytest.fixture
def encoder() -> sh_siren.SphericalHarmonicsSiren:
    torch.manual_seed(0)
    return sh_siren.build(degrees=10, hidden=64, depth=2, dim=12)


def at(encoder: torch.nn.Module, *places: tuple[float, float]) -> Tensor:
    lat, lon = torch.tensor(places, dtype=torch.float64).T
    return encoder(lat, lon).detach()


@pytest.mark.parametrize("n", [1, 7])
def test_n_places_become_n_vectors(encoder: sh_siren.SphericalHarmonicsSiren, n: int) -> None:
    out = encoder(torch.linspace(-80, 80, n), torch.linspace(-170, 170, n))
    assert out.shape == (n, 12)
    assert out.dtype == torch.float32
    assert encoder.dim == 12


def test_it_is_the_siren_of_the_harmonics(encoder: sh_siren.SphericalHarmonicsSiren) -> None:
    lat, lon = torch.tensor([12.0, -75.0]), torch.tensor([100.0, 3.0])
    weights, hidden = encoder.state_dict(), real_harmonics(lat, lon, 10).float()
    for layer, w0 in ((0, 10.0), (1, 1.0)):
        prefix = f"network.body.{layer}.linear"
        hidden = torch.sin(w0 * (hidden @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]))
    expected = hidden @ weights["network.head.weight"].T + weights["network.head.bias"]
    torch.testing.assert_close(encoder(lat, lon), expected, rtol=1e-5, atol=1e-5)


def test_latitude_comes_first(encoder: sh_siren.SphericalHarmonicsSiren) -> None:
    assert (at(encoder, (48, 16)) - at(encoder, (16, 48))).abs().max() > 0.05


@pytest.mark.parametrize("lat", [-89.0, -17.0, 0.0, 66.0])
def test_there_is_no_seam_at_the_antimeridian(encoder: sh_siren.SphericalHarmonicsSiren, lat: float) -> None:
    same = at(encoder, (lat, 180), (lat, -180))
    torch.testing.assert_close(same[0], same[1], rtol=0, atol=1e-5)
    over_the_seam = at(encoder, (lat, 179.9995), (lat, -179.9995))
    as_far_elsewhere = at(encoder, (lat, 20.0), (lat, 20.001))
    assert (over_the_seam[0] - over_the_seam[1]).norm() < 5 * (as_far_elsewhere[0] - as_far_elsewhere[1]).norm() + 1e-5


@pytest.mark.parametrize("pole", [90.0, -90.0])
def test_a_pole_is_one_place_and_nothing_jumps_there(encoder: sh_siren.SphericalHarmonicsSiren, pole: float) -> None:
    there = at(encoder, *((pole, lon) for lon in (-180, -90, 0, 13, 180)))
    torch.testing.assert_close(there, there[:1].expand_as(there), rtol=0, atol=1e-5)
    around = at(encoder, *((pole * 0.99999, lon) for lon in (-180, -90, 0, 13, 180)))  # 100 m away on all sides
    assert (around - there).abs().max() < 1e-3


def test_places_far_apart_get_different_vectors(encoder: sh_siren.SphericalHarmonicsSiren) -> None:
    lat, lon = torch.meshgrid(torch.linspace(-75, 75, 6), torch.linspace(-150, 180, 8), indexing="ij")
    vectors = encoder(lat.flatten(), lon.flatten()).detach()
    distances = torch.cdist(vectors, vectors) + torch.eye(len(vectors))
    assert distances.min() > 0.05


def test_neighbours_in_a_batch_do_not_change_a_vector(encoder: sh_siren.SphericalHarmonicsSiren) -> None:
    together = at(encoder, (48, 16), (-33, 151), (0, 0))
    torch.testing.assert_close(together[1:2], at(encoder, (-33, 151)), rtol=1e-5, atol=1e-6)


def test_the_gradient_reaches_every_weight(encoder: sh_siren.SphericalHarmonicsSiren) -> None:
    encoder(torch.tensor([48.0, -3.0]), torch.tensor([16.0, 70.0])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in encoder.parameters())


def test_in_float64_it_answers_in_float64(encoder: sh_siren.SphericalHarmonicsSiren) -> None:
    out = encoder.double()(torch.tensor([48.0]), torch.tensor([16.0]))
    assert out.dtype == torch.float64


@pytest.mark.parametrize("options", [{"degrees": 0}, {"degrees": 201}, {"depth": 0}, {"w0": 3}])
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        sh_siren.build(**options)
