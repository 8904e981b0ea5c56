"""The contrastive objectives against loops over all pairs, values and gradients; in chunks; labels by distance, their geometry."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.train.small_models import RADIUS_KM, haversine_km, kernel, slow_info_nce, slow_sigmoid, xyz
from train.objective.losses import Kernel, Targets, distances_km, info_nce, on_sphere, sigmoid_loss

KM_PER_DEG = RADIUS_KM * math.pi / 180
PLACES = [
    (0.0, 0.0),
    (0.0, 1.0),
    (0.0, 0.0),
    (89.9, 10.0),
    (89.9, -170.0),
    (-17.0, 179.9),
    (-17.0, -179.9),
    (48.0, 16.0),
    (48.5, 16.0),
]
CASES = {
    "hard": (0.0, "exponential", False),
    "soft": (300.0, "exponential", False),
    "gaussian": (100.0, "gaussian", False),
    "hard without itself": (0.0, "exponential", True),
    "gaussian without itself": (100.0, "gaussian", True),
}


def unit_rows(n: int, dim: int, seed: int) -> Tensor:
    rows = torch.randn(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return F.normalize(rows, dim=1).requires_grad_()


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def places(which: list[tuple[float, float]]) -> Tensor:
    return xyz(*torch.tensor(which, dtype=torch.float64).T)


def problem(case: str, queries: int = 5) -> tuple[Targets, list[list[float]], list[int] | None]:
    """Five of the places are asked about all nine: targets, weights by hand, and the column of each query that is left out."""
    falloff_km, shape, without_itself = CASES[case]
    asked = PLACES[:queries]
    itself = None
    if without_itself:  # then everyone has a partner, as a text has its place; backwards, so that a column is not its row
        asked = asked[::-1]
        itself = list(range(queries))[::-1]
    keys = PLACES + asked if without_itself else PLACES
    weights = [[kernel(haversine_km(a, b), falloff_km, shape) for b in keys] for a in asked]
    kind: Any = shape
    return Targets(places(asked), places(keys), falloff_km, kind, None if itself is None else torch.tensor(itself)), weights, itself


def assert_same(fast: Callable[..., Tensor], slow: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Value and gradient of every input."""
    ours, theirs = fast(*inputs), slow(*inputs)
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)
    for a, b in zip(torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scale", [1.0, 7.5, 100.0])
@pytest.mark.parametrize("case", CASES)
def test_info_nce_agrees_with_loops_over_all_pairs(case: str, scale: float) -> None:
    targets, weights, itself = problem(case)
    assert_same(
        lambda q, k, s: info_nce(q, k, s, targets),
        lambda q, k, s: slow_info_nce(q, k, [s] * len(q), weights, itself),
        unit_rows(5, 4, 0), unit_rows(len(weights[0]), 4, 1), number(scale),
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_siglip_agrees_with_loops_over_all_pairs(case: str) -> None:
    targets, weights, itself = problem(case)
    assert_same(
        lambda q, k, s, b: sigmoid_loss(q, k, s, b, targets),
        lambda q, k, s, b: slow_sigmoid(q, k, [s] * len(q), b, weights, itself),
        unit_rows(5, 4, 0), unit_rows(len(weights[0]), 4, 1), number(7.5), number(-2.0),
    )  # fmt: skip


@pytest.mark.parametrize("chunk", [0, 2])
def test_each_query_may_have_a_scale_of_its_own(chunk: int) -> None:
    targets, weights, _ = problem("soft")
    scales = torch.tensor([[1.0], [20.0], [3.0], [0.5], [100.0]], dtype=torch.float64, requires_grad=True)
    vectors = unit_rows(5, 4, 0), unit_rows(9, 4, 1)
    assert_same(
        lambda q, k, s: info_nce(q, k, s, targets, chunk=chunk),
        lambda q, k, s: slow_info_nce(q, k, [row[0] for row in s], weights),
        *vectors, scales,
    )  # fmt: skip
    bias = number(-1.0)
    assert_same(
        lambda q, k, s, b: sigmoid_loss(q, k, s, b, targets, chunk=chunk),
        lambda q, k, s, b: slow_sigmoid(q, k, [row[0] for row in s], b, weights),
        *vectors, scales, bias,
    )  # fmt: skip


@pytest.mark.parametrize("chunk", [1, 2, 4, 5, 99])
@pytest.mark.parametrize("case", CASES)
def test_in_chunks_it_is_the_same(case: str, chunk: int) -> None:
    """Five queries: into chunks of one, with a rest, exactly once, and less than one chunk."""
    targets, weights, _ = problem(case)
    inputs = unit_rows(5, 4, 0), unit_rows(len(weights[0]), 4, 1), number(30.0), number(-3.0)
    for loss in (
        lambda chunk: info_nce(*inputs[:3], targets, chunk=chunk) + 0 * inputs[3],
        lambda chunk: sigmoid_loss(*inputs, targets, chunk=chunk),
    ):
        whole, parts = loss(0), loss(chunk)
        torch.testing.assert_close(parts, whole, rtol=1e-12, atol=1e-12)
        for a, b in zip(torch.autograd.grad(parts, inputs), torch.autograd.grad(whole, inputs), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


class LargestTensor(TorchDispatchMode):
    """Elements of the largest tensor that any operation makes, forwards or backwards."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.elements = max([self.elements, *(each.numel() for each in tree_leaves(made) if isinstance(each, Tensor))])
        return made


def memory(loss: str, chunk: int, size: int = 96, dim: int = 4) -> tuple[int, int]:
    """(elements that are kept for the way back, elements of the largest tensor on the way there and back)."""
    queries, keys, scale, bias = unit_rows(size, dim, 0), unit_rows(size, dim, 1), number(10.0), number(-1.0)
    rng = np.random.default_rng(0)
    where = on_sphere(torch.from_numpy(rng.uniform(-90, 90, size)), torch.from_numpy(rng.uniform(-180, 180, size)))
    targets, kept = Targets(where, where, 500.0), {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // tensor.element_size()
        return tensor

    with LargestTensor() as seen:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            result = (
                info_nce(queries, keys, scale, targets, chunk=chunk)
                if loss == "info_nce"
                else sigmoid_loss(queries, keys, scale, bias, targets, chunk=chunk)
            )
        result.backward()
    assert queries.grad is not None
    assert keys.grad is not None
    return sum(kept.values()), seen.elements


@pytest.mark.parametrize("loss", ["info_nce", "siglip"])
def test_memory_is_that_of_a_chunk(loss: str) -> None:
    """96 x 96 pairs of 4 numbers. Whole, several matrices of that size are kept; in chunks none is ever made."""
    kept, largest = memory(loss, 0)
    assert kept >= 2 * 96 * 96
    assert largest == 96 * 96
    for chunk in (8, 16, 24):
        kept, largest = memory(loss, chunk)
        assert kept <= 2 * 96 * 4 + 96  # queries, keys and a few numbers for each chunk
        assert largest == chunk * 96


def test_two_pairs_by_hand() -> None:
    """Cosines [[1, 0], [0, 1]] at scale 2: every row costs log(1 + exp(-2))."""
    eye, two = torch.eye(2, dtype=torch.float64), places([(0, 0), (0, 90)])
    found = info_nce(eye, eye, torch.tensor(2.0), Targets(two, two, 0))
    assert float(found) == pytest.approx(math.log(1 + math.exp(-2)))


def test_siglip_of_two_pairs_by_hand() -> None:
    """Scale 2, bias -1: a right pair costs log(1 + e^-1), a wrong one log(1 + e^-1) too; each row has one of each."""
    eye, two = torch.eye(2, dtype=torch.float64), places([(0, 0), (0, 90)])
    found = sigmoid_loss(eye, eye, torch.tensor(2.0), torch.tensor(-1.0), Targets(two, two, 0))
    assert float(found) == pytest.approx(2 * math.log(1 + math.exp(-1)))


def test_vectors_that_say_nothing_cost_the_logarithm_of_the_batch() -> None:
    same = F.normalize(torch.ones(9, 3, dtype=torch.float64), dim=1)
    for falloff_km in (0.0, 500.0):
        targets = Targets(places(PLACES), places(PLACES), falloff_km)
        assert float(info_nce(same, same, torch.tensor(20.0), targets)) == pytest.approx(math.log(9))


def test_the_order_of_queries_and_of_keys_does_not_matter() -> None:
    a, b, scale = unit_rows(9, 4, 2), unit_rows(9, 4, 3), number(12.0)
    rows, columns = torch.randperm(9, generator=torch.Generator().manual_seed(0)), torch.arange(9).roll(4)
    where = places(PLACES)
    plain = info_nce(a, b, scale, Targets(where, where, 300.0))
    mixed = info_nce(a[rows], b[columns], scale, Targets(where[rows], where[columns], 300.0))
    torch.testing.assert_close(plain, mixed, rtol=1e-13, atol=0)


def test_soft_labels_become_hard_ones_as_the_falloff_shrinks() -> None:
    a, b, scale = unit_rows(9, 4, 4).detach(), unit_rows(9, 4, 5).detach(), number(10.0)
    where = places(PLACES)
    hard = float(info_nce(a, b, scale.detach(), Targets(where, where, 0)))
    gaps = [abs(float(info_nce(a, b, scale.detach(), Targets(where, where, km))) - hard) for km in (1000, 10, 1, 0.1)]
    assert gaps[0] > 0.01
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[3] < 1e-12


def test_a_neighbour_named_in_the_labels_is_no_longer_pushed_away() -> None:
    """Two texts say the same of two places 1 km apart whose vectors differ a little: hard labels part them, soft ones hardly do."""
    near = places([(10, 20), (10.009, 20), (-50, 100)])
    locations = F.normalize(torch.tensor([[1.0, 0.1, 0], [1, -0.1, 0], [0, 0, 1]], dtype=torch.float64), dim=1)
    vectors = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64, requires_grad=True)
    pushes = {}
    for falloff_km in (0.0, 150.0):
        loss = info_nce(vectors, locations, torch.tensor(10.0), Targets(near, near, falloff_km))
        (gradient,) = torch.autograd.grad(loss, vectors)
        pushes[falloff_km] = float((gradient[0] - gradient[1]).norm())
    assert pushes[0.0] == pytest.approx(2 * 10 / 3 * 0.1 / math.hypot(1, 0.1), rel=1e-3)  # scale/B * 1/2 |k1 - k0| each, opposed
    assert pushes[150.0] < pushes[0.0] / 100


def test_labels_are_the_kernel_of_the_great_circle() -> None:
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(-90, 90, 12), rng.uniform(-180, 180, 12)
    lat[1], lon[1] = lat[0] + 0.01, lon[0]
    where = on_sphere(torch.from_numpy(lat), torch.from_numpy(lon))
    shapes: tuple[Kernel, ...] = ("exponential", "gaussian")
    for shape in shapes:
        for falloff_km in (0.5, 65.0, 5000.0):
            found = Targets(where, where, falloff_km, shape).log_weights(slice(3, 9)).exp()
            by_hand = [
                [kernel(haversine_km((lat[i], lon[i]), (lat[j], lon[j])), falloff_km, shape) for j in range(12)]
                for i in range(3, 9)
            ]
            np.testing.assert_allclose(found.numpy(), by_hand, rtol=5e-3, atol=1e-9)


def test_without_a_falloff_only_the_very_place_is_right() -> None:
    where = on_sphere(torch.tensor([10.0, 10.0, 10.00002, -50.0]), torch.tensor([20.0, 20.0, 20.0, 100.0]))
    weights = Targets(where, where, 0).log_weights(slice(None)).exp()
    assert weights.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("falloff_km", [1e-3, 1e-6, 1e-9, 1e-30])
def test_however_short_the_falloff_each_place_keeps_its_own_label(falloff_km: float) -> None:
    rng = np.random.default_rng(0)
    where = on_sphere(torch.from_numpy(rng.uniform(-90, 90, 50)), torch.from_numpy(rng.uniform(-180, 180, 50)))
    shapes: tuple[Kernel, ...] = ("exponential", "gaussian")
    for shape in shapes:
        weights = Targets(where, where, falloff_km, shape).log_weights(slice(None)).exp()
        torch.testing.assert_close(weights, torch.eye(50), rtol=0, atol=0)


def test_distances_are_exactly_zero_for_the_same_place_and_right_for_others() -> None:
    rng = np.random.default_rng(3)
    lat, lon = rng.uniform(-90, 90, 300), rng.uniform(-180, 180, 300)
    where = on_sphere(torch.from_numpy(lat), torch.from_numpy(lon))
    assert where.dtype == torch.float32
    found = distances_km(where, where)
    assert found.diagonal().abs().max() == 0
    for i in range(0, 300, 7):
        by_hand = [haversine_km((lat[i], lon[i]), (lat[j], lon[j])) for j in range(300)]
        np.testing.assert_allclose(found[i].numpy(), by_hand, rtol=2e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("one", "other"),
    [((90, 0), (90, 57.3)), ((-90, -100), (-90, 33)), ((10, 180), (10, -180)), ((0, 180), (0, -180)), ((-0.0, 5), (0.0, 5))],
)
def test_a_place_of_several_names_is_one_place(one: tuple[float, float], other: tuple[float, float]) -> None:
    """The poles have all longitudes, and 180 E is 180 W: a hair's breadth apart, and hard labels would call one wrong."""
    lat, lon = torch.tensor([one, other], dtype=torch.float64).T
    where = on_sphere(lat, lon)
    assert distances_km(where, where).tolist() == [[0, 0], [0, 0]]


def test_100_km_are_100_km_at_the_pole_as_at_the_equator() -> None:
    """In degrees the polar pairs would lie 180 and 163 degrees of longitude apart."""
    deg = 100 / KM_PER_DEG
    at_60 = 2 * math.degrees(math.asin(math.sin(math.radians(deg / 2)) / math.cos(math.radians(60))))
    pairs = {
        "equator": ([0.0, 0.0], [10.0, 10.0 + deg]),
        "60 N": ([60.0, 60.0], [10.0, 10.0 + at_60]),
        "over the pole": ([90 - deg / 2, 90 - deg / 2], [-90.0, 90.0]),
        "south pole": ([-90.0, -90 + deg], [77.0, -120.0]),
        "antimeridian": ([0.0, 0.0], [180 - deg / 2, -180 + deg / 2]),
    }
    for name, (lat, lon) in pairs.items():
        where = on_sphere(torch.tensor(lat, dtype=torch.float64), torch.tensor(lon, dtype=torch.float64))
        assert float(distances_km(where[:1], where[1:])) == pytest.approx(100, abs=1e-3), name


def test_antipodes_are_half_the_way_round_and_no_nan() -> None:
    lat, lon = torch.tensor([90.0, -90, 30, -30, 0, 0]), torch.tensor([0.0, 0, 40, -140, 179, -1])
    where = on_sphere(lat, lon)
    for a, b in ((0, 1), (2, 3), (4, 5)):
        assert float(distances_km(where[[a]], where[[b]])) == pytest.approx(math.pi * RADIUS_KM, abs=10)


def test_latitude_and_longitude_are_not_exchanged() -> None:
    """Ten degrees of longitude at 80 N are 193 km, ten degrees of latitude are 1,112 km anywhere."""
    where = on_sphere(torch.tensor([80.0, 80.0, 70.0]), torch.tensor([0.0, 10.0, 0.0]))
    assert distances_km(where[:1], where)[0].tolist() == pytest.approx([0, 193.0, 1112.0], abs=0.5)
