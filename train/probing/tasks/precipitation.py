"""Annual precipitation in millimetres at the weather stations of ``air_temperature``."""

from typing import Any

from train.probing.tasks import _stations
from train.probing.tasks._files import loader
from train.probing.tasks._task import LabelOptions, Task


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    formats = _stations.formats("mean_annual_precip_mm", "meanP")
    load = loader("precipitation", Options.parse(options, where="precipitation"), formats)
    return Task("precipitation", "regression", "mm a year", _stations.SOURCE, _stations.LICENCE, _stations.CITATION, load)
