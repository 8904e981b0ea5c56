"""Our model: a checkpoint's location encoder at a place, from its output or from its last hidden layer; and its untrained twins.

The output is the unit vector that the space compares; the hidden layer often knows more (docs/decisions/2026-11-23-evaluation.md).
A twin has the same architecture, the same options and what is no result of this training (the pictures that the encoder reads,
weights that stayed frozen), and random weights for the rest. What a model scores above its twins, learning has added.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field

from index.settings import Settings
from train.checkpoint import Checkpoint, build_encoder
from train.curve.geolocation import encode_locations
from train.probing.features._features import Degrees, Vectors, through
from train.protocols import LocationEncoder

TWINS = 3
LEARNING = "learning adds"  # the name of what a model has beyond its twins


class Options(Settings):
    checkpoint: Path = Field(description="folder of a checkpoint")
    layer: Literal["output", "hidden"] = Field("output", description="unit vectors of the space, or the input of its last layer")
    label: str = Field("", description="its name in tables; default: the first characters of the model's digest")
    twin: int | None = Field(None, ge=0, description="seed of an untrained twin instead of the model")


def build(**options: Any) -> "PlaceBind":
    """Raises ``CheckpointError`` where there is no finished model."""
    return PlaceBind(Options.parse(options, where="placebind"))


class PlaceBind:
    probe = ""

    def __init__(self, options: Options) -> None:
        self.options, self.layer = options, options.layer
        self.checkpoint = Checkpoint.open(options.checkpoint)
        name = f"{options.label or self.checkpoint.digest[:8]} {options.layer}"
        self.name = name if options.twin is None else f"{name}, untrained"
        self.digest = self._digest(options.twin)
        twins = tuple(self._digest(seed) for seed in range(TWINS)) if options.twin is None else ()
        self.compared = {LEARNING: twins} if twins else {}

    def twins(self) -> list["PlaceBind"]:
        return [PlaceBind(self.options.model_copy(update={"twin": seed})) for seed in range(TWINS)]

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        encoder = self.checkpoint.encoder("locations", torch.device("cpu"))
        if self.options.twin is not None:
            encoder = untrained(self.checkpoint, encoder, self.options.twin)
        if self.layer == "hidden":
            return through(encoder.hidden, lat, lon)
        return encode_locations(encoder, lat, lon).numpy()

    def _digest(self, twin: int | None) -> str:
        return f"{self.checkpoint.digest_of('locations')}-{self.layer}" + ("" if twin is None else f"-untrained{twin}")


def untrained(checkpoint: Checkpoint, trained: LocationEncoder, seed: int) -> LocationEncoder:
    """The trained encoder with fresh weights; its buffers and what was frozen stay."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build_encoder(checkpoint.card.config, "locations")
    learnt = {name for name, weights in fresh.named_parameters() if weights.requires_grad}
    fresh.load_state_dict({name: value for name, value in trained.state_dict().items() if name not in learnt}, strict=False)
    return fresh.eval()  # type: ignore[return-value]
