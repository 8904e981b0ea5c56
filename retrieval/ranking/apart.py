"""Hits that lie apart on the globe, chosen from candidates in order of rank.

It only drops hits. Given more candidates it keeps the same first hits and adds more behind, so a search that came short can ask for
more (``retrieval.ranking.widen``).
"""

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import SPHERE_ERROR, chord_of_km, geodesic_km, unit_xyz


def apart(lat: npt.ArrayLike, lon: npt.ArrayLike, min_km: float, k: int) -> npt.NDArray[np.int64]:
    """The first ``k`` hits, none nearer than ``min_km`` (geodesic, WGS84) to one chosen before it; ``lat``, ``lon`` [n].

    Each that is chosen strikes out its neighbours: by the chord, and by the geodesic only where that is too close to tell. As those
    chosen lie apart, no point is a neighbour of more than a few.
    """
    from scipy.spatial import cKDTree

    if not min_km >= 0:
        raise InputError(f"the least distance between hits must be at least 0 km, got {min_km}")
    lats, lons = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
    points, left, chosen = unit_xyz(lats, lons), np.ones(len(lats), dtype=bool), list[int]()
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)  # made in a third of the time
    surely, hardly = (chord_of_km(min_km * factor) for factor in (1 - SPHERE_ERROR, 1 + SPHERE_ERROR))
    while len(chosen) < k and left.any():
        one = int(np.argmax(left))
        chosen.append(one)
        left[one] = False
        near = np.array(tree.query_ball_point(points[one], hardly), dtype=np.int64)
        near = near[left[near]]
        is_unclear = ((points[near] - points[one]) ** 2).sum(axis=1) >= surely**2
        left[near[~is_unclear]] = False
        unclear = near[is_unclear]
        left[unclear[geodesic_km(lats[one], lons[one], lats[unclear], lons[unclear]) < min_km]] = False
    return np.array(chosen, dtype=np.int64)
