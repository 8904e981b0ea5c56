"""Numbers for people: round steps of axes and scales, short labels, and as many digits as are meaningful."""

import math

_SIZES = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))  # threshold, unit, suffix
DIGITS = 3


def round_step(least: float) -> float:
    """The next of 1, 2 or 5 times a power of ten; 1 for nothing."""
    if not least > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(times * power for times in (1, 2, 5, 10) if least <= times * power * (1 + 1e-9))


def short(value: float, *, signed: bool = False) -> str:
    """'12', '0.5', '20k', '−3M'."""
    size, letter = next(((unit, letter) for start, unit, letter in _SIZES if abs(value) >= start), (1.0, ""))
    return f"{value / size:{'+' if signed else ''}g}{letter}".replace("-", "−")


def beside(value: float, typical: float) -> str:
    """To three significant digits of ``typical``: a mean error of 0.0003 is 0.00 next to errors of 1.42."""
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(typical))) if typical > 0 else 0
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"
