"""The model's heat and the places that a text names, joined: p(place | text) is their product.

A Heat's cosines are logarithms of the model's density, in units of its temperature; the logarithm of the named places' density is
added in the same units. Where no place is named the sum is the heat itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from index.geo import unit_xyz
from index.places.whereabouts import Whereabouts
from index.records import Place
from retrieval.asking.names.mass import Mass
from retrieval.heat.cells import Cells

TRUST = 1.0  # of the names against the heat; `benchmarks/names.py` compares others on the slice 'val'
PLAIN_TEMPERATURE = 0.05  # of a model without one
Scores = npt.NDArray[np.float32]


def bonus(mass: Mass, whereabouts: Whereabouts, temperature: float | None, trust: float = TRUST) -> Scores:
    """[N]: what the names add to the cosine of each point, 0 or more."""
    return np.float32(trust * (temperature or PLAIN_TEMPERATURE)) * mass.log_density(whereabouts)


def best_place(cells: Cells, cosines: Scores, mass: Mass, added: Scores, temperature: float | None, trust: float = TRUST) -> Place:
    """Where the joined density is greatest: a cell, or a named town itself, which lies between cells."""
    joined = cosines + added
    row = int(np.argmax(joined))
    best, place = float(joined[row]), Place(lat=float(cells.places[row, 0]), lon=float(cells.places[row, 1]))
    points, density = mass.at_points()
    if points:
        nearest = cells.tree.query(unit_xyz([each.place.lat for each in points], [each.place.lon for each in points]))[1]
        scores = cosines[nearest] + trust * (temperature or PLAIN_TEMPERATURE) * density
        if scores.max() >= best:
            place = points[int(np.argmax(scores))].place
    return place
