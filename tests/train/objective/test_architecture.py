"""What all architectures do alike: encode to the unit sphere, further negatives from queue and anywhere, one modality only."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.train.small_models import ARCHITECTURES, LAT, articles, batch, gradients, model, tiles, values
from train.objective.contrast import PlaceQueue


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("modality", ["articles", "tiles"])
def test_a_batch_of_one_modality_alone_is_learnt_and_leaves_the_other_tower_alone(architecture: str, modality: str) -> None:
    built = model(architecture)
    built.plan({modality: 3})
    assert built.active(0, (modality,)) == built.active(5, (modality,)) == (modality,)
    losses = built([batch(modality, 4)], 0)
    assert math.isfinite(float(losses["total"].detach()))
    losses["total"].backward()
    towers = {name.split(".")[1] for name in gradients(built) if name.startswith("encoders.")}
    assert towers == {modality, "locations"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("n", [2, 3])
def test_a_partial_batch_is_a_smaller_problem_not_an_error(architecture: str, n: int) -> None:
    built = model(architecture, gps_queue=4, uniform_negatives=3)
    for step, size in enumerate((6, n, 6, n)):
        assert math.isfinite(float(built([articles(size)], 2 * step)["total"].detach()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_lengths_of_the_vectors_do_not_matter(architecture: str) -> None:
    built = model(architecture, gps_queue=4)
    before = float(built([articles()], 0)["total"].detach())
    built.queue = PlaceQueue(4)
    with torch.no_grad():
        built.encoders["locations"].linear.weight.mul_(50)
        built.encoders["articles"].linear.weight.mul_(0.01)
        built.encoders["articles"].linear.bias.mul_(0.01)
    assert float(built([articles()], 0)["total"].detach()) == pytest.approx(before, rel=1e-5)


def test_encoded_batches_lie_on_the_unit_sphere_with_their_places() -> None:
    bound = model("imagebind").encode(tiles(), 0)
    torch.testing.assert_close(bound.vectors.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(bound.locations.norm(dim=1), torch.ones(4))
    assert bound.modality == "tiles"
    assert bound.lat.tolist() == list(LAT[:4])
    assert bound.places.shape == (4, 3)


def test_without_queue_and_uniform_places_there_are_no_further_negatives() -> None:
    vectors, places = model("imagebind").negatives(0)
    assert vectors.shape == places.shape == (0, 3)


def test_uniform_negatives_depend_on_seed_and_step_alone() -> None:
    built = model("imagebind", uniform_negatives=10)
    _, first = built.negatives(3)
    torch.manual_seed(999)
    torch.testing.assert_close(built.negatives(3)[1], first, rtol=0, atol=0)
    torch.testing.assert_close(model("imagebind", uniform_negatives=10).negatives(3)[1], first, rtol=0, atol=0)
    assert not torch.isclose(built.negatives(4)[1], first).any()
    assert not torch.isclose(model("imagebind", uniform_negatives=10, seed=1).negatives(3)[1], first).any()


def test_uniform_negatives_are_uniform_on_the_sphere_not_in_degrees() -> None:
    """Heights of points on a sphere are uniform (Archimedes): below 30 degrees lies half of it. TaxaBind's crowd the poles."""
    _, places = model("imagebind", uniform_negatives=20_000).negatives(0)
    torch.testing.assert_close(places.norm(dim=1), torch.ones(20_000))
    standard_error = 1 / math.sqrt(3 * 20_000)
    assert places.mean(dim=0).abs().max() < 4 * standard_error
    for axis in range(3):
        shares = np.histogram(places[:, axis].numpy(), bins=np.linspace(-1, 1, 11))[0] / 20_000
        assert np.abs(shares - 0.1).max() < 4 * math.sqrt(0.09 / 20_000)


def test_negatives_are_those_of_the_queue_and_then_uniform_ones() -> None:
    built = model("imagebind", gps_queue=5, uniform_negatives=2)
    built([articles(3)], 0)
    vectors, places = built.negatives(1)
    assert vectors.shape == places.shape == (5, 3)
    torch.testing.assert_close(places[:3], built.encode(articles(3), 0).places, rtol=0, atol=0)
    torch.testing.assert_close(vectors[:3], built.encode(articles(3), 0).locations)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_queue_takes_the_places_of_every_batch_after_its_loss(architecture: str) -> None:
    """The first loss with an empty queue is that without one; the second is not."""
    plain, queued = model(architecture), model(architecture, gps_queue=6)
    for step, same in ((0, True), (2, False)):
        found = [float(each([articles(4)], step)["total"].detach()) for each in (plain, queued)]
        assert (found[0] == pytest.approx(found[1], rel=1e-6)) == same
    assert sorted(queued.queue.places()[0].tolist()) == sorted([*LAT[:4], *LAT[2:4]])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nothing_is_put_into_the_queue_while_a_model_is_only_tried_out(architecture: str) -> None:
    built = model(architecture, gps_queue=6).eval()
    built([articles(4)], 0)
    assert len(built.queue.places()[0]) == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_that_was_saved_and_loaded_goes_on_with_the_same_losses(architecture: str) -> None:
    options = {"gps_queue": 5, "uniform_negatives": 3} | ({"teacher_decay": 0.5} if architecture == "cyclic" else {})
    first, second = model(architecture, **options), model(architecture, **options)
    optimizer = torch.optim.SGD(first.parameters(), lr=0.5)
    for step in (0, 1):
        first([batch(("articles", "tiles")[step], 4)], step)["total"].backward()
        optimizer.step()
    second.load_state_dict(first.state_dict())
    for step in (2, 3, 4):
        both = [values(each([batch(("articles", "tiles")[step % 2], 4, step)], step)) for each in (first, second)]
        assert both[0] == both[1]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_takes_bfloat16_vectors_of_an_encoder(architecture: str) -> None:
    class Half(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, *inputs: object) -> torch.Tensor:
            found: torch.Tensor = self.inner(*inputs)
            return found.bfloat16()

    built = model(architecture)
    whole = float(built([articles()], 0)["total"].detach())
    built.encoders["articles"] = Half(built.encoders["articles"])
    losses = built([articles()], 0)
    assert losses["total"].dtype == torch.float32
    assert float(losses["total"].detach()) == pytest.approx(whole, abs=0.1)
