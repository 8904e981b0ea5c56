"""The interface of an encoder of each modality. Each is an ``nn.Module`` as well, stored in the ``nn.ModuleDict`` of a model by its
modality; ``encoder_of`` returns it with its own type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeGuard, cast, overload, runtime_checkable

import numpy as np
import numpy.typing as npt

from index.records import Modality

if TYPE_CHECKING:  # who only asks needs no torch
    from torch import Tensor, nn


class _Weights(Protocol):
    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...

    def modules(self) -> Iterator[nn.Module]: ...

    def state_dict(self) -> dict[str, Any]: ...


@runtime_checkable
class LocationEncoder(_Weights, Protocol):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    def __call__(self, lat: Tensor, lon: Tensor) -> Tensor: ...

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, H]: what the last layer reads."""
        ...


@runtime_checkable
class HasAppearance(Protocol):
    """A location encoder whose first output numbers are of the appearance alone: what shows at a place, whatever its longitude. The
    others are its identity."""

    @property
    def appearance_dim(self) -> int:
        """How many output numbers are of the appearance."""
        ...


@runtime_checkable
class LooksAtPictures(Protocol):
    """A location encoder, or a part of one, that reads pictures of the Earth at the place."""

    def look(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, I]: what it reads there, before any learnt weight."""
        ...


class EarthInputs(NamedTuple):
    """What numpy computes of a place for the network of a location encoder (``train.nets.earth``): some of look, zonal and
    waves, in the network's order. ``degrees`` of the waves."""

    names: tuple[Literal["look", "zonal", "waves"], ...]
    degrees: int


@runtime_checkable
class ReadsEarthInputs(Protocol):
    """A location encoder that can be exported: its network begins where ``train.nets.earth`` ends."""

    @property
    def earth_inputs(self) -> EarthInputs: ...

    def from_inputs(self, *inputs: Tensor) -> Tensor:
        """[B, dim], as the encoder itself gives it for the place."""
        ...


class FrozenTexts(Protocol):
    """What of a text tower is not trained: strings as vectors."""

    @property
    def feature_dim(self) -> int: ...

    @property
    def feature_key(self) -> str:
        """The key of the cache: features under the same key are the same."""
        ...

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Strings as passages [N, F]."""
        ...


@runtime_checkable
class TextEncoder(_Weights, FrozenTexts, Protocol):
    """Passages of texts [B, S, F] and which of them are present [B, S] -> [B, dim], not normalised; S is at most ``passages``."""

    passages: int

    def __call__(self, passages: Tensor, present: Tensor) -> Tensor: ...


@runtime_checkable
class HasParts(Protocol):
    """A text tower whose features are those of several frozen parts side by side."""

    @property
    def parts(self) -> tuple[FrozenTexts, ...]: ...


@runtime_checkable
class SaysWhatItReads(Protocol):
    """A text tower that knows what its frozen parts were trained to read."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes."""
        ...

    @property
    def scripts(self) -> tuple[str, ...]:
        """Named as ``train.text.reading`` names them."""
        ...


@runtime_checkable
class ImageEncoder(_Weights, Protocol):
    """Pixels [B, C, S, S] and band mask [B, C] of tiles of one sensor -> [B, dim], not normalised."""

    @property
    def sensors(self) -> list[str]: ...

    @property
    def feature_key(self) -> str | None:
        """None if no part is frozen, so that there are no features to cache."""
        ...

    def __call__(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor: ...

    def prepare(
        self, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bands: tuple[str, ...], sensor_name: str
    ) -> tuple[Tensor, Tensor]:
        """A stored tile [c, H, W] with its bands' names -> pixels [C, S, S] and band mask [C]."""
        ...


@runtime_checkable
class ReadsContext(Protocol):
    """An image encoder that also reads how each tile was taken: ``context`` [B, K] of ``train.image.context``."""

    reads_context: Literal[True]

    def __call__(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor) -> Tensor: ...


@runtime_checkable
class FrozenImageEncoder(ImageEncoder, Protocol):
    """An image encoder of which only the ``head``, over ``features``, is trained."""

    head: nn.Module

    @property
    def feature_dim(self) -> int: ...

    @property
    def feature_key(self) -> str: ...

    def features(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor) -> Tensor:
        """[B, F]: what the head reads. A tower that does not read ``context`` [B, K] takes it all the same."""
        ...


@runtime_checkable
class StartsFromFiles(Protocol):
    """A part of a new model that may begin with weights that others trained."""

    def load_pretrained(self) -> None: ...


Encoder = LocationEncoder | TextEncoder | ImageEncoder


def is_frozen(tower: ImageEncoder) -> TypeGuard[FrozenImageEncoder]:
    return tower.feature_key is not None


@overload
def encoder_of(encoders: nn.ModuleDict, modality: Literal["locations"]) -> LocationEncoder: ...
@overload
def encoder_of(encoders: nn.ModuleDict, modality: Literal["articles"]) -> TextEncoder: ...
@overload
def encoder_of(encoders: nn.ModuleDict, modality: Literal["tiles"]) -> ImageEncoder: ...
def encoder_of(encoders: nn.ModuleDict, modality: Modality) -> Encoder:
    return cast(Encoder, encoders[modality])
