"""GeoCLIP's location encoder (Vivanco Cepeda et al. 2023, arXiv:2309.16020), also with its published weights.

Equal Earth projection [B, 2] -> random Fourier features at sigma 1, 16 and 256 [B, 512 each] -> a separate MLP for each, three
layers of 1,024 to 512 -> their sum [B, 512]. A ``dim`` other than 512 is a linear layer of ours on top.

As published it lives on a map: there is a seam at longitude +-180, and a pole is a line with a different vector for every
longitude. Published weights: ``location_encoder_weights.pth`` (MIT licence) in https://github.com/VicenteVivan/geo-clip and in the
package geoclip on PyPI. That code computes in float32, in which the phases of sigma 256 are rounded: its vectors, of length 0.34,
are up to 3e-5 from its own formula in float64. Ours follow the formula (benchmarks/geoclip_parity.py); with ``as_published`` the
phases are rounded like those.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings
from train.nets.fourier import RandomFourier
from train.nets.mlp import DenseLayer, Mlp
from train.weights.pretrained import copy_weights, read_weights

PUBLISHED_DIM = 512
SIGMAS = (1.0, 16.0, 256.0)
_FREQUENCIES, _HIDDEN, _DEPTH = 256, 1024, 3
_SCALE = 66.50336  # over 180: from Equal Earth's plane to about [-1, 1]
_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796  # of Equal Earth


class Options(Settings):
    weights: Path | None = Field(None, description="GeoCLIP's location_encoder_weights.pth; none: fresh weights")
    trainable: bool = Field(True, description="false: GeoCLIP's weights stay fixed, only a projection to `dim` learns")
    as_published: bool = Field(False, description="phases in float32, rounded as in the published code")
    dim: int = Field(256, ge=2, description="512 is GeoCLIP's own output; another adds a linear layer")


def build(**options: Any) -> "GeoClip":
    return GeoClip(Options.parse(options, where="geoclip_rff"))


class GeoClip(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.dim, self.weights = options.dim, options.weights
        self.phase_type = torch.float32 if options.as_published else torch.float64
        self.scales = nn.ModuleList([Scale(sigma) for sigma in SIGMAS]).requires_grad_(options.trainable)
        self.projection = nn.Linear(PUBLISHED_DIM, options.dim) if options.dim != PUBLISHED_DIM else None

    def load_pretrained(self) -> None:
        """Copy the published weights in, if the option names them. Raises ``CheckpointError`` for any other file."""
        if self.weights is not None:
            copy_weights(self._published(), read_weights(self.weights), self.weights)

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """What the last linear layer reads: GeoCLIP's own output [B, 512] under a projection, else the three MLPs [B, 3072]."""
        return self._published_output(lat, lon) if self.projection else torch.cat(self._bodies(lat, lon), dim=-1)

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        out = self._published_output(lat, lon)
        return self.projection(out) if self.projection else out

    def _published_output(self, lat: Tensor, lon: Tensor) -> Tensor:
        heads = [scale.network.head(body) for scale, body in zip(self._each_scale(), self._bodies(lat, lon), strict=True)]
        return torch.stack(heads).sum(dim=0)

    def _bodies(self, lat: Tensor, lon: Tensor) -> list[Tensor]:
        plane = on_the_plane(lat.to(self.phase_type), lon.to(self.phase_type))
        return [scale(plane) for scale in self._each_scale()]

    def _each_scale(self) -> Iterator["Scale"]:
        return cast("Iterator[Scale]", iter(self.scales))

    def _published(self) -> dict[str, Tensor]:
        """Our tensors under GeoCLIP's names: in its sequence `capsule`, 0 are the features and every second one is a layer."""
        names: dict[str, Tensor] = {}
        for number, scale in enumerate(self._each_scale()):
            prefix = f"LocEnc{number}"
            names[f"{prefix}.capsule.0.b"] = scale.fourier.matrix
            layers = {
                f"{prefix}.capsule.{2 * i + 1}": cast("DenseLayer", layer).linear for i, layer in enumerate(scale.network.body)
            }
            for name, linear in [*layers.items(), (f"{prefix}.head.0", scale.network.head)]:
                names |= {f"{name}.weight": linear.weight, f"{name}.bias": linear.bias}
        return names


class Scale(nn.Module):
    """Points of the plane [B, 2] seen at one sigma -> [B, 1024], what the head of ``network`` reads."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.fourier = RandomFourier(2, _FREQUENCIES, sigma)
        self.network = Mlp(2 * _FREQUENCIES, _HIDDEN, PUBLISHED_DIM, _DEPTH, activation=nn.ReLU)

    def forward(self, plane: Tensor) -> Tensor:
        return self.network.body(self.fourier(plane).to(self.network.head.weight.dtype))


def on_the_plane(lat: Tensor, lon: Tensor) -> Tensor:
    """Degrees [B] -> [B, 2] in about [-1, 1], in the type of ``lat``: what GeoCLIP and its descendants read."""
    return equal_earth(lat, lon) * _SCALE / 180  # in this order, for `as_published`


def equal_earth(lat: Tensor, lon: Tensor) -> Tensor:
    """Equal Earth (Savric, Patterson and Jenny 2018) of degrees [B] -> x, y [B, 2] in Earth radii, in the type of ``lat``."""
    theta = torch.asin(math.sqrt(3) / 2 * torch.sin(torch.deg2rad(lat)))
    stretch = 9 * _A4 * theta**8 + 7 * _A3 * theta**6 + 3 * _A2 * theta**2 + _A1
    x = 2 * math.sqrt(3) * torch.deg2rad(lon) * torch.cos(theta) / (3 * stretch)
    y = _A4 * theta**9 + _A3 * theta**7 + _A2 * theta**3 + _A1 * theta
    return torch.stack([x, y], dim=-1)
