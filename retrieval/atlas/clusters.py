"""Regions that look alike to the location encoder: k-means on the vectors of the locations, named by the articles that lie in them.

A cluster is named after the articles on its ground that are nearest to its centre in the shared space. A cluster without an article
on its ground borrows titles from elsewhere, and says so (``Named.borrowed``).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.extras import extra
from index.geo import chord_km, unit_xyz
from index.records import Place
from index.search.snapshot import Snapshot
from retrieval.atlas.components import in_chunks, some_rows
from retrieval.atlas.lab import in_gamut, lab_to_srgb
from retrieval.heat.cells import NO_DATA, Cells

MAX_FITTED = 200_000  # vectors that the centres are fitted on; all are assigned
BATCH = 4096  # vectors per step; scikit-learn advises at least 256 times the cores
STARTS = 3
NAMED_BY = 3  # articles
LEAST_CHROMA = 30.0
MIN_CLUSTERS, MAX_CLUSTERS = 2, 64  # more colours cannot be told apart
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Named:
    """What names a cluster: ``titles`` of articles, nearest to its centre first; how many ``articles`` lie on its ground, and
    in which ``countries``, most first, with their number. ``borrowed``: no article lies there, and the titles are from
    elsewhere."""

    titles: tuple[str, ...] = ()
    articles: int = 0
    countries: tuple[tuple[str, int], ...] = ()

    @property
    def borrowed(self) -> bool:
        return not self.articles


@dataclass(frozen=True, slots=True)
class Cluster:
    """``area_share`` is a share of the area that all cells cover, ``medoid`` the cell nearest to the centre in the shared space,
    ``alike`` the mean cosine of the cells with the centre."""

    cells: int
    area_share: float
    medoid: Place
    alike: float
    named: Named
    colour: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Clusters:
    """``labels`` [N] of all cells are indices into ``each``, which is ordered from the largest area to the smallest."""

    labels: npt.NDArray[np.int32]
    each: tuple[Cluster, ...]

    @property
    def colours(self) -> npt.NDArray[np.uint8]:
        """sRGB [N, 3] of the cells."""
        return np.array([cluster.colour for cluster in self.each], dtype=np.uint8)[self.labels]


def clusters_of(cells: Cells, articles: Snapshot | None, count: int, *, seed: int = 0) -> Clusters:
    """``count`` clusters of the cells; fewer where some stay empty. Raises ``InputError`` for a count outside of 2 to 64 or above
    the number of cells."""
    if not MIN_CLUSTERS <= count <= min(MAX_CLUSTERS, len(cells)):
        raise InputError(f"there can be {MIN_CLUSTERS} to {min(MAX_CLUSTERS, len(cells))} clusters, got {count}")
    labels = _by_area(_k_means(cells.vectors, count, seed), cells.area_shares)
    centres = _centres(cells.vectors, labels)
    named = _names(cells, articles, labels, centres)
    areas = np.bincount(labels, cells.area_shares) / cells.area_shares.sum()
    each = []
    for number, colour in enumerate(distinct_colours(len(centres)).tolist()):
        members = np.flatnonzero(labels == number)
        alike = cells.vectors[members].astype(np.float32) @ centres[number]
        lat, lon = cells.places[members[np.argmax(alike)]].tolist()
        medoid = Place(lat=lat, lon=lon)
        each.append(Cluster(len(members), float(areas[number]), medoid, float(alike.mean()), named[number], tuple(colour)))
    return Clusters(labels, tuple(each))


def distinct_colours(count: int) -> npt.NDArray[np.uint8]:
    """sRGB [count, 3]: each farthest from the earlier ones in CIELAB (farthest first, Gonzalez 1985), not dark or grey."""
    axes = np.arange(40, 86, 9), np.arange(-85, 86, 10), np.arange(-85, 86, 10)
    lab = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float64)
    lab = lab[in_gamut(lab)[:, 0] & (np.hypot(lab[:, 1], lab[:, 2]) > LEAST_CHROMA)]
    chosen = [int(np.argmax(lab[:, 1]))]  # begins with a purple
    apart = np.full(len(lab), np.inf)
    while len(chosen) < count:
        apart = np.minimum(apart, np.linalg.norm(lab - lab[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(apart)))
    return lab_to_srgb(lab[chosen])


def _k_means(vectors: npt.NDArray[Any], count: int, seed: int) -> npt.NDArray[np.int32]:
    rows = some_rows(len(vectors), MAX_FITTED, np.random.default_rng(seed))
    model = extra("sklearn.cluster").MiniBatchKMeans(count, batch_size=BATCH, n_init=STARTS, random_state=seed)
    model.fit(vectors[rows].astype(np.float32))
    return in_chunks(vectors, model.predict).astype(np.int32)


def _by_area(labels: npt.NDArray[np.int32], areas: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Renumbered from the largest area, without the empty ones."""
    _, number = np.unique(labels, return_inverse=True)
    order = np.argsort(-np.bincount(number, areas), kind="stable")
    return np.argsort(order)[number].astype(np.int32)


def _centres(vectors: npt.NDArray[Any], labels: npt.NDArray[np.int32]) -> Floats:
    """The mean directions [K, D] of the vectors of each cluster, of unit norm."""
    sums = np.stack([vectors[labels == number].sum(axis=0, dtype=np.float64) for number in range(labels.max() + 1)])
    return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _names(cells: Cells, articles: Snapshot | None, labels: npt.NDArray[np.int32], centres: Floats) -> list[Named]:
    if articles is None or not len(articles):
        return [Named()] * len(centres)
    cosines = centres @ articles.vectors.astype(np.float32).T
    ground = _ground_of(cells, articles.places, labels)
    return [_named(articles, np.flatnonzero(ground == number), cosines[number]) for number in range(len(centres))]


def _named(articles: Snapshot, here: Rows, cosines: Floats) -> Named:
    """Named by the articles ``here`` (rows), or by any if there are none, that have the highest ``cosines`` [M] with the centre."""
    candidates = here if len(here) else np.arange(len(articles))
    nearest = candidates[np.argsort(-cosines[candidates], kind="stable")[:NAMED_BY]]
    titles = tuple(articles.take(nearest, ["title"])["title"].to_pylist())
    if not len(here):
        return Named(titles)
    countries = Counter(country for country in articles.take(here, ["country"])["country"].to_pylist() if country)
    most = sorted(countries.items(), key=lambda pair: (-pair[1], pair[0]))[:NAMED_BY]
    return Named(titles, len(here), tuple(most))


def _ground_of(cells: Cells, places: npt.NDArray[np.float64], labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The cluster of the cell nearest to each place [M], ``NO_DATA`` where none is in reach."""
    chord, rows = cells.tree.query(unit_xyz(places[:, 0], places[:, 1]), workers=-1)
    return np.where(chord_km(chord) <= cells.reach_km, labels[rows], NO_DATA).astype(np.int32)
