"""Annual mean air temperature in degrees Celsius at weather stations: the task most papers on location encoders share."""

from typing import Any

from train.probing.tasks import _stations
from train.probing.tasks._files import loader
from train.probing.tasks._task import LabelOptions, Task


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    load = loader("air_temperature", Options.parse(options, where="air_temperature"), _stations.formats("mean_air_temp_c", "meanT"))
    return Task("air_temperature", "regression", "°C", _stations.SOURCE, _stations.LICENCE, _stations.CITATION, load)
