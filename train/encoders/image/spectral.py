"""Image tower that begins with the spectrum: tiles from one pixel up, in any bands, with the level and month of their rows.

Each pixel goes through a small network of its own: standardised bands, spectral indices, which bands there are, level and month.
A tile is then described by the mean of its pixels' features and, as texture, by their standard deviation and that of their
averages over 2 x 2, 4 x 4 and 8 x 8 pixels. None of this depends on how the tile is turned. A single pixel has no texture; flags
say so. 0.6 million parameters with the defaults, fast enough for a CPU (docs/training.md).
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from index.errors import ConfigError, InputError
from index.imagery.sensors import SENSORS, SENTINEL2, Sensor
from index.settings import Settings
from train.image.context import UNKNOWN
from train.image.image_input import BandInput, known_sensor, prepare_tile
from train.nets.mlp import Mlp

INDICES = {
    "NDVI": ("B08", "B04"),  # Tucker 1979: green leaves
    "NDWI": ("B03", "B08"),  # McFeeters 1996: open water
    "NDBI": ("B11", "B08"),  # Zha et al. 2003: built and bare ground
    "NBR": ("B08", "B12"),  # Key and Benson 2006: burnt ground, moisture
}
HALVINGS = 3  # averages over 2, 4 and 8 pixels
DARKEST = 0.02  # sums of two reflectances below this are noise: no index is made of them alone
PIXELS_AT_ONCE = 2**14  # whose features stay in a CPU's cache: 64 tiles of 64 px are read twice as fast as all together
SMALLEST_VARIANCE = 1e-4  # the slope of a square root at zero is infinite


class Options(Settings):
    sensors: tuple[str, ...] = Field(tuple(SENSORS), min_length=1, description="instruments that get a stem for their bands")
    size_px: int = Field(
        64,
        ge=1,
        le=2048,
        description="largest side that is read as it is; the centre square of a larger tile is averaged down to it",
    )
    width: int = Field(64, ge=4, description="features of a pixel")
    hidden: int = Field(512, ge=4, description="units of the head's hidden layers")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the head's hidden units that are dropped in training")
    hidden_texture_share: float = Field(
        0.0, ge=0, lt=1, description="share of the tiles that are seen without texture in training, as if they were one pixel"
    )
    dim: int = Field(256, ge=2, description="dimension of the shared space")


def build(**options: Any) -> "Spectral":
    return Spectral(Options.parse(options, where="spectral"))


class Spectral(nn.Module):
    """Pixels [B, C, S, S], band mask [B, C] and context [B, K] of tiles of one sensor -> [B, dim], not normalised."""

    feature_key = None  # nothing is frozen
    reads_context: Literal[True] = True

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options, self.dim = options, options.dim
        self.stems = nn.ModuleDict({name: SpectrumStem(known_sensor(name), options.width) for name in options.sensors})
        self.pixel = nn.Linear(options.width, options.width)
        described = options.width * (2 + HALVINGS) + 1 + HALVINGS
        self.head = Mlp(described, options.hidden, options.dim, depth=2, dropout=options.dropout)

    def forward(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor | None = None) -> Tensor:
        described = self.describe(pixels, present, sensor, context)
        if self.training and self.options.hidden_texture_share:
            shown = torch.rand(len(described), 1, device=described.device) >= self.options.hidden_texture_share
            described = torch.cat([described[:, : self.options.width], described[:, self.options.width :] * shown], dim=1)
        return self.head(described)

    def describe(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor | None = None) -> Tensor:
        """[B, 5 width + 4]: mean, four standard deviations from fine to coarse, and which of these the tile is large enough for."""
        if sensor not in self.stems:
            raise InputError(f"this model has no stem for sensor {sensor}; it has {', '.join(self.stems)}")
        context = UNKNOWN.to(pixels).expand(len(pixels), -1) if context is None else context
        at_once = max(1, PIXELS_AT_ONCE // pixels[0, 0].numel()) if pixels.device.type == "cpu" else len(pixels)
        if len(pixels) <= at_once:
            return self._describe(pixels, present, context, sensor)
        chunks = zip(pixels.split(at_once), present.split(at_once), context.split(at_once), strict=True)
        return torch.cat([self._describe(*chunk, sensor) for chunk in chunks])

    def _describe(self, pixels: Tensor, present: Tensor, context: Tensor, sensor: str) -> Tensor:
        features = F.gelu(self.pixel(self.stems[sensor](pixels, present, context))).movedim(3, 1)  # [B, width, S, S]
        parts, flags = [features.mean(dim=(2, 3))], []
        for halving in range(1 + HALVINGS):
            # Adaptive, because windows from one corner leave out the other edges of an odd side: a turned tile would be another.
            features = F.adaptive_avg_pool2d(features, features.shape[-1] // 2 or 1) if halving else features
            parts.append(_deviation(features, features.mean(dim=(2, 3))))
            flags.append(float(features.shape[-1] > 1))
        return torch.cat([*parts, torch.tensor(flags).to(pixels).expand(pixels.shape[0], -1)], dim=1)

    @property
    def sensors(self) -> list[str]:
        return list(self.stems)

    def prepare(
        self, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bands: tuple[str, ...], sensor_name: str
    ) -> tuple[Tensor, Tensor]:
        """A tile [c, H, W] as all the sensor's bands standardised [C, S, S], with S = min(H, W, ``size_px``), and band mask [C]."""
        sensor = known_sensor(sensor_name)
        side = min(*pixels.shape[1:], self.options.size_px)
        return prepare_tile(pixels, bands, sensor, BandInput(sensor.bands, sensor.mean, sensor.std), side)

    def seen_as(self, sensor_name: str) -> tuple[BandInput, int]:
        if self.options.size_px > 1:
            raise ConfigError("spectral sees tiles of any size up to size_px, and a graph has one size; only size_px = 1 has one")
        sensor = known_sensor(sensor_name)
        return BandInput(sensor.bands, sensor.mean, sensor.std), 1


