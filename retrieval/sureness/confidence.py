"""How sure an answer to a text is: how much of the probability lies near the best place, and whether the text is about any place.

    Confident(snapshot of the locations, checkpoint)(query vector, best place) -> Confidence

The probability is the softmax of cosines at the checkpoint's temperature, weighted by area (``retrieval.heat.mass``), over some of
the locations only. Spacings of 40 km and 80 km give the same probability within 750 km, and a quarter of the cells costs a quarter
of the time. ``retrieval.sureness.fit_confidence`` fits the temperature, and the cosine below which a text is about nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import MEAN_RADIUS_KM, nearest_of_even, unit_xyz
from index.records import Place
from index.search.snapshot import Snapshot
from index.threads import once
from retrieval.heat.cells import Cells
from retrieval.heat.heat import best_cosines
from retrieval.heat.mass import probability_mass, smallest_area
from train.checkpoint import Checkpoint

CELLS = 32_768  # up to so many locations all count
SURROUNDINGS = 65_536  # points all over the sphere, 88 km apart: one location stands for all that are nearest to a point
FINE_KM = 900.0  # around the best place all locations count: the farthest of ``NEAR_KM`` plus more than the surroundings reach
NEAR_KM = (200, 750)
SHARE = 0.9
EARTH_KM2 = 4 * np.pi * MEAN_RADIUS_KM**2


@dataclass(frozen=True, eq=False)
class Members:
    """All locations: ``vectors`` [N, D] and ``places`` [N, 2], and for each the row [N] of the cell that stands for it."""

    vectors: npt.NDArray[Any]
    places: npt.NDArray[np.float64]
    cell: npt.NDArray[np.int64]

    @classmethod
    def of(cls, snapshot: Snapshot) -> tuple[Members, npt.NDArray[np.int64]]:
        """And the rows that stand for the others: the first of those nearest to one point of an even grid."""
        if len(snapshot) <= CELLS:
            stands = np.arange(len(snapshot))
            return cls(snapshot.vectors, snapshot.places, stands), stands
        nearest = nearest_of_even(snapshot.places[:, 0], snapshot.places[:, 1], SURROUNDINGS)
        _, first, cell = np.unique(nearest, return_index=True, return_inverse=True)
        return cls(snapshot.vectors, snapshot.places, cell), first

    @once
    def size(self) -> npt.NDArray[np.int64]:
        """[C]: the number of locations that each cell stands for."""
        return np.bincount(self.cell)


@dataclass(frozen=True)
class Confidence:
    """``within_200_km`` and ``within_750_km``: the probability that the subject of a text lies so near to the best place, if it
    lies at an indexed location at all. ``area_km2``: of the smallest region that holds 90 % of the probability. ``nowhere``: the
    text is about no place in particular; None where the model is not ``calibrated`` (`placebind calibrate`), and the rest is a
    guess too."""

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
    """What a model's texts are compared with; prepared once, then ``__call__`` for each query."""

    def __init__(self, cells: Cells, temperature: float, least_cosine: float | None, members: Members | None = None) -> None:
        self.cells, self.temperature, self.least_cosine = cells, temperature, least_cosine
        self.members = members or Members(cells.vectors, cells.places, np.arange(len(cells)))

    @classmethod
    def of(cls, snapshot: Snapshot, checkpoint: Checkpoint) -> Confident | None:
        """None for a model without a temperature, and where there are no locations."""
        if checkpoint.temperature is None or not len(snapshot):
            return None
        members, some = Members.of(snapshot)
        cells = Cells(snapshot.vectors[some].astype(np.float32), snapshot.places[some], model_digest=checkpoint.digest)
        fitted = checkpoint.card.confidence
        return cls(cells, checkpoint.temperature, fitted.least_cosine if fitted else None, members)

    def __call__(self, query: npt.NDArray[np.floating], best: Place) -> Confidence:
        """For a unit vector [D], and the place where it fits best."""
        around = unit_xyz(best.lat, best.lon).astype(np.float32)
        far = self._xyz @ around < np.cos(FINE_KM / MEAN_RADIUS_KM)
        fine = np.flatnonzero(~far[self.members.cell])
        of_cell = self.members.cell[fine]
        cosines = np.concatenate([
            best_cosines(self.cells.vectors, query)[far], best_cosines(self.members.vectors[fine].astype(np.float32), query)
        ])  # fmt: skip
        areas = np.concatenate([self.cells.area_shares[far], self.cells.area_shares[of_cell] / self.members.size[of_cell]])
        mass = probability_mass(cosines, self.temperature, areas)
        cosine = unit_xyz(*self.members.places[fine].T) @ around  # of the angle on the globe; good to 1 km here
        near = [float(mass[int(far.sum()) :][cosine >= np.cos(km / MEAN_RADIUS_KM)].sum()) for km in NEAR_KM]
        nowhere = None if self.least_cosine is None else bool(cosines.max() < self.least_cosine)
        return Confidence(near[0], near[1], smallest_area(mass, SHARE, areas) * EARTH_KM2, nowhere)

    @once
    def _xyz(self) -> npt.NDArray[np.float32]:
        return self.cells.xyz.astype(np.float32)


def _area(km2: float) -> str:
    """'4.1 million km²', '57,000 km²': more than two figures would be false precision."""
    if km2 >= 999_500:
        return f"{km2 / 1e6:.1f} million km²"
    return f"{float(f'{km2:.2g}'):,.0f} km²"
