"""ImageBind: every modality is bound to position by its own learnt temperature, and never to another modality."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from index.errors import ConfigError
from train.architectures import imagebind
from train.architectures.imagebind import MAX_SCALE, ImageBind
from train.data import ArticleBatch, TileBatch

LAT, LON = torch.tensor([10.0, 10.5, -60.0, 45.0]), torch.tensor([20.0, 20.0, 179.0, -100.0])


class Globe(nn.Module):
    """A location encoder to follow by hand: a matrix on the unit vector of the place."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3, bias=False)

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        phi, theta = torch.deg2rad(lat), torch.deg2rad(lon)
        return self.linear(torch.stack([phi.cos() * theta.cos(), phi.cos() * theta.sin(), phi.sin()], dim=1).float())


class MeanColour(nn.Module):
    """An image encoder to follow by hand: a matrix on the mean of each of three bands."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3, bias=False)

    def forward(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor:
        return self.linear(pixels.mean(dim=(2, 3)) * present)


def model(**options: float) -> ImageBind:
    torch.manual_seed(0)
    return imagebind.build(
        encoders=nn.ModuleDict({"locations": Globe(), "articles": nn.Linear(5, 3), "tiles": MeanColour()}), **options
    )


def articles(n: int = 4) -> ArticleBatch:
    return ArticleBatch(torch.randn(n, 5, generator=torch.Generator().manual_seed(1)), LAT[:n], LON[:n])


def tiles() -> TileBatch:
    pixels = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    return TileBatch({"rgb": (torch.arange(4), pixels, torch.ones(4, 3))}, LAT, LON)


def slow_loss(vectors: Tensor, places: Tensor, scale: float, falloff_km: float) -> float:
    """By loops over all pairs, with distances by the haversine formula."""
    z, g = F.normalize(vectors.detach(), dim=1).double(), F.normalize(places.detach(), dim=1).double()
    n, total = len(z), 0.0
    for i in range(n):
        kernel = [math.exp(-haversine_km(i, j) / falloff_km) if falloff_km else float(i == j) for j in range(n)]
        for a, b in ((z, g), (g, z)):
            logits = [scale * float(a[i] @ b[j]) for j in range(n)]
            log_sum = math.log(sum(math.exp(logit) for logit in logits))
            total -= sum(kernel[j] / sum(kernel) * (logits[j] - log_sum) for j in range(n))
    return total / (2 * n)


def haversine_km(i: int, j: int) -> float:
    a, b, c, d = (math.radians(float(x)) for x in (LAT[i], LON[i], LAT[j], LON[j]))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(half))


@pytest.mark.parametrize("falloff_km", [0.0, 150.0])
def test_the_losses_agree_with_loops_over_all_pairs(falloff_km: float) -> None:
    bound = model(target_falloff_km=falloff_km, temperature=0.1)
    losses = {name: loss.detach() for name, loss in bound([articles(), tiles()]).items()}
    places = bound.encoders["locations"](LAT, LON)
    assert float(losses["articles"]) == pytest.approx(
        slow_loss(articles().encode(bound.encoders["articles"]), places, 10, falloff_km), rel=1e-5
    )
    assert float(losses["tiles"]) == pytest.approx(
        slow_loss(tiles().encode(bound.encoders["tiles"]), places, 10, falloff_km), rel=1e-5
    )


def test_the_total_is_the_weighted_sum() -> None:
    losses = {name: loss.detach() for name, loss in model(article_weight=0.5, tile_weight=3.0)([articles(), tiles()]).items()}
    assert set(losses) == {"articles", "tiles", "total"}
    assert float(losses["total"]) == pytest.approx(0.5 * float(losses["articles"]) + 3 * float(losses["tiles"]), rel=1e-6)


def test_neighbours_share_the_label_only_within_the_falloff() -> None:
    """The first two places are 56 km apart: with a falloff of 150 km the loss differs, with 1 km it is the hard one."""
    hard, near, far = (float(model(target_falloff_km=km)([articles()])["articles"].detach()) for km in (0, 1, 150))
    assert near == pytest.approx(hard, rel=1e-5)
    assert abs(far - hard) > 1e-3


def test_text_and_tiles_are_never_compared_with_each_other() -> None:
    """Both losses together are each alone, and neither sends a gradient into the other's tower."""
    together, alone = model()([articles(), tiles()]), model()([articles()])
    assert float(together["articles"].detach()) == float(alone["articles"].detach())
    bound = model()
    bound([articles(), tiles()])["articles"].backward()
    assert all(p.grad is None for p in bound.encoders["tiles"].parameters())
    assert bound.log_scale["tiles"].grad is None
    assert bound.encoders["locations"].linear.weight.grad is not None


