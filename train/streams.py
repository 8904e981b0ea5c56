"""A stream of random numbers for each purpose in a run. It depends on (seed, step, stream) alone, so a resumed run draws what it
would have.

Two purposes with the same numbers would be one chance: whether a text is masked would hang on which source its batch is from.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """What is drawn. A new purpose takes a new number; a number that is changed changes every run."""

    ROWS = 0  # which records make a batch
    SOURCE = 1  # from which source of records it is, with sampling.apart
    CHANCES = 2  # how its records are augmented
    DROPOUT = 3
    NEGATIVES = 4  # places all over the sphere
    FORGETTING = 5  # places at which the moving average of the location encoder is asked
    DISTILLATION = 6  # places at which a published encoder's answers are learnt


def generator(seed: int, step: int, stream: Stream, branch: int = 0) -> np.random.Generator:
    """``branch`` tells those apart that draw for the same purpose: modalities, processes, chunks."""
    return np.random.default_rng(_sequence(seed, step, stream, branch))


def torch_seed(seed: int, step: int, stream: Stream, branch: int = 0) -> int:
    """The same for PyTorch's generator, which takes a whole number below 2^63."""
    return int(_sequence(seed, step, stream, branch).generate_state(1, np.uint64)[0] >> 1)


def _sequence(seed: int, step: int, stream: Stream, branch: int) -> np.random.SeedSequence:
    """Of all four numbers always: NumPy fills up with zeros, so that fewer would be those of branch 0."""
    return np.random.SeedSequence([seed, step, int(stream), branch])
