"""How many dimensions vectors really span: the TwoNN estimator.

Facco, d'Errico, Rodriguez and Laio 2017 (Scientific Reports 7:12140): where points lie evenly at the scale of their neighbours, the
ratio of the distances to the second and to the first neighbour follows a Pareto law whose exponent is the dimension. The package
scikit-dimension has it too, but brings numba and matplotlib for what is one line here.
"""

import numpy as np
import numpy.typing as npt

from index.extras import extra

SAMPLE = 5_000  # drawn at random; the estimate depends on how dense the points are, so compare equal samples
KEPT = 0.9  # of the ratios: the largest tenth is noise, and the paper leaves it out


def two_nn(vectors: npt.NDArray[np.floating], rng: np.random.Generator, sample: int = SAMPLE) -> float | None:
    """Intrinsic dimension of vectors [N, D]; repeated vectors count once. None for fewer than 20 different vectors."""
    chosen = vectors if len(vectors) <= sample else vectors[np.sort(rng.choice(len(vectors), sample, replace=False))]
    different = np.unique(chosen.astype(np.float64), axis=0)
    if len(different) < 20:
        return None
    nearest = extra("sklearn.neighbors").NearestNeighbors(n_neighbors=3).fit(different).kneighbors(different)[0]
    ratio = np.sort(nearest[:, 2] / nearest[:, 1])
    kept = int(KEPT * len(ratio))
    x, y = np.log(ratio[:kept]), -np.log1p(-np.arange(1, kept + 1) / len(ratio))
    return float(x @ y / (x @ x)) if x.any() else None  # equal distances, as on a grid, say nothing
