"""Image tower for multispectral tiles: one band stem per sensor into a shared timm ConvNeXt (Liu et al. 2022, arXiv:2201.03545).

A stem takes its sensor's bands in canonical order. Bands a tile lacks are zero, the sum over bands is scaled up for them, and
a learnt embedding of the band-present mask tells the network which ones were there. Small enough to train on a CPU.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from index.errors import ConfigError, InputError
from index.sensors import SENSORS, Sensor
from index.settings import Settings
from train.precision import fast_autocast
from train.torchvision_cpu import tolerate_missing_operators


class Options(Settings):
    trunk: str = Field("convnext_atto", description="a timm ConvNeXt; its own stem is replaced")
    sensors: tuple[str, ...] = Field(tuple(SENSORS), min_length=1)
    size_px: int = Field(64, ge=32, multiple_of=32, description="side of the square that the network sees")
    drop_path: float = Field(0.1, ge=0, lt=1)
    dim: int = Field(256, ge=2)


def build(**options: Any) -> "Multispectral":
    return Multispectral(Options.parse(options, where="multispectral"))


class Multispectral(nn.Module):
    """Pixels [B, C, S, S] and band mask [B, C] of one sensor -> [B, dim], not normalised."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        tolerate_missing_operators()
        import timm

        self.dim, self.size_px = options.dim, options.size_px
        from timm.models.convnext import ConvNeXt

        made: dict[str, Any] = {"pretrained": False, "num_classes": 0, "drop_path_rate": options.drop_path}
        trunk: Any = timm.create_model(options.trunk, **made) if timm.is_model(options.trunk) else None
        is_convnext = isinstance(trunk, ConvNeXt)
        if not is_convnext:
            raise ConfigError(f"trunk '{options.trunk}' is no ConvNeXt of timm; take for example convnext_atto or convnextv2_nano")
        width = trunk.feature_info[0]["num_chs"]
        trunk.stem = nn.Identity()
        self.trunk = trunk
        self.stems = nn.ModuleDict({name: BandStem(_sensor(name), width) for name in options.sensors})
        self.head = nn.Linear(trunk.num_features, options.dim)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor:
        if sensor not in self.stems:
            raise InputError(f"this model has no band stem for sensor {sensor}; it has {', '.join(self.stems)}")
        with fast_autocast(pixels.device):
            patches = self.stems[sensor](pixels, present)
            return self.head(self.trunk(patches)).float()

    @property
    def sensors(self) -> list[str]:
        return list(self.stems)

    def prepare(
        self, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bands: tuple[str, ...], sensor_name: str
    ) -> tuple[Tensor, Tensor]:
        """A tile [c, H, W] as the network sees it: all the sensor's bands standardised [C, S, S] and the band mask [C].

        The centre square is averaged down (or interpolated up) to ``size_px``; pixels without data become the band mean.
        """
        sensor = _sensor(sensor_name)
        side = min(pixels.shape[1:])
        top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
        square = torch.from_numpy(pixels[:, top : top + side, left : left + side].astype(np.float32))
        rows = [sensor.bands.index(band) for band in bands]
        mean, std = torch.tensor(sensor.mean)[rows], torch.tensor(sensor.std)[rows]
        values = (square * sensor.scale - mean[:, None, None]) / std[:, None, None]
        values[:, (square == 0).all(dim=0)] = 0
        if side != self.size_px:
            size = (self.size_px, self.size_px)
            values = F.interpolate(values[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]
        full, present = torch.zeros(len(sensor.bands), self.size_px, self.size_px), torch.zeros(len(sensor.bands))
        full[rows], present[rows] = values, 1.0
        return full, present


class BandStem(nn.Module):
    """Normalised pixels [B, C, S, S] -> patches of 4 x 4 px [B, width, S/4, S/4]."""

    def __init__(self, sensor: Sensor, width: int) -> None:
        super().__init__()
        bands = len(sensor.bands)
        self.patches = nn.Conv2d(bands, width, kernel_size=4, stride=4)
        self.mask_embedding = nn.Linear(bands, width, bias=False)
        self.norm = nn.GroupNorm(1, width)

    def forward(self, pixels: Tensor, present: Tensor) -> Tensor:
        share = present.mean(dim=1).clamp(min=1e-6)[:, None, None, None]
        x = F.conv2d(pixels * present[:, :, None, None], self.patches.weight, stride=4) / share
        x = x + self.patches.bias[None, :, None, None] + self.mask_embedding(present)[:, :, None, None]  # type: ignore[index]
        return self.norm(x)


def _sensor(name: str) -> Sensor:
    if name not in SENSORS:
        raise InputError(f"unknown sensor '{name}'; known: {', '.join(SENSORS)}")
    return SENSORS[name]
