"""Image tower that has a tower of its own for each sensor: coarse pictures are told by their shapes, Sentinel-2 by its spectra.

Pixels of 10 m and of 7 km have nothing in common but the place that they show. One network for both serves neither
(docs/experiments.md), and every tile is of one sensor only. A tower that does not read level and month is not given them.
"""

from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator
from torch import Tensor, nn

from index.errors import ConfigError, InputError
from index.imagery.sensors import SENSORS
from index.registry import Component, load, resolve
from index.settings import Settings
from train.image.prepared import BandInput, SeesOneSize
from train.protocols import ImageEncoder, ReadsContext, StartsFromFiles

REGISTRY = "train.encoders.image"


class Options(Settings):
    towers: dict[str, Component] = Field(
        {"nasa_coarse": Component(name="multispectral"), "sentinel2": Component(name="spectral")},
        min_length=1,
        description="sensor -> the name and options of its tower, one whose weights are all trained",
    )
    dim: int = Field(256, ge=2, description="dimension of the shared space")

    @field_validator("towers")
    @classmethod
    def _spelt_out(cls, towers: dict[str, Component]) -> dict[str, Component]:
        """With every option, as a checkpoint has to hold them."""
        found = {}
        for sensor, part in towers.items():
            if sensor not in SENSORS:
                raise ValueError(f"there is no sensor {sensor}; expected {', '.join(SENSORS)}")
            options = resolve(REGISTRY, part.name, part.options).model_dump(mode="json")
            own = {"sensors": [sensor]} if "sensors" in options else {}
            found[sensor] = Component(name=part.name, options={**options, **own})
        return found


def build(**options: Any) -> "BySensor":
    return BySensor(Options.parse(options, where="by_sensor"))


class BySensor(nn.Module):
    """Pixels [B, C, S, S], band mask [B, C] and context [B, K] of tiles of one sensor -> [B, dim], not normalised."""

    feature_key = None  # nothing is frozen
    reads_context: Literal[True] = True

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options, self.dim = options, options.dim
        self.towers = nn.ModuleDict({sensor: _tower(part, options.dim) for sensor, part in options.towers.items()})

    def forward(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor | None = None) -> Tensor:
        tower = self._of(sensor)
        if isinstance(tower, ReadsContext):
            return cast(Tensor, tower(pixels, present, sensor, context))
        return tower(pixels, present, sensor)

    @property
    def sensors(self) -> list[str]:
        """In the order of ``SENSORS``: a photo is read as of the first one."""
        return [sensor for sensor in SENSORS if sensor in self.towers]

    def prepare(
        self, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bands: tuple[str, ...], sensor_name: str
    ) -> tuple[Tensor, Tensor]:
        """As the sensor's own tower prepares a tile [c, H, W]."""
        return self._of(sensor_name).prepare(pixels, bands, sensor_name)

    def seen_as(self, sensor_name: str) -> tuple[BandInput, int]:
        tower = self._of(sensor_name)
        if not isinstance(tower, SeesOneSize):
            raise ConfigError(f"the tower of {sensor_name} cannot be exported: the size that it sees is not known")
        return tower.seen_as(sensor_name)

    def load_pretrained(self) -> None:
        """Read the files that towers start from."""
        for tower in self.towers.values():
            if isinstance(tower, StartsFromFiles):
                tower.load_pretrained()

    def _of(self, sensor: str) -> ImageEncoder:
        if sensor not in self.towers:
            raise InputError(f"this model has no tower for sensor {sensor}; it has {', '.join(self.towers)}")
        return cast(ImageEncoder, self.towers[sensor])


def _tower(part: Component, dim: int) -> nn.Module:
    """Raises ``ConfigError`` for a tower of which a half is frozen."""
    tower: nn.Module = load(REGISTRY, part.name).build(**{**part.options, "dim": dim})
    if tower.feature_key is not None:
        raise ConfigError(f"by_sensor: the tower {part.name} is frozen, and its features would be cached; take one that is trained")
    return tower
