"""Population density (its logarithm) at the points of SatCLIP's and RANGE's tables, which their authors share by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from train.probing.tasks._files import Format, loader, table
from train.probing.tasks._task import Labelled, LabelOptions, Task
from train.probing.tasks.elevation import SATCLIP_DATA


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    columns: dict[str, Any] = {"lat": "lat", "lon": "lon", "kind": "regression"}
    raw = table("population.csv", target="population", source="RANGE's points", **columns)

    def logarithm(paths: Sequence[Path]) -> Labelled:
        found = raw.read(paths)
        return replace(found, target=np.log1p(found.target))

    formats = (
        table("labels_population.csv", target="log_population", source="SatCLIP's points", **columns),
        Format(raw.files, logarithm),
    )
    return Task(
        "population_density", "regression", "log (1 + density)",
        source=f"SatCLIP's downstream data, {SATCLIP_DATA}", licence="not stated with the files",
        citation="Rolf et al. 2021, Nature Communications 12:4392 (MOSAIKS); Klemmer et al. 2025, arXiv:2311.17179",
        load=loader("population_density", Options.parse(options, where="population_density"), formats),
    )  # fmt: skip
