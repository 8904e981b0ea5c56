"""A floor: longitude and latitude in degrees."""

from typing import Any

import numpy as np

from index.settings import Settings
from train.probing.features._features import Degrees, Vectors


class Options(Settings):
    pass


def build(**options: Any) -> "LonLat":
    Options.parse(options, where="lonlat")
    return LonLat()


class LonLat:
    name, digest, probe = "lonlat", "lonlat", ""

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        return np.stack([lon, lat], axis=1).astype(np.float32)
