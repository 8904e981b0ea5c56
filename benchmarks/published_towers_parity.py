"""How far the towers `presto` and `galileo` are from the published code: the largest difference of any number of a tile's features.

    git clone https://github.com/nasaharvest/presto
    git clone https://github.com/nasaharvest/galileo
    python benchmarks/published_towers_parity.py --presto presto --galileo galileo --spectra s2_pixels.parquet

Only `single_file_presto.py`, `single_file_galileo.py` and Galileo's `config/normalization.json` are used of the clones; they need
einops besides torch. The weights are those in the clones, or `--presto-weights` and `--galileo-weights`. Tiles are real spectra of
`placebind ingest spectra`'s kind of file: of one pixel, and put together to squares. Exit code 1 if a difference is above 1e-5.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from index.imagery.sensors import SENTINEL2
from index.registry import load
from train.image.context import context_of
from train.precision import FEW

ALLOWED = 1e-5
SIDES = {"presto": (1, 2, 4), "galileo": (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64)}
# The bands of Level-2A, those of a file without B8A, and those of common files: each drops other groups.
SUBSETS = (
    tuple(band for band in SENTINEL2.bands if band != "B10"),
    tuple(band for band in SENTINEL2.bands if band not in ("B10", "B8A")),
    ("B02", "B03", "B04", "B08"),
    ("B04", "B08", "B11", "B12"),
    ("B02", "B03", "B04"),
)
NAMES = tuple(band.replace("B0", "B") for band in SENTINEL2.bands)  # as they write them
TILES = 2 * FEW
Published = Callable[[npt.NDArray[np.float32], tuple[str, ...], int], Tensor]


class Case(NamedTuple):
    """Tiles [n, 13, S, S] as stored, of which only ``bands`` are shown, all of one month (1 .. 12)."""

    pixels: npt.NDArray[np.uint16]
    bands: tuple[str, ...]
    month: int


def cases(spectra: Path, sides: tuple[int, ...]) -> Iterator[Case]:
    """Each size with each subset of bands, in another month each time; pixels are drawn from the rows that have those bands."""
    table, random = pd.read_parquet(spectra), np.random.default_rng(0)
    for number, (side, bands) in enumerate((side, bands) for side in sides for bands in SUBSETS):
        known = table[[band for band in bands if table[band].notna().any()]].dropna()
        rows = random.integers(len(known), size=(TILES, side, side))
        pixels = np.zeros((TILES, len(SENTINEL2.bands), side, side), np.uint16)
        for band in known.columns:
            counts = np.clip(np.round(known[band].to_numpy() * 10_000), 1, 65_535).astype(np.uint16)
            pixels[:, SENTINEL2.bands.index(band)] = counts[rows]
        yield Case(pixels, tuple(known.columns), number % 12 + 1)


def ours(name: str, weights: Path, case: Case) -> Tensor:
    """Through the tower as training and search use it; few tiles at a time, which are computed in float32."""
    tower: Any = load("train.encoders.image", name).build(weights=str(weights))
    rows = [SENTINEL2.bands.index(band) for band in case.bands]
    prepared = [tower.prepare(tile[rows], case.bands, "sentinel2") for tile in case.pixels]
    pixels, present = (torch.stack(each) for each in zip(*prepared, strict=True))
    context = context_of("", f"--{case.month:02d}").expand(len(pixels), -1)
    parts = zip(pixels.split(FEW), present.split(FEW), context.split(FEW), strict=True)
    return torch.cat([tower.features(shown, there, "sentinel2", taken) for shown, there, taken in parts])


def published_module(clone: Path, file: str) -> Any:
    if not (clone / f"{file}.py").is_file():
        sys.exit(f"no {file}.py in {clone}; give the folder of the clone")
    sys.path.insert(0, str(clone))
    return importlib.import_module(file)


def ndvi(counts: npt.NDArray[np.float64], bands: list[str]) -> npt.NDArray[np.float64]:
    """Theirs: of [..., bands], 0 where both bands are 0."""
    near, red = counts[..., bands.index("B8")], counts[..., bands.index("B4")]
    return np.divide(near - red, near + red, out=np.zeros_like(near), where=near + red > 0)


def theirs_presto(clone: Path, weights: Path) -> Callable[[Case], Tensor]:
    """Each pixel as a series of one month at 0 N, 0 E; a tile is the mean of its pixels."""
    module = published_module(clone, "single_file_presto")
    model = module.Presto.construct()
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    encoder = model.encoder.eval()
    names = ["B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"]  # rows 2 to 11 of the 17 inputs; the last is NDVI

    def features(case: Case) -> Tensor:
        tiles, _, side, _ = case.pixels.shape
        counts = case.pixels.transpose(0, 2, 3, 1).reshape(-1, len(NAMES)).astype(np.float64)
        shown = [name for name in names if NAMES.index(name) in {SENTINEL2.bands.index(band) for band in case.bands}]
        x, mask = torch.zeros(len(counts), 1, 17), torch.ones(len(counts), 1, 17)
        for name in shown:
            x[:, 0, 2 + names.index(name)] = torch.from_numpy(counts[:, NAMES.index(name)] / 10_000).float()
            mask[:, 0, 2 + names.index(name)] = 0
        if {"B4", "B8"} <= set(shown):
            x[:, 0, 16], mask[:, 0, 16] = torch.from_numpy(ndvi(counts, list(NAMES))).float(), 0
        no_classes = torch.full((len(counts), 1), module.NUM_DYNAMIC_WORLD_CLASSES)
        vectors: Tensor = encoder(x, no_classes, torch.zeros(len(counts), 2), mask, month=case.month - 1)
        return vectors.reshape(tiles, side * side, -1).mean(dim=1)

    return features


def theirs_galileo(clone: Path, weights: Path) -> Callable[[Case], Tensor]:
    """All modalities but Sentinel-2 and NDVI masked, the location too."""
    module = published_module(clone, "single_file_galileo")
    encoder = module.Encoder(embedding_size=128, depth=4, num_heads=8, mlp_ratio=4, max_sequence_length=24, max_patch_size=8)
    encoder.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    encoder.eval()
    statistics = json.loads((clone / "config" / "normalization.json").read_text())["13"]
    names: list[str] = module.SPACE_TIME_BANDS
    shift = np.array([mean - 2 * std for mean, std in zip(statistics["mean"], statistics["std"], strict=True)])
    scale = np.array([4 * std for std in statistics["std"]])
    shift[names.index("NDVI")], scale[names.index("NDVI")] = 0, 1
    groups = module.SPACE_TIME_BANDS_GROUPS_IDX

    def features(case: Case) -> Tensor:
        tiles, _, side, _ = case.pixels.shape
        patch = min(8, max(1, side // 4))
        counts = case.pixels.transpose(0, 2, 3, 1).astype(np.float64)
        x = np.zeros((tiles, side, side, 1, len(names)))
        shown = [NAMES[SENTINEL2.bands.index(band)] for band in case.bands]
        for name in set(names) & set(shown):
            x[..., 0, names.index(name)] = counts[..., NAMES.index(name)]
        x[..., 0, names.index("NDVI")] = ndvi(counts, list(NAMES))
        has = {*shown, *(["NDVI"] if {"B4", "B8"} <= set(shown) else [])}
        masked = torch.tensor([float(not {names[row] for row in rows} <= has) for rows in groups.values()])
        output = encoder(
            torch.from_numpy((x - shift) / scale).float(),
            torch.zeros(tiles, side, side, len(module.SPACE_BANDS)),
            torch.zeros(tiles, 1, len(module.TIME_BANDS)),
            torch.zeros(tiles, len(module.STATIC_BANDS)),
            masked.expand(tiles, side, side, 1, -1),
            torch.ones(tiles, side, side, len(module.SPACE_BAND_GROUPS_IDX)),
            torch.ones(tiles, 1, len(module.TIME_BAND_GROUPS_IDX)),
            torch.ones(tiles, len(module.STATIC_BAND_GROUPS_IDX)),
            months=torch.full((tiles, 1), case.month - 1),
            patch_size=patch,
        )
        vectors: Tensor = encoder.average_tokens(*output[:-1])
        return vectors

    return features


@torch.inference_mode()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presto", type=Path, required=True, help="the clone of nasaharvest/presto")
    parser.add_argument("--galileo", type=Path, required=True, help="the clone of nasaharvest/galileo")
    parser.add_argument("--spectra", type=Path, required=True, help="a Parquet file with the bands of spectra as columns")
    parser.add_argument("--presto-weights", type=Path, help="default_model.pt; default: that of the clone")
    parser.add_argument("--galileo-weights", type=Path, help="encoder.pt of Galileo nano; default: that of the clone")
    chosen = parser.parse_args()
    presto = chosen.presto_weights or chosen.presto / "data" / "default_model.pt"
    galileo = chosen.galileo_weights or chosen.galileo / "data" / "models" / "nano" / "encoder.pt"
    published = {
        "presto": (presto, theirs_presto(chosen.presto, presto)),
        "galileo": (galileo, theirs_galileo(chosen.galileo, galileo)),
    }
    worst = 0.0
    for name, (weights, theirs) in published.items():
        differences, largest, tiles = [], 0.0, 0
        for case in cases(chosen.spectra, SIDES[name]):
            expected = theirs(case)
            differences.append(float((ours(name, weights, case) - expected).abs().max()))
            largest, tiles = max(largest, float(expected.abs().max())), tiles + len(expected)
        sizes = f"{SIDES[name][0]} to {SIDES[name][-1]} px"
        print(f"{max(differences):.1e}  {name}, {tiles:,} tiles of {sizes} in {len(SUBSETS)} sets of bands, largest {largest:.2f}")
        worst = max(worst, *differences)
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
