"""A floor: the point on the unit sphere, read by its five nearest neighbours: how far interpolation goes by itself."""

from typing import Any

import numpy as np

from index.geo import unit_xyz
from index.settings import Settings
from train.probing.features._features import Degrees, Vectors


class Options(Settings):
    pass


def build(**options: Any) -> "Xyz":
    Options.parse(options, where="xyz")
    return Xyz()


class Xyz:
    name, digest, probe = "xyz", "xyz", "knn"

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        return unit_xyz(lat, lon).astype(np.float32)
