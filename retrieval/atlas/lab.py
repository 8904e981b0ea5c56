"""CIELAB colours as sRGB: equal steps look equal in CIELAB, and screens show only sRGB.

L* by the inverse of CIE 15 (CIELAB, white point D65), the matrix and the curve of sRGB from IEC 61966-2-1.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_D65 = np.array([0.95047, 1.0, 1.08883])
_XYZ_TO_LINEAR = np.array(
    [(3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560), (0.0556434, -0.2040259, 1.0572252)]
)
_BLACK = 216 / 24389  # of the curve of L*, which is a straight line below it
_SLOPE = 24389 / 27
HALVINGS = 10  # of the chroma: to a thousandth, finer than 8 bits
EDGE = 1e-3  # how far a colour may lie outside, because the matrix is rounded


def lab_to_srgb(lab: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """[..., 3] of L* in [0, 100], a* and b* -> [..., 3]. Colours outside sRGB lose chroma until they are inside, and keep
    lightness and hue."""
    colours = np.asarray(lab, dtype=np.float64)
    grey = colours * [1, 0, 0]
    inside = np.zeros(colours.shape[:-1])[..., None]  # the greatest share of the chroma known to be in gamut
    outside = np.ones_like(inside)
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        fits = in_gamut(grey + middle * (colours - grey))
        inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
    share = np.where(in_gamut(colours), 1.0, inside)
    return _encoded(_linear(grey + share * (colours - grey)))


def _linear(lab: Floats) -> Floats:
    """Linear sRGB [..., 3], outside [0, 1] where a colour is out of gamut."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    relative = np.where(f**3 > _BLACK, f**3, (116 * f - 16) / _SLOPE)
    return np.asarray((relative * _D65) @ _XYZ_TO_LINEAR.T)


def in_gamut(lab: Floats) -> npt.NDArray[np.bool_]:
    """[..., 1]: whether sRGB has the colours [..., 3]."""
    linear = _linear(lab)
    return np.asarray(((linear >= -EDGE) & (linear <= 1 + EDGE)).all(axis=-1, keepdims=True))


def _encoded(linear: Floats) -> npt.NDArray[np.uint8]:
    clipped = np.clip(linear, 0, 1)
    share = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.rint(255 * share).astype(np.uint8)
