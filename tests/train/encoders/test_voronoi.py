"""The Voronoi encoder: its formula with all sites in plain numpy, the sphere it lives on, and what its training moves."""

import numpy as np
import pytest
import torch
from torch import Tensor

from index.errors import ConfigError
from index.geo import fibonacci_sphere, unit_xyz
from train.encoders.location import voronoi

PLACES = ((0.0, 0.0), (48.2, 16.4), (-33.9, 151.2), (71.0, -179.9), (-90.0, -170.0))


def built(**options: float) -> voronoi.Voronoi:
    torch.manual_seed(0)
    small = {"sites": 60, "site_dim": 8, "shared_tokens": 5, "hidden": 16, "dim": 6}
    encoder = voronoi.build(**(small | options))
    with torch.no_grad():  # as training may leave them: off the sphere, and no two alike
        encoder.directions *= 1 + torch.rand(len(encoder.directions), 1)
        encoder.directions += 0.2 * torch.randn_like(encoder.directions)
        encoder.log_tau += torch.randn_like(encoder.log_tau)
    return encoder


def at(encoder: voronoi.Voronoi, *places: tuple[float, float]) -> Tensor:
    with torch.no_grad():
        return encoder(*torch.tensor(places, dtype=torch.float64).T)


def formula(encoder: voronoi.Voronoi, lat: float, lon: float) -> np.ndarray:
    """One place as the paper has it; the residual network behind has a test of its own."""
    weights = {name: value.double().numpy() for name, value in encoder.state_dict().items()}
    g = unit_xyz(lat, lon)
    sites = [direction / np.linalg.norm(direction) for direction in weights["directions"]]
    nearness = np.exp([np.exp(log_tau) * (g @ site) for log_tau, site in zip(weights["log_tau"], sites, strict=True)])
    mixed = sum(n / nearness.sum() * token for n, token in zip(nearness, weights["tokens"], strict=True))
    logits = weights["shared.logits.weight"] @ mixed + weights["shared.logits.bias"]
    attention = np.exp(logits / np.exp(weights["shared.log_temperature"]))
    common = attention / attention.sum() @ weights["shared.tokens"]
    both = 0.7 * (weights["shared.own.weight"] @ mixed + weights["shared.own.bias"]) + 0.3 * common
    normed = (both - both.mean()) / np.sqrt(both.var() + 1e-5) * weights["shared.norm.weight"] + weights["shared.norm.bias"]
    out: np.ndarray = encoder.network(torch.from_numpy(normed)).detach().numpy()
    return out


@pytest.mark.parametrize("left_out", [0, 1e-9])
def test_it_is_its_formula(left_out: float) -> None:
    encoder = built(gate=0.3, left_out=left_out).double()
    np.testing.assert_allclose(at(encoder, *PLACES), [formula(encoder, *place) for place in PLACES], rtol=1e-6, atol=1e-7)


def test_its_gradients_are_the_finite_differences() -> None:
    encoder = built(sites=12).double()
    lat, lon = torch.tensor(PLACES, dtype=torch.float64).T
    names = ("directions", "log_tau", "tokens")

    def with_sites(*tensors: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(encoder, dict(zip(names, tensors, strict=True)), (lat, lon))
        return out

    assert torch.autograd.gradcheck(with_sites, [getattr(encoder, name).detach().clone().requires_grad_() for name in names])


def test_sites_start_evenly_spread_and_stay_on_the_sphere_however_they_are_moved() -> None:
    fresh = voronoi.build(sites=100, dim=6)
    np.testing.assert_allclose(fresh.sites.detach(), unit_xyz(*fibonacci_sphere(100)), atol=1e-6)
    torch.testing.assert_close(built().sites.norm(dim=-1), torch.ones(60))


def test_training_pulls_the_nearest_sites_and_leaves_the_far_side_alone() -> None:
    torch.manual_seed(0)
    encoder = voronoi.build(sites=400, dim=6)
    encoder(torch.tensor([48.2]), torch.tensor([16.4])).square().sum().backward()
    moved = torch.from_numpy(unit_xyz(48.2, 16.4)).float() @ encoder.sites.detach().T
    pull = encoder.directions.grad.norm(dim=-1)
    assert pull[moved > 0.97].min() > 0
    assert pull[moved < 0].max() == 0


@pytest.mark.parametrize("lat", [-60.0, 0.0, 71.0])
def test_there_is_no_seam_at_the_antimeridian(lat: float) -> None:
    west, east, near_west, near_east = at(built(), (lat, -180), (lat, 180), (lat, -179.9999), (lat, 179.9999))
    torch.testing.assert_close(west, east, rtol=0, atol=1e-5)
    assert (near_west - near_east).abs().max() < 1e-3


@pytest.mark.parametrize("pole", [90.0, -90.0])
def test_a_pole_is_one_place(pole: float) -> None:
    there = at(built(), *((pole, lon) for lon in (-180, -90, 0, 13, 180)))
    torch.testing.assert_close(there, there[:1].expand_as(there), rtol=0, atol=1e-5)


def test_leaving_far_sites_out_changes_no_vector_by_a_thousandth() -> None:
    torch.manual_seed(0)
    sparse = voronoi.build(sites=4096, dim=32)
    dense = voronoi.build(sites=4096, dim=32, left_out=0)
    dense.load_state_dict(sparse.state_dict())
    lat, lon = (torch.from_numpy(each) for each in fibonacci_sphere(1000))
    with torch.no_grad():
        far, near = dense(lat, lon), sparse(lat, lon)
    assert ((far - near).norm(dim=-1) / far.norm(dim=-1)).max() < 1e-4  # 1e-5 measured
    assert not torch.equal(far, near)


@pytest.mark.parametrize("options", [{"sites": 1}, {"left_out": 0.5}, {"gate": 1.1}, {"tau": 0}, {"neighbours": 3}])
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        voronoi.build(**options)
