"""All kinds of records on one sheet: similar vectors lie near each other, whatever their modality.

Every modality is seen from its own mean (``retrieval.ranking.centring``); otherwise the sheet would show little but the gap between
modalities. Distances on it mean little beyond near and far, and sizes of groups nothing (Wattenberg et al. 2016, How to use t-SNE
effectively).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.extras import extra
from index.records import MODALITIES, Modality
from index.search.snapshot import Snapshot
from retrieval.atlas.components import some_rows
from retrieval.ranking.centring import centred

Method = Literal["tsne", "pca"]
MOST: Mapping[Method, int] = {"tsne": 3000, "pca": 20_000}  # items: t-SNE takes a few seconds, and a browser draws them at once
MIN_ITEMS = 8
PERPLEXITY = 30.0
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Layout:
    """Items on the sheet: ``xy`` [N, 2] float32 within [-1, 1], ``modalities`` [N] indices into ``MODALITIES``, ``places`` [N,
    2]."""

    xy: Floats
    modalities: npt.NDArray[np.uint8]
    places: npt.NDArray[np.float64]
    titles: tuple[str, ...]
    method: Method


def layout_of(snapshots: Mapping[Modality, Snapshot], method: Method, *, seed: int = 0) -> Layout:
    """As many of each modality as there is room for, chosen at random. Raises ``InputError`` for fewer than 8 items in all."""
    rng = np.random.default_rng(seed)
    rows = {name: some_rows(len(snapshots[name]), most, rng) for name, most in _quotas(snapshots, MOST[method]).items()}
    count = sum(map(len, rows.values()))
    if count < MIN_ITEMS:
        raise InputError(f"a sheet needs {MIN_ITEMS} records or more, got {count}; ingest and index some")
    vectors = np.concatenate([_seen_from_mean(snapshots[name], each) for name, each in rows.items()])
    return Layout(
        xy=_fitted(_tsne(vectors, seed) if method == "tsne" else _pca(vectors)),
        modalities=np.concatenate([np.full(len(each), MODALITIES.index(name), dtype=np.uint8) for name, each in rows.items()]),
        places=np.concatenate([snapshots[name].places[each] for name, each in rows.items()]),
        titles=tuple(title for name, each in rows.items() for title in snapshots[name].take(each, ["title"])["title"].to_pylist()),
        method=method,
    )


def _quotas(snapshots: Mapping[Modality, Snapshot], most: int) -> dict[Modality, int]:
    """How many of each, the largest kind first, to be drawn first. All get the same; what a small kind leaves goes to others."""
    quotas: dict[Modality, int] = {}
    by_size = sorted((name for name in snapshots if len(snapshots[name])), key=lambda name: len(snapshots[name]))
    for position, name in enumerate(by_size):
        quotas[name] = min(len(snapshots[name]), (most - sum(quotas.values())) // (len(by_size) - position))
    return dict(reversed(quotas.items()))


def _seen_from_mean(snapshot: Snapshot, rows: npt.NDArray[np.int64]) -> Floats:
    return centred(snapshot.vectors[rows].astype(np.float32), snapshot.manifest.mean)


def _pca(vectors: Floats) -> Floats:
    return np.asarray(extra("sklearn.decomposition").PCA(2, svd_solver="covariance_eigh").fit_transform(vectors))


def _tsne(vectors: Floats, seed: int) -> Floats:
    """van der Maaten and Hinton 2008, initialised with the principal components, which keeps the large shape (Kobak and Berens
    2019). The vectors have unit norm, so Euclidean distances rank like cosines."""
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    return np.asarray(extra("sklearn.manifold").TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(vectors))


def _fitted(xy: Floats) -> Floats:
    """Moved and scaled equally in both directions into [-1, 1]."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    return ((xy - (low + high) / 2) * (2 / max(float((high - low).max()), 1e-12))).astype(np.float32)
