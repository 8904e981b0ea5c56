"""Which of 14 biomes a point on land belongs to."""

from typing import Any

from train.probing.tasks import _ecoregions
from train.probing.tasks._files import loader
from train.probing.tasks._task import LabelOptions, Task


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    formats = _ecoregions.formats("BIOME_NAME", "biome_class_index")
    load = loader("biome", Options.parse(options, where="biome"), formats)
    return Task("biome", "classification", "biome", _ecoregions.SOURCE, _ecoregions.LICENCE, _ecoregions.CITATION, load)
