"""Appearance first, identity after it: a prefix of the hidden layer, or of the output, is what shows at a place.

What shows (pictures of the Earth, latitude) travels to continents of which nothing was learnt. Harmonics that bear the longitude
fail there, but people, species and coasts need them. So the first part reads pictures, textures and the latitude. The second reads
these and all harmonics. The order is that of Matryoshka learning (Kusupati et al. 2022,
arXiv:2205.13147), by meaning, as in MIND (arXiv:2609.25454): losses on a prefix (``matryoshka``, a teacher's ``prefix``) train the
first part alone.

Training must not lose what the inputs alone would have given. So either part passes on its raw inputs, and fixed random features of
them (Rahimi and Recht 2008, "Weighted sums of random kitchen sinks"), beside what it learns. Textures are for what is learnt only:
in random features they drown the colours.
"""

from contextlib import nullcontext

import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import ConfigError
from train.nets.harmonics import fine_less, real_harmonics
from train.nets.mlp import Mlp
from train.nets.pictures import LEVELS, Picture, PictureOptions, Pictures
from train.nets.zonal import ZONAL, zonal
from train.precision import fast_autocast
from train.protocols import EarthInputs

COARSE_DEGREES = 10  # harmonics that the identity passes on


class Options(PictureOptions):
    textures: tuple[Picture, ...] = Field(
        (), description="pictures wider than width_px, of whose local spread at full resolution is learnt too"
    )
    degrees: int = Field(20, ge=COARSE_DEGREES, le=200, description="L: identity reads harmonics of degree 0 .. L-1")
    appearance: int = Field(
        1024, ge=2, description="columns of the appearance in the hidden layer, fixed and learnt ones and inputs"
    )
    hidden: int = Field(768, ge=1, description="learnt features of the identity")
    fixed: int = Field(256, ge=0, description="random features of the appearance, which are not trained")
    fixed_identity: int = Field(156, ge=0, description="random features of the identity, which are not trained")
    hidden_longitude_share: float = Field(
        0.0, ge=0, lt=1, description="share of the places whose harmonics are hidden in training, so that identity does without"
    )
    depth: int = Field(2, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    dim: int = Field(256, ge=2)


def build(**options: object) -> "Nested":
    return Nested(Options.parse(options, where="nested"))


class Nested(Pictures):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised: the first ``appearance_dim`` numbers are of the appearance
    alone."""

    shrink: Tensor
    plain: Tensor

    def __init__(self, options: Options) -> None:
        super().__init__(options, options.textures)
        self.options, self.dim = options, options.dim
        self.register_buffer("shrink", fine_less(options.degrees), persistent=False)
        colours = sum(len(picture.mode) for picture in options.pictures)
        columns = torch.arange(self.seen).reshape(LEVELS, -1)[:, :colours].flatten()
        self.register_buffer("plain", columns, persistent=False)  # of ``look``, those that are no texture
        raw, waves, fixed = len(self.plain) + ZONAL, options.degrees**2, options.fixed
        self.appearance_columns, learnt = options.appearance, options.appearance - raw - fixed
        if learnt < 1:
            raise ConfigError(
                f"nested: appearance is {options.appearance} columns, of which {raw + fixed} are not learnt; give more"
            )
        self.appearance = self._part(self.seen + ZONAL, learnt)
        self.identity = self._part(self.seen + ZONAL + waves, options.hidden)
        self.fixed_appearance, self.fixed_identity = (
            self._part(inputs, outputs).requires_grad_(False) if outputs else Nothing()
            for inputs, outputs in ((raw, fixed), (raw + waves, options.fixed_identity))
        )
        identity_columns = COARSE_DEGREES**2 + options.fixed_identity + options.hidden
        self.first = nn.Linear(options.appearance, self.appearance_dim)
        self.second = nn.Linear(identity_columns, options.dim - self.appearance_dim)

    @property
    def appearance_dim(self) -> int:
        return self.dim // 2

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """What the last layer reads [B, columns]: of the appearance its inputs, fixed features and learnt features, then, after
        ``appearance_columns``, the coarse harmonics, fixed features and learnt features of the identity."""
        kind = self.first.weight.dtype
        waves = real_harmonics(lat, lon, self.options.degrees).to(kind)
        return self._hidden(self.look(lat, lon).to(kind), zonal(lat).to(kind), waves)

    def _hidden(self, look: Tensor, latitude: Tensor, waves: Tensor) -> Tensor:
        kind = self.first.weight.dtype
        seen, raw = torch.cat([look, latitude], dim=-1), torch.cat([look[:, self.plain], latitude], dim=-1)
        if self.training and self.options.hidden_longitude_share:
            waves = waves * (torch.rand(len(waves), 1, device=waves.device) >= self.options.hidden_longitude_share)
        calm = waves * self.shrink.to(kind)
        precision = fast_autocast(raw.device, len(raw)) if self.training else nullcontext()  # stored vectors are exact
        with precision:
            shows = torch.cat([raw, self.fixed_appearance(raw).to(kind), self.appearance(seen).to(kind)], dim=-1)
            kept = self.fixed_identity(torch.cat([raw, calm], dim=-1)).to(kind)
            place = self.identity(torch.cat([seen, calm], dim=-1)).to(kind)
        return torch.cat([shows, waves[:, : COARSE_DEGREES**2], kept, place], dim=-1)

    @property
    def earth_inputs(self) -> EarthInputs:
        return EarthInputs(("look", "zonal", "waves"), self.options.degrees)

    def from_inputs(self, *inputs: Tensor) -> Tensor:
        return self._last(self._hidden(*inputs))

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self._last(self.hidden(lat, lon))

    def _last(self, hidden: Tensor) -> Tensor:
        return torch.cat(
            [self.first(hidden[:, : self.appearance_columns]), self.second(hidden[:, self.appearance_columns :])], dim=-1
        )

    def _part(self, inputs: int, outputs: int) -> nn.Module:
        options = self.options
        body = Mlp(inputs, outputs, options.dim, options.depth, options.dropout, residual=True).body
        return nn.Sequential(body, nn.LayerNorm(outputs))


class Nothing(nn.Module):
    """[B, any] -> [B, 0]."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :0]
