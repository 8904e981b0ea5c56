"""What a cosine means among all rows of a modality: the share of rows that a hit beats. Cosines of two modalities do not compare.

Estimated on rows drawn at random: a filter must not change it, and all cosines of a million rows would cost more than the search.
With 4,096 rows (8 MiB of 512 float32, 0.4 ms to compare with a query) the error is nowhere above 2.2 percentage points with a
probability of .95 (Dvoretzky, Kiefer and Wolfowitz 1956; constant of Massart 1990). Near the top, where hits are, it is less: the
standard deviation at 99.9 % is 0.05. It is 0 where a modality has no more rows than that.
"""

import numpy as np
import numpy.typing as npt

SAMPLE = 4096
STEPS = 2**18  # of the range of scores, in which they are counted where there are many


def sample_rows(count: int, rng: np.random.Generator, sample: int = SAMPLE) -> npt.NDArray[np.int64]:
    """Rows [min(count, sample)] drawn without replacement, sorted, to read once from a snapshot of ``count`` rows."""
    return np.sort(rng.choice(count, size=min(count, sample), replace=False)).astype(np.int64)


def percentiles(scores: npt.ArrayLike, sampled: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Percentage [n], in [0, 100], of the ``sampled`` scores [S] that each of ``scores`` [n] beats; a tie counts half."""
    reference = np.sort(sampled)
    if not len(reference):
        raise ValueError("percentiles need at least one sampled score")
    below, upto = (np.searchsorted(reference, scores, side=side) for side in ("left", "right"))
    return np.asarray(50.0 * (below + upto) / len(reference))


def percentiles_among(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Percentage [N], in [0, 100], of the other scores that each of ``scores`` [N] beats; an equal one counts half, so the median
    has 50.

    Counted in steps of the range, not sorted, which would take as long as the scores of a million cells themselves. Scores within
    1 / 262,144 of the range of each other count as equal, which moves a percentile by some 0.005.
    """
    low, high = scores.min().astype(np.float64), scores.max().astype(np.float64)  # float32 could not divide by a tiny range
    if low == high:
        return np.full(len(scores), 50, dtype=np.float32)
    step = ((scores - low) * ((STEPS - 1) / (high - low))).astype(np.int32)
    in_step = np.bincount(step, minlength=STEPS)
    below = np.cumsum(in_step) - in_step
    percentile = 100 * (below + (in_step - 1) / 2) / (len(scores) - 1)
    return percentile.astype(np.float32)[step]
