"""CSP (Mai et al. 2023, arXiv:2305.01118): always "not run", for nothing of it is guessed.

Its checkpoints hold Space2Vec's grid cells and a network that depends on their settings; whether our ``space2vec_grid`` computes
the same was never compared with its code, so no weights are copied.
"""

from pathlib import Path
from typing import Any, NoReturn

from pydantic import Field

from index.settings import Settings
from train.features._features import FeaturesUnavailableError


class Options(Settings):
    weights: Path | None = Field(None, description="its checkpoint")


def build(**options: Any) -> NoReturn:
    Options.parse(options, where="csp")
    raise FeaturesUnavailableError("there is no loader for CSP's checkpoints here; its code is https://github.com/gengchenmai/csp")
