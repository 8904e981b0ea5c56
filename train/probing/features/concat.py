"""Late concatenation: the features of any two others side by side, as 'geoclip+sh:degrees=10'."""

import hashlib
from typing import Any

import numpy as np
from pydantic import Field

from index.registry import Component, load
from index.settings import Settings
from train.probing.features._features import REGISTRY, Degrees, Features, Vectors


class Options(Settings):
    first: Component = Field(description="name and options of the first")
    second: Component = Field(description="name and options of the second")


def build(**options: Any) -> "Concatenated":
    """Raises what building either of them raises."""
    chosen = Options.parse(options, where="concat")
    first, second = (load(REGISTRY, part.name).build(**part.options) for part in (chosen.first, chosen.second))
    return Concatenated(first, second)


class Concatenated:
    probe = ""

    def __init__(self, first: Features, second: Features) -> None:
        self.parts = (first, second)
        self.name = f"{first.name} + {second.name}"
        self.digest = f"concat-{hashlib.sha256(f'{first.digest}|{second.digest}'.encode()).hexdigest()}"
        self.compared = {f"adds to {first.name}": (first.digest,), f"adds to {second.name}": (second.digest,)}

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        return np.concatenate([each.encode(lat, lon) for each in self.parts], axis=1)
