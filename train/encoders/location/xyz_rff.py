"""Random Fourier features of the unit vector at several scales, then an MLP (features: Tancik et al. 2020, arXiv:2006.10739).

GeoCLIP's idea without a map projection: on the sphere itself there is no seam, and each pole is one place. A scale sigma, in cycles
per Earth's radius, sees wavelengths of about 6,371/sigma km.
"""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings
from train.nets.fourier import RandomFourier
from train.nets.mlp import Mlp
from train.nets.sphere import sphere_xyz


class Options(Settings):
    sigmas: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.5, 2.0, 8.0, 32.0), min_length=1, description="scales in cycles per Earth's radius: about 12,700 to 200 km"
    )
    frequencies: int = Field(128, ge=1, description="random frequencies of each scale; each gives a cosine and a sine")
    hidden: int = Field(512, ge=1)
    depth: int = Field(3, ge=1, description="layers before the linear output layer")
    dropout: float = Field(0.0, ge=0, lt=1)
    dim: int = Field(256, ge=2)


def build(**options: Any) -> "XyzRandomFourier":
    return XyzRandomFourier(Options.parse(options, where="xyz_rff"))


class XyzRandomFourier(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.dim = options.dim
        self.scales = nn.ModuleList([RandomFourier(3, options.frequencies, sigma) for sigma in options.sigmas])
        features = 2 * options.frequencies * len(options.sigmas)
        self.network = Mlp(features, options.hidden, options.dim, options.depth, options.dropout, residual=True)

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, hidden]: the last layer of the MLP's body."""
        xyz = sphere_xyz(lat, lon)
        features = torch.cat([scale(xyz) for scale in self.scales], dim=-1)
        return self.network.body(features.to(next(self.parameters()).dtype))

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.network.head(self.hidden(lat, lon))
