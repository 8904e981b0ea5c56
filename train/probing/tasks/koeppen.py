"""The full Koeppen-Geiger class of a point (Af, Cfb, ...; 30 of them)."""

from functools import partial
from typing import Any

from train.probing.tasks import _koeppen
from train.probing.tasks._files import loader
from train.probing.tasks._task import LabelOptions, Task


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    formats = (_koeppen.at_articles("koppen"),)
    load = loader("koeppen", Options.parse(options, where="koeppen"), formats, partial(_koeppen.on_land, 3))
    return Task("koeppen", "classification", "climate", _koeppen.SOURCE, _koeppen.LICENCE, _koeppen.CITATION, load)
