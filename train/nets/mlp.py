"""Multilayer perceptron: the network behind every location encoder that is not a SIREN."""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn


class DenseLayer(nn.Module):
    """[B, in] -> [B, out]: linear, activation, dropout; with ``residual`` the input is added where it has the output's size."""

    def __init__(self, in_dim: int, out_dim: int, activation: Callable[[], nn.Module], dropout: float, residual: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)
        self.activation = activation()
        self.dropout = nn.Dropout(dropout)
        self.residual = residual and in_dim == out_dim

    def forward(self, x: Tensor) -> Tensor:
        out = self.dropout(self.activation(self.linear(x)))
        return x + out if self.residual else out


class Mlp(nn.Module):
    """[B, in_dim] -> [B, out_dim]: ``depth`` layers of ``hidden`` units (``body``), then a plain linear one (``head``).

    Downstream probes read ``body(x)`` [B, hidden]; ``forward`` is ``head(body(x))``. Each layer is an object of its own:
    ``[Linear, ReLU] * n``, as in SatCLIP's code, would be one layer applied n times.
    """

    def __init__(
        self,
        in_dim: int,
        hidden: int,
        out_dim: int,
        depth: int,
        dropout: float = 0.0,
        residual: bool = False,
        activation: Callable[[], nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        sizes = [in_dim] + [hidden] * depth
        self.body = nn.Sequential(*[DenseLayer(a, b, activation, dropout, residual) for a, b in pairwise(sizes)])
        self.head = nn.Linear(sizes[-1], out_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))
