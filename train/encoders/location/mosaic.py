"""The look of the Earth around a place, read from pictures of the globe, with spherical harmonics, into a perceptron.

Learnt from coordinates alone, an encoder knows of terrain, climate and settlement only what its training pairs happen to say.
Freely available pictures of the globe (NASA Blue Marble, night lights, ETOPO relief) show it everywhere, even where nothing was
ever written: they are part of the weights (train/nets/pictures.py). The output is a linear layer over the perceptron's last layer,
the pictures and the coarsest harmonics: linear relations to them need not be learnt.
"""

from contextlib import nullcontext

import torch
from pydantic import Field
from torch import Tensor, nn

from train.nets.harmonics import fine_less, real_harmonics
from train.nets.mlp import Mlp
from train.nets.pictures import PictureOptions, Pictures
from train.precision import fast_autocast

COARSE_DEGREES = 10  # harmonics that the output reads directly


class Options(PictureOptions):
    degrees: int = Field(20, ge=COARSE_DEGREES, le=200, description="L: harmonics of degree 0 .. L-1")
    hidden: int = Field(1024, ge=1)
    depth: int = Field(2, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    dim: int = Field(256, ge=2)


def build(**options: object) -> "Mosaic":
    return Mosaic(Options.parse(options, where="mosaic"))


class Mosaic(Pictures):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    shrink: Tensor

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.options, self.dim = options, options.dim
        self.register_buffer("shrink", fine_less(options.degrees), persistent=False)
        inputs = options.degrees**2 + self.seen
        self.body = Mlp(inputs, options.hidden, options.dim, options.depth, options.dropout, residual=True).body
        self.norm = nn.LayerNorm(options.hidden)
        self.head = nn.Linear(options.hidden + self.seen + COARSE_DEGREES**2, options.dim)

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """What the last linear layer reads [B, hidden + 5 C + 100]: the perceptron, the pictures, the coarse harmonics."""
        kind = self.head.weight.dtype
        waves = real_harmonics(lat, lon, self.options.degrees).to(kind)
        seen = self.look(lat, lon).to(kind)
        inputs = torch.cat([waves * self.shrink.to(kind), seen], dim=-1)
        precision = fast_autocast(inputs.device, len(inputs)) if self.training else nullcontext()  # stored vectors are exact
        with precision:  # twice as quick
            body = self.body(inputs)
        return torch.cat([self.norm(body.to(kind)), seen, waves[:, : COARSE_DEGREES**2]], dim=-1)

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.head(self.hidden(lat, lon))
