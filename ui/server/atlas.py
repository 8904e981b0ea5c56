"""The atlas of each workspace: what was made of its space as a whole, kept until its index changes. Shared by the page and its
tiles."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.records import Modality
from index.search.snapshot import Snapshot
from index.threads import once
from retrieval import Space
from retrieval.atlas.aspects import Aspect, aspects_of, vectors_of
from retrieval.atlas.clouds import Clouds, measure_clouds
from retrieval.atlas.clusters import Clusters, clusters_of
from retrieval.atlas.components import Components, colours_of, components_of
from retrieval.atlas.layout import Layout, Method, layout_of
from retrieval.atlas.neighbours import Mutual, measure_mutual
from retrieval.atlas.paint import Colours
from retrieval.atlas.resolution import Resolution, measure_resolution
from retrieval.atlas.umap import umap_scores
from retrieval.ranking.gap import Side
from ui.server.recent import Recent
from ui.server.workspace import Workspace

ATLASES_KEPT = 4
RESULTS_KEPT = 16  # of an atlas; of a million locations some 20 MiB each
PLACES_MOVED = 600  # of the resolution test: a standard error of the mean cosine of 0.01 or less


@dataclass(frozen=True)
class Job:
    """A sheet in the making, or made; ``began`` by ``time.monotonic``."""

    layout: Future[Layout]
    began: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


class Atlas:
    """Raises ``CatalogueError`` where what is asked for is not indexed, ``InputError`` where there is too little of it."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._kept = Recent[Any](RESULTS_KEPT)
        self._lock, self._pool = threading.Lock(), ThreadPoolExecutor(1, thread_name_prefix="atlas")
        self._jobs: dict[Method, Job] = {}

    @once
    def snapshots(self) -> Mapping[Modality, Snapshot]:
        """Of what is indexed and not empty."""
        found = {modality: self.space.searcher(modality).snapshot for modality in self.space.manifests}
        return {modality: snapshot for modality, snapshot in found.items() if len(snapshot)}

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """Those that the vectors of the locations have."""
        return aspects_of(self.space.encoders("locations").appearance_dim)

    def components(self, aspect: Aspect = "whole") -> Components:
        made: Components = self._kept.get(("components", aspect), lambda: components_of(self._vectors(aspect)))
        return made

    def umap(self, aspect: Aspect = "whole") -> Colours:
        """The colours of the locations by a UMAP."""
        made: Colours = self._kept.get(("umap", aspect), lambda: colours_of(umap_scores(self._vectors(aspect))))
        return made

    def clusters(self, count: int) -> Clusters:
        made: Clusters = self._kept.get(
            ("clusters", count), lambda: clusters_of(self.space.cells, self.snapshots.get("articles"), count)
        )
        return made

    def clouds(self) -> list[Clouds]:
        vectors = {modality: snapshot.vectors for modality, snapshot in self.snapshots.items()}
        made: list[Clouds] = self._kept.get("clouds", lambda: measure_clouds(vectors))
        return made

    def mutual(self) -> list[Mutual]:
        sides = {modality: Side(snapshot.vectors, snapshot.places) for modality, snapshot in self.snapshots.items()}
        made: list[Mutual] = self._kept.get("mutual", lambda: measure_mutual(sides))
        return made

    def resolution(self) -> Resolution:
        made: Resolution = self._kept.get("resolution", self._measure_resolution)
        return made

    def layout(self, method: Method) -> Job:
        """Being made in the background, one after the other, since it was first asked for."""
        with self._lock:
            if method not in self._jobs:
                self._jobs[method] = Job(self._pool.submit(layout_of, self.snapshots, method), time.monotonic())
            return self._jobs[method]

    def _vectors(self, aspect: Aspect) -> npt.NDArray[Any]:
        return vectors_of(aspect, self.space.cells.vectors, self.space.encoders("locations").appearance_dim)

    def _measure_resolution(self, seed: int = 0) -> Resolution:
        """At locations of the catalogue drawn by the area they stand for, so that neither towns nor the sea count more than
        land."""
        cells, rng = self.space.cells, np.random.default_rng(seed)
        shares = cells.area_shares / cells.area_shares.sum()
        rows = rng.choice(len(cells), min(PLACES_MOVED, len(cells)), replace=False, p=shares)
        degrees = self.space.checkpoint.card.config.location.options.get("degrees")
        return measure_resolution(self.space.embed_places, cells.places[rows], rng, degrees=degrees)


_atlases = Recent[Atlas](ATLASES_KEPT)


def atlas_of(workspace: Workspace) -> Atlas:
    """The atlas of what the workspace holds now. Raises what ``Space.open`` raises."""
    return _atlases.get(workspace.version, lambda: Atlas(workspace.space))
