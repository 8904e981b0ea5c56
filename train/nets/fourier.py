"""Random Fourier features (Rahimi and Recht 2007; Tancik et al. 2020, arXiv:2006.10739): a vector seen at random frequencies."""

import math

import torch
from torch import Tensor, nn


class RandomFourier(nn.Module):
    """x [B, in_dim] -> cos(2 pi M x), sin(2 pi M x) [B, 2 * frequencies], in the type of x; M ~ N(0, sigma^2) stays as drawn.

    ``sigma`` is in cycles per unit of x: half of the frequencies of one axis are below 0.67 sigma. The matrix is a buffer: it is
    not trained, but a model depends on it, so it is saved with the weights. Give x in float64: at sigma 256 the
    phases reach thousands of radians, of which float32 keeps three decimals.
    """

    matrix: Tensor

    def __init__(self, in_dim: int, frequencies: int, sigma: float) -> None:
        super().__init__()
        self.register_buffer("matrix", sigma * torch.randn(frequencies, in_dim))

    def forward(self, x: Tensor) -> Tensor:
        phase = 2 * math.pi * x @ self.matrix.to(x.dtype).T
        return torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)
