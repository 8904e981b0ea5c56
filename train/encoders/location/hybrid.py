"""Several location encoders side by side: their outputs, one after the other, into one multilayer perceptron.

A coarse, smooth encoder and a fine, local one complement each other (GeoCLIP sums three scales of one kind, arXiv:2309.16020). The
parts are any encoders of the registry, each with its own options and its own ``dim``, even another hybrid:

    [location]
    name = "hybrid"
    options.parts = [{name = "sh_siren", options = {degrees = 40}}, {name = "voronoi", options = {sites = 16384}}]

It is as seamless, and as regular at the poles, as its parts. Published weights of parts are loaded and frozen as their options say.
"""

from typing import Any

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from index.registry import Component, load, resolve
from index.settings import Settings
from train.nets.mlp import Mlp
from train.protocols import StartsFromFiles

REGISTRY = "train.encoders.location"


class Options(Settings):
    parts: tuple[Component, ...] = Field(
        (Component(name="sh_siren"), Component(name="voronoi")),
        min_length=1,
        validate_default=True,
        description="name and options of each encoder; a part's `dim` says how much of the concatenation is its own",
    )
    hidden: int = Field(512, ge=1)
    depth: int = Field(1, ge=1, description="layers between the concatenation and the linear output layer")
    dropout: float = Field(0.0, ge=0, lt=1)
    dim: int = Field(256, ge=2)

    @field_validator("parts")
    @classmethod
    def _spelt_out(cls, parts: tuple[Component, ...]) -> tuple[Component, ...]:
        """All options of all parts, defaults filled in; an unknown name or option is the registry's own ``ConfigError``."""
        resolved = [resolve(REGISTRY, part.name, part.options) for part in parts]
        return tuple(
            Component(name=part.name, options=options.model_dump(mode="json"))
            for part, options in zip(parts, resolved, strict=True)
        )


def build(**options: Any) -> "Hybrid":
    return Hybrid(Options.parse(options, where="hybrid"))


class Hybrid(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.dim = options.dim
        self.parts = nn.ModuleList([load(REGISTRY, part.name).build(**part.options) for part in options.parts])
        width = sum(part.options["dim"] for part in options.parts)
        self.network = Mlp(width, options.hidden, options.dim, options.depth, options.dropout)

    def load_pretrained(self) -> None:
        """Read the published weights that parts ask for. Raises what they raise."""
        for part in self.parts:
            if isinstance(part, StartsFromFiles):
                part.load_pretrained()

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, hidden]: what the last linear layer reads."""
        return self.network.body(torch.cat([part(lat, lon) for part in self.parts], dim=-1))

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.network.head(self.hidden(lat, lon))
