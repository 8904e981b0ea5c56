"""How a tile was taken, as its row says: processing level and month, as numbers for the towers that read them."""

import math
import re

import numpy as np
import numpy.typing as npt

LEVELS = ("L1C", "L2A", "composite")
LEVEL, MONTH = slice(0, len(LEVELS) + 1), slice(len(LEVELS) + 1, len(LEVELS) + 4)
_MONTH = re.compile(r"(?:\d{4}|-)-(0[1-9]|1[0-2])(?!\d)")


def month_of(date: str) -> int:
    """1 to 12 of an ISO date, which may end with the month or, as in "--07", have no year; 0 where none is known."""
    match = _MONTH.match(date)
    return int(match[1]) if match else 0


def taken(level: str, date: str) -> npt.NDArray[np.float32]:
    """[7]: which of ``LEVELS`` or none, sine and cosine of the month as an angle, and 1 where the month is known."""
    month = month_of(date)
    angle = 2 * math.pi * month / 12
    of_level = [float(level == each) for each in LEVELS]
    of_month = (math.sin(angle), math.cos(angle), 1.0) if month else (0.0,) * 3
    return np.array([*of_level, float(level not in LEVELS), *of_month], np.float32)
