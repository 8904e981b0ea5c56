"""Ranks the rows of a snapshot by meaning and by the places that a text names, joined (``retrieval.asking.names.added``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.search.snapshot import Rows, Snapshot
from retrieval.asking.names.added import Added
from retrieval.asking.query import best_of
from retrieval.ranking.bridge import Positions, Records
from retrieval.ranking.meaning import Meaning

Floats = npt.NDArray[np.float32]
SHORTLIST = 1_000  # rows at named places that are compared beside those that fit best without names


@dataclass(frozen=True)
class ByName:
    """Another way of ranking, whose scores get what the names add."""

    meaning: Meaning
    added: Added
    snapshot: Snapshot
    where: Positions | None

    @property
    def reach(self) -> int | None:
        return self.meaning.reach

    def best(self, k: int, allowed: Rows | None) -> tuple[Rows, Floats, str]:
        rows, _, way = self.meaning.best(k, allowed)
        named = self.added.most(max(SHORTLIST, 2 * k), allowed)
        inside = self.added.rows if allowed is None else np.intersect1d(self.added.rows, allowed, assume_unique=True)
        if len(named) < len(inside):  # a country has more rows than can be told apart by what is added
            named = np.union1d(named, self.meaning.best(k, inside)[0])
        rows = np.union1d(rows, named)
        return *best_of(rows[None], self.scores(Records(rows, self.snapshot, self.where))[None], k), f"{way}, and named places"

    def scores(self, records: Records) -> Floats:
        return self.meaning.scores(records) + self.added.at(records.rows)
