"""The multilayer perceptron: its formula, and layers that do not share weights."""

import pytest
import torch
from torch import nn

from train.nets.mlp import Mlp


@pytest.mark.parametrize("residual", [False, True])
def test_it_is_its_layers_one_after_the_other_and_then_a_plain_linear_one(residual: bool) -> None:
    torch.manual_seed(0)
    mlp, x = Mlp(3, 5, 4, depth=3, residual=residual).double(), torch.randn(6, 3, dtype=torch.float64)
    weights, hidden = mlp.state_dict(), x
    for layer in range(3):
        before = hidden @ weights[f"body.{layer}.linear.weight"].T + weights[f"body.{layer}.linear.bias"]
        gelu = before * (1 + torch.erf(before / 2**0.5)) / 2
        hidden = hidden + gelu if residual and layer else gelu  # the first layer changes the size: there is nothing to add
    torch.testing.assert_close(mlp.body(x), hidden)
    torch.testing.assert_close(mlp(x), hidden @ weights["head.weight"].T + weights["head.bias"])


def test_no_two_layers_share_their_weights() -> None:
    """SatCLIP's ``[Linear, ReLU] * n`` is one layer applied n times: its gradient is then the sum of those of n layers."""
    mlp = Mlp(8, 8, 8, depth=4)
    linear = [module for module in mlp.modules() if isinstance(module, nn.Linear)]
    assert len(linear) == 5
    assert len({layer.weight.data_ptr() for layer in linear}) == 5
    assert sum(p.numel() for p in mlp.parameters()) == 5 * (8 * 8 + 8)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_depth_counts_the_layers_before_the_last_linear_one(depth: int) -> None:
    mlp = Mlp(9, 16, 5, depth=depth)
    assert len(mlp.body) == depth
    assert mlp(torch.zeros(2, 9)).shape == (2, 5)


def test_the_activation_can_be_chosen_and_dropout_is_only_for_training() -> None:
    torch.manual_seed(0)
    mlp, x = Mlp(4, 64, 2, depth=1, dropout=0.5, activation=nn.ReLU), torch.randn(8, 4)
    assert (mlp.eval().body(x) >= 0).all()
    assert torch.equal(mlp(x), mlp(x))
    assert not torch.equal(mlp.train()(x), mlp(x))