def test_the_gradient_flows_into_both_encoders_of_a_pair_and_into_its_temperature() -> None:
    bound = model()
    bound([articles(), tiles()])["total"].backward()
    silent = [name for name, p in bound.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not silent


def test_the_temperature_is_learnt_as_a_logarithm() -> None:
    """WildSAT's scale was neither optimised nor exponentiated."""
    bound = model(temperature=0.05)
    assert {name for name, _ in bound.named_parameters() if name.startswith("log_scale")} == {
        "log_scale.articles",
        "log_scale.tiles",
    }
    assert float(bound.log_scale["articles"].detach()) == pytest.approx(math.log(20))
    assert float(bound.scale("articles").detach()) == pytest.approx(20)


def test_each_modality_has_its_own_temperature() -> None:
    bound = model(temperature=0.1)
    with torch.no_grad():
        bound.log_scale["tiles"].fill_(math.log(3.0))
    assert float(bound.scale("articles").detach()) == pytest.approx(10)
    assert float(bound.scale("tiles").detach()) == pytest.approx(3)


def test_an_optimiser_sharpens_right_pairs_and_softens_wrong_ones() -> None:
    for right in (True, False):
        bound = model(temperature=0.2, target_falloff_km=0)
        nn.init.eye_(bound.encoders["locations"].linear.weight)
        nn.init.eye_(bound.encoders["tiles"].linear.weight)
        phi, theta = torch.deg2rad(LAT), torch.deg2rad(LON)
        xyz = torch.stack([phi.cos() * theta.cos(), phi.cos() * theta.sin(), phi.sin()], dim=1)
        shown = xyz if right else xyz.roll(1, dims=0)
        batch = TileBatch({"rgb": (torch.arange(4), shown[:, :, None, None], torch.ones(4, 3))}, LAT, LON)
        before = float(bound.scale("tiles").detach())
        optimizer = torch.optim.Adam(bound.log_scale.parameters(), lr=0.05)
        for _ in range(5):
            optimizer.zero_grad()
            bound([batch])["total"].backward()
            optimizer.step()
        after = float(bound.scale("tiles").detach())
        assert (after > before * 1.1) if right else (after < before * 0.9)


def test_the_scale_is_never_above_100() -> None:
    bound = model()
    with torch.no_grad():
        bound.log_scale["articles"].fill_(math.log(1000.0))
    assert MAX_SCALE == 100
    assert float(bound.scale("articles").detach()) == pytest.approx(100)
    places = bound.encoders["locations"](LAT, LON)
    expected = slow_loss(articles().encode(bound.encoders["articles"]), places, 100, 150)
    assert float(bound([articles()])["articles"].detach()) == pytest.approx(expected, rel=1e-4)


def test_a_temperature_at_its_limit_can_still_come_back() -> None:
    """One step of Adam over the limit must not freeze it there for the rest of the run, however bad the loss becomes."""
    bound = model()
    with torch.no_grad():
        bound.log_scale["articles"].fill_(math.log(100.5))
    optimizer = torch.optim.Adam(bound.log_scale.parameters(), lr=0.05)
    for _ in range(5):  # random vectors: most pairs are wrong, and a smaller scale is better
        optimizer.zero_grad()
        bound([articles()])["total"].backward()
        optimizer.step()
    assert float(bound.scale("articles").detach()) < 95


def test_the_lengths_of_the_vectors_do_not_matter() -> None:
    bound = model()
    before = float(bound([articles()])["articles"].detach())
    with torch.no_grad():
        bound.encoders["locations"].linear.weight.mul_(50)
        bound.encoders["articles"].weight.mul_(0.01)
        bound.encoders["articles"].bias.mul_(0.01)
    assert float(bound([articles()])["articles"].detach()) == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("n", [2, 3])
def test_a_partial_batch_is_a_smaller_problem_not_an_error(n: int) -> None:
    assert math.isfinite(float(model()([articles(n)])["total"].detach()))


@pytest.mark.parametrize("options", [{"temperature": 0}, {"target_falloff_km": -1}, {"tile_weight": -0.5}, {"tau": 1}])
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        model(**options)
