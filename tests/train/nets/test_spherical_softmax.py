"""The softmax over sites on the sphere: against loops over all sites, its gradients, and how much it ever leaves out."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from index.geo import fibonacci_sphere, unit_xyz
from train.nets import spherical_softmax
from train.nets.spherical_softmax import sites_that_count, soft_mix


def on_sphere(count: int, seed: int = 0) -> Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(np.random.default_rng(seed).standard_normal((count, 3))), dim=-1)


def even_sites(count: int) -> Tensor:
    return torch.from_numpy(unit_xyz(*fibonacci_sphere(count)))


def invented_tokens(count: int, size: int = 4) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((count, size)))


def uneven_tau(count: int) -> Tensor:
    """From 8 to 400, in no order: what training may have made of the temperatures."""
    return torch.from_numpy(np.random.default_rng(2).permutation(np.geomspace(8, 400, count)))


def one_by_one(points: Tensor, sites: Tensor, tau: Tensor, tokens: Tensor) -> Tensor:
    """The definition, a point and a site at a time."""
    rows = []
    for g in points:
        weights = [math.exp(float(t * (g @ s)) - float(tau.max())) for s, t in zip(sites, tau, strict=True)]
        rows.append(sum(w / sum(weights) * e for w, e in zip(weights, tokens, strict=True)))
    return torch.stack(rows)


@pytest.mark.parametrize("left_out", [0.0, 1e-9])
def test_it_is_the_definition(left_out: float) -> None:
    points, sites, tau, tokens = on_sphere(40), on_sphere(90, seed=3), uneven_tau(90), invented_tokens(90)
    torch.testing.assert_close(soft_mix(points, sites, tau, tokens, left_out), one_by_one(points, sites, tau, tokens))


@pytest.mark.parametrize("count", [300, 1500])
@pytest.mark.parametrize("tau", [5.0, 45.0, 300.0])
@pytest.mark.parametrize("left_out", [1e-1, 1e-3, 1e-5])
def test_never_is_more_left_out_than_was_allowed(count: int, tau: float, left_out: float) -> None:
    points, sites = on_sphere(150), even_sites(count)
    everything, tokens = torch.full((count,), tau, dtype=torch.float64), torch.eye(count, dtype=torch.float64)
    weights = soft_mix(points, sites, everything, tokens, 0)  # tokens that are a unit matrix bring the softmax to light
    kept = soft_mix(points, sites, everything, tokens, left_out) > 0
    assert (weights * ~kept).sum(dim=-1).max() <= left_out


def test_the_share_holds_for_sites_that_have_moved_and_temperatures_that_differ() -> None:
    points, tau, tokens = on_sphere(300), uneven_tau(800), torch.eye(800, dtype=torch.float64)
    crowded = on_sphere(800, seed=5) + torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64)  # most of them in the north
    sites = torch.nn.functional.normalize(crowded, dim=-1)
    weights = soft_mix(points, sites, tau, tokens, 0)
    kept = soft_mix(points, sites, tau, tokens, 1e-2) > 0
    assert 0 < (weights * ~kept).sum(dim=-1).max() <= 1e-2


def test_at_tau_45_a_quarter_of_4096_sites_is_asked_and_the_rest_is_not_missed() -> None:
    points, sites, tau = on_sphere(2000), even_sites(4096), torch.full((4096,), 45.0, dtype=torch.float64)
    tokens = invented_tokens(4096, 32)
    dense, sparse = soft_mix(points, sites, tau, tokens, 0), soft_mix(points, sites, tau, tokens, 1e-3)
    assert ((sparse - dense).norm(dim=-1) / dense.norm(dim=-1)).max() < 1e-4  # 2e-5 measured
    centres, radius = spherical_softmax._caps(spherical_softmax.CAPS)
    assert sites_that_count(centres, radius, sites * tau[:, None], 1e-3).double().mean() < 0.3


def test_gradients_are_those_of_the_dense_softmax() -> None:
    points, sites, tau, tokens = on_sphere(50), on_sphere(70, seed=3), uneven_tau(70), invented_tokens(70)
    pull = invented_tokens(50, 4)
    gradients = []
    for left_out in (0.0, 1e-12):
        leaves = [each.clone().requires_grad_() for each in (points, sites, tau, tokens)]
        (soft_mix(*leaves, left_out=left_out) * pull).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    torch.testing.assert_close(gradients[1], gradients[0])


def test_gradients_are_the_finite_differences() -> None:
    inputs = [each.requires_grad_() for each in (on_sphere(6), on_sphere(9, seed=3), uneven_tau(9) / 10, invented_tokens(9, 2))]
    assert torch.autograd.gradcheck(lambda *each: soft_mix(*each, left_out=1e-12), inputs)


def test_a_point_gets_the_same_alone_as_among_others() -> None:
    points, sites, tau, tokens = on_sphere(200), even_sites(1000), uneven_tau(1000), invented_tokens(1000)
    together = soft_mix(points, sites, tau, tokens, 1e-2)
    alone = torch.cat([soft_mix(points[i : i + 1], sites, tau, tokens, 1e-2) for i in range(0, 200, 20)])
    torch.testing.assert_close(together[::20], alone)


def test_in_half_precision_only_the_answer_is_rounded() -> None:
    points, sites, tau, tokens = on_sphere(64), even_sites(300), uneven_tau(300), invented_tokens(300)
    exact = soft_mix(points, sites, tau, tokens.bfloat16().double(), 1e-3)
    rounded = soft_mix(points, sites, tau, tokens.bfloat16(), 1e-3)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.double(), exact, rtol=2**-8, atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(
            soft_mix(points, sites, tau, tokens.float(), 1e-3).double(),
            soft_mix(points, sites, tau, tokens, 1e-3),
            rtol=1e-4,
            atol=1e-5,
        )


def test_what_must_be_kept_for_backward_does_not_grow_with_points_times_sites() -> None:
    points, sites, tau = on_sphere(512), even_sites(2000), torch.full((2000,), 45.0, dtype=torch.float64)
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor):
        soft_mix(points, sites, tau, invented_tokens(2000).requires_grad_(), 1e-3)
    assert kept
    assert max(kept) < 512 * 2000 / 10
