"""How sure an answer to a text is: how much of the probability lies near the best place, and whether the text is about any place.

    Confident(all locations, temperature, least cosine)(query vector, best place) -> Confidence

The probability is the softmax of cosines at the checkpoint's temperature, weighted by area (``retrieval.heat.mass``). Around the
best place every location counts. Farther away one location stands for all around it, which takes a quarter of the time; its weight
is the area of them all, so that an island at sea weighs no more than it does on the heat map.
``retrieval.sureness.fit_confidence`` fits the temperature, and the cosine below which a text is about nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import MEAN_RADIUS_KM, nearest_of_even, unit_xyz
from index.records import Place
from index.store.derived import array_at
from index.threads import once
from retrieval.asking.names.added import Added
from retrieval.heat.cells import Cells
from retrieval.heat.heat import best_cosines
from retrieval.heat.mass import probability_mass, smallest_area
from train.checkpoint import Checkpoint

CELLS = 32_768  # up to so many locations all count
SURROUNDINGS = 65_536  # points all over the sphere, 88 km apart: one location stands for all that are nearest to a point
FINE_KM = 900.0  # around the best place all locations count: the farthest of ``NEAR_KM`` plus more than the surroundings reach
NEAR_KM = (200, 750)
SHARE = 0.9
Rows = npt.NDArray[np.int64]
EARTH_KM2 = 4 * np.pi * MEAN_RADIUS_KM**2


@dataclass(frozen=True)
class Confidence:
    """``within_200_km`` and ``within_750_km``: the probability that the subject of a text lies so near to the best place, if it
    lies at an indexed location at all, and at one that the filter allows. ``area_km2``: of the smallest region that holds 90 % of
    the probability. ``nowhere``: the text is about no place in particular; None where the model is not ``calibrated`` (`placebind
    calibrate`), and the rest is a guess too."""

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
    """What a model's texts are compared with: all locations, as ``cells``. Prepared once, then ``__call__`` for each query."""

    def __init__(self, cells: Cells, temperature: float, least_cosine: float | None = None) -> None:
        self.cells, self.temperature, self.least_cosine = cells, temperature, least_cosine
        self.cell = array_at(self._file("cell"), lambda: self._standing[0])
        self.stands = array_at(self._file("stands"), lambda: self._standing[1])

    @classmethod
    def of(cls, cells: Cells, checkpoint: Checkpoint) -> Confident | None:
        """None for a model without a temperature."""
        if checkpoint.temperature is None:
            return None
        fitted = checkpoint.card.confidence
        return cls(cells, checkpoint.temperature, fitted.least_cosine if fitted else None)

    def __call__(
        self, query: npt.NDArray[np.floating], best: Place, added: Added | None = None, allowed: Rows | None = None
    ) -> Confidence:
        """For a unit vector [D], and the place where it fits best; ``added`` by the places that the text names. ``allowed``: the
        rows of the locations, ascending, that a filter leaves; the others have no probability."""
        around, sizes = unit_xyz(best.lat, best.lon), np.bincount(self.cell)
        far = self._xyz @ around < np.cos(FINE_KM / MEAN_RADIUS_KM)
        fine = np.flatnonzero(~far[self.cell])
        cosines_far, cosines_fine = self._cosines(np.asarray(query, np.float32), fine)
        top = max(float(cosines_far[far].max(initial=-1)), float(cosines_fine.max(initial=-1)))
        areas = self._areas
        if allowed is not None:
            keep = np.isin(fine, allowed, assume_unique=True)
            fine, cosines_fine = fine[keep], cosines_fine[keep]
            share = np.bincount(self.cell[allowed], minlength=len(sizes)) / sizes
            far, areas_far = far & (share > 0), areas * share
        else:
            areas_far = areas
        cosines = np.concatenate([cosines_far[far], cosines_fine])
        areas = np.concatenate([areas_far[far], (areas / sizes)[self.cell[fine]]])
        likelier = 1.0 if added is None else np.concatenate([self._factor(added)[far], np.exp(added.log_density_at(fine))])
        mass = probability_mass(cosines, self.temperature, areas * likelier)
        cosine = unit_xyz(*self.cells.places[fine].T) @ around  # of the angle on the globe
        near = [float(mass[int(far.sum()) :][cosine >= np.cos(km / MEAN_RADIUS_KM)].sum()) for km in NEAR_KM]
        named = added is not None and added.background < 0.5
        nowhere = None if self.least_cosine is None else bool(not named and top < self.least_cosine)
        return Confidence(near[0], near[1], smallest_area(mass, SHARE, areas) * EARTH_KM2, nowhere)

    def _cosines(self, query: npt.NDArray[np.float32], fine: Rows) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """With what stands for others [C], and with the locations that all count [n]."""
        whole = self.cells.cosines.known(query)  # of a search that compared all locations
        if whole is not None:
            return whole[self.stands], whole[fine]
        return best_cosines(self._vectors, query), best_cosines(self.cells.vectors[fine].astype(np.float32), query)

    def _factor(self, added: Added) -> npt.NDArray[np.float64]:
        """[C]: how many times likelier the named places make each group: the mean over its locations, as a town is narrower."""
        more = np.bincount(self.cell[added.rows], weights=np.expm1(added.log_density), minlength=len(self.stands))
        return 1 + more / np.bincount(self.cell, minlength=len(self.stands))

    @once
    def _xyz(self) -> npt.NDArray[np.float64]:
        return unit_xyz(*self.cells.places[self.stands].T)

    @once
    def _vectors(self) -> npt.NDArray[np.float32]:
        return self.cells.vectors[self.stands].astype(np.float32)

    @once
    def _areas(self) -> npt.NDArray[np.float64]:
        """[C]: of all locations that each stands for."""
        return array_at(self._file("areas"), lambda: self.cells.area_shares_of(self.cell))

    @once
    def _standing(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        return standing(self.cells.places)

    def _file(self, name: str) -> Path | None:
        """Where something that depends on the places alone is written."""
        return self.cells.folder and self.cells.folder / f"standing-{name}.npy"


def standing(places: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each place [N] the number of the group that it belongs to, and for each group [C] the row that stands for it: the first
    of those nearest to one point of an even grid. Few places all stand for themselves."""
    if len(places) <= CELLS:
        return np.arange(len(places)), np.arange(len(places))
    nearest = nearest_of_even(places[:, 0], places[:, 1], SURROUNDINGS)
    _, first, group = np.unique(nearest, return_index=True, return_inverse=True)
    return group, first


def _area(km2: float) -> str:
    """'4.1 million km²', '57,000 km²': more than two figures would be false precision."""
    if km2 >= 999_500:
        return f"{km2 / 1e6:.1f} million km²"
    return f"{float(f'{km2:.2g}'):,.0f} km²"
