"""What the latitude alone says of a place: an encoder that reads it, and never the longitude, travels to unseen continents."""

import torch
from torch import Tensor

ZONAL_DEGREES = 10
ZONAL = 2 + ZONAL_DEGREES - 1  # columns of ``zonal``


def zonal(lat: Tensor) -> Tensor:
    """[B, 11] float64: |lat|, lat^2 (of a pole 1), Legendre polynomials of degree 1 to 9 of sin(lat), by Bonnet's recurrence."""
    share, sine = lat.double().abs() / 90, torch.sin(torch.deg2rad(lat.double()))
    waves = [torch.ones_like(sine), sine]
    for n in range(1, ZONAL_DEGREES - 1):
        waves.append(((2 * n + 1) * sine * waves[n] - n * waves[n - 1]) / (n + 1))
    return torch.stack([share, share**2, *waves[1:]], dim=-1)
