"""The contrastive objective against explicit double loops, values and gradients; soft targets and their geometry."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from index.geo import great_circle_km
from train.losses import geodesic_targets, info_nce

KM_PER_DEG = 6371.0088 * math.pi / 180


def unit_rows(n: int, dim: int, seed: int) -> Tensor:
    rows = torch.randn(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return F.normalize(rows, dim=1).requires_grad_()


def slow_info_nce(vectors: Tensor, locations: Tensor, scale: Tensor, targets: Tensor | None = None) -> Tensor:
    """The same, one pair at a time: -sum_j t_ij log softmax_j, over rows and then over columns."""
    n = len(vectors)
    total = torch.zeros((), dtype=torch.float64)
    for a, b in ((vectors, locations), (locations, vectors)):
        for i in range(n):
            similarities = [scale * sum(a[i, d] * b[j, d] for d in range(a.shape[1])) for j in range(n)]
            denominator = sum(torch.exp(s) for s in similarities)
            for j in range(n):
                target = targets[i, j] if targets is not None else float(i == j)
                total = total - target * torch.log(torch.exp(similarities[j]) / denominator)
    return total / (2 * n)


def some_targets(n: int) -> Tensor:
    lat = torch.linspace(-40, 50, n, dtype=torch.float64)
    return F.normalize(geodesic_targets(lat, lat * 2, 3000.0).double(), p=1, dim=1)


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize(("n", "dim", "scale"), [(2, 3, 1.0), (5, 4, 7.5), (9, 2, 100.0)])
def test_value_and_gradients_agree_with_a_loop_over_all_pairs(n: int, dim: int, scale: float, soft: bool) -> None:
    targets = some_targets(n) if soft else None
    fast_in = (unit_rows(n, dim, 0), unit_rows(n, dim, 1), torch.tensor(scale, dtype=torch.float64, requires_grad=True))
    slow_in = tuple(each.detach().clone().requires_grad_() for each in fast_in)
    fast, slow = info_nce(*fast_in, targets), slow_info_nce(*slow_in, targets)
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(torch.autograd.grad(fast, fast_in), torch.autograd.grad(slow, slow_in), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_two_pairs_by_hand() -> None:
    """Cosines [[1, 0], [0, 1]] at scale 2: every row and column costs log(1 + exp(-2))."""
    eye = torch.eye(2, dtype=torch.float64)
    assert float(info_nce(eye, eye, torch.tensor(2.0))) == pytest.approx(math.log(1 + math.exp(-2)))


def test_vectors_that_say_nothing_cost_the_logarithm_of_the_batch() -> None:
    same = F.normalize(torch.ones(8, 3, dtype=torch.float64), dim=1)
    assert float(info_nce(same, same, torch.tensor(20.0))) == pytest.approx(math.log(8))
    assert float(info_nce(same, same, torch.tensor(20.0), some_targets(8))) == pytest.approx(math.log(8))


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_the_two_arguments_can_be_exchanged(soft: bool) -> None:
    a, b, scale = unit_rows(6, 4, 2), unit_rows(6, 4, 3), torch.tensor(12.0, dtype=torch.float64)
    targets = some_targets(6) if soft else None
    torch.testing.assert_close(info_nce(a, b, scale, targets), info_nce(b, a, scale, targets), rtol=1e-13, atol=0)


def test_the_order_of_the_pairs_does_not_matter() -> None:
    a, b, scale = unit_rows(6, 4, 2), unit_rows(6, 4, 3), torch.tensor(12.0, dtype=torch.float64)
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    targets = some_targets(6)
    mixed = info_nce(a[order], b[order], scale, targets[order][:, order])
    torch.testing.assert_close(info_nce(a, b, scale, targets), mixed, rtol=1e-13, atol=0)


def test_soft_targets_become_hard_ones_as_the_falloff_shrinks() -> None:
    a, b, scale = unit_rows(5, 4, 4).detach(), unit_rows(5, 4, 5).detach(), torch.tensor(10.0, dtype=torch.float64)
    lat, lon = torch.tensor([0.0, 0.1, 45.0, 45.0, -89.0]), torch.tensor([0.0, 0.0, 179.9, -179.9, 3.0])
    hard = float(info_nce(a, b, scale))
    gaps = [abs(float(info_nce(a, b, scale, geodesic_targets(lat, lon, km).double())) - hard) for km in (1000, 10, 1, 0.1)]
    assert gaps[0] > 0.01
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[3] < 1e-12


@pytest.mark.parametrize("falloff_km", [1e-3, 1e-6, 1e-9, 1e-30])
def test_however_short_the_falloff_each_place_keeps_its_own_label(falloff_km: float) -> None:
    """Rounding makes a point lie a tenth of a metre from itself; that must not take its weight away."""
    rng = np.random.default_rng(0)
    lat, lon = torch.from_numpy(rng.uniform(-90, 90, 50)), torch.from_numpy(rng.uniform(-180, 180, 50))
    torch.testing.assert_close(geodesic_targets(lat, lon, falloff_km), torch.eye(50), rtol=0, atol=1e-6)


@pytest.mark.parametrize("falloff_km", [0.5, 65.0, 150.0, 5000.0])
def test_the_targets_are_the_kernel_of_the_great_circle_with_rows_that_sum_to_one(falloff_km: float) -> None:
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(-90, 90, 12), rng.uniform(-180, 180, 12)
    lat[1], lon[1] = lat[0] + 0.01, lon[0]
    targets = geodesic_targets(torch.from_numpy(lat), torch.from_numpy(lon), falloff_km)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(12), rtol=1e-6, atol=0)
    for i in range(12):
        kernel = [math.exp(-float(great_circle_km([lat[i]], [lon[i]], [lat[j]], [lon[j]])[0, 0]) / falloff_km) for j in range(12)]
        np.testing.assert_allclose(targets[i].numpy(), np.array(kernel) / sum(kernel), rtol=1e-3, atol=1e-9)


def test_the_weight_of_a_neighbour_by_hand() -> None:
    """One degree along the equator is 111.195 km on the mean sphere."""
    weight = math.exp(-KM_PER_DEG / 100)
    targets = geodesic_targets(torch.tensor([0.0, 0.0]), torch.tensor([20.0, 21.0]), 100.0)
    by_hand = torch.tensor([[1, weight], [weight, 1]]) / (1 + weight)
    torch.testing.assert_close(targets, by_hand, rtol=1e-6, atol=0)


def test_100_km_are_100_km_at_the_pole_as_at_the_equator() -> None:
    """In degrees the polar pairs would lie 180 and 34 degrees of longitude apart."""
    deg = 100 / KM_PER_DEG
    at_60 = 2 * math.degrees(math.asin(math.sin(math.radians(deg / 2)) / math.cos(math.radians(60))))
    pairs = {
        "equator": ([0.0, 0.0], [10.0, 10.0 + deg]),
        "60 N": ([60.0, 60.0], [10.0, 10.0 + at_60]),
        "over the pole": ([90 - deg / 2, 90 - deg / 2], [-90.0, 90.0]),
        "south pole": ([-90.0, -90 + deg], [77.0, -120.0]),
    }
    weights = {
        name: float(geodesic_targets(torch.tensor(lat), torch.tensor(lon), 150.0)[0, 1]) for name, (lat, lon) in pairs.items()
    }
    expected = math.exp(-100 / 150) / (1 + math.exp(-100 / 150))
    assert weights == pytest.approx(dict.fromkeys(pairs, expected), rel=1e-4)


def test_neighbours_across_the_antimeridian_count_as_near() -> None:
    targets = geodesic_targets(torch.tensor([-17.0, -17.0, -17.0]), torch.tensor([179.9, -179.9, 0.0]), 65.0)
    assert 0.4 < float(targets[0, 1]) < 0.5
    assert float(targets[0, 2]) < 1e-6
    seam = geodesic_targets(torch.tensor([10.0, 10.0]), torch.tensor([180.0, -180.0]), 0.1)
    torch.testing.assert_close(seam, torch.full((2, 2), 0.5), rtol=0, atol=1e-3)


def test_latitude_comes_first_in_the_targets() -> None:
    """At 80 N two points 10 degrees of longitude apart are near; at 10 N two points 10 degrees of latitude apart are not."""
    near = geodesic_targets(torch.tensor([80.0, 80.0]), torch.tensor([0.0, 10.0]), 200.0)
    far = geodesic_targets(torch.tensor([0.0, 10.0]), torch.tensor([80.0, 80.0]), 200.0)
    assert float(near[0, 1]) > 10 * float(far[0, 1])


def test_places_in_float32_give_targets_as_good_as_in_float64() -> None:
    lat, lon = torch.tensor([47.5, 47.5625, 47.5]), torch.tensor([11.25, 11.25, 11.5])
    torch.testing.assert_close(geodesic_targets(lat, lon, 5.0), geodesic_targets(lat.double(), lon.double(), 5.0), rtol=0, atol=0)


def test_a_neighbour_named_in_the_targets_is_no_longer_pushed_away() -> None:
    """Two records of one place: with hard labels the gradient parts them, with soft ones it does not."""
    lat, lon = torch.tensor([10.0, 10.0, -50.0]), torch.tensor([20.0, 20.0, 100.0])
    locations = F.normalize(torch.tensor([[1.0, 0.1, 0], [1, 0.1, 0], [0, 0, 1]], dtype=torch.float64), dim=1)
    vectors = locations.clone().requires_grad_()
    scale = torch.tensor(10.0, dtype=torch.float64)
    (soft,) = torch.autograd.grad(info_nce(vectors, locations, scale, geodesic_targets(lat, lon, 150.0).double()), vectors)
    assert soft[:2].abs().max() < 1e-3
    hard_loss = float(info_nce(vectors.detach(), locations, scale))
    assert hard_loss > 2 / 3 * math.log(2) - 1e-3  # two of three rows cannot tell their twin from themselves


def test_the_scale_receives_a_gradient() -> None:
    """Right pairs on top: a sharper softmax lowers the loss; wrong pairs on top: it raises it."""
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    eye = torch.eye(3, dtype=torch.float64)
    (right,) = torch.autograd.grad(info_nce(eye, eye, scale), scale)
    (wrong,) = torch.autograd.grad(info_nce(eye, eye.roll(1, dims=0), scale), scale)
    assert float(right) < -1e-3
    assert float(wrong) > 1e-3
