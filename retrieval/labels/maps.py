"""What a classifier says of the whole Earth: a probability of each class at every location, and where it is unsure.

taught = teach(space.cells, space.embed_places, labels)
taught.raster(WorldGrid(), "yes"), taught.next_places(), taught.verdict.sentence
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.records import Place
from index.threads import once
from retrieval.heat.cells import Cells
from retrieval.heat.colours import png, shade
from retrieval.heat.grids import Grid, MercatorTile, WorldGrid
from retrieval.heat.heat import peak_rows
from retrieval.labels.classifier import BACKGROUND, Classifier, Vectors
from retrieval.labels.labels import YES, Labels
from retrieval.labels.verdict import Verdict, verdict_of

UNSURE = "uncertainty"  # beside the classes
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Suggestion:
    """A place where a label would tell most, with the likeliest class there and its probability."""

    place: Place
    label: str
    probability: float
    uncertainty: float

    def as_dict(self) -> dict[str, Any]:
        return {"lat": self.place.lat, "lon": self.place.lon, "label": self.label, "probability": self.probability}


@dataclass(frozen=True)
class Taught:
    """A classifier over all cells. ``verdict`` is worked out when it is first asked for: it takes many fits."""

    cells: Cells
    labels: Labels
    classifier: Classifier
    vectors: Vectors  # [N, D] of the labels' places
    background: Vectors

    @property
    def classes(self) -> tuple[str, ...]:
        return self.classifier.classes

    @property
    def first(self) -> str:
        """The class that is shown if none is asked for: that of +, else the first."""
        return YES if YES in self.classes else self.classes[0]

    @property
    def notes(self) -> tuple[str, ...]:
        return self.classifier.notes

    @once
    def verdict(self) -> Verdict:
        return verdict_of(self.labels, self.vectors, self.background)

    @once
    def probabilities(self) -> Scores:
        """[N, C] of all cells."""
        return self.classifier.probabilities(self.cells.vectors)

    @once
    def uncertainty(self) -> Scores:
        """[N]: the entropy of the classes at each cell, 0 where one is certain, 1 where all are as likely."""
        likely = np.clip(self.probabilities, 1e-9, 1)
        return np.asarray(-(likely * np.log(likely)).sum(axis=1) / np.log(len(self.classes)), np.float32)

    def values(self, what: str = "") -> Scores:
        """[N]: the probability of a class, or the uncertainty. Raises ``InputError`` for an unknown class."""
        what = self.named(what)
        return self.uncertainty if what == UNSURE else np.ascontiguousarray(self.probabilities[:, self.classes.index(what)])

    def named(self, what: str = "") -> str:
        """What is to be shown: the first class, if nothing is said. Raises ``InputError`` for an unknown class."""
        if what and what != UNSURE and what not in self.classes:
            raise InputError(f"there is no class '{what[:40]}'; choose from {', '.join(self.classes)} or {UNSURE}")
        return what or self.first

    def raster(self, grid: Grid, what: str = "") -> Scores:
        """[H, W]: the value of the cell nearest to each pixel, NaN where none is in reach."""
        return np.take(np.append(self.values(what), np.float32(np.nan)), self.cells.rows_on(grid))

    def png(self, grid: Grid, what: str = "", *, transparent_below: float = 0.5) -> bytes:
        """As a picture; no data, and values below ``transparent_below``, are transparent."""
        return png(shade(self.raster(grid, what), transparent_below=transparent_below))

    def _repr_png_(self) -> bytes:
        """As Jupyter shows it: the first class where it is likelier than not."""
        return self.png(WorldGrid(720, 360))

    def tile_png(self, z: int, x: int, y: int, what: str = "", *, transparent_below: float = 0.5) -> bytes:
        """The 256 px web tile z/x/y. Raises ``InputError`` for a tile that does not exist."""
        return self.png(MercatorTile(z, x, y), what, transparent_below=transparent_below)

    def next_places(self, count: int = 5, *, min_km: float = 500.0) -> list[Suggestion]:
        """Where a label would tell most: the most uncertain cells, farther apart than ``min_km``."""
        rows = peak_rows(self.cells, self.uncertainty, count, min_km)
        best = self.probabilities[rows].argmax(axis=1)
        return [
            Suggestion(
                Place(lat=float(self.cells.places[row, 0]), lon=float(self.cells.places[row, 1])), self.classes[at],
                float(self.probabilities[row, at]), float(self.uncertainty[row]),
            )
            for row, at in zip(rows, best.tolist(), strict=True)
        ]  # fmt: skip


def teach(cells: Cells, embed_places: Callable[[npt.ArrayLike, npt.ArrayLike], Vectors], labels: Labels) -> Taught:
    """Learn the classes of the labels. Raises ``InputError`` for fewer than two different places."""
    if len(labels) < 2:
        raise InputError("a class needs at least two labels at different places; mark more")
    vectors = embed_places(*labels.places.T)
    some = np.random.default_rng(0).choice(len(cells), min(BACKGROUND, len(cells)), replace=False)
    background = np.asarray(cells.vectors[np.sort(some)], np.float32)
    return Taught(cells, labels, Classifier.fit(labels, vectors, background), vectors, background)
