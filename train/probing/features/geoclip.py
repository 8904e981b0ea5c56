"""GeoCLIP's location encoder as published (arXiv:2309.16020): [N, 512], its weights from the PyPI package ``geoclip``.

The package is not imported (that would load CLIP, and it needs another huggingface-hub): only the file with the weights is read.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from index.settings import Settings
from train.encoders.location import geoclip_rff
from train.probing.features._features import Degrees, FeaturesUnavailableError, Vectors, through
from train.weights.pretrained import weights_sha256

WEIGHTS = "location_encoder_weights.pth"
INSIDE = ("", "weights", "model/weights", "geoclip/model/weights")  # where the file lies in the package and around it


class Options(Settings):
    weights: Path | None = Field(None, description=f"{WEIGHTS}, or a folder with it, as the unpacked wheel of geoclip")


def build(**options: Any) -> "GeoClipLike":
    """Raises ``FeaturesUnavailableError`` where the weights cannot be found."""
    given = Options.parse(options, where="geoclip").weights
    return GeoClipLike("geoclip", find_weights(given))


class GeoClipLike:
    """An encoder of GeoCLIP's architecture with the weights of a file, phases rounded as in the published code."""

    probe = ""

    def __init__(self, name: str, weights: Path) -> None:
        self.name, self.weights = name, weights
        self.digest = f"{name}-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """Raises ``CheckpointError`` if the file holds another network."""
        encoder = geoclip_rff.build(weights=self.weights, dim=geoclip_rff.PUBLISHED_DIM, as_published=True).eval()
        encoder.load_pretrained()
        return through(encoder, lat, lon)


def find_weights(given: Path | None) -> Path:
    """The file itself, or its path in a folder; without either, in the installed package."""
    if given is not None and given.is_file():
        return given
    spec = None if given is not None else find_spec("geoclip")
    folders = [given] if given is not None else [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for path in (folder / inside / WEIGHTS for folder in folders for inside in INSIDE):
        if path.is_file():
            return path
    remedy = "unpack the wheel of the PyPI package geoclip and give the folder as --peer geoclip:weights=FOLDER"
    raise FeaturesUnavailableError(f"no {WEIGHTS} in {given or 'this environment'}; {remedy}")
