"""Bands that are hidden from an image tower in training, so it copes with the images that users bring.

A photo has the three bands of its colours, many a GeoTIFF these and near infrared (``Sensor.often``), and others have any bands.
Tiles in a catalogue mostly have all bands, and a tower trained only on those fails when one is missing.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from index.imagery.sensors import SENSORS
from train.protocols import ImageEncoder

OftenShown = dict[
    str, Tensor
]  # sensor -> [S, C]: for each set of bands that images often have, which of the tower's bands it includes


def often_shown(tower: ImageEncoder) -> OftenShown:
    """Found by showing the tower a tile of one pixel with these bands: only the tower knows its bands and their order."""

    def mask(sensor: str, bands: tuple[str, ...]) -> Tensor:
        return tower.prepare(np.zeros((len(bands), 1, 1), dtype=np.uint16), bands, sensor)[1]

    return {sensor: torch.stack([mask(sensor, bands) for bands in SENSORS[sensor].often]) for sensor in tower.sensors}


def still_shown(present: Tensor, often: Tensor, chances: npt.NDArray[np.float64], share: float) -> Tensor:
    """[N, C] of the bands that tiles have [N, C]: the ``share`` of tiles with the lowest ``chances`` [N] keeps only some of them.

    These are one of the sets ``often`` [S, C] or, with the same probability as each set, every band with probability one half. A
    tile that would be left without any band keeps all.
    """
    shown, bands = present.clone(), present.shape[1]
    for row in np.flatnonzero(chances < share):
        which, rest = divmod(chances[row] / share * (len(often) + 1), 1)  # the rest is uniform too: its bits choose
        coins = torch.tensor([int(rest * 2**bands) >> band & 1 for band in range(bands)])
        kept = present[row] * (often[int(which)] if which < len(often) else coins)
        if kept.any():
            shown[row] = kept
    return shown
