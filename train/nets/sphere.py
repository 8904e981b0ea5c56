"""The sphere for tensors: what ``index.geo`` does in numpy, on any device."""

import torch
from torch import Tensor


def sphere_xyz(lat: Tensor, lon: Tensor) -> Tensor:
    """Points on the unit sphere [B, 3] in float64 of WGS84 degrees [B]: x towards (0, 0), y towards (0, 90 E), z to the north."""
    phi, theta = torch.deg2rad(lat.to(torch.float64)), torch.deg2rad(lon.to(torch.float64))
    return torch.stack([torch.cos(phi) * torch.cos(theta), torch.cos(phi) * torch.sin(theta), torch.sin(phi)], dim=-1)
