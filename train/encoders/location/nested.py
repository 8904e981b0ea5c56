"""Appearance first, identity after it: a prefix of the hidden layer, or of the output, is what shows at a place.

What shows (pictures of the Earth, latitude) travels to continents of which nothing was learnt. Harmonics that bear the longitude
fail there, but people, species and coasts need them. So the first part reads pictures, textures and the latitude. The second reads
these, the features of the first, and all harmonics. The order is that of Matryoshka learning (Kusupati et al. 2022,
arXiv:2205.13147), by meaning, as in MIND (arXiv:2609.25454): losses on a prefix (``matryoshka``, a teacher's ``prefix``) train the
first part alone. Raw inputs are passed on into the hidden layer: linear relations to them need not be learnt.
"""

from contextlib import nullcontext

import torch
from pydantic import Field
from torch import Tensor, nn

from train.nets.harmonics import fine_less, real_harmonics
from train.nets.mlp import Mlp
from train.nets.pictures import Picture, PictureOptions, Pictures
from train.nets.zonal import ZONAL, zonal
from train.precision import fast_autocast


class Options(PictureOptions):
    textures: tuple[Picture, ...] = Field(
        (), description="pictures wider than width_px, of which the local spread at full resolution is read too"
    )
    degrees: int = Field(20, ge=1, le=200, description="L: identity reads harmonics of degree 0 .. L-1")
    hidden: int = Field(512, ge=1, description="features of either part")
    depth: int = Field(2, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    dim: int = Field(256, ge=2)


def build(**options: object) -> "Nested":
    return Nested(Options.parse(options, where="nested"))


class Nested(Pictures):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised: the first ``dim // 2`` numbers are of the appearance alone."""

    shrink: Tensor

    def __init__(self, options: Options) -> None:
        super().__init__(options, options.textures)
        self.options, self.dim = options, options.dim
        self.register_buffer("shrink", fine_less(options.degrees), persistent=False)
        raw = self.seen + ZONAL
        self.appearance_columns = raw + options.hidden  # of the hidden layer, before those of the identity
        self.appearance = self._part(raw)
        self.identity = self._part(self.appearance_columns + options.degrees**2)
        self.first = nn.Linear(self.appearance_columns, options.dim // 2)
        self.second = nn.Linear(options.hidden, options.dim - options.dim // 2)

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """What the last layer reads [B, 5 C + 11 + 2 hidden]: raw inputs, features of the appearance, features of the identity."""
        kind = self.first.weight.dtype
        raw = torch.cat([self.look(lat, lon).to(kind), zonal(lat).to(kind)], dim=-1)
        waves = real_harmonics(lat, lon, self.options.degrees).to(kind) * self.shrink.to(kind)
        precision = fast_autocast(raw.device, len(raw)) if self.training else nullcontext()  # stored vectors are exact
        with precision:
            shows = torch.cat([raw, self.appearance(raw).to(kind)], dim=-1)
            place = self.identity(torch.cat([shows, waves], dim=-1)).to(kind)
        return torch.cat([shows, place], dim=-1)

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        hidden = self.hidden(lat, lon)
        return torch.cat(
            [self.first(hidden[:, : self.appearance_columns]), self.second(hidden[:, self.appearance_columns :])], dim=-1
        )

    def _part(self, inputs: int) -> nn.Module:
        options = self.options
        body = Mlp(inputs, options.hidden, options.dim, options.depth, options.dropout, residual=True).body
        return nn.Sequential(body, nn.LayerNorm(options.hidden))
