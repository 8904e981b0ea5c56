"""Fused: everything in the batch against everything but itself, positives by distance across modalities; or MELT's half of it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from index.errors import ConfigError
from tests.train.small_models import (
    articles,
    batch,
    gradients,
    haversine_km,
    kernel,
    model,
    slow_info_nce,
    slow_sigmoid,
    tiles,
    values,
)
from train.objective.architecture import Bound

MIXED = {"both": (("articles", 6), ("tiles", 4)), "articles": (("articles", 5),), "tiles": (("tiles", 4),)}


def slow_losses(built: Any, batches: tuple[tuple[str, int], ...], *, symmetric: bool, further: Any = ()) -> dict[str, Tensor]:
    """Every record twice, as a vector and as its place: the list of all 2N, one asked after the other, by loops."""
    bound = [built.encode(batch(modality, n), 0) for modality, n in batches]
    items = [
        (each.modality, vector, place)
        for each in bound
        for vector, place in zip(each.vectors.double(), zip(each.lat.tolist(), each.lon.tolist(), strict=True), strict=True)
    ]
    places = [
        ("locations", vector, place)
        for each in bound
        for vector, place in zip(each.locations.double(), zip(each.lat.tolist(), each.lon.tolist(), strict=True), strict=True)
    ]
    asked = items + places if symmetric else items
    keys = (items + places if symmetric else places) + [
        ("further", built.locate(*torch.tensor([[lat], [lon]]), 0)[0].double(), (lat, lon)) for lat, lon in further
    ]
    slow = slow_sigmoid if built.options.loss == "siglip" else slow_info_nce
    costs: dict[str, list[Tensor]] = {}
    for row, (kind, vector, place) in enumerate(asked):
        weights = [kernel(haversine_km(place, other), built.options.target_falloff_km, "gaussian") for _, _, other in keys]
        bias = [built.contrasts[kind].bias.double()] if built.options.loss == "siglip" else []
        cost = slow(
            vector[None], torch.stack([key for _, key, _ in keys]), [built.contrasts[kind].scale().double()], *bias, [weights],
            [row] if symmetric else None,
        )  # fmt: skip
        costs.setdefault(kind, []).append(cost)
    found = {kind: torch.stack(each).mean() for kind, each in costs.items()}
    return {**found, "total": torch.stack([cost for each in costs.values() for cost in each]).mean()}


def assert_by_hand(built: Any, mixed: str, *, symmetric: bool, further: Any = ()) -> None:
    by_hand = slow_losses(built, MIXED[mixed], symmetric=symmetric, further=further)
    by_hand["total"].backward()
    expected = gradients(built)
    built.zero_grad()
    losses = built([batch(modality, n) for modality, n in MIXED[mixed]], 0)
    losses["total"].backward()
    assert values(losses) == pytest.approx(values(by_hand), rel=1e-5)
    found = gradients(built)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("loss", ["info_nce", "siglip"])
@pytest.mark.parametrize("falloff_km", [0.0, 150.0])
@pytest.mark.parametrize("form", ["symmetric", "asymmetric"])
@pytest.mark.parametrize("mixed", MIXED)
def test_value_and_gradients_agree_with_loops_over_the_whole_batch(mixed: str, form: str, falloff_km: float, loss: str) -> None:
    built = model("fused", form=form, target_falloff_km=falloff_km, temperature=0.2, loss=loss)
    assert_by_hand(built, mixed, symmetric=form == "symmetric")


@pytest.mark.parametrize("form", ["symmetric", "asymmetric"])
def test_places_of_the_queue_are_further_keys(form: str) -> None:
    built = model("fused", form=form, gps_queue=3, temperature=0.2)
    built.queue.add(torch.tensor([10.2, -30.0]), torch.tensor([20.0, 5.0]))
    further = [(float(torch.tensor(10.2)), 20.0), (-30.0, 5.0)]
    by_hand = values(slow_losses(built, MIXED["both"], symmetric=form == "symmetric", further=further))
    assert by_hand["total"] != pytest.approx(
        values(slow_losses(built, MIXED["both"], symmetric=form == "symmetric"))["total"], rel=1e-4
    )
    assert values(built([articles(6), tiles(4)], 0)) == pytest.approx(by_hand, rel=1e-5)


def test_a_text_and_a_tile_near_it_attract_each_other() -> None:
    """A tile whose vector is already that of its place, and a text 56 km off whose vector is not: with a falloff of 150 km the tile
    draws the text near, with 1 km it keeps it away."""
    right, other = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0.0, 1, 0]])
    pull = {}
    for falloff_km in (150.0, 1.0):
        text = other.clone().requires_grad_()
        bound = [
            Bound("articles", text, other, torch.tensor([10.5]), torch.tensor([20.0])),
            Bound("tiles", right, right, torch.tensor([10.0]), torch.tensor([20.0])),
        ]
        model("fused", target_falloff_km=falloff_km, temperature=1.0).bind(bound, 0)["tiles"].backward()
        assert text.grad is not None
        pull[falloff_km] = -float(text.grad @ right[0])
    assert pull[150.0] > 0.01
    assert pull[1.0] < -0.01


def test_nothing_is_its_own_positive() -> None:
    """With a text and its place alone, each has one key, the other: nothing to choose, so nothing to pay."""
    losses = values(model("fused")([articles(1)], 0))
    assert losses == pytest.approx({"articles": 0, "locations": 0, "total": 0}, abs=1e-6)


def test_in_the_asymmetric_form_no_text_is_compared_with_a_tile_nor_a_place_with_a_place() -> None:
    """All article vectors turned alike change the tiles' loss in the symmetric form only."""
    for form, same in (("symmetric", False), ("asymmetric", True)):
        built = model("fused", form=form)
        before = values(built([articles(), tiles()], 0))["tiles"]
        with torch.no_grad():
            built.encoders["articles"].linear.weight.neg_()
        assert (values(built([articles(), tiles()], 0))["tiles"] == before) == same


def test_each_kind_of_query_has_its_own_temperature() -> None:
    for form, names in (("symmetric", {"articles", "tiles", "locations"}), ("asymmetric", {"articles", "tiles"})):
        built = model("fused", form=form)
        before = values(built([articles(), tiles()], 0))
        assert {name.split(".")[1] for name, _ in built.contrasts.named_parameters(prefix="contrasts")} == names
        with torch.no_grad():
            built.contrasts["tiles"].log_scale.fill_(0.0)
        after = values(built([articles(), tiles()], 0))
        assert {name for name in before if after[name] != before[name]} == {"tiles", "total"}


@pytest.mark.parametrize("form", ["symmetric", "asymmetric"])
def test_the_gradient_reaches_every_encoder_and_temperature(form: str) -> None:
    built = model("fused", form=form)
    built([articles(), tiles()], 0)["total"].backward()
    assert {name for name, gradient in gradients(built).items() if gradient.abs().max() > 0} == dict(
        built.named_parameters()
    ).keys()


def test_every_query_counts_the_same_so_the_total_leans_to_the_larger_batch() -> None:
    losses = values(model("fused", form="asymmetric")([articles(6), tiles(2)], 0))
    assert losses["total"] == pytest.approx((6 * losses["articles"] + 2 * losses["tiles"]) / 8, rel=1e-6)


@pytest.mark.parametrize("options", [{"form": "sideways"}, {"temperature": 0}, {"tile_weight": 2}])
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        model("fused", **options)
