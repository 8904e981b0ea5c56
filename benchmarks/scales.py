"""How well a model places coarse pictures of several scales: tiles of NASA's Blue Marble with pixels of 1.2 to 20 km.

    python -m benchmarks.scales CHECKPOINT [CHECKPOINT ...] [--data ../shared/data] [--slice val] [--km 1.2 20]

Rows are the scales, columns the median distance in km to the best of the places on land and the share of them that the true place
beats (median; chance is .5), for each model and for floors: the place of the learnt tile of this scale whose mean colour is most
similar, and a random place. All places are of held-out blocks (``benchmarks.shipped_scales``).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree

from benchmarks.shipped_scales import MEASURED_KM, Scales
from index.geo import fibonacci_sphere
from index.places.packaged import LAND_SHARE, is_land
from index.records import Tile
from retrieval.figures.placing import Placed, errors_km, place_at, share_beaten
from train.checkpoint import Checkpoint
from train.queries.encoders import Shown
from train.queries.trained import TorchEncoders

LAND = 20_000
LEARNT = 2_000  # tiles that the nearest is looked for among
Floats = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--slice", choices=["val", "report"], default="report")
    parser.add_argument("--km", type=float, choices=MEASURED_KM, nargs="+", default=MEASURED_KM, help="kilometres a pixel")
    asked = parser.parse_args()
    scales, gallery = Scales(asked.data), land()
    models = [TorchEncoders(Checkpoint.open(folder), torch.device("cpu")) for folder in asked.checkpoints]
    table = Table("km a pixel", "tiles", *map(str, asked.checkpoints), "nearest mean colour", "random place")
    for scale_km in asked.km:
        tiles, learnt = list(scales.tiles(scale_km, asked.slice)), list(scales.tiles(scale_km, "train", LEARNT))
        results = [by_model(model, tiles, gallery) for model in models]
        results += [by_mean_colour(learnt, tiles, gallery), at_random(tiles, gallery)]
        table.add_row(f"{scale_km:g}", str(len(tiles)), *map(figures, results))
    Console(width=140).print(table)


def land() -> Floats:
    """[G, 2]: places spread evenly over the land."""
    lat, lon = fibonacci_sphere(round(LAND / LAND_SHARE))
    return np.stack([lat, lon], axis=1)[is_land(lat, lon)]


def by_model(model: TorchEncoders, tiles: Sequence[Tile], gallery: Floats) -> Placed:
    """The true place itself competes, and not the nearest row of the gallery, which may be 60 km away."""
    places = places_of(tiles)
    asked = model.tiles([Shown(tile.pixels, tile.bands, tile.sensor) for tile in tiles])
    rows, own = model.places(*gallery.T), model.places(*places.T)
    scores = asked @ rows.T
    beats = [share_beaten(np.append(each, mine @ truth), len(each)) for each, mine, truth in zip(scores, asked, own, strict=True)]
    return Placed(errors_km(gallery[scores.argmax(axis=1)], places), None, np.array(beats))


def by_mean_colour(learnt: Sequence[Tile], tiles: Sequence[Tile], gallery: Floats) -> Placed:
    """At the place of the learnt tile whose mean colour is nearest."""
    nearest = cKDTree(mean_colours(learnt)).query(mean_colours(tiles))[1]
    return place_at(places_of(learnt)[nearest], places_of(tiles), gallery)


def at_random(tiles: Sequence[Tile], gallery: Floats) -> Placed:
    rows = np.random.default_rng(0).integers(len(gallery), size=len(tiles))
    return place_at(gallery[rows], places_of(tiles), gallery)


def places_of(tiles: Sequence[Tile]) -> Floats:
    return np.array([(tile.place.lat, tile.place.lon) for tile in tiles])


def mean_colours(tiles: Sequence[Tile]) -> Floats:
    return np.array([tile.pixels.mean(axis=(1, 2)) for tile in tiles])


def figures(result: Placed) -> str:
    assert result.beats is not None
    return f"{np.median(result.errors_km):,.0f} km, {np.median(result.beats):.3f}"


if __name__ == "__main__":
    main()
