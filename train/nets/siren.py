"""SIREN: a multilayer perceptron with sine activations (Sitzmann et al. 2020, arXiv:2006.09661), plain and residual."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn


class SineLayer(nn.Module):
    """x [B, in] -> sin(w0 (W x + b)) [B, out]. First layer: W ~ U(-1/in, 1/in); later ones: U(+-sqrt(6/in)/w0)."""

    def __init__(self, in_dim: int, out_dim: int, *, w0: float, first: bool) -> None:
        super().__init__()
        self.w0 = w0
        self.linear = nn.Linear(in_dim, out_dim)
        bound = 1 / in_dim if first else math.sqrt(6 / in_dim) / w0
        nn.init.uniform_(self.linear.weight, -bound, bound)
        nn.init.uniform_(self.linear.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.w0 * self.linear(x))


class ResidualSineLayers(nn.Sequential):
    """Sine layers that pass on their input to the sine: u_1 = W_1 x + b_1, u_i = (W_i sin(w0 u_(i-1)) + b_i + u_(i-1)) / 2.

    The mean, not the sum, keeps u in the range that the initialisation assumes. ReSIREN, in the location encoder of Climplicit
    (Dollinger et al. 2025, arXiv:2504.05089), is 16 such layers deep.
    """

    def forward(self, x: Tensor) -> Tensor:
        before_sine = None
        for layer in cast("Iterator[SineLayer]", iter(self)):
            out = layer.linear(x)
            before_sine = out if before_sine is None else (out + before_sine) / 2
            x = torch.sin(layer.w0 * before_sine)
        return x


class Siren(nn.Module):
    """[B, in_dim] -> [B, out_dim]: ``depth`` sine layers of ``hidden`` units (``body``), then a linear layer (``head``).

    No two layers share weights. With ``residual`` the sine layers are ``ResidualSineLayers``, which have the same parameters.
    """

    def __init__(
        self,
        in_dim: int,
        hidden: int,
        out_dim: int,
        depth: int,
        *,
        w0_first: float = 30.0,
        w0: float = 1.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        sizes = [in_dim] + [hidden] * depth
        layers = [SineLayer(a, b, w0=w0_first if i == 0 else w0, first=i == 0) for i, (a, b) in enumerate(pairwise(sizes))]
        self.body = ResidualSineLayers(*layers) if residual else nn.Sequential(*layers)
        self.head = nn.Linear(hidden, out_dim)
        bound = math.sqrt(6 / hidden) / w0
        nn.init.uniform_(self.head.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))
