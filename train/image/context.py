"""How a tile was taken, as its row says: processing level and month, as numbers for the towers that read them.

``level`` and ``date`` of a row -> ``context_of`` -> [7] -> an image tower that ``ReadsContext``. Bare ground in January and wheat
in June are the same field, and a spectrum from above the atmosphere is bluer than one below it: the tower need not guess which.
"""

import math
import re

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

LEVELS = ("L1C", "L2A", "composite")
LEVEL, MONTH = slice(0, len(LEVELS) + 1), slice(len(LEVELS) + 1, len(LEVELS) + 4)
_MONTH = re.compile(r"(?:\d{4}|-)-(0[1-9]|1[0-2])(?!\d)")


def month_of(date: str) -> int:
    """1 to 12 of an ISO date, which may end with the month or, as in "--07", have no year; 0 where none is known."""
    match = _MONTH.match(date)
    return int(match[1]) if match else 0


def context_of(level: str, date: str) -> Tensor:
    """[7]: which of ``LEVELS`` or none, sine and cosine of the month as an angle, and 1 where the month is known."""
    month = month_of(date)
    angle = 2 * math.pi * month / 12
    levels = [float(level == each) for each in LEVELS]
    return torch.tensor([*levels, float(level not in LEVELS), *((math.sin(angle), math.cos(angle), 1.0) if month else (0.0,) * 3)])


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
