"""Image tower for multispectral tiles: one band stem per sensor into a shared timm ConvNeXt (Liu et al. 2022, arXiv:2201.03545).

A stem takes its sensor's bands in canonical order. Bands a tile lacks are zero, the sum over bands is scaled up for them, and a
learnt embedding of the band-present mask tells the network which ones were present. Small enough to train on a CPU. The trunk may
start from a file of weights that others trained on photographs; the stems are always learnt.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from index.errors import ConfigError, InputError
from index.imagery.sensors import SENSORS, Sensor
from train.image.image_input import BandInput, known_sensor, prepare_tile
from train.image.tuning import Tune, TuneOptions, apply_tuning, keep_fixed_parts_in_eval, plain_state, timm_groups
from train.precision import fast_autocast
from train.weights.pretrained import SUFFIXES, copy_weights, names_a_file, read_weights
from train.weights.torchvision_cpu import tolerate_missing_operators

REPLACED = ("stem.", "head.fc.")  # the parts of a published ConvNeXt that our stems and head replace


class Options(TuneOptions):
    trunk: str = Field("convnext_atto", description="a timm ConvNeXt; its own stem is replaced")
    weights: str | None = Field(
        None, description="a file with pretrained weights of the trunk in timm's names; default: from scratch"
    )
    tune: Tune = Field("full", description="how much of the trunk is trained besides stems and head: head, partial, lora or full")
    sensors: tuple[str, ...] = Field(tuple(SENSORS), min_length=1, description="instruments that get a band stem")
    size_px: int = Field(64, ge=32, multiple_of=32, description="side of the square that the network sees")
    drop_path: float = Field(0.1, ge=0, lt=1, description="share of residual branches that are dropped in training")
    dim: int = Field(256, ge=2, description="dimension of the shared space")

    @model_validator(mode="after")
    def _stems_learn(self) -> Self:
        if self.tune == "frozen":
            raise ValueError("the band stems before the trunk are always trained, so nothing here can be frozen; take tune = head")
        if self.weights is not None and not names_a_file(self.weights):
            raise ValueError(f"weights = {self.weights} is not a file of weights ({', '.join(SUFFIXES)})")
        return self


def build(**options: Any) -> "Multispectral":
    return Multispectral(Options.parse(options, where="multispectral"))


class Multispectral(nn.Module):
    """Pixels [B, C, S, S] and band mask [B, C] of one sensor -> [B, dim], not normalised."""

    feature_key = None  # nothing to cache: the stems are trained

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options, self.dim, self.size_px = options, options.dim, options.size_px
        self.trunk = _trunk(options)
        width = self.trunk.feature_info[0]["num_chs"]
        self.stems = nn.ModuleDict({name: BandStem(known_sensor(name), width) for name in options.sensors})
        self.head = nn.Linear(self.trunk.num_features, options.dim)
        apply_tuning(self.trunk, options, timm_groups)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor:
        if sensor not in self.stems:
            raise InputError(f"this model has no band stem for sensor {sensor}; it has {', '.join(self.stems)}")
        with fast_autocast(pixels.device, len(pixels)):
            patches = self.stems[sensor](pixels, present)
            return self.head(self.trunk(patches)).float()

    @property
    def sensors(self) -> list[str]:
        return list(self.stems)

    def prepare(
        self, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bands: tuple[str, ...], sensor_name: str
    ) -> tuple[Tensor, Tensor]:
        """A tile [c, H, W] as the network sees it: all the sensor's bands standardised [C, S, S] and the band mask [C]."""
        wanted, side = self.seen_as(sensor_name)
        return prepare_tile(pixels, bands, known_sensor(sensor_name), wanted, side)

    def seen_as(self, sensor_name: str) -> tuple[BandInput, int]:
        sensor = known_sensor(sensor_name)
        return BandInput(sensor.bands, sensor.mean, sensor.std), self.size_px

    def load_pretrained(self) -> None:
        """Read the trunk's weights, if there are any to start from. Raises ``CheckpointError`` if the file does not fit."""
        if self.options.weights is None:
            return
        path = Path(self.options.weights)
        found = read_weights(path)
        of_trunk = {name: tensor for name, tensor in found.items() if not name.startswith(REPLACED)}
        copy_weights(plain_state(self.trunk), of_trunk, path)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        keep_fixed_parts_in_eval(self.trunk)
        return self


def _trunk(options: Options) -> Any:
    tolerate_missing_operators()
    import timm
    from timm.models.convnext import ConvNeXt

    made: dict[str, Any] = {"pretrained": False, "num_classes": 0, "drop_path_rate": options.drop_path}
    trunk: Any = timm.create_model(options.trunk, **made) if timm.is_model(options.trunk) else None
    is_convnext = isinstance(trunk, ConvNeXt)  # asked separately, or mypy would know the type of its stem
    if not is_convnext:
        raise ConfigError(f"trunk '{options.trunk}' is not a ConvNeXt of timm; take for example convnext_atto or convnextv2_nano")
    trunk.stem = nn.Identity()
    return trunk


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
