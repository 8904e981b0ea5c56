"""One search from a query's vectors to ranked rows: filter, planner, bridge or centring, words, diversity, in this order.

``Space.search`` -> here -> ``retrieval.ranking.plan`` and the steps around it, each a file. Every step that drops or reorders hits
is asked for more until enough remain. No answer is short while records remain (by position: among the likeliest 10,000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.registry import load
from index.search.snapshot import Rows, Snapshot
from index.threads import once
from retrieval.asking.how import How
from retrieval.asking.names.added import Added
from retrieval.asking.names.mass import Mass
from retrieval.asking.query import QueryVectors
from retrieval.ranking.apart import apart
from retrieval.ranking.bridge import Bridge, Crossing, Positions, Records
from retrieval.ranking.centring import Centring
from retrieval.ranking.fulltext import text_hits
from retrieval.ranking.fuse import reciprocal_rank_fusion
from retrieval.ranking.meaning import ByPosition, Centred, Direct, Meaning
from retrieval.ranking.named import ByName
from retrieval.ranking.percentile import percentiles
from retrieval.ranking.plan import Planner
from retrieval.ranking.widen import widen

Floats = npt.NDArray[np.float32]
EXACT_UP_TO_ROWS = 300_000  # one matrix product takes some 30 ms; training an index takes some 20 s of the demo's minute
WORD_CANDIDATES = 10  # ranks of each list per hit in the fusion of meaning and words


@dataclass(frozen=True)
class Ranked:
    """``rows`` [n] of a snapshot, best first, with their ``scores`` and the ``percentiles`` [n] of these among all rows; ``way``
    is a phrase that says how they were found."""

    rows: Rows
    scores: Floats
    percentiles: npt.NDArray[np.float64]
    way: str


class Searcher:
    """One modality, ready to search; without a ``bridge`` everything is compared directly."""

    def __init__(self, snapshot: Snapshot, backend: str = "auto", bridge: Bridge | None = None) -> None:
        self.snapshot, self.bridge = snapshot, bridge
        self._where = Positions(bridge, snapshot.places, snapshot.folder) if bridge else None
        exact = load("index.search.backends", "exact").build(snapshot=snapshot)
        chosen = backend if backend != "auto" else "exact" if len(snapshot) <= EXACT_UP_TO_ROWS else "faiss"
        fast = exact if chosen == "exact" else load("index.search.backends", chosen).build(snapshot=snapshot)
        self.planner = Planner(snapshot, fast, exact)

    def search(self, query: QueryVectors, k: int, how: How, words: str = "", added: Added | None = None) -> Ranked:
        """The ``k`` best rows; ``query`` is already centred if ``how`` asks for centring, ``words`` are its words, if any. What
        named places ``added`` decides the order together with the scores, which stay those of meaning."""
        allowed = how.filter.rows(self.snapshot)
        most = len(self.snapshot) if allowed is None else len(allowed)
        if not most:
            return Ranked(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0), "no row passes the filter")
        meaning = self._meaning(query, how)
        if added is not None:
            meaning = ByName(meaning, added, self.snapshot, self._where)

        def find(wanted: int) -> tuple[Rows, Floats, str]:
            rows, scores, way = self._ranked(meaning, wanted, allowed, words if how.words else "")
            lat, lon = self.snapshot.places[rows].T
            chosen = np.arange(min(k, len(rows))) if how.apart_km is None else apart(lat, lon, how.apart_km, k)
            return rows[chosen], scores[chosen], way

        rows, scores, way = widen(find, k, min(most, meaning.reach or most), lambda found: len(found[0]) == k)
        beaten = percentiles(scores, meaning.scores(self._sample))
        return Ranked(rows, scores if added is None else scores - added.at(rows), beaten, way)

    def added(self, mass: Mass, temperature: float | None) -> Added:
        """What named places add to the scores of these rows."""
        return Added.of(mass, self.snapshot.whereabouts, temperature)

    def crossing(self, query: QueryVectors, how: How) -> Crossing | None:
        """The parts of the query that are compared with the positions of these records; None if there are none."""
        return None if self._where is None or how.direct or how.centred else Crossing.of(query, self.snapshot.modality)

    def records(self, rows: Rows) -> Records:
        """These rows in the form that a query is compared with."""
        return Records(rows, self.snapshot, self._where)

    @once
    def centring(self) -> Centring:
        return Centring.of(self.snapshot.vectors, self.snapshot.manifest.mean)

    def _meaning(self, query: QueryVectors, how: How) -> Meaning:
        if how.centred:
            return Centred(query, self.planner, self.centring)
        crossing = self.crossing(query, how)
        return ByPosition(crossing, self.planner, self._where) if crossing and self._where else Direct(query, self.planner)

    def _ranked(self, meaning: Meaning, k: int, allowed: Rows | None, words: str) -> tuple[Rows, Floats, str]:
        """By meaning alone, or fused with the words; the scores stay those of meaning, which are comparable across queries."""
        if not words:
            return meaning.best(k, allowed)
        rows, _, way = meaning.best(WORD_CANDIDATES * k, allowed)
        hits, _ = text_hits(self.snapshot, words, WORD_CANDIDATES * k, allowed)
        fused = reciprocal_rank_fusion([rows.tolist(), hits.tolist()])
        rows = np.array([each.key for each in fused[:k]], dtype=np.int64)
        return rows, meaning.scores(self.records(rows)), f"{way}, and full text"

    @once
    def _sample(self) -> Records:
        """The sample that a score is compared with to find its percentile."""
        rows, vectors = self.planner.sample
        return Records(rows, self.snapshot, self._where, vectors)
