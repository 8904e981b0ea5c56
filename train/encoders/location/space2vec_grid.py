"""Space2Vec "grid" (Mai et al. 2020, arXiv:2003.00824): sine and cosine of each coordinate at geometrically growing scales.

For scale r_s = min (max/min)^(s/(S-1)), s = 0 .. S-1, and x = (lon, lat) in degrees: cos(x/r_s), sin(x/r_s), so 4 S features, in
blocks of S: cos lon, sin lon, cos lat, sin lat. A wave is 2 pi r_s degrees long.

The published encoder knows no sphere: -180 and 180 differ (a seam), and a pole has another vector for every longitude.
"""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from train.nets.multiscale import MultiscaleEncoder, MultiscaleOptions


class Options(MultiscaleOptions):
    scale_min_deg: float = Field(1.0, gt=0, description="smallest scale; its waves are 2 pi times as long")
    scale_max_deg: float = Field(360.0, gt=0)


def build(**options: Any) -> "Space2VecGrid":
    return Space2VecGrid(Options.parse(options, where="space2vec_grid"))


class Space2VecGrid(MultiscaleEncoder):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    per_scale = 4

    def __init__(self, options: Options) -> None:
        super().__init__(options, options.scale_min_deg, options.scale_max_deg)

    def features(self, lat: Tensor, lon: Tensor, scales: Tensor) -> Tensor:
        return torch.cat(
            [torch.cos(lon / scales), torch.sin(lon / scales), torch.cos(lat / scales), torch.sin(lat / scales)], dim=-1
        )
