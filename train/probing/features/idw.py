"""A floor: the labels of the 50 nearest training points weighted by 1 / distance, which is no model at all (CoordBench's)."""

from typing import Any

from index.settings import Settings
from train.probing.features.xyz import Xyz


class Options(Settings):
    pass


def build(**options: Any) -> "Idw":
    Options.parse(options, where="idw")
    return Idw()


class Idw(Xyz):
    name, digest, probe = "idw", "idw", "idw"
