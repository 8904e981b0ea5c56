"""Is a model equally good everywhere? How far its hits around each point on the globe depart from an even spread, in nats.

The Distance-Lag score of GeoBS (Wang et al. 2025, arXiv 2509.23482, by the authors of TorchSpatial, arXiv 2406.15658), as they
compute it in github.com/seai-lab/PyGBS: around every point lie all within ``RADIUS_KM`` (its region), cut into rings ``LAG_KM``
wide. For each ring with 20 points or more, the relative entropy of the region's hits to the ring's, KL(region || ring), is weighted
by the ring's share of the region. Where they sum over all points, each weighted by the size of its region, we take the mean with
these weights: a sum grows with the number of points.

Few points scatter, so even a fair model scores above 0, and a ring without a hit counts much (their 1e-8 bounds it). So the
score says little without that of the same hits dealt out to the same points at random, which is reported next to it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.geo import great_circle_km

RADIUS_KM = 3186.0  # their 0.5 radians
LAG_KM = 637.0  # 0.1 radians; their 0.05 would leave most rings of a few hundred points with fewer than 20
RING_POINTS = 20
SMOOTH = 1e-8
SHUFFLES = 20
CHUNK = 256  # centres at a time: with 10,000 points 20 MB of distances
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GeoBias:
    """``score`` in nats, ``shuffled`` the mean of the same hits in ``SHUFFLES`` random orders, ``covered`` the share of the pairs
    of a point and a neighbour that lie in a ring with enough points; all three are NaN where there is no such ring."""

    score: float
    shuffled: float
    covered: float


def geo_bias(
    lat: npt.ArrayLike, lon: npt.ArrayLike, hits: npt.ArrayLike, *, radius_km: float = RADIUS_KM, lag_km: float = LAG_KM
) -> GeoBias:
    """For points [N] in WGS84 degrees and whether the model was right at each [N]: the right class, or a small enough error."""
    lat, lon = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
    rng, right = np.random.default_rng(0), np.asarray(hits, dtype=np.float64)
    dealt = np.stack([right, *(rng.permutation(right) for _ in range(SHUFFLES))], axis=1)  # [N, 1 + shuffles]
    divergence, pairs, covered = np.zeros(dealt.shape[1]), 0.0, 0.0
    for start in range(0, len(lat), CHUNK):
        away_km = great_circle_km(lat[start : start + CHUNK], lon[start : start + CHUNK], lat, lon)
        found, seen = _divergence(np.where(away_km <= radius_km, away_km, np.inf), dealt, np.arange(0, radius_km, lag_km), lag_km)
        divergence, pairs, covered = divergence + found, pairs + float((away_km <= radius_km).sum()), covered + seen
    if not covered:
        return GeoBias(np.nan, np.nan, np.nan)
    scores = divergence / pairs
    return GeoBias(float(scores[0]), float(scores[1:].mean()), covered / pairs)


def _divergence(away_km: Floats, dealt: Floats, lags: Floats, lag_km: float) -> tuple[Floats, float]:
    """For regions [C, N] (infinite beyond): the sum of points x KL(region || ring) over all rings [H], and the points of these.

    A region's weight is its size n, a ring's share of it m / n: together m, the points of the ring.
    """
    region = np.isfinite(away_km).astype(np.float64)
    whole = region @ dealt / region.sum(axis=1, keepdims=True)
    total, seen = np.zeros(dealt.shape[1]), 0.0
    for lag in lags:
        ring = ((away_km >= lag) & (away_km < lag + lag_km)).astype(np.float64)
        counts = ring.sum(axis=1)
        enough = counts >= RING_POINTS
        part = ring[enough] @ dealt / counts[enough, None]
        total += counts[enough] @ _relative_entropy(whole[enough], part)
        seen += float(counts[enough].sum())
    return total, seen


def _relative_entropy(whole: Floats, part: Floats) -> Floats:
    """KL in nats of two shares of hits, elementwise; the second is smoothed as in the authors' code."""
    from scipy.special import rel_entr

    return np.asarray(rel_entr(whole, part + SMOOTH) + rel_entr(1 - whole, 1 - part + SMOOTH))
