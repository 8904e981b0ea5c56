"""Spherical harmonics into a residual SIREN, which still learns at a depth where a plain SIREN does not.

The network is ReSIREN of Climplicit (Dollinger et al. 2025, arXiv:2504.05089: 16 layers of 512), over the harmonics of ``sh_siren``
instead of Climplicit's plain coordinates. Seamless at the antimeridian and regular at the poles.
"""

from typing import Any

from pydantic import Field

from train.encoders.location import sh_siren


class Options(sh_siren.Options):
    depth: int = Field(6, ge=1, description="sine layers before the linear output layer, each added to its input before the sine")


def build(**options: Any) -> sh_siren.SphericalHarmonicsSiren:
    return sh_siren.SphericalHarmonicsSiren(Options.parse(options, where="sh_residual_siren"), residual=True)