class SpectrumStem(nn.Module):
    """Standardised pixels [B, C, S, S] of one sensor -> features of each pixel [B, S, S, width]."""

    pairs: Tensor
    scale: Tensor

    def __init__(self, sensor: Sensor, width: int) -> None:
        super().__init__()
        indices = INDICES.values() if sensor is SENTINEL2 else ()
        pairs = [[sensor.bands.index(band) for band in pair] for pair in indices]
        self.register_buffer("pairs", torch.tensor(pairs, dtype=torch.long).reshape(-1, 2), persistent=False)
        self.register_buffer("scale", torch.tensor([sensor.mean, sensor.std]), persistent=False)
        inputs = len(sensor.bands) + len(pairs)
        self.spectrum = nn.Linear(inputs, width)
        self.tile = nn.Linear(inputs + len(UNKNOWN), width, bias=False)  # what is the same for all pixels, so it is added once

    def forward(self, pixels: Tensor, present: Tensor, context: Tensor) -> Tensor:
        shown = (pixels * present[:, :, None, None]).movedim(1, 3)
        there = present[:, self.pairs].prod(dim=2)  # [B, indices]: those whose two bands are present
        mean, std = self.scale
        first, second = (shown * std + mean)[..., self.pairs].unbind(dim=-1)
        indices = ((first - second) / (first + second).clamp(min=DARKEST)).clamp(-1, 1) * there[:, None, None]
        of_tile = self.tile(torch.cat([present, there, context], dim=1))
        return F.gelu(self.spectrum(torch.cat([shown, indices], dim=3)) + of_tile[:, None, None])


def _deviation(features: Tensor, mean: Tensor) -> Tensor:
    """[B, F, S, S] -> standard deviations [B, F]; zero for a single pixel."""
    variance = (features - mean[:, :, None, None]).square().mean(dim=(2, 3))  # torch's var takes eight times as long over pixels
    return (variance + SMALLEST_VARIANCE).sqrt() - SMALLEST_VARIANCE**0.5
