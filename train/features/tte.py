"""Tessellating the Earth (Cher et al., ECCV 2026, arXiv:2606.27514): always "not run", for nothing of it is guessed.

``voronoi`` among our location encoders follows its idea, but leaves parts out and is another network: weights trained as TTE cannot
be copied into it, and its own scores would not be TTE's.
"""

from pathlib import Path
from typing import Any, NoReturn

from pydantic import Field

from index.settings import Settings
from train.features._features import FeaturesUnavailableError


class Options(Settings):
    weights: Path | None = Field(None, description="its checkpoint")


def build(**options: Any) -> NoReturn:
    Options.parse(options, where="tte")
    raise FeaturesUnavailableError(
        "there is no loader for TTE's checkpoints here; its published figures are in its paper, arXiv:2606.27514"
    )
