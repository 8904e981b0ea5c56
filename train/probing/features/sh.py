"""A floor: real spherical harmonics of degree 0 .. L-1, [N, L*L]: smooth down to about 20,000/L km, nothing learnt."""

from typing import Any

import torch
from pydantic import Field

from index.settings import Settings
from train.nets.harmonics import real_harmonics
from train.probing.features._features import Degrees, Vectors, through


class Options(Settings):
    degrees: int = Field(10, ge=1, le=100, description="L")


def build(**options: Any) -> "Harmonics":
    return Harmonics(Options.parse(options, where="sh").degrees)


class Harmonics:
    probe = ""

    def __init__(self, degrees: int) -> None:
        self.degrees = degrees
        self.name = self.digest = f"sh{degrees}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        return through(lambda a, b: torch.as_tensor(real_harmonics(a, b, self.degrees)), lat, lon)
