"""TaxaBind's location encoder (Sastry et al. 2025, arXiv:2411.00683): GeoCLIP's architecture with weights of its own.

RANGE's published code loads it as GeoCLIP's network with another state dict. A file with other tensors is refused.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from index.settings import Settings
from train.probing.features._features import file_given
from train.probing.features.geoclip import GeoClipLike


class Options(Settings):
    weights: Path | None = Field(None, description="state dict of the location encoder (patched_location_encoder.pt)")


def build(**options: Any) -> GeoClipLike:
    """Raises ``FeaturesUnavailableError`` without a file."""
    weights = Options.parse(options, where="taxabind").weights
    return GeoClipLike("taxabind", file_given(weights, "weights", "give the file as --peer taxabind:weights=FILE"))
