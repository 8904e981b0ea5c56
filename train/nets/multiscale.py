"""Coordinates at many scales, then a multilayer perceptron: the common part of Space2Vec and Sphere2Vec."""

from abc import ABC, abstractmethod

import torch
from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings
from train.nets.mlp import Mlp


class MultiscaleOptions(Settings):
    scales: int = Field(32, ge=2, le=512, description="S: number of scales, from the smallest to the largest by equal factors")
    hidden: int = Field(512, ge=1)
    depth: int = Field(2, ge=1, description="layers before the linear output layer")
    dropout: float = Field(0.0, ge=0, lt=1)
    dim: int = Field(256, ge=2)


class MultiscaleEncoder(nn.Module, ABC):
    """lat, lon [B] in WGS84 degrees -> features at S scales -> MLP -> [B, dim], not normalised.

    A subclass says in ``per_scale`` how many features one scale has and computes them in ``features``. The scales are
    computed in each call: a buffer would lose its digits when the model is cast to half precision.
    """

    per_scale: int

    def __init__(self, options: MultiscaleOptions, smallest: float, largest: float) -> None:
        super().__init__()
        self.smallest, self.largest, self.count = smallest, largest, options.scales
        self.dim = options.dim
        self.network = Mlp(self.per_scale * self.count, options.hidden, options.dim, options.depth, options.dropout)

    @abstractmethod
    def features(self, lat: Tensor, lon: Tensor, scales: Tensor) -> Tensor:
        """lat, lon [B, 1] in float64 degrees, scales [S] -> [B, per_scale * S] in float64."""

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, hidden]: the input of the last linear layer."""
        scales = geometric_scales(self.smallest, self.largest, self.count, lat.device)
        features = self.features(lat.to(torch.float64)[:, None], lon.to(torch.float64)[:, None], scales)
        return self.network.body(features.to(next(self.parameters()).dtype))

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.network.head(self.hidden(lat, lon))


def geometric_scales(smallest: float, largest: float, count: int, device: torch.device) -> Tensor:
    """``count`` scales [S] in float64 from ``smallest`` to ``largest``, each the same factor above the one before."""
    steps = torch.arange(count, dtype=torch.float64, device=device) / (count - 1)
    return smallest * (largest / smallest) ** steps
