"""A batch that is encoded in parts teaches what it would teach in one pass: dropout, queue and teacher included."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.train.small_models import ARCHITECTURES, articles, batch, gradients, model, tiles, values
from train.objective.architecture import Architecture, Bound
from train.objective.gradcache import Chunk, backward_in_chunks

OPTIONS: dict[str, dict[str, Any]] = {
    "imagebind": {},
    "cyclic": {"teacher_decay": 0.5},
    "fused": {},
    "imagebind, all of it": {"gps_queue": 5, "uniform_negatives": 3, "matryoshka": (2,), "loss_chunk": 2},
    "cyclic, places fixed": {"location": "fixed_after_first", "gps_queue": 5, "uniform_negatives": 3},
    "cyclic, a prefix": {"teacher_decay": 0.5, "matryoshka": (2,), "uniform_negatives": 3},
    "fused, a prefix": {"matryoshka": (2,), "gps_queue": 5, "uniform_negatives": 3},
    "fused, asymmetric, a prefix": {"form": "asymmetric", "matryoshka": (2,), "loss_chunk": 2},
    "fused, asymmetric": {"form": "asymmetric", "loss": "siglip", "uniform_negatives": 3},
}


def build(case: str, dropout: float = 0.0) -> Any:
    built = model(case.split(",")[0], dropout=dropout, **OPTIONS[case])
    built.queue is not None and built.queue.add(torch.tensor([5.0, 6.0]), torch.tensor([7.0, 8.0]))
    return built


def parts(modality: str, sizes: Sequence[int]) -> list[Chunk]:
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    return [partial(batch, modality, size, start) for size, start in zip(sizes, starts, strict=True)]


def batches_of(built: Architecture, step: int) -> list[list[Chunk]]:
    """Seven articles in three parts, five tiles in two; those whose turn it is."""
    sizes = {"articles": (3, 3, 1), "tiles": (4, 1)}
    return [parts(modality, sizes[modality]) for modality in built.active(step, ("articles", "tiles"))]


def in_one_pass(built: Architecture, batches: Sequence[Sequence[Chunk]], step: int, seed: int) -> dict[str, Tensor]:
    """The same parts with the same seeds, all of them remembered until the loss is there."""
    whole = []
    for made in batches:
        encoded = []
        for number, part in enumerate(made):
            torch.manual_seed(seed + number)
            encoded.append(built.encode(part(), step))
        joined = [torch.cat([getattr(each, name) for each in encoded]) for name in ("vectors", "locations", "lat", "lon")]
        whole.append(Bound(encoded[0].modality, *joined))
    losses = built.bind(whole, step)
    losses["total"].backward()
    return losses


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("case", OPTIONS)
def test_losses_gradients_and_state_are_those_of_one_pass(case: str, step: int, dropout: float) -> None:
    ours, theirs = build(case, dropout), build(case, dropout)
    found = backward_in_chunks(ours, batches_of(ours, step), step, (11).__add__)
    expected = in_one_pass(theirs, batches_of(theirs, step), step, seed=11)
    assert values(found) == pytest.approx(values(expected), rel=1e-6)
    told, should = gradients(ours), gradients(theirs)
    assert told.keys() == should.keys()
    assert any(gradient.abs().max() > 1e-2 for gradient in told.values())
    for name, gradient in told.items():
        torch.testing.assert_close(gradient, should[name], rtol=1e-5, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, equal_nan=True, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("chunk", [1, 2, 4, 6])
def test_without_dropout_it_is_the_plain_step_however_it_is_cut(architecture: str, chunk: int) -> None:
    ours, theirs = model(architecture), model(architecture)
    cut = [parts("articles", [chunk] * (6 // chunk) + [6 % chunk] * bool(6 % chunk))]
    plain = [articles(6)]
    if architecture != "cyclic":
        cut, plain = [*cut, parts("tiles", [2, 2])], [*plain, tiles(4)]
    found, expected = backward_in_chunks(ours, cut, 0, (3).__add__), theirs(plain, 0)
    expected["total"].backward()
    assert values(found) == pytest.approx(values(expected), rel=1e-6)
    for name, gradient in gradients(theirs).items():
        torch.testing.assert_close(gradients(ours)[name], gradient, rtol=1e-5, atol=1e-6)


def test_dropout_differs_between_parts_and_between_steps() -> None:
    """All parts hold the same record: that they differ is dropout's doing."""
    built, seen = model("imagebind", dropout=0.5), []
    built.encoders["articles"].dropout.register_forward_hook(lambda module, inputs, output: seen.append(output.tolist()))
    same = [partial(articles, 1)] * 4
    backward_in_chunks(built, [same], 0, (1).__add__)
    assert seen[:4] == seen[4:]
    assert len({str(each) for each in seen}) > 1


def test_only_one_part_at_a_time_is_remembered() -> None:
    """Rows that a way back is kept for, while the encoder is at work: never more than a part of two."""
    built, remembered, most = model("imagebind"), 0, []

    def forward(module: Any, inputs: Any, output: Tensor) -> None:
        nonlocal remembered
        if output.requires_grad:
            remembered += len(output)
            most.append(remembered)
            output.register_hook(lambda gradient: forget(len(gradient)))

    def forget(rows: int) -> None:
        nonlocal remembered
        remembered -= rows

    built.encoders["articles"].register_forward_hook(forward)
    backward_in_chunks(built, [parts("articles", (2, 2, 2))], 0, (1).__add__)
    assert most == [2, 2, 2]
    assert remembered == 0


def test_the_queue_takes_a_batch_once_not_once_a_part() -> None:
    built = model("imagebind", gps_queue=20)
    backward_in_chunks(built, [parts("articles", (2, 2, 2))], 0, (1).__add__)
    assert int(built.queue.seen) == 6


def test_gradients_are_added_to_those_that_are_there() -> None:
    """As backward always does."""
    built = model("fused")
    batches = [parts("articles", (3, 3))]
    backward_in_chunks(built, batches, 0, (1).__add__)
    once = gradients(built)
    backward_in_chunks(built, batches, 0, (1).__add__)
    for name, gradient in gradients(built).items():
        torch.testing.assert_close(gradient, 2 * once[name])
