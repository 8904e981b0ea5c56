"""The main Koeppen-Geiger class of a point: A tropical, B dry, C temperate, D continental, E polar."""

from functools import partial
from typing import Any

from train.probing.tasks import _koeppen
from train.probing.tasks._files import loader
from train.probing.tasks._task import LabelOptions, Task


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    formats = (_koeppen.at_articles("koppen_main"),)
    load = loader("koeppen_main", Options.parse(options, where="koeppen_main"), formats, partial(_koeppen.on_land, 1))
    return Task("koeppen_main", "classification", "climate", _koeppen.SOURCE, _koeppen.LICENCE, _koeppen.CITATION, load)
