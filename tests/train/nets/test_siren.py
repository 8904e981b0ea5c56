"""SIREN: the bounds of its first weights, the frequency in the forward pass, and layers that do not share weights."""

import math

import pytest
import torch
from torch import Tensor, nn

from train.nets.siren import SineLayer, Siren


def spread_evenly(weights: Tensor, bound: float) -> None:
    """Uniform over +-bound: nothing outside, the edges nearly reached, the standard deviation bound/sqrt(3)."""
    weights = weights.detach()
    assert weights.abs().max() <= bound * (1 + 1e-6)
    assert weights.max() > 0.98 * bound
    assert weights.min() < -0.98 * bound
    assert float(weights.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize("w0", [1.0, 30.0])
def test_the_first_layer_starts_uniform_within_one_over_its_inputs(w0: float) -> None:
    torch.manual_seed(0)
    spread_evenly(SineLayer(50, 400, w0=w0, first=True).linear.weight, 1 / 50)


@pytest.mark.parametrize("w0", [1.0, 30.0])
def test_later_layers_start_uniform_within_sqrt_of_6_over_inputs_over_w0(w0: float) -> None:
    torch.manual_seed(0)
    spread_evenly(SineLayer(50, 400, w0=w0, first=False).linear.weight, math.sqrt(6 / 50) / w0)


def test_a_siren_gives_each_layer_the_bound_of_its_place() -> None:
    torch.manual_seed(1)
    siren = Siren(30, 200, 60, depth=3, w0_first=25.0, w0=2.0)
    first, second, third = siren.body
    spread_evenly(first.linear.weight, 1 / 30)
    for later in (second.linear, third.linear, siren.head):
        spread_evenly(later.weight, math.sqrt(6 / 200) / 2)
    assert [layer.w0 for layer in siren.body] == [25.0, 2.0, 2.0]


def test_a_sine_layer_by_hand() -> None:
    layer = SineLayer(2, 1, w0=30.0, first=True)
    layer.load_state_dict({"linear.weight": torch.tensor([[0.1, -0.2]]), "linear.bias": torch.tensor([0.05])})
    out = layer(torch.tensor([[1.0, 2.0], [0.0, 0.5]]))
    by_hand = [[math.sin(30 * (0.1 - 0.4 + 0.05))], [math.sin(30 * (-0.1 + 0.05))]]
    torch.testing.assert_close(out, torch.tensor(by_hand))


def test_a_siren_is_its_sine_layers_and_then_a_plain_linear_one() -> None:
    torch.manual_seed(2)
    siren = Siren(3, 5, 4, depth=2, w0_first=7.0, w0=1.5).double()
    x = torch.randn(6, 3, dtype=torch.float64)
    weights = siren.state_dict()
    hidden = x
    for layer, w0 in ((0, 7.0), (1, 1.5)):
        hidden = torch.sin(w0 * (hidden @ weights[f"body.{layer}.linear.weight"].T + weights[f"body.{layer}.linear.bias"]))
    torch.testing.assert_close(siren(x), hidden @ weights["head.weight"].T + weights["head.bias"])


def test_no_two_layers_share_their_weights() -> None:
    """SatCLIP's ``[Linear, ReLU] * n`` repeats one layer n times."""
    siren = Siren(8, 8, 8, depth=4)
    layers = [module for module in siren.modules() if isinstance(module, nn.Linear)]
    assert len(layers) == 5
    assert len({id(layer) for layer in layers}) == 5
    assert len({layer.weight.data_ptr() for layer in layers}) == 5
    before = siren.body[2].linear.weight.clone()
    with torch.no_grad():
        siren.body[1].linear.weight.zero_()
    assert torch.equal(siren.body[2].linear.weight, before)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_depth_counts_the_sine_layers_before_the_output(depth: int) -> None:
    siren = Siren(9, 16, 5, depth=depth)
    assert len(siren.body) == depth
    assert sum(p.numel() for p in siren.parameters()) == (9 * 16 + 16) + (depth - 1) * (16 * 16 + 16) + (16 * 5 + 5)
    assert siren(torch.zeros(2, 9)).shape == (2, 5)


def test_activations_keep_their_spread_through_many_layers() -> None:
    """What the initialisation is for: neither dying nor saturating signals (Sitzmann et al., theorem 1.8: arcsine, std 0.707)."""
    torch.manual_seed(3)
    siren = Siren(64, 512, 8, depth=6, w0_first=30.0, w0=1.0)
    hidden = torch.rand(256, 64) * 2 - 1
    for number, layer in enumerate(siren.body):
        hidden = layer(hidden).detach()
        assert 0.5 < float(hidden.std()) < 0.8, f"layer {number}"


def test_a_residual_siren_passes_on_the_mean_of_what_layers_had_before_their_sine() -> None:
    torch.manual_seed(2)
    siren = Siren(3, 5, 4, depth=3, w0_first=7.0, w0=1.5, residual=True).double()
    x = torch.randn(6, 3, dtype=torch.float64)
    w = siren.state_dict()
    first, second, third = (lambda v, i=i: v @ w[f"body.{i}.linear.weight"].T + w[f"body.{i}.linear.bias"] for i in range(3))
    u1 = first(x)
    u2 = (second(torch.sin(7 * u1)) + u1) / 2
    u3 = (third(torch.sin(1.5 * u2)) + u2) / 2
    torch.testing.assert_close(siren.body(x), torch.sin(1.5 * u3))
    torch.testing.assert_close(siren(x), torch.sin(1.5 * u3) @ w["head.weight"].T + w["head.bias"])


def test_a_residual_siren_of_one_layer_is_a_plain_one() -> None:
    torch.manual_seed(2)
    plain, residual = Siren(3, 5, 4, depth=1), Siren(3, 5, 4, depth=1, residual=True)
    residual.load_state_dict(plain.state_dict())
    x = torch.randn(6, 3)
    assert torch.equal(plain(x), residual(x))


def test_layers_of_a_residual_siren_do_not_share_their_weights() -> None:
    siren = Siren(8, 8, 8, depth=4, residual=True)
    assert len({layer.linear.weight.data_ptr() for layer in siren.body}) == 4
    siren(torch.randn(5, 8)).square().sum().backward()
    gradients = [layer.linear.weight.grad for layer in siren.body]
    assert all(not torch.equal(a, b) for i, a in enumerate(gradients) for b in gradients[:i])
