"""How far `geoclip_rff` is from GeoCLIP's published location encoder: the largest difference of any number of 10,000 vectors.

    python benchmarks/geoclip_parity.py FOLDER     # the wheel of geoclip from PyPI, unpacked: FOLDER holds geoclip/model/...
    python benchmarks/geoclip_parity.py            # geoclip as installed (an environment of its own: it needs huggingface-hub<2)

Their code and weights come from that package; this script imports only its location encoder, so a folder needs pandas and
torch but none of geoclip's other requirements. Exit code 1 if a difference is above 1e-5.
"""

import argparse
import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from train.encoders.location import geoclip_rff

ALLOWED = 1e-5


def model_folder(unpacked: Path | None) -> Path:
    """The folder of `location_encoder.py` and the weights, without importing geoclip (that would load CLIP as well)."""
    if unpacked is not None:
        folders = [unpacked / "geoclip" / "model", unpacked / "model", unpacked]
    else:
        spec = importlib.util.find_spec("geoclip")
        folders = [Path(place) / "model" for place in (spec.submodule_search_locations or [])] if spec else []
    for folder in folders:
        if (folder / "location_encoder.py").is_file():
            return folder
    sys.exit(f"no geoclip in {unpacked or 'this environment'}; expected geoclip/model/location_encoder.py: unpack its wheel there")


def published_encoder(folder: Path) -> Any:
    """Theirs, with its weights, in evaluation mode."""
    package = types.ModuleType("published_geoclip")
    package.__path__ = [str(folder)]
    sys.modules[package.__name__] = package
    return importlib.import_module("published_geoclip.location_encoder").LocationEncoder().eval()


def places(n: int) -> tuple[Tensor, Tensor]:
    """lat, lon [n]: evenly over the sphere, with poles and antimeridian; float64 values that float32 holds exactly."""
    random = np.random.default_rng(0)
    lat, lon = np.degrees(np.arcsin(random.uniform(-1, 1, n))), random.uniform(-180, 180, n)
    lat[:4], lon[:4] = [90, -90, 0, 0], [0, 0, 180, -180]
    return torch.from_numpy(lat.astype(np.float32)).double(), torch.from_numpy(lon.astype(np.float32)).double()


def ours(weights: Path, lat: Tensor, lon: Tensor, *, as_published: bool) -> Tensor:
    encoder = geoclip_rff.build(weights=weights, dim=geoclip_rff.PUBLISHED_DIM, as_published=as_published).eval()
    encoder.load_pretrained()
    return encoder(lat, lon)


@torch.inference_mode()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="the unpacked wheel of geoclip")
    folder = model_folder(parser.parse_args().folder)
    lat, lon = places(10_000)
    theirs = published_encoder(folder)
    in_float32 = theirs(torch.stack([lat, lon], dim=1).float())
    in_float64 = theirs.double()(torch.stack([lat, lon], dim=1))
    weights = folder / "weights" / "location_encoder_weights.pth"
    rows = {
        "ours against theirs run in float64": ours(weights, lat, lon, as_published=False) - in_float64,
        "ours with as_published against theirs as shipped, in float32": ours(weights, lat, lon, as_published=True) - in_float32,
    }
    print(f"{len(lat):,} places, vectors of mean length {float(in_float64.norm(dim=1).mean()):.3f}; largest difference of a number")
    print(f"  {float((in_float32 - in_float64).abs().max()):.1e}  theirs in float32 against theirs in float64: their own rounding")
    for what, difference in rows.items():
        print(f"  {float(difference.abs().max()):.1e}  {what}")
    return int(any(float(difference.abs().max()) > ALLOWED for difference in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
