"""Our location encoders, and all other features of ``placebind evaluate``, as models of torchgeo-bench's own ``coord`` command.

    pip install placebind torchgeo-bench        # Python 3.12 and later
    PYTHONPATH=. torchgeo-bench coord --config placebind.yaml

with, in placebind.yaml, any features as in --peer, or a checkpoint of ours as placebind:checkpoint=FOLDER,layer=hidden:

    schema_version: 1
    model:
      name: placebind-hidden
      target: benchmarks.coordbench_adapter.PlaceBindEncoder
      kwargs: {features: "placebind:checkpoint=train/shipped,layer=hidden"}
    datasets: [all]
    evaluation: {methods: [linear, knn], split: both}

torchgeo-bench takes any class of its ``LocationEncoder`` by name, calls it with the keywords of ``kwargs`` and ``device``, and its
``encode`` with batches of ``_encode(lon, lat, year)``. It scores on the spot; our own evaluation is not involved.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from train.probing.evaluation import features_of

try:
    from torchgeo_bench.coordbench import LocationEncoder
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}; this module is for torchgeo-bench: pip install torchgeo-bench (0.5 or later, with `coord`)") from None

Column = npt.NDArray[np.float64]


class PlaceBindEncoder(LocationEncoder):
    """``features`` as --peer takes them. The year of a point is ignored: no place here has one."""

    def __init__(self, features: str, **options: Any) -> None:
        super().__init__(**options)
        made, not_run = features_of([features])
        if not_run:
            raise ValueError(f"{not_run[0].what}: {not_run[0].why}")
        (self.features,) = made
        self.name = self.features.name

    def _encode(self, lon: Column, lat: Column, year: Column | None) -> npt.NDArray[np.float32]:  # noqa: ARG002
        return self.features.encode(lat, lon)
