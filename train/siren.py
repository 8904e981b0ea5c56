"""SIREN: a multilayer perceptron with sine activations (Sitzmann et al. 2020, arXiv:2006.09661)."""

import math
from itertools import pairwise

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


class Siren(nn.Module):
    """[B, in_dim] -> [B, out_dim]: ``depth`` sine layers of ``hidden`` units, then a linear layer. No layer shares weights."""

    def __init__(self, in_dim: int, hidden: int, out_dim: int, depth: int, *, w0_first: float = 30.0, w0: float = 1.0) -> None:
        super().__init__()
        sizes = [in_dim] + [hidden] * depth
        layers = [SineLayer(a, b, w0=w0_first if i == 0 else w0, first=i == 0) for i, (a, b) in enumerate(pairwise(sizes))]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(hidden, out_dim)
        bound = math.sqrt(6 / hidden) / w0
        nn.init.uniform_(self.head.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))
