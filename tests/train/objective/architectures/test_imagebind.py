"""ImageBind: every modality is bound to position by its own learnt temperature, and never to another modality."""

import math
from typing import Any

import pytest
import torch

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


def slow_loss(built: Any, modality: str, n: int, falloff_km: float, further: list[tuple[float, float]] = ()) -> float:
    """1/2 [CE(Z [G, further]^T) + CE(G Z^T)], by loops over all pairs in float64."""
    bound = built.encode(batch(modality, n), 0)
    z, g = bound.vectors.detach().double(), bound.locations.detach().double()
    own = list(zip(bound.lat.tolist(), bound.lon.tolist(), strict=True))
    more = built.locate(*torch.tensor(further, dtype=torch.float64).reshape(-1, 2).T, 0).detach().double()
    scales = [float(built.contrasts[modality].scale().detach())] * n
    to_place = [[kernel(haversine_km(a, b), falloff_km) for b in [*own, *further]] for a in own]
    from_place = [row[:n] for row in to_place]
    keys = torch.cat([g, more])
    if built.options.loss == "siglip":
        return float(slow_sigmoid(z, keys, scales, -10.0, to_place) + slow_sigmoid(g, z, scales, -10.0, from_place)) / 2
    return float(slow_info_nce(z, keys, scales, to_place) + slow_info_nce(g, z, scales, from_place)) / 2


@pytest.mark.parametrize("loss", ["info_nce", "siglip"])
@pytest.mark.parametrize("falloff_km", [0.0, 150.0])
def test_the_losses_agree_with_loops_over_all_pairs(falloff_km: float, loss: str) -> None:
    built = model("imagebind", target_falloff_km=falloff_km, temperature=0.1, loss=loss)
    losses = values(built([articles(6), tiles(4)], 0))
    assert losses["articles"] == pytest.approx(slow_loss(built, "articles", 6, falloff_km), rel=1e-5)
    assert losses["tiles"] == pytest.approx(slow_loss(built, "tiles", 4, falloff_km), rel=1e-5)


def test_places_of_the_queue_are_further_keys_for_vectors_but_ask_for_none() -> None:
    """The queue holds the six places of the step before: the first is asked for twice now, 10.5, 20 lies near it."""
    built = model("imagebind", gps_queue=10, target_falloff_km=150.0)
    built([tiles(6)], 0)
    further = list(zip(*(each.tolist() for each in built.queue.places()), strict=True))
    by_hand = slow_loss(built, "articles", 4, 150.0, further)
    assert by_hand != pytest.approx(slow_loss(built, "articles", 4, 150.0), rel=1e-3)
    assert values(built([articles(4)], 1))["articles"] == pytest.approx(by_hand, rel=1e-5)


def test_places_from_anywhere_are_further_keys_with_gradients() -> None:
    built = model("imagebind", uniform_negatives=7)
    _, where = built.negatives(0)
    lat, lon = torch.rad2deg(torch.asin(where[:, 2])), torch.rad2deg(torch.atan2(where[:, 1], where[:, 0]))
    by_hand = slow_loss(built, "articles", 4, 150.0, list(zip(lat.tolist(), lon.tolist(), strict=True)))
    assert values(built([articles(4)], 0))["articles"] == pytest.approx(by_hand, rel=1e-5)
    vectors, _ = built.negatives(0)
    assert vectors.requires_grad


def test_the_total_is_the_weighted_sum() -> None:
    losses = values(model("imagebind", article_weight=0.5, tile_weight=3.0)([articles(), tiles()], 0))
    assert set(losses) == {"articles", "tiles", "total"}
    assert losses["total"] == pytest.approx(0.5 * losses["articles"] + 3 * losses["tiles"], rel=1e-6)


def test_neighbours_share_the_label_only_within_the_falloff() -> None:
    """The first two places are 56 km apart: with a falloff of 150 km the loss differs, with 1 km it is the hard one."""
    hard, near, far = (values(model("imagebind", target_falloff_km=km)([articles(4)], 0))["articles"] for km in (0, 1, 150))
    assert near == pytest.approx(hard, rel=1e-5)
    assert abs(far - hard) > 1e-3


def test_text_and_tiles_are_never_compared_with_each_other() -> None:
    """Both losses together are each alone, and neither sends a gradient into the other's tower or temperature."""
    together, alone = model("imagebind")([articles(), tiles()], 0), model("imagebind")([articles()], 0)
    assert values(together)["articles"] == values(alone)["articles"]
    built = model("imagebind")
    built([articles(), tiles()], 0)["articles"].backward()
    assert set(gradients(built)) == {
        "encoders.locations.linear.weight",
        "encoders.articles.linear.weight",
        "encoders.articles.linear.bias",
        "contrasts.articles.log_scale",
    }


def test_the_gradient_flows_into_both_encoders_of_a_pair_and_into_its_temperature() -> None:
    built = model("imagebind")
    built([articles(), tiles()], 0)["total"].backward()
    assert {name for name, gradient in gradients(built).items() if gradient.abs().max() > 0} == dict(
        built.named_parameters()
    ).keys()


def test_each_modality_has_its_own_temperature() -> None:
    built = model("imagebind", temperature=0.1)
    with torch.no_grad():
        built.contrasts["tiles"].log_scale.fill_(math.log(3.0))
    losses = values(built([articles(), tiles()], 0))
    assert float(built.contrasts["articles"].scale().detach()) == pytest.approx(10)
    assert losses["tiles"] == pytest.approx(slow_loss(built, "tiles", 4, 150.0), rel=1e-5)
    assert losses["articles"] == values(model("imagebind", temperature=0.1)([articles(), tiles()], 0))["articles"]


def test_both_modalities_take_part_in_every_step() -> None:
    built = model("imagebind")
    assert {built.active(step, ("articles", "tiles")) for step in range(5)} == {("articles", "tiles")}


@pytest.mark.parametrize("options", [{"temperature": 0}, {"target_falloff_km": -1}, {"tile_weight": -0.5}, {"tau": 1}])
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        model("imagebind", **options)
