"""Which of some 800 ecoregions a point on land belongs to."""

from typing import Any

from train.probing.tasks import _ecoregions
from train.probing.tasks._files import loader
from train.probing.tasks._task import LabelOptions, Task


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    formats = _ecoregions.formats("ECO_NAME", "ecoregion_class_index")
    load = loader("ecoregion", Options.parse(options, where="ecoregion"), formats)
    return Task("ecoregion", "classification", "ecoregion", _ecoregions.SOURCE, _ecoregions.LICENCE, _ecoregions.CITATION, load)
