"""What image towers with a published network share: its weights' file, its tune mode, its features, our head on top."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError, ConfigError, InputError
from train.image.context import UNKNOWN
from train.image.image_input import BandInput, known_sensor, prepare_tile
from train.image.tuning import Groups, TuneOptions, apply_tuning, keep_fixed_parts_in_eval, plain_state
from train.nets.mlp import Mlp
from train.precision import fast_autocast
from train.weights.pretrained import copy_weights, note_sha256, read_weights, sha256_in, unknown_sha256, weights_sha256


class TowerOptions(TuneOptions):
    """Options of any tower with a published network; a tower's ``Options`` add its own."""

    hidden: int = Field(512, ge=1, description="units of the head's hidden layer")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of the head's hidden units that are dropped in training")
    dim: int = Field(256, ge=2, description="dimension of the shared space")


@dataclass(frozen=True)
class Published:
    """A network that others trained. ``name`` identifies it and has only characters that a table's name may have.

    ``make`` builds it with fresh weights: pixels [B, C, S, S] -> features [B, F]. ``file`` finds what the option ``weights``
    names, perhaps on the internet; ``adapt`` selects the network's tensors in the file, where ``optional`` ones may
    be missing. ``fit`` says to how many pixels a side it takes a square of so many, at most ``size_px``; without it, ``size_px``
    always.
    """

    name: str
    feature_dim: int
    size_px: int
    inputs: Mapping[str, BandInput]  # by sensor
    make: Callable[[], nn.Module]
    groups: Callable[[nn.Module], Groups]
    file: Callable[[str], Path]
    adapt: Callable[[dict[str, Tensor]], dict[str, Tensor]]
    optional: frozenset[str] = frozenset()
    fit: Callable[[int], int] | None = None


class PretrainedImageTower(nn.Module):
    """Pixels [B, C, S, S] and band mask [B, C] of one sensor -> [B, dim], not normalised.

    When frozen, the network is held where ``nn.Module`` does not see it: neither saved nor trained. The checkpoint then holds the
    SHA-256 of its file, and only that file is accepted afterwards. Building reads no file in any mode.
    """

    file_sha256: Tensor

    def __init__(self, published: Published, options: TowerOptions) -> None:
        super().__init__()
        self.published, self.options, self.dim = published, options, options.dim
        self.feature_dim = published.feature_dim
        mlp = Mlp(published.feature_dim, options.hidden, options.dim, depth=1, dropout=options.dropout)
        self.head = nn.Sequential(nn.LayerNorm(published.feature_dim), mlp)
        if options.tune == "frozen":
            self.register_buffer("file_sha256", unknown_sha256())
        else:
            self.network = published.make()
            apply_tuning(self.network, options, published.groups)

    @property
    def frozen(self) -> bool:
        return self.options.tune == "frozen"

    @property
    def sensors(self) -> list[str]:
        return list(self.published.inputs)

    def prepare(
        self, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bands: tuple[str, ...], sensor_name: str
    ) -> tuple[Tensor, Tensor]:
        """A tile [c, H, W] as the network's input [C, S, S], and which of its bands exist [C]."""
        sensor, size_px = known_sensor(sensor_name), self.published.size_px
        side = self.published.fit(min(*pixels.shape[1:], size_px)) if self.published.fit else size_px
        return prepare_tile(pixels, bands, sensor, self._input(sensor_name), side)

    def seen_as(self, sensor_name: str) -> tuple[BandInput, int]:
        if self.published.fit:
            raise ConfigError(f"{self.published.name} sees tiles of several sizes, and a graph has one")
        return self._input(sensor_name), self.published.size_px

    def forward(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor:
        return self.head(self._features(pixels, present, sensor))

    @torch.no_grad()
    def features(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor | None = None) -> Tensor:
        """[B, F] as the published network gives them, to the digits of ``train.precision``; those of a frozen one can be cached
        under ``feature_key``."""
        return self._features(pixels, present, sensor, context)

    @property
    def feature_key(self) -> str | None:
        """Names the frozen network, its exact weights and its input; None if the network is trained too."""
        if not self.frozen:
            return None
        if not self._known_sha256():
            self._frozen_network()
        inputs = {sensor: asdict(wanted) for sensor, wanted in self.published.inputs.items()}
        recipe = json.dumps([self._known_sha256(), inputs, self.published.size_px], sort_keys=True)
        return f"{self.published.name}_{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"

    def load_pretrained(self) -> None:
        """Read the published weights, if the options name any. Raises ``CheckpointError`` if the file does not fit."""
        if self.frozen:
            self._frozen_network()
        elif self.options.weights is not None:
            _load(self.published, self.network, self.published.file(self.options.weights))

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if not self.frozen:
            keep_fixed_parts_in_eval(self.network)
        return self

    def _features(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor | None = None) -> Tensor:
        self._input(sensor)
        network = self._frozen_network().to(pixels.device) if self.frozen else self.network
        with fast_autocast(pixels.device, len(pixels)):
            return self._run(network, pixels * present[:, :, None, None], present, context).float()

    def _run(self, network: nn.Module, shown: Tensor, present: Tensor, context: Tensor | None) -> Tensor:
        features: Tensor = network(shown)
        return features

    def _input(self, sensor: str) -> BandInput:
        if sensor not in self.published.inputs:
            raise InputError(f"{self.published.name} does not take images of {sensor}; it takes {', '.join(self.sensors)}")
        return self.published.inputs[sensor]

    def _frozen_network(self) -> nn.Module:
        """The network with the weights of its file, which must be the file that this tower was trained with."""
        path, found, network = self._read
        known = self._known_sha256()
        if known and known != found:
            raise CheckpointError(
                f"{path} has SHA-256 {found[:8]}…, this model was trained on features of {known[:8]}…; put that file there"
            )
        if not known:
            note_sha256(self.file_sha256, found)
        return network

    def _known_sha256(self) -> str:
        return sha256_in(self.file_sha256)

    @cached_property
    def _read(self) -> tuple[Path, str, nn.Module]:
        """(file, its SHA-256, network in evaluation mode): loaded at first use, and held where ``nn.Module`` does not see it."""
        assert self.options.weights is not None  # TuneOptions sees to that
        path, network = self.published.file(self.options.weights), self.published.make()
        _load(self.published, network, path)
        return path, weights_sha256(path), network.eval().requires_grad_(False)


class PretrainedContextTower(PretrainedImageTower):
    """The same for a network that also reads which bands there are and how a tile was taken: pixels [B, C, S, S], band mask [B, C]
    and context [B, K] -> features [B, F]."""

    reads_context: Literal[True] = True

    def forward(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor | None = None) -> Tensor:
        return self.head(self._features(pixels, present, sensor, context))

    def _run(self, network: nn.Module, shown: Tensor, present: Tensor, context: Tensor | None) -> Tensor:
        features: Tensor = network(shown, present, UNKNOWN.to(shown).expand(len(shown), -1) if context is None else context)
        return features


def _load(published: Published, network: nn.Module, path: Path) -> None:
    copy_weights(plain_state(network), published.adapt(read_weights(path)), path, optional=published.optional)
