"""Which records make a batch. Stateless: a batch is a function of (seed, step), so that a resumed run draws what it would have."""

import numpy as np
import numpy.typing as npt

from index.geo import block_of


def block_weights(lat: npt.ArrayLike, lon: npt.ArrayLike, size_deg: float = 5.0) -> npt.NDArray[np.float64]:
    """Sampling weights [N], 1/sqrt(records in the same block), summing to 1: dense regions count, but do not drown the rest."""
    blocks = block_of(lat, lon, size_deg)
    _, inverse, counts = np.unique(blocks, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[inverse])
    return weights / weights.sum()


def draw(weights: npt.NDArray[np.float64], size: int, *, seed: int, step: int, stream: int) -> npt.NDArray[np.int64]:
    """``size`` different rows drawn by weight (all rows, shuffled, if there are fewer). ``stream`` separates the modalities.

    Without replacement, so that no record is its own negative (Efraimidis and Spirakis 2006: the largest keys u**(1/w) win).
    """
    rng = np.random.default_rng([seed, step, stream])
    keys = np.log(rng.random(len(weights))) / weights
    return np.argsort(-keys)[:size]
