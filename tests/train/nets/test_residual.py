"""The residual network: its formula in plain numpy, and layers that do not share weights."""

import numpy as np
import pytest
import torch
from torch import nn

from train.nets.residual import ResidualNet


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_it_is_its_formula(blocks: int) -> None:
    torch.manual_seed(0)
    network, x = ResidualNet(3, 5, 4, blocks).double(), torch.randn(6, 3, dtype=torch.float64)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return np.array([weights[f"{name}.weight"] @ row + weights[f"{name}.bias"] for row in x])

    hidden = np.maximum(linear("body.0", x.numpy()), 0)
    for block in range(blocks):
        inner = np.maximum(linear(f"body.{block + 2}.first", hidden), 0)
        hidden = hidden + np.maximum(linear(f"body.{block + 2}.second", inner), 0)
    np.testing.assert_allclose(network.body(x).detach().numpy(), hidden, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(network(x).detach().numpy(), linear("head", hidden), rtol=1e-12, atol=1e-12)


def test_no_two_layers_share_their_weights() -> None:
    network = ResidualNet(8, 8, 8, blocks=3)
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    assert len({layer.weight.data_ptr() for layer in linear}) == len(linear) == 1 + 2 * 3 + 1


def test_dropout_is_only_for_training() -> None:
    torch.manual_seed(0)
    network, x = ResidualNet(4, 32, 2, blocks=1, dropout=0.5), torch.randn(8, 4)
    assert torch.equal(network.eval()(x), network(x))
    assert not torch.equal(network.train()(x), network(x))
