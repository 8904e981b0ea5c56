"""CSP's location encoder as published (Mai et al. 2023, arXiv:2305.01118): [N, 256], from one of its checkpoints.

The checkpoints linked from https://github.com/gengchenmai/csp are of its encoder "gridcell": each of (lon, lat) in degrees gives
sin(x/r_s), cos(x/r_s), scale by scale, r_s = min (max/min)^(s/(S-1)), s = 0 .. S-1: our ``space2vec_grid`` in another order. Dense
layers follow (``_published``). The settings are in the checkpoint. Read from that code: main/SpatialRelationEncoder.py, module.py,
and trainer.py for the file. "gridcellnorm" is the same: its conversion to radians comes too late to have an effect.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from index.errors import CheckpointError
from index.settings import Settings
from train.probing.features._features import Degrees, Vectors, file_given, through
from train.probing.features._published import AtScales, PlaceNetwork, PlaceSettings, grid
from train.weights.lightning_checkpoint import read_lightning
from train.weights.pretrained import weights_sha256

GRIDS = ("gridcell", "gridcellnorm")


class Options(Settings):
    weights: Path | None = Field(None, description="model_..._gridcell_....pth.tar of its model_dir.zip")


def build(**options: Any) -> "Csp":
    """Raises ``FeaturesUnavailableError`` without a file."""
    weights = Options.parse(options, where="csp").weights
    return Csp(
        file_given(
            weights, "checkpoint", "take one linked in https://github.com/gengchenmai/csp and give it as --peer csp:weights=FILE"
        )
    )


class Csp:
    name, probe = "csp", ""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.digest = f"csp-{weights_sha256(weights)}"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """Raises ``CheckpointError`` if the file holds another network."""
        return through(read_network(self.weights), lat, lon)


def read_network(path: Path) -> PlaceNetwork:
    """The location encoder in a checkpoint, in evaluation mode. Raises ``CheckpointError`` for any other file."""
    tensors, params = read_lightning(path, settings="params")
    settings = PlaceSettings.read(params, path, "CSP")
    if settings.spa_enc_type not in GRIDS:
        expected = " or ".join(GRIDS)
        raise CheckpointError(f"{path} is of a CSP with spa_enc_type={settings.spa_enc_type}, expected {expected}; take another")
    return PlaceNetwork(settings, AtScales(grid, settings)).load(tensors, path)
