"""A stream of random numbers for each purpose in a run. It depends on (seed, step, stream) alone, so a resumed run draws what it
would have.

Two purposes with the same numbers would not be independent: whether a text is masked would depend on the source of its batch.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """The purposes of random numbers. A new purpose takes a new number; a number that is changed changes every run."""

    ROWS = 0  # which records make a batch
    SOURCE = 1  # from which source of records a batch is, with sampling.apart
    CHANCES = 2  # how its records are augmented
    DROPOUT = 3
    NEGATIVES = 4  # places all over the sphere
    FORGETTING = 5  # places at which the moving average of the location encoder is evaluated
    DISTILLATION = 6  # places at which a published encoder's answers are learnt


def generator(seed: int, step: int, stream: Stream, branch: int = 0) -> np.random.Generator:
    """``branch`` separates draws for the same purpose: modalities, processes, chunks."""
    return np.random.default_rng(_sequence(seed, step, stream, branch))


def torch_seed(seed: int, step: int, stream: Stream, branch: int = 0) -> int:
    """The same for PyTorch's generator, which takes a whole number below 2^63."""
    return int(_sequence(seed, step, stream, branch).generate_state(1, np.uint64)[0] >> 1)


def _sequence(seed: int, step: int, stream: Stream, branch: int) -> np.random.SeedSequence:
    """Always of all four numbers: NumPy pads with zeros, so that fewer would give those of branch 0."""
    return np.random.SeedSequence([seed, step, int(stream), branch])
