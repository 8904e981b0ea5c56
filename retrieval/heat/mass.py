"""Where the answer lies, as probability: the softmax over location cells, and the smallest set of cells holding a share."""

import numpy as np
import numpy.typing as npt

from index.errors import InputError

Numbers = npt.NDArray[np.float64]
BINS = 4096  # of the logarithm of the density; cells are counted in them, not sorted


def probability_mass(cosines: npt.NDArray[np.floating], temperature: float, weights: npt.ArrayLike | None = None) -> Numbers:
    """Each cell's share [N] of the probability, softmax(cosine / temperature) times its weight; they sum to 1.

    ``temperature`` is the model's: the divisor of its cosines in training. Training drew places from some distribution;
    ``weights`` [N] (any unit) say how much of the world each cell covers, otherwise a town with ten cells counts tenfold.
    Raises ``InputError`` for a temperature or weights that are not positive.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise InputError(f"the temperature must be more than 0, got {temperature}")
    logits = np.asarray(cosines, dtype=np.float64) / temperature
    mass = np.exp(logits - logits.max()) * _checked(weights, len(logits))
    return np.asarray(mass / mass.sum())


def smallest_set(mass: Numbers, share: float, weights: npt.ArrayLike | None = None) -> npt.NDArray[np.int64]:
    """Rows of the smallest set of cells that holds ``share`` (such as 0.9) of the mass, densest first, ties by row.

    Smallest by the sum of ``weights`` (areas: the smallest region), otherwise by number of cells.
    """
    if not 0 < share <= 1:
        raise InputError(f"the share of the mass must lie in (0, 1], got {share}")
    order = np.argsort(-mass / _checked(weights, len(mass)), kind="stable")
    held = np.cumsum(mass[order])
    # A sum that equals the share is enough; rounding must not add one more cell.
    return order[: int(np.searchsorted(held, share * held[-1] * (1 - 1e-12))) + 1]


def smallest_area(mass: Numbers, share: float, areas: npt.NDArray[np.float64]) -> float:
    """The sum of ``areas`` over ``smallest_set``, without sorting all cells: cells that are certainly dense enough are counted in
    bins of the density's logarithm, and only the bin in which the share is reached is sorted."""
    with np.errstate(divide="ignore"):
        level = np.maximum(np.log(mass / areas), -700.0)  # a mass of 0 gets the least level
    top, low = level.max(), level.min()
    bins = ((top - level) * ((BINS - 1) / max(top - low, 1e-9))).astype(np.int32)  # 0: the densest
    held, size = (np.cumsum(np.bincount(bins, weights=each, minlength=BINS)) for each in (mass, areas))
    last = int(np.searchsorted(held, share * held[-1] * (1 - 1e-12)))
    before, covered = (float(each[last - 1]) if last else 0.0 for each in (held, size))
    within = bins == last
    needed = min(1.0, (share * float(held[-1]) - before) / float(mass[within].sum()))
    return covered + float(areas[within][smallest_set(mass[within], max(needed, 1e-12), areas[within])].sum())


def _checked(weights: npt.ArrayLike | None, count: int) -> Numbers:
    if weights is None:
        return np.ones(count)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (count,) or not (np.isfinite(given) & (given > 0)).all():
        raise InputError(f"expected one positive weight for each of {count} cells, got {given.shape}")
    return given
