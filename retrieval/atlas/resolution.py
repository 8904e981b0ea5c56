"""How far apart two places must be for their vectors to tell them apart.

Places are moved by a distance in a random direction, and their vectors are compared with the original ones. The cosine falls from 1
to that of two random places (``floor``). Halfway down the two places count as told apart. For an encoder that begins with
spherical harmonics up to degree L, half a wavelength of the finest is about 20,000 km / L (L half-waves between the poles). That
is a scale to compare with, not a bound: cosines fall within a wave, and the network behind may add finer detail.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.geo import moved

DISTANCES_KM = (1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 5000)
BANDS_DEG = ((0.0, 23.5), (23.5, 45.0), (45.0, 66.5), (66.5, 90.0))  # between equator, tropics, 45, polar circles and poles
QUANTILES = (0.1, 0.9)
HALF_EQUATOR_KM = 20_000.0
MIN_IN_BAND = 20  # places: no line is drawn for fewer
Floats = npt.NDArray[np.float64]
EmbedPlaces = Callable[[npt.ArrayLike, npt.ArrayLike], npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Curve:
    """``mean``, ``low`` and ``high`` [K] (the 10th and the 90th percentile) of the cosines of places that far apart.

    ``half_km``: where the mean falls halfway to the floor; None if it never does. ``label`` is '' for all latitudes.
    """

    label: str
    places: int
    mean: Floats
    low: Floats
    high: Floats
    half_km: float | None


@dataclass(frozen=True, eq=False)
class Resolution:
    """``curves``: of all places first, then of each band of latitude with enough places; ``floor``: the mean cosine of two random
    places; ``half_wave_km``: half a wavelength of the finest harmonics, None without harmonics."""

    distances_km: tuple[float, ...]
    curves: tuple[Curve, ...]
    floor: float
    half_wave_km: float | None


def measure_resolution(
    embed: EmbedPlaces,
    places: npt.NDArray[np.float64],
    rng: np.random.Generator,
    *,
    distances_km: tuple[float, ...] = DISTANCES_KM,
    degrees: int | None = None,
) -> Resolution:
    """At places [N, 2] (lat, lon), with the location encoder as ``embed``; ``degrees`` is its highest degree of harmonics.

    Raises ``InputError`` for fewer than 2 places.
    """
    if len(places) < 2:
        raise InputError(f"a resolution is measured at 2 places or more, got {len(places)}")
    lat, lon = places.T
    here = embed(lat, lon).astype(np.float64)
    azimuth_deg = rng.uniform(0, 360, size=(len(distances_km), len(places)))
    there = moved(lat, lon, azimuth_deg, np.array(distances_km, dtype=np.float64)[:, None])
    vectors = embed(there[0].ravel(), there[1].ravel()).astype(np.float64).reshape(len(distances_km), len(places), -1)
    cosines = np.einsum("knd,nd->nk", vectors, here)
    floor = _mean_of_pairs(here)
    bands = [("", np.ones(len(lat), dtype=bool))]
    bands += [(f"{south:g}° to {north:g}°", (np.abs(lat) >= south) & (np.abs(lat) < north)) for south, north in BANDS_DEG]
    curves = [_curve(label, cosines[rows], floor, distances_km) for label, rows in bands if not label or rows.sum() >= MIN_IN_BAND]
    return Resolution(distances_km, tuple(curves), floor, HALF_EQUATOR_KM / degrees if degrees else None)


def _mean_of_pairs(vectors: Floats) -> float:
    """The mean cosine of all pairs of different rows [N, D]: |sum|^2 counts each pair twice, and each row with itself."""
    count = len(vectors)
    return float((np.sum(vectors.sum(axis=0) ** 2) - np.sum(vectors**2)) / (count * (count - 1)))


def _curve(label: str, cosines: Floats, floor: float, distances_km: tuple[float, ...]) -> Curve:
    mean = cosines.mean(axis=0)
    low, high = np.quantile(cosines, QUANTILES, axis=0)
    return Curve(label, len(cosines), mean, low, high, crossing_km(distances_km, mean, (1 + floor) / 2))


def crossing_km(distances_km: tuple[float, ...], mean: Floats, level: float) -> float | None:
    """Where the mean first falls below a level, interpolated between distances on a logarithmic scale; the first distance if it is
    already below there, None if it never falls."""
    below = np.flatnonzero(mean < level)
    if not len(below):
        return None
    at = int(below[0])
    if at == 0:
        return float(distances_km[0])
    share = (mean[at - 1] - level) / (mean[at - 1] - mean[at])
    near, far = np.log(distances_km[at - 1]), np.log(distances_km[at])
    return float(np.exp(near + share * (far - near)))
