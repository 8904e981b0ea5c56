"""Our location encoders, and all other features of ``placebind evaluate``, as models of torchgeo-bench's own ``coord`` command.

    PYTHONPATH=. torchgeo-bench coord --config placebind.yaml    # with placebind and torchgeo-bench installed, Python >= 3.12

with, in placebind.yaml, features as --peer takes them:

    schema_version: 1
    model:
      name: placebind-hidden
      target: benchmarks.coordbench_adapter.PlaceBindEncoder
      kwargs: {features: "placebind:checkpoint=train/shipped,layer=hidden"}
    datasets: [all]
    evaluation: {methods: [linear, knn], split: both}

torchgeo-bench imports ``target``, calls it with ``kwargs`` and a ``device``, and asks its ``encode`` for the points of a table:
that comes to ``_encode(lon, lat, year)`` in batches. It splits and scores by itself. Read from torchgeo_bench/config/presets.py and
coordbench/{run,models}.py of its main branch: 0.4.0, the newest release we found, has no ``coord`` yet.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from torchgeo_bench.coordbench import LocationEncoder

from index.errors import InputError
from train.probing.evaluation import features_of

Column = npt.NDArray[np.float64]


class PlaceBindEncoder(LocationEncoder):
    """``features`` as --peer takes them, computed on the CPU. The year of a point is not used: no features here have one.

    Raises ``InputError`` for features that are not available, ``ConfigError`` for unknown ones.
    """

    def __init__(self, features: str, **options: Any) -> None:
        super().__init__(**options)
        made, not_run = features_of([features])
        if not_run:
            raise InputError(f"{not_run[0].what} is not available: {not_run[0].why}")
        (self.features,) = made
        self.name = self.features.name

    def _encode(self, lon: Column, lat: Column, _year: Column | None) -> npt.NDArray[np.float32]:
        return self.features.encode(lat, lon)
