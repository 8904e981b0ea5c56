"""Spherical harmonics into a SIREN (Russwurm et al. 2024, arXiv:2310.06743; the location encoder of SatCLIP, arXiv:2311.17179).

Seamless at the antimeridian and regular at the poles. Half a wavelength of the highest degree is about 20,000/L km: detail finer
than that must come from the network.
"""

from typing import Any

from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings
from train.nets.harmonics import real_harmonics
from train.nets.siren import Siren
from train.protocols import EarthInputs


class Options(Settings):
    degrees: int = Field(20, ge=1, le=200, description="L: harmonics of degree 0 .. L-1, L*L features")
    hidden: int = Field(512, ge=1)
    depth: int = Field(2, ge=1, description="sine layers before the linear output layer")
    w0_first: float = Field(10.0, gt=0, description="frequency of the first sine layer; SatCLIP has 30, 10 generalised better here")
    dim: int = Field(256, ge=2)


def build(**options: Any) -> "SphericalHarmonicsSiren":
    return SphericalHarmonicsSiren(Options.parse(options, where="sh_siren"))


class SphericalHarmonicsSiren(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised. With ``residual`` the sine layers are residual ones."""

    def __init__(self, options: Options, *, residual: bool = False) -> None:
        super().__init__()
        self.degrees, self.dim = options.degrees, options.dim
        self.network = Siren(
            options.degrees**2, options.hidden, options.dim, options.depth, w0_first=options.w0_first, residual=residual
        )

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, hidden]: the last sine layer."""
        features = real_harmonics(lat, lon, self.degrees)
        return self.network.body(features.to(next(self.parameters()).dtype))

    @property
    def earth_inputs(self) -> EarthInputs:
        return EarthInputs(("waves",), self.degrees)

    def from_inputs(self, *inputs: Tensor) -> Tensor:
        return self.network(*inputs)

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.network.head(self.hidden(lat, lon))
