"""Wrap (Mac Aodha et al. 2019, arXiv:1906.05272): four sines and cosines of longitude and latitude into a residual network.

With u = lon/180 and v = lat/90: sin(pi u), cos(pi u), sin(pi v), cos(pi v). No seam at the antimeridian, but latitude wraps too:
cos(pi v) and sin(pi v) are the same at both poles, so the south pole at a longitude and the north pole there share one vector,
and each pole has another vector for every longitude. All detail must come from the network.
"""

import math
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings
from train.nets.residual import ResidualNet


class Options(Settings):
    hidden: int = Field(256, ge=1)
    blocks: int = Field(4, ge=0, description="residual blocks of two layers each")
    dropout: float = Field(0.0, ge=0, lt=1, description="inside the blocks; the paper trains with 0.5")
    dim: int = Field(256, ge=2)


def build(**options: Any) -> "Wrap":
    return Wrap(Options.parse(options, where="wrap"))


class Wrap(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.dim = options.dim
        self.network = ResidualNet(4, options.hidden, options.dim, options.blocks, options.dropout)

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, hidden]: what the last linear layer reads."""
        u, v = math.pi * lon.to(torch.float64) / 180, math.pi * lat.to(torch.float64) / 90
        features = torch.stack([torch.sin(u), torch.cos(u), torch.sin(v), torch.cos(v)], dim=-1)
        return self.network.body(features.to(next(self.parameters()).dtype))

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.network.head(self.hidden(lat, lon))
