"""How a tile was taken (``train.image.taken``) as a tensor, and hidden at random in training.

``level`` and ``date`` of a row -> ``context_of`` -> [7] -> an image tower that ``ReadsContext``. Bare ground in January and wheat
in June are the same field, and a spectrum from above the atmosphere is bluer than one below it: the tower need not guess which.
"""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from train.image.taken import LEVEL, MONTH, month_of, taken

__all__ = ["LEVEL", "MONTH", "UNKNOWN", "context_of", "from_january", "month_of", "still_known"]


def context_of(level: str, date: str) -> Tensor:
    """[7], as ``train.image.taken`` has it."""
    return torch.from_numpy(taken(level, date))


UNKNOWN = context_of("", "")


def from_january(context: Tensor) -> Tensor:
    """[N, 7] -> sine and cosine [N, 2] of the month as an angle that is 0 in January, as NASA Harvest's networks count; here it is
    1 / 12 of the circle. Both are 0 where the month is not known."""
    sine, cosine, _ = context[:, MONTH].unbind(dim=1)
    step = 2 * math.pi / 12
    return torch.stack([sine * math.cos(step) - cosine * math.sin(step), cosine * math.cos(step) + sine * math.sin(step)], dim=1)


def still_known(context: Tensor, chances: npt.NDArray[np.float64], share: float) -> Tensor:
    """[N, 7] of what rows say [N, 7]: the ``share`` of tiles with the lowest ``chances`` [N] loses level, month or both, each as
    often as the others. Photos and many files state neither, and a tower must do without."""
    known = context.clone()
    hidden = chances < share
    third = np.floor(3 * chances / share) if share else chances
    known[torch.from_numpy(hidden & (third != 1)), LEVEL] = UNKNOWN[LEVEL]
    known[torch.from_numpy(hidden & (third != 0)), MONTH] = UNKNOWN[MONTH]
    return known
