"""Sphere2Vec "sphereM+" (Mai et al. 2023, arXiv:2306.17624): one angle scaled at a time, together with Space2Vec's grid.

For scale r_s = min (max/min)^(s/(S-1)) (radians; the paper has max 1), latitude p and longitude q in radians, p_s = p/r_s and
q_s = q/r_s: sin p_s, cos p_s, sin q_s, cos q_s, cos p_s cos q, cos p cos q_s, cos p_s sin q, cos p sin q_s, so 8 S features, in
blocks of S in this order. As with `sphere2vec_c_plus` there is a seam at the antimeridian, and a pole has another vector for every
longitude.
"""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from train.nets.multiscale import MultiscaleEncoder, MultiscaleOptions


class Options(MultiscaleOptions):
    scale_min_rad: float = Field(0.02, gt=0, description="smallest scale; its waves are 2 pi times as long")
    scale_max_rad: float = Field(1.0, gt=0)


def build(**options: Any) -> "SphereMPlus":
    return SphereMPlus(Options.parse(options, where="sphere2vec_m_plus"))


class SphereMPlus(MultiscaleEncoder):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    per_scale = 8

    def __init__(self, options: Options) -> None:
        super().__init__(options, options.scale_min_rad, options.scale_max_rad)

    def features(self, lat: Tensor, lon: Tensor, scales: Tensor) -> Tensor:
        phi, theta = torch.deg2rad(lat), torch.deg2rad(lon)
        cos_phi, cos_theta, sin_theta = torch.cos(phi), torch.cos(theta), torch.sin(theta)
        cos_phi_s, sin_theta_s, cos_theta_s = torch.cos(phi / scales), torch.sin(theta / scales), torch.cos(theta / scales)
        grid = [torch.sin(phi / scales), cos_phi_s, sin_theta_s, cos_theta_s]
        mixed = [cos_phi_s * cos_theta, cos_phi * cos_theta_s, cos_phi_s * sin_theta, cos_phi * sin_theta_s]
        return torch.cat(grid + mixed, dim=-1)
