"""Real spherical harmonics of all degrees below L by the normalised three-term recurrence, in float64.

The closed form with factorials overflows float32 near degree 29 (see SatCLIP's implementation); the recurrence on fully
normalised Legendre functions is stable to degrees in the thousands (Holmes and Featherstone 2002, doi:10.1007/s00190-002-0216-2).
Everything is vectorised over points and orders: L steps in all.
"""

import math

import torch
from torch import Tensor


def real_harmonics(lat: Tensor, lon: Tensor, degrees: int) -> Tensor:
    """Orthonormal real spherical harmonics [B, degrees**2] in float64 of points in WGS84 degrees, each [B].

    Column l*l + l + m holds Y_lm for l < ``degrees``, -l <= m <= l, without the Condon-Shortley phase: m > 0 goes with
    cos(m lon), m < 0 with sin(|m| lon). The integral of Y_lm squared over the unit sphere is 1.
    """
    phi = torch.deg2rad(lat.to(torch.float64))
    legendre = _legendre(torch.sin(phi), torch.cos(phi), degrees)
    orders = torch.arange(1, degrees, dtype=torch.float64, device=lat.device)
    angle = torch.deg2rad(lon.to(torch.float64))[:, None] * orders
    cosine, sine = math.sqrt(2) * torch.cos(angle), math.sqrt(2) * torch.sin(angle)
    blocks = []
    for degree, row in enumerate(legendre):
        positive = row[:, 1 : degree + 1]
        blocks += [(positive * sine[:, :degree]).flip(-1), row[:, :1], positive * cosine[:, :degree]]
    return torch.cat(blocks, dim=-1)


def _legendre(x: Tensor, cos_lat: Tensor, degrees: int) -> list[Tensor]:
    """Fully normalised associated Legendre functions of ``x`` = sin(lat) [B]: for each degree l a tensor [B, degrees] over m,
    zero for m > l. ``cos_lat`` [B] comes along because sqrt(1 - x**2) has lost its digits near the poles."""
    m = torch.arange(degrees, dtype=torch.float64, device=x.device)
    before = torch.zeros(len(x), degrees, dtype=torch.float64, device=x.device)
    current = before.clone()
    current[:, 0] = math.sqrt(1 / (4 * math.pi))
    rows = [current]
    for degree in range(1, degrees):
        inner = m < degree
        span = torch.where(inner, degree**2 - m**2, torch.ones_like(m))
        a = torch.sqrt((4 * degree**2 - 1) / span) * inner
        b = torch.sqrt(((degree - 1) ** 2 - m**2).clamp(min=0) / (4 * (degree - 1) ** 2 - 1)) if degree > 1 else torch.zeros_like(m)
        following = a * (x[:, None] * current - b * before)
        following[:, degree] = math.sqrt((2 * degree + 1) / (2 * degree)) * cos_lat * current[:, degree - 1]
        before, current = current, following
        rows.append(current)
    return rows
