"""How much of the exact answer a search finds: recall@k of the backend in use, without a filter and under boxes on the map.

The queries are stored vectors of every indexed table, drawn at random: those of the table itself and, since all share one space,
those of the others, as when texts ask for places. A hit counts if its cosine reaches that of the exact k-th, so ties count too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import CatalogueError
from index.geo import wrap_lon
from index.records import BBox, Modality
from index.search.backends import exact
from index.search.snapshot import Rows, Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.vectors import manifests_of
from retrieval.ranking.search import Searcher

SHARES = (1.0, 0.30, 0.01, 0.0003)  # of the rows, left by a box; 1: no filter
BOXES = 5  # per share, used in turn
ROUNDING = 1e-6
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recall:
    """``recall`` is the mean over ``queries`` of the share of the ``k`` exact hits found, ``worst`` that of the worst query."""

    modality: Modality
    share: float
    rows: int
    queries: int
    k: int
    recall: float
    worst: float
    way: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def verify(catalogue: Catalogue, *, backend: str = "auto", queries: int = 100, k: int = 10, seed: int = 0) -> list[Recall]:
    """The recall of every indexed table for every share of ``SHARES``. Raises ``CatalogueError`` if nothing is indexed."""
    snapshots = {modality: open_snapshot(catalogue, modality) for modality in manifests_of(catalogue)}
    snapshots = {modality: snapshot for modality, snapshot in snapshots.items() if len(snapshot)}
    if not snapshots:
        raise CatalogueError(f"nothing in {catalogue.uri} is indexed; run `placebind index build --catalogue {catalogue.uri}`")
    rng = np.random.default_rng(seed)
    asked = drawn(list(snapshots.values()), queries, rng)
    return [recall_of(Searcher(snapshot, backend), asked, share, k, rng) for snapshot in snapshots.values() for share in SHARES]


def drawn(snapshots: Sequence[Snapshot], count: int, rng: np.random.Generator) -> Vectors:
    """About ``count`` vectors, equally many from each snapshot."""
    each = max(1, count // len(snapshots))
    rows = [np.sort(rng.choice(len(snapshot), min(each, len(snapshot)), replace=False)) for snapshot in snapshots]
    return np.concatenate([snapshot.vectors[at].astype(np.float32) for snapshot, at in zip(snapshots, rows, strict=True)])


def recall_of(searcher: Searcher, queries: Vectors, share: float, k: int, rng: np.random.Generator) -> Recall:
    """For queries [Q, D], each under one of the boxes that leave this share of the rows."""
    snapshot = searcher.snapshot
    boxes = [None] if share >= 1 else [box_around(snapshot, int(row), share) for row in rng.integers(len(snapshot), size=BOXES)]
    recalls: list[float] = []
    ways, counts = [], []
    for number, box in enumerate(boxes):
        rows = None if box is None else np.flatnonzero(box.contains(*snapshot.places.T))
        part = queries[number :: len(boxes)]
        if len(part):
            shares, way = _shares(searcher, part, k, rows)
            recalls += shares.tolist()
            ways.append(way)
            counts.append(len(snapshot) if rows is None else len(rows))
    mean, worst = float(np.mean(recalls)), float(np.min(recalls))
    return Recall(snapshot.modality, share, round(float(np.mean(counts))), len(recalls), k, mean, worst, ways[-1])


def box_around(snapshot: Snapshot, row: int, share: float) -> BBox:
    """The smallest box around a row, as high as wide in degrees, that holds this share of all rows, at least one."""
    (lat, lon), places = snapshot.places[row], snapshot.places
    away_deg = np.maximum(np.abs(places[:, 0] - lat), np.abs(wrap_lon(places[:, 1] - lon)))
    wanted = min(len(places), max(1, round(share * len(places)))) - 1
    half_deg = float(np.partition(away_deg, wanted)[wanted])
    west, east = (-180.0, 180.0) if half_deg >= 180 else (float(wrap_lon(lon - half_deg)), float(wrap_lon(lon + half_deg)))
    return BBox(south=max(-90.0, lat - half_deg), west=west, north=min(90.0, lat + half_deg), east=east)


def _shares(searcher: Searcher, queries: Vectors, k: int, rows: Rows | None) -> tuple[npt.NDArray[np.float64], str]:
    """The share of the exact hits that were found for each query [Q], and the way that was taken."""
    found = searcher.planner.search(queries, k, rows)
    _, best = exact.build(snapshot=searcher.snapshot).search(queries, k, rows)
    return (found.cosines >= best[:, -1:] - ROUNDING).sum(axis=1).clip(max=best.shape[1]) / best.shape[1], found.how
