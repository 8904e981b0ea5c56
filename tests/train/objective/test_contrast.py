"""What the architectures share: a temperature that learns, prefixes that do on their own, a queue of places and what it forgets."""

import io
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from index.errors import ConfigError
from tests.train.small_models import slow_info_nce, slow_sigmoid, xyz
from train.objective.contrast import MAX_SCALE, Contrast, ContrastOptions, PlaceQueue
from train.objective.losses import Targets

EYE = torch.eye(4, dtype=torch.float64)


def rows(n: int, dim: int, seed: int) -> Tensor:
    found = torch.randn(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return F.normalize(found, dim=1).requires_grad_()


def apart(n: int) -> Targets:
    """n places 10 degrees from each other, hard labels."""
    where = xyz(torch.zeros(n), 10.0 * torch.arange(n))
    return Targets(where, where, 0)


def test_the_scale_begins_at_one_over_the_temperature_and_is_learnt_as_its_logarithm() -> None:
    """WildSAT's was neither optimised nor exponentiated."""
    contrast = Contrast(ContrastOptions(temperature=0.05))
    assert [name for name, _ in contrast.named_parameters()] == ["log_scale"]
    assert float(contrast.log_scale.detach()) == pytest.approx(math.log(20))
    assert float(contrast.scale().detach()) == pytest.approx(20)


@pytest.mark.parametrize("loss", ["info_nce", "siglip"])
def test_every_parameter_receives_the_gradient_of_the_loss(loss: str) -> None:
    """By finite differences, the logarithm included."""
    contrast = Contrast(ContrastOptions.model_validate({"loss": loss, "temperature": 0.2})).double()
    queries, keys = rows(4, 3, 0), rows(4, 3, 1)
    contrast(queries, keys, apart(4)).backward()
    for parameter in contrast.parameters():
        with torch.no_grad():
            parameter += 1e-5
            above = contrast(queries, keys, apart(4))
            parameter -= 2e-5
            below = contrast(queries, keys, apart(4))
        assert parameter.grad is not None
        assert abs(float(parameter.grad)) > 1e-3
        assert float(parameter.grad) == pytest.approx(float((above - below) / 2e-5), rel=1e-5)


@pytest.mark.parametrize("right", [True, False])
def test_an_optimiser_sharpens_right_pairs_and_softens_wrong_ones(right: bool) -> None:
    contrast = Contrast(ContrastOptions(temperature=0.2))
    optimizer = torch.optim.Adam(contrast.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        contrast(EYE, EYE if right else EYE.roll(1, dims=0), apart(4)).backward()
        optimizer.step()
    after = float(contrast.scale().detach())
    assert (after > 5 * 1.1) if right else (after < 5 * 0.9)


@pytest.mark.parametrize("loss", ["info_nce", "siglip"])
def test_the_scale_is_never_above_100(loss: str) -> None:
    contrast = Contrast(ContrastOptions.model_validate({"loss": loss}))
    with torch.no_grad():
        contrast.log_scale.fill_(math.log(1000.0))
    queries, keys = rows(4, 3, 0), rows(4, 3, 1)
    found, weights = contrast(queries, keys, apart(4)), EYE.tolist()
    by_hand = (
        slow_info_nce(queries, keys, [100.0] * 4, weights)
        if loss == "info_nce"
        else slow_sigmoid(queries, keys, [100.0] * 4, -10.0, weights)
    )
    assert float(contrast.scale().detach()) == pytest.approx(MAX_SCALE) == pytest.approx(100)
    assert float(found.detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)


def test_a_temperature_at_its_limit_can_still_come_back() -> None:
    """A step over the limit must not freeze it there for the rest of the run, as a clamp in the graph would."""
    contrast = Contrast(ContrastOptions())
    with torch.no_grad():
        contrast.log_scale.fill_(math.log(100.5))
    optimizer = torch.optim.Adam(contrast.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        contrast(EYE, EYE.roll(1, dims=0), apart(4)).backward()
        optimizer.step()
    assert float(contrast.scale().detach()) < 95


def test_siglip_begins_by_saying_no() -> None:
    contrast = Contrast(ContrastOptions(loss="siglip", temperature=0.1))
    assert {name: pytest.approx(float(value.detach())) for name, value in contrast.named_parameters()} == {
        "log_scale": math.log(10),
        "bias": -10,
    }


@pytest.mark.parametrize("loss", ["info_nce", "siglip"])
@pytest.mark.parametrize(("asked", "used"), [((), [6]), ((2, 3), [2, 3, 6]), ((6,), [6]), ((2, 99), [2, 6])])
def test_matryoshka_is_the_mean_over_the_prefixes_each_normalised(loss: str, asked: tuple[int, ...], used: list[int]) -> None:
    """A prefix that is as long as the vector or longer is the vector, and counts once."""
    contrast = Contrast(ContrastOptions.model_validate({"loss": loss, "matryoshka": asked, "temperature": 0.25})).double()
    ours, theirs = (rows(4, 6, 0), rows(5, 6, 1)), (rows(4, 6, 0), rows(5, 6, 1))
    where = xyz(torch.zeros(5), 10.0 * torch.arange(5))
    found = contrast(*ours, Targets(where[:4], where, 0))
    losses = []
    for size in used:
        queries, keys = (each[:, :size] / each[:, :size].square().sum(dim=1, keepdim=True).sqrt() for each in theirs)
        weights = torch.eye(5)[:4].tolist()
        losses.append(
            slow_info_nce(queries, keys, [4.0] * 4, weights)
            if loss == "info_nce"
            else slow_sigmoid(queries, keys, [4.0] * 4, -10.0, weights)
        )
    by_hand = sum(losses) / len(losses)
    torch.testing.assert_close(found, by_hand, rtol=1e-6, atol=1e-7)  # the temperature was float32 once
    for a, b in zip(torch.autograd.grad(found, ours), torch.autograd.grad(by_hand, theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_chunks_are_asked_for_by_an_option() -> None:
    """Same loss and gradients; and that the option arrives shows in what is kept for the way back."""
    kept: dict[int, int] = {}
    found: dict[int, tuple[Tensor, ...]] = {}
    for chunk in (0, 2):
        contrast = Contrast(ContrastOptions(loss_chunk=chunk, matryoshka=(2,))).double()
        queries, keys, count = rows(20, 3, 0), rows(20, 3, 1), 0

        def keep(tensor: Tensor) -> Tensor:
            nonlocal count
            count += tensor.numel() == 20 * 20
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = contrast(queries, keys, apart(20))
        kept[chunk] = count
        found[chunk] = (loss, *torch.autograd.grad(loss, (queries, keys, contrast.log_scale)))
    assert kept[0] > 0
    assert kept[2] == 0
    for a, b in zip(found[0], found[2], strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [{"temperature": 0}, {"target_falloff_km": -1}, {"loss": "triplet"}, {"gps_queue": -1}, {"uniform_negatives": -1}, {"tau": 1}],
)
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        ContrastOptions.parse(options, where="tests")


def add(queue: PlaceQueue, *numbers: float) -> None:
    """Places that are told by their latitude; the longitude is twice that."""
    lat = torch.tensor(numbers, dtype=torch.float64)
    queue.add(lat, 2 * lat)


def held(queue: PlaceQueue) -> list[float]:
    lat, lon = queue.places()
    assert lon.tolist() == (2 * lat).tolist()
    return lat.tolist()


def test_an_empty_queue_holds_no_place_and_certainly_not_0_0() -> None:
    """GeoCLIP's begins with a thousand places near (0, 0)."""
    queue = PlaceQueue(5)
    assert held(queue) == []
    add(queue, 7)
    assert held(queue) == [7]
    assert [len(each) for each in queue.places()] == [1, 1]


def test_the_newest_push_out_the_oldest_batches_of_any_size() -> None:
    """A ring of five by hand, each place in the slot behind the last one. GeoCLIP's breaks where the batch does not divide it."""
    queue = PlaceQueue(5)
    for batch, ring in (
        ([1, 2], [1, 2]),
        ([3, 4], [1, 2, 3, 4]),
        ([5, 6, 7], [6, 7, 3, 4, 5]),
        ([], [6, 7, 3, 4, 5]),
        ([8], [6, 7, 8, 4, 5]),
        ([9, 10, 11, 12, 13], [11, 12, 13, 9, 10]),
        ([14, 15], [11, 12, 13, 14, 15]),
        ([16], [16, 12, 13, 14, 15]),
    ):
        add(queue, *batch)
        assert held(queue) == ring


@pytest.mark.parametrize("before", [0, 1, 3, 5, 7])
def test_of_a_batch_larger_than_the_queue_the_last_rows_stay(before: int) -> None:
    queue = PlaceQueue(3)
    for n in range(before):
        add(queue, -n)
    add(queue, 1, 2, 3, 4, 5, 6, 7, 8)
    assert sorted(held(queue)) == [6, 7, 8]
    add(queue, 9)
    assert sorted(held(queue)) == [7, 8, 9]


def test_a_queue_always_holds_the_last_places_whatever_came_in_which_portions() -> None:
    generator = torch.Generator().manual_seed(0)
    queue, came = PlaceQueue(7), 0
    for _ in range(60):
        count = int(torch.randint(0, 18, (1,), generator=generator))
        add(queue, *range(came, came + count))
        came += count
        assert sorted(held(queue)) == list(range(max(0, came - 7), came))


@pytest.mark.parametrize("before", [0, 2, 8])
def test_a_saved_queue_goes_on_as_if_it_had_not_been_stopped(before: int) -> None:
    first, second = PlaceQueue(5), PlaceQueue(5)
    add(first, *range(1, before + 1))
    stored = io.BytesIO()
    torch.save(first.state_dict(), stored)
    stored.seek(0)
    second.load_state_dict(torch.load(stored, weights_only=True))
    for batch in ([101, 102], [103], [104, 105, 106, 107]):
        assert held(second) == held(first)
        for queue in (first, second):
            add(queue, *batch)
    assert held(second) == held(first)


def test_places_that_were_taken_out_do_not_change_when_others_come_in() -> None:
    """They are labels of a loss whose way back may come after the next places went in."""
    queue = PlaceQueue(2)
    add(queue, 1, 2)
    lat, _ = queue.places()
    add(queue, 3, 4)
    assert lat.tolist() == [1, 2]


def test_places_in_float32_are_kept_as_they_are() -> None:
    queue = PlaceQueue(2)
    queue.add(torch.tensor([0.1]), torch.tensor([0.2]))
    assert queue.places()[0].tolist() == [float(torch.tensor(0.1))]
