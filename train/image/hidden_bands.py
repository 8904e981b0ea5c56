"""Bands that are hidden from an image tower while it learns, so that it finds its way with what users bring.

A photo has the three bands of its colours, many a GeoTIFF these and near infrared (``Sensor.often``), and others some bands or
other. Tiles in a catalogue mostly have them all: a tower that only ever saw those is lost without one.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from index.imagery.sensors import SENSORS
from train.protocols import ImageEncoder

OftenShown = dict[
    str, Tensor
]  # sensor -> [S, C]: for each set of bands that images often have, which of the tower's bands are in it


def often_shown(tower: ImageEncoder) -> OftenShown:
    """Asked of the tower by a tile of one pixel with these bands: only it knows which bands it takes, in which order."""

    def mask(sensor: str, bands: tuple[str, ...]) -> Tensor:
        return tower.prepare(np.zeros((len(bands), 1, 1), dtype=np.uint16), bands, sensor)[1]

    return {sensor: torch.stack([mask(sensor, bands) for bands in SENSORS[sensor].often]) for sensor in tower.sensors}


def still_shown(present: Tensor, often: Tensor, chances: npt.NDArray[np.float64], share: float) -> Tensor:
    """[N, C] of the bands that tiles have [N, C]: for the ``share`` of tiles with the lowest ``chances`` [N] only some of them.

    These are one of the sets ``often`` [S, C] or, as likely as each of them, every band with a chance of one half. A tile that
    would be left without any band keeps all.
    """
    shown, bands = present.clone(), present.shape[1]
    for row in np.flatnonzero(chances < share):
        which, rest = divmod(chances[row] / share * (len(often) + 1), 1)  # the rest is as uniform as the chance: its bits choose
        coins = torch.tensor([int(rest * 2**bands) >> band & 1 for band in range(bands)])
        kept = present[row] * (often[int(which)] if which < len(often) else coins)
        if kept.any():
            shown[row] = kept
    return shown
