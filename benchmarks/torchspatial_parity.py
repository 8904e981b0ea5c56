"""How far `torchspatial` is from TorchSpatial's published code: the largest difference of any number, by checkpoint.

    git clone https://github.com/seai-lab/TorchSpatial
    python benchmarks/torchspatial_parity.py TorchSpatial model_yfcc_rff_....pth.tar model_yfcc_wrap_ffn_....pth.tar

That code is imported from the clone; it needs pandas besides torch and numpy. Exit code 1 if a difference is above 1e-5.
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from train.probing.features import torchspatial
from train.weights.lightning_checkpoint import read_lightning

ALLOWED = 1e-5
Places = npt.NDArray[np.float64]


def places(n: int) -> tuple[Places, Places]:
    """lat, lon [n]: evenly over the sphere, with poles, antimeridian and the origin."""
    random = np.random.default_rng(0)
    lat, lon = np.degrees(np.arcsin(random.uniform(-1, 1, n))), random.uniform(-180, 180, n)
    lat[:6], lon[:6] = [90, 90, -90, 0, 0, 0], [0, 77, -180, 180, -180, 0]
    return lat, lon


def published_encoder(clone: Path, weights: Path) -> Any:
    """Theirs with the weights of a checkpoint, in evaluation mode: (lon, lat) [n, 2] in float32 -> [n, num_filts]."""
    folder = str(clone / "main")
    if folder not in sys.path:
        sys.path.insert(0, folder)  # its modules import each other by plain names
    tensors, params = read_lightning(weights, settings="params")
    model = importlib.import_module("utils").get_loc_model(
        train_locs=None, params=params, spa_enc_type=params["spa_enc_type"], num_inputs=params["num_loc_feats"],
        num_classes=params["num_classes"], num_filts=params["num_filts"], num_users=params["num_users"], device="cpu",
    )  # fmt: skip
    model.load_state_dict(tensors)
    return model.eval()


@torch.inference_mode()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, help="the clone of TorchSpatial")
    parser.add_argument("weights", type=Path, nargs="+", help="its checkpoints")
    chosen = parser.parse_args()
    lat, lon = places(1_000)
    degrees = torch.from_numpy(np.stack([lat, lon][::-1], axis=1).astype(np.float32))
    worst = 0.0
    for path in chosen.weights:
        theirs = published_encoder(chosen.clone, path)(degrees.clone(), return_feats=True).numpy()  # it may change its input
        features = torchspatial.build(weights=path)
        difference = float(np.abs(features.encode(lat, lon) - theirs).max())
        print(f"{difference:.1e}  {features.name}, {theirs.shape[1]} numbers, the largest {np.abs(theirs).max():.2f}")
        worst = max(worst, difference)
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
