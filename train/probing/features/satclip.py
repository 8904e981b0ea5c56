"""SatCLIP's location encoder as published (arXiv:2311.17179): [N, 256], from one of its checkpoints on Hugging Face.

See train/encoders/location/satclip.py for how close our harmonics are to its own: an -l40 checkpoint was trained on noisy ones.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from index.settings import Settings
from train.encoders.location import satclip
from train.probing.features._features import Degrees, Vectors, file_given, through
from train.weights.lightning_checkpoint import read_lightning
from train.weights.pretrained import weights_sha256


class Options(Settings):
    weights: Path | None = Field(None, description="satclip-{resnet18,resnet50,vit16}-{l10,l40}.ckpt")


def build(**options: Any) -> "SatClip":
    """Raises ``FeaturesUnavailableError`` without a file, ``CheckpointError`` for one that is not a SatCLIP."""
    weights = Options.parse(options, where="satclip").weights
    return SatClip(
        file_given(weights, "checkpoint", "take one from https://huggingface.co/microsoft and give --peer satclip:weights=FILE")
    )


class SatClip:
    probe = ""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.name = weights.stem if weights.stem.startswith("satclip") else f"satclip {weights.stem}"
        self.digest = f"satclip-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """In float64, as SatCLIP's own examples run it; the options are the training options that the checkpoint states."""
        _, trained_with = read_lightning(self.weights)
        named = {ours: trained_with[theirs] for theirs, ours in satclip.HYPER_PARAMETERS.items() if theirs in trained_with}
        encoder = satclip.build(weights=self.weights, **{"dim": named.get("embed_dim", 256), **named})
        encoder.load_pretrained()
        return through(encoder.double().eval(), lat, lon)
