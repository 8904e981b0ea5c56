"""Space2Vec "theory" (Mai et al. 2020, arXiv:2003.00824): plane waves in three directions 120 degrees apart, at many scales.

Three such waves make the hexagonal firing pattern of grid cells. For scale r_s = min (max/min)^(s/(S-1)) and x = (lon, lat) in
degrees: cos(<x, a_j>/r_s), sin(<x, a_j>/r_s) with a_j = (cos, sin) of 0, 120 and 240 degrees, so 6 S features, in blocks of S:
cos a_1, sin a_1, cos a_2, ...

As with `space2vec_grid` there is a seam at the antimeridian, and a pole has another vector for every longitude.
"""

import math
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from train.nets.multiscale import MultiscaleEncoder, MultiscaleOptions

DIRECTIONS = ((1.0, 0.0), (-0.5, math.sqrt(3) / 2), (-0.5, -math.sqrt(3) / 2))  # east and north of the unit vectors a_j


class Options(MultiscaleOptions):
    scale_min_deg: float = Field(1.0, gt=0, description="smallest scale; its waves are 2 pi times as long")
    scale_max_deg: float = Field(360.0, gt=0)


def build(**options: Any) -> "Space2VecTheory":
    return Space2VecTheory(Options.parse(options, where="space2vec_theory"))


class Space2VecTheory(MultiscaleEncoder):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    per_scale = 6

    def __init__(self, options: Options) -> None:
        super().__init__(options, options.scale_min_deg, options.scale_max_deg)

    def features(self, lat: Tensor, lon: Tensor, scales: Tensor) -> Tensor:
        phases = [(lon * east + lat * north) / scales for east, north in DIRECTIONS]
        return torch.cat([wave(phase) for phase in phases for wave in (torch.cos, torch.sin)], dim=-1)
