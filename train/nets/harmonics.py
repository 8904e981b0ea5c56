"""Real spherical harmonics of all degrees below L by the normalised three-term recurrence, in float64.

The closed form with factorials overflows float32 near degree 29 (see SatCLIP's implementation); the recurrence on fully
normalised Legendre functions is stable to degrees in the thousands (Holmes and Featherstone 2002, doi:10.1007/s00190-002-0216-2).

The recurrence runs over the degree and is linear, so it can carry cos(m lon) and sin(m lon) along: each step then
reads the two blocks of columns before its own and writes its own directly into the result, for all points and orders at once.
"""

import math

import torch
from torch import Tensor


@torch.no_grad()
def real_harmonics(lat: Tensor, lon: Tensor, degrees: int) -> Tensor:
    """Orthonormal real spherical harmonics [B, degrees**2] in float64 of points in WGS84 degrees, each [B].

    Column l*l + l + m holds Y_lm for l < ``degrees``, -l <= m <= l, without the Condon-Shortley phase: m > 0 goes with
    cos(m lon), m < 0 with sin(|m| lon). The integral of Y_lm squared over the unit sphere is 1. No gradient reaches the points.

    The result is a transposed view: columns are contiguous in memory, which is the fast layout for the recurrence and for a matrix
    product (a network's first layer).
    """
    phi, theta = torch.deg2rad(lat.to(torch.float64)), torch.deg2rad(lon.to(torch.float64))
    columns = torch.empty(degrees**2, len(phi), dtype=torch.float64, device=phi.device)
    columns[0] = math.sqrt(1 / (4 * math.pi))
    sectoral = torch.full_like(phi, math.sqrt(2 / (4 * math.pi)))  # the one of order m = degree; real harmonics need the root of 2
    sin_lat, cos_lat = torch.sin(phi), torch.cos(phi)  # not sqrt(1 - sin^2), which loses half of its digits near the poles
    for degree in range(1, degrees):
        block = columns[degree**2 : (degree + 1) ** 2]
        _inner_orders(block[1:-1], columns, sin_lat, degree)
        sectoral = sectoral * cos_lat * math.sqrt((2 * degree + 1) / (2 * degree))
        torch.mul(sectoral, torch.sin(degree * theta), out=block[0])
        torch.mul(sectoral, torch.cos(degree * theta), out=block[-1])
    return columns.T


def fine_less(degrees: int) -> Tensor:
    """[degrees**2]: factors for ``real_harmonics`` by which fine waves count less before anything is learnt."""
    degree = torch.arange(degrees).repeat_interleave(2 * torch.arange(degrees) + 1)
    return 1 / (1 + 0.3 * degree)


def _inner_orders(out: Tensor, columns: Tensor, sin_lat: Tensor, degree: int) -> None:
    """Y_lm for |m| < l = ``degree`` into ``out`` [2l - 1, B]: a_lm (sin(lat) Y_(l-1)m - b_lm Y_(l-2)m), from ``columns``."""
    order = torch.arange(1 - degree, degree, dtype=torch.float64, device=columns.device)
    a = torch.sqrt((4 * degree**2 - 1) / (degree**2 - order**2))[:, None]
    torch.mul(columns[(degree - 1) ** 2 : degree**2], sin_lat, out=out).mul_(a)
    if degree > 1:
        before, inner = degree - 1, order[1:-1]  # Y_(l-2)m is zero for |m| = l - 1
        b = torch.sqrt((before**2 - inner**2) / (4 * before**2 - 1))[:, None]
        out[1:-1].addcmul_(columns[(before - 1) ** 2 : before**2], -a[1:-1] * b)
