"""SatCLIP's location encoder (Klemmer et al. 2025, arXiv:2311.17179), also with its published checkpoints.

Spherical harmonics of degree 0 .. L-1 [B, L*L] -> SIREN of 2 layers of 512, w0 30 then 1 -> [B, 256]. A ``dim`` other than 256 is
a linear layer of ours on top. Seamless at the antimeridian, each pole is one place. Published checkpoints (MIT licence):
https://huggingface.co/microsoft, satclip-{resnet18,resnet50,vit16}-{l10,l40}.ckpt.

SatCLIP evaluates its harmonics at the azimuth lon + 180 and the colatitude lat + 90, which counts from the south pole. Against
``real_harmonics``, in the same order of l and m, this only changes the sign of columns; its two ways of computing them also differ:

    analytic     (-1)^l, and pi times for m = 0: its generated formulas have sqrt((2l+1)/4 pi) for sqrt((2l+1)/(4 pi))
    closed-form  (-1)^(l+m): with the Condon-Shortley phase

The values are ours, from the recurrence, exact to 1e-12. SatCLIP's own lose digits as the degree grows. Its closed form overflows
in float32 near degree 29. Its analytic form, polynomials written out with coefficients of 15 digits, is off at the highest degree,
order 0, in float64: by 1e-12 for L = 10; for L = 40 by 1e-2 at 60 degrees of latitude and by 0.7 (of 7.9) at the poles. An -l40
checkpoint was trained on that noise, so its vectors with our harmonics differ slightly from those of SatCLIP's code there. Left
out: the dropout of one half before each sine that SatCLIP trains with, and its checkpoints without harmonics or SIREN.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.settings import Settings
from train.nets.harmonics import real_harmonics
from train.nets.siren import Siren
from train.weights.lightning_checkpoint import read_lightning
from train.weights.pretrained import copy_weights

Harmonics = Literal["analytic", "closed-form"]

# SatCLIP's names for our options in a checkpoint's hyper-parameters.
HYPER_PARAMETERS = {
    "legendre_polys": "degrees",
    "harmonics_calculation": "harmonics",
    "capacity": "hidden",
    "num_hidden_layers": "depth",
    "embed_dim": "embed_dim",
}


class Options(Settings):
    weights: Path | None = Field(None, description="a SatCLIP checkpoint (.ckpt); none: fresh weights")
    trainable: bool = Field(True, description="false: SatCLIP's weights stay fixed, only a projection to `dim` learns")
    degrees: int = Field(10, ge=1, le=100, description="L, SatCLIP's `legendre_polys`: 10 in the -l10 checkpoints, 40 in the -l40")
    harmonics: Harmonics = Field("analytic", description="SatCLIP's `harmonics_calculation`: the sign and scale of the harmonics")
    hidden: int = Field(512, ge=1, description="SatCLIP's `capacity`")
    depth: int = Field(2, ge=1, description="sine layers before the linear output layer: SatCLIP's `num_hidden_layers`")
    embed_dim: int = Field(256, ge=1, description="SatCLIP's own output")
    dim: int = Field(256, ge=2, description="another than `embed_dim` adds a linear layer")


def build(**options: Any) -> "SatClip":
    return SatClip(Options.parse(options, where="satclip"))


class SatClip(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    signs: Tensor

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options, self.dim = options, options.dim
        self.network = Siren(options.degrees**2, options.hidden, options.embed_dim, options.depth)
        self.network.requires_grad_(options.trainable)
        self.projection = nn.Linear(options.embed_dim, options.dim) if options.dim != options.embed_dim else None
        self.register_buffer("signs", harmonic_signs(options.degrees, options.harmonics), persistent=False)

    def load_pretrained(self) -> None:
        """Copy a checkpoint's location encoder in, if the option names one.

        Raises ``CheckpointError`` if it cannot be read or was trained with other options than these.
        """
        path = self.options.weights
        if path is not None:
            tensors, hyper_parameters = read_lightning(path)
            self._check(hyper_parameters, path)
            copy_weights(self._published(), location_tensors(tensors), path)

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """What the last linear layer reads: SatCLIP's own output [B, embed_dim] under a projection, else the last sine layer."""
        last_sine = self.network.body(self._features(lat, lon))
        return self.network.head(last_sine) if self.projection else last_sine

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        last = self.projection or self.network.head
        return last(self.hidden(lat, lon))

    def _features(self, lat: Tensor, lon: Tensor) -> Tensor:
        return (real_harmonics(lat, lon, self.options.degrees) * self.signs).to(self.network.head.weight.dtype)

    def _published(self) -> dict[str, Tensor]:
        """Our tensors under SatCLIP's names."""
        layers = {f"layers.{number}": layer.linear for number, layer in enumerate(self.network.body)}
        layers["last_layer"] = self.network.head
        return {f"{name}.{kind}": getattr(linear, kind) for name, linear in layers.items() for kind in ("weight", "bias")}

    def _check(self, hyper_parameters: Mapping[str, Any], path: Path) -> None:
        for name, only in (("le_type", "sphericalharmonics"), ("pe_type", "siren")):
            found = hyper_parameters.get(name, only)
            if found != only:
                raise CheckpointError(f"{path} is of a SatCLIP with {name}={found}, expected {only}; take another checkpoint")
        for theirs, ours in HYPER_PARAMETERS.items():
            expected = getattr(self.options, ours)
            found = hyper_parameters.get(theirs, expected)
            if found != expected:
                raise CheckpointError(f"{path} is of a SatCLIP with {theirs}={found}, got {ours}={expected}; set {ours}={found}")


def location_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the location encoder's network under their names in it (``layers.0.weight`` ...).

    A checkpoint has them twice, as `model.nnet.` and as `model.location.nnet.`: the same network belongs to two modules.
    """
    return {name.rpartition("nnet.")[2]: tensor for name, tensor in tensors.items() if "nnet." in name}


def harmonic_signs(degrees: int, harmonics: Harmonics) -> Tensor:
    """The factors that turn ``real_harmonics`` into SatCLIP's, [degrees**2] in float64."""
    l_m = [(degree, order) for degree in range(degrees) for order in range(-degree, degree + 1)]
    if harmonics == "analytic":
        factors = [(-1) ** degree * (math.pi if order == 0 else 1) for degree, order in l_m]
    else:
        factors = [(-1) ** (degree + order) for degree, order in l_m]
    return torch.tensor(factors, dtype=torch.float64)
