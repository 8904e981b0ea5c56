"""Sentinel-2 as NASA Harvest's networks read it: ten bands and NDVI in six groups, each of which becomes one token.

B01, B09 and B10 are not among them. A group of which one band is missing is masked whole, as in the published code of Presto and
Galileo; NDVI is masked without B04 or B08.
"""

import torch
from torch import Tensor

from index.imagery.sensors import SENTINEL2
from train.image.image_input import BandInput

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
RED, NIR = BANDS.index("B04"), BANDS.index("B08")
NDVI = len(BANDS)  # behind the bands
GROUPS = {
    "S2_RGB": (0, 1, 2),
    "S2_Red_Edge": (3, 4, 5),
    "S2_NIR_10m": (NIR,),
    "S2_NIR_20m": (7,),
    "S2_SWIR": (8, 9),
    "NDVI": (NDVI,),
}
INPUTS = {SENTINEL2.name: BandInput(BANDS, mean=(0.0,) * len(BANDS), std=(1.0,) * len(BANDS))}  # plain reflectance


def with_ndvi(reflectance: Tensor) -> Tensor:
    """[B, 10, S, S] -> [B, 11, S, S]; NDVI (Tucker 1979) is 0 where both bands are dark."""
    red, nir = reflectance[:, RED], reflectance[:, NIR]
    total = nir + red
    ndvi = torch.where(total > 0, (nir - red) / torch.where(total > 0, total, 1.0), 0.0)
    return torch.cat([reflectance, ndvi[:, None]], dim=1)


def complete_groups(present: Tensor) -> Tensor:
    """Band mask [B, 10] -> [B, 6], true for the groups that have all their bands."""
    there = torch.cat([present, present[:, [RED]] * present[:, [NIR]]], dim=1) > 0
    return torch.stack([there[:, list(rows)].all(dim=1) for rows in GROUPS.values()], dim=1)
