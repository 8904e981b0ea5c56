"""Sphere2Vec "sphereC+" (Mai et al. 2023, arXiv:2306.17624): 3-D coordinates of scaled angles, together with Space2Vec's grid.

For scale r_s = min (max/min)^(s/(S-1)) (radians; the paper has max 1), latitude p and longitude q in radians, p_s = p/r_s and
q_s = q/r_s: sin p_s, cos p_s, sin q_s, cos q_s, cos p_s cos q_s, cos p_s sin q_s, so 6 S features, in blocks of S in this order.

The paper proves that great-circle distance is kept for one scale r = 1. At the other scales, and through the grid part, there is a
seam at the antimeridian (q_s does not turn a whole number of times) and a pole has another vector for every longitude.
"""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from train.nets.multiscale import MultiscaleEncoder, MultiscaleOptions


class Options(MultiscaleOptions):
    scale_min_rad: float = Field(0.02, gt=0, description="smallest scale; its waves are 2 pi times as long")
    scale_max_rad: float = Field(1.0, gt=0)


def build(**options: Any) -> "SphereCPlus":
    return SphereCPlus(Options.parse(options, where="sphere2vec_c_plus"))


class SphereCPlus(MultiscaleEncoder):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    per_scale = 6

    def __init__(self, options: Options) -> None:
        super().__init__(options, options.scale_min_rad, options.scale_max_rad)

    def features(self, lat: Tensor, lon: Tensor, scales: Tensor) -> Tensor:
        phi, theta = torch.deg2rad(lat) / scales, torch.deg2rad(lon) / scales
        sin_phi, cos_phi, sin_theta, cos_theta = torch.sin(phi), torch.cos(phi), torch.sin(theta), torch.cos(theta)
        return torch.cat([sin_phi, cos_phi, sin_theta, cos_theta, cos_phi * cos_theta, cos_phi * sin_theta], dim=-1)
