"""The model's heat and the places that a text names, joined: p(place | text) is their product.

A cosine is the logarithm of the model's density in units of its temperature. The logarithm of the named places' density is added in
the same units, so where no place is named the sum is the cosine itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.places.whereabouts import Whereabouts
from index.records import Place
from retrieval.asking.names.mass import Mass
from retrieval.asking.names.resolve import Allowed, Possible

PLAIN_TEMPERATURE = 0.05  # of a model without one
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Added:
    """What named places add to the cosines of some points: ``values`` [n] above 0 at the ``rows`` [n], ascending, of ``count``."""

    rows: Rows
    values: Floats
    count: int
    temperature: float  # of the cosines that they are added to
    trust: float
    background: float  # the probability that the text is about none of the named places

    @classmethod
    def of(cls, mass: Mass, whereabouts: Whereabouts, temperature: float | None) -> Added:
        temperature = temperature or PLAIN_TEMPERATURE
        rows, density = mass.log_density(whereabouts)
        return cls(rows, np.float32(temperature * mass.trust) * density, len(whereabouts), temperature, mass.trust, mass.background)

    @property
    def log_density(self) -> Floats:
        """[n]: of the named places alone, without trust in them, as confidence wants it."""
        return self.values / np.float32(self.temperature * self.trust)

    def log_density_at(self, rows: Rows) -> Floats:
        """[n]: of any of the points."""
        return self.at(rows) / np.float32(self.temperature * self.trust)

    def at(self, rows: Rows) -> Floats:
        """[n]: what is added at any of the points."""
        if not len(self.rows):
            return np.zeros(len(rows), np.float32)
        near = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[near] == rows, self.values[near], np.float32(0))

    def everywhere(self) -> Floats:
        """[N]."""
        added = np.zeros(self.count, np.float32)
        added[self.rows] = self.values
        return added

    def most(self, count: int, among: Rows | None = None) -> Rows:
        """Up to ``count`` of the points with the greatest values, of ascending rows if there are some."""
        rows, values = self.rows, self.values
        if among is not None:
            keep = np.isin(rows, among, assume_unique=True)
            rows, values = rows[keep], values[keep]
        return rows if len(rows) <= count else rows[np.argpartition(-values, count)[:count]]


def best_place(
    best: Place,
    score: float,
    mass: Mass,
    added: Added,
    cosines_near: Callable[[list[Place]], npt.NDArray[np.floating]],
    allowed: Allowed | None = None,
) -> Place:
    """Where the joined density is greatest: the best indexed point, with its ``score``, or a named town between such points, if a
    filter ``allowed`` it. ``cosines_near`` are those of the indexed points nearest to some places. A bare name of a town is that
    town: a model of descriptions cannot choose between places of one name, and a smaller one has the denser mass."""
    named = mass.likeliest
    if mass.bare and named.kind == "town" and (allowed is None or allowed(*_axes([named])).all()):
        return named.place
    towns, density = mass.at_points()
    if not towns:
        return best
    scores = cosines_near([town.place for town in towns]) + added.temperature * added.trust * density
    if allowed is not None:
        scores = np.where(allowed(*_axes(towns)), scores, -np.inf)
    first = int(np.argmax(scores))
    return towns[first].place if scores[first] >= score else best


def _axes(places: Sequence[Possible]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Latitudes and longitudes."""
    return np.array([each.place.lat for each in places]), np.array([each.place.lon for each in places])
