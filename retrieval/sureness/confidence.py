"""How sure an answer to a text is: how much of the probability lies near the best place, and whether the text is of any place.

    Confident(snapshot of the locations, checkpoint)(query vector, best place) -> Confidence

The probability is the softmax of cosines at the checkpoint's temperature, weighted by area (``retrieval.heat.mass``), over some of
the locations only: 40 km apart or 80 makes no difference to what lies within 750 km, and a quarter of the cells costs a quarter of
the time. ``retrieval.sureness.fit_confidence`` fits the temperature, and the cosine below which a text is called one of nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import MEAN_RADIUS_KM, unit_xyz
from index.records import Place
from index.search.snapshot import Snapshot
from index.threads import once
from retrieval.heat.cells import Cells
from retrieval.heat.heat import best_cosines
from retrieval.heat.mass import probability_mass, smallest_area
from train.checkpoint import Checkpoint

CELLS = 32_768  # 67 km apart on land; their areas take 0.3 s of one core, once, and an answer some 5 ms, while records are read
NEAR_KM = (200, 750)
SHARE = 0.9
EARTH_KM2 = 4 * np.pi * MEAN_RADIUS_KM**2


@dataclass(frozen=True)
class Confidence:
    """``within_200_km`` and ``within_750_km``: the probability that what a text is about lies so near to the best place, if it lies
    at an indexed location at all. ``area_km2``: of the smallest region that holds 90 % of the probability. ``nowhere``: the text is
    of no place in particular; None where the model is not ``calibrated`` (`placebind calibrate`), and the rest is a guess too."""

    within_200_km: float
    within_750_km: float
    area_km2: float
    nowhere: bool | None

    @property
    def calibrated(self) -> bool:
        return self.nowhere is not None

    def as_dict(self) -> dict[str, Any]:
        return {
            "within_200_km": round(self.within_200_km, 4), "within_750_km": round(self.within_750_km, 4),
            "area_km2": round(self.area_km2), "nowhere": self.nowhere, "calibrated": self.calibrated, "sentence": self.sentence,
        }  # fmt: skip

    @property
    def sentence(self) -> str:
        """All of it in one plain line."""
        if self.nowhere:
            return "this text does not name or describe any place in particular: the places below are hardly better than chance"
        line = (
            f"{100 * self.within_750_km:.0f} % within 750 km of the best place, {100 * self.within_200_km:.0f} % within 200 km; "
            f"{100 * SHARE:.0f} % of the probability lies in {_area(self.area_km2)}"
        )
        return line if self.calibrated else f"not calibrated (placebind calibrate): {line}"


class Confident:
    """What a model's texts are asked against; ready once, then ``__call__`` for each query."""

    def __init__(self, cells: Cells, temperature: float, least_cosine: float | None) -> None:
        self.cells, self.temperature, self.least_cosine = cells, temperature, least_cosine

    @classmethod
    def of(cls, snapshot: Snapshot, checkpoint: Checkpoint) -> Confident | None:
        """None for a model that keeps no temperature, and where there are no locations."""
        if checkpoint.temperature is None or not len(snapshot):
            return None
        # Ids are hashes, and rows are ordered by them: every n-th row is a draw from everywhere.
        some = np.linspace(0, len(snapshot) - 1, min(len(snapshot), CELLS)).astype(np.int64)
        cells = Cells(snapshot.vectors[some].astype(np.float32), snapshot.places[some], model_digest=checkpoint.digest)
        fitted = checkpoint.card.confidence
        return cls(cells, checkpoint.temperature, fitted.least_cosine if fitted else None)

    def __call__(self, query: npt.NDArray[np.floating], best: Place) -> Confidence:
        """For a unit vector [D], and the place where it fits best."""
        cosines = best_cosines(self.cells.vectors, query)
        areas = self.cells.area_shares
        mass = probability_mass(cosines, self.temperature, areas)
        cosine = self._xyz @ unit_xyz(best.lat, best.lon).astype(np.float32)  # of the angle on the globe; good to 1 km here
        near = [float(mass[cosine >= np.cos(km / MEAN_RADIUS_KM)].sum()) for km in NEAR_KM]
        nowhere = None if self.least_cosine is None else bool(cosines.max() < self.least_cosine)
        return Confidence(near[0], near[1], smallest_area(mass, SHARE, areas) * EARTH_KM2, nowhere)

    @once
    def _xyz(self) -> npt.NDArray[np.float32]:
        return self.cells.xyz.astype(np.float32)


def _area(km2: float) -> str:
    """'4.1 million km²', '57,000 km²': two figures are more than can be known."""
    if km2 >= 999_500:
        return f"{km2 / 1e6:.1f} million km²"
    return f"{float(f'{km2:.2g}'):,.0f} km²"
