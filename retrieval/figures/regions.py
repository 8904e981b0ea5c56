"""Tiles placed within the region of their own source: a source of one country, told by its look, must not give the region away.

The region of a source is the part of the gallery that lies within ``REACH_KM`` of any of its tiles in the catalogue, in whatever
split. A source that spans the world has all land as its region. A gallery of land points counts every area alike.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.geo import chord_of_km, unit_xyz
from index.store.catalogue import Catalogue
from retrieval.figures.held_out import HeldOut, places_of, sources_of
from retrieval.figures.placing import Placed, place
from retrieval.ranking.gap import Side

REACH_KM = 200.0  # a region, as of a hit among records


@dataclass(frozen=True)
class Regions:
    """``rows``: of the gallery, for each source."""

    rows: dict[str, npt.NDArray[np.int64]]

    @property
    def digests(self) -> list[str]:
        return [f"{source}|{hashlib.sha256(rows.tobytes()).hexdigest()}" for source, rows in self.rows.items()]

    def place(
        self,
        asking: Side,
        answering: Side,
        sources: Sequence[str],
        radius_km: float,
        advance: Callable[[int], None] = lambda n: None,
    ) -> Placed:
        """Rank for each query [N] the gallery's rows in the region of its source."""
        each_of = np.array(sources)
        errors, ranks, beats = np.empty(len(each_of)), np.empty(len(each_of)), np.empty(len(each_of))
        for source in np.unique(each_of).tolist():
            mask, rows = each_of == source, self.rows[source]
            inside = Side(answering.vectors[rows], answering.places[rows])
            placed = place(Side(asking.vectors[mask], asking.places[mask]), inside, radius_km, advance)
            errors[mask], ranks[mask], beats[mask] = placed.errors_km, placed.ranks, placed.beats
        return Placed(errors, ranks, beats)


def regions_of(catalogue: Catalogue, gallery: HeldOut) -> Regions:
    """Of all sources of tiles; a source far from all places of the gallery has the nearest ones."""
    from scipy.spatial import cKDTree

    tiles = catalogue.column("tiles", ["lat", "lon", "source"])
    places, sources = places_of(tiles), np.array(sources_of(tiles))
    points = unit_xyz(gallery.places[:, 0], gallery.places[:, 1])
    gallery_tree, rows = cKDTree(points), {}
    for source in np.unique(sources).tolist():
        own = unit_xyz(*places[sources == source].T)
        near = np.isfinite(cKDTree(own).query(points, distance_upper_bound=chord_of_km(REACH_KM))[0])
        rows[source] = np.union1d(np.flatnonzero(near), gallery_tree.query(own)[1])
    return Regions(rows)
