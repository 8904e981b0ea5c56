"""What instruments deliver: the canonical band order, the stored unit and its scale, per-band statistics.

Sentinel-2 pixels are stored as uint16 surface or top-of-atmosphere reflectance x 10,000 with any processing offset already
removed (ESA, Sentinel-2 Products Specification Document 14.9); 0 means no data.
"""

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """``scale`` turns a stored value into the unit that ``mean`` and ``std`` (one per band) are in.

    A picture shows the bands ``rgb``, with 0 .. ``white`` of that unit from dark to bright; brighter values are white. ``often``:
    common subsets of its bands. ``pixel_m``: the allowed range of a pixel's side on the ground.
    """

    name: str
    title: str
    bands: tuple[str, ...]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rgb: tuple[str, str, str]
    white: float
    often: tuple[tuple[str, ...], ...]
    pixel_m: tuple[float, float]

    def octaves_off(self, pixel_m: float) -> float:
        """How often a pixel would have to be halved or doubled to be one of this sensor; 0 if it may be one."""
        low, high = self.pixel_m
        return math.log2(max(low / pixel_m, pixel_m / high, 1.0))


SENTINEL2 = Sensor(
    name="sentinel2",
    title="Sentinel-2 MSI",
    bands=("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"),
    scale=1e-4,
    # Rounded over land scenes of all climates: they only centre the input, the band stem learns the rest.
    mean=(0.12, 0.12, 0.14, 0.15, 0.18, 0.24, 0.27, 0.27, 0.29, 0.25, 0.01, 0.25, 0.19),
    std=(0.10, 0.11, 0.11, 0.13, 0.13, 0.13, 0.13, 0.14, 0.13, 0.14, 0.02, 0.13, 0.13),
    rgb=("B04", "B03", "B02"),
    white=0.3,  # land is seldom brighter, snow and cloud may be plain white; TorchGeo plots Sentinel-2 so too (image / 3000)
    often=(("B04", "B03", "B02"), ("B04", "B03", "B02", "B08")),  # colours; colours with near infrared
    pixel_m=(5, 75),  # 10, 20 and 60 m, also made finer by a map's projection
)

NASA_COARSE = Sensor(
    name="nasa_coarse",
    title="NASA Blue Marble, perhaps with ETOPO1 relief",
    bands=("red", "green", "blue", "relief"),
    scale=1 / 255,
    mean=(0.35, 0.36, 0.32, 0.55),
    std=(0.25, 0.22, 0.23, 0.20),
    rgb=("red", "green", "blue"),
    white=1.0,
    often=(("red", "green", "blue"),),
    pixel_m=(500, 25_000),  # Blue Marble in all its sizes, and averaged down as far as the shipped model has learnt it
)

SENSORS = {sensor.name: sensor for sensor in (SENTINEL2, NASA_COARSE)}

# The assumed bands of a file of N unnamed Sentinel-2 layers, by the usual orders of its products.
UNNAMED_SENTINEL2 = {
    13: SENTINEL2.bands,
    12: tuple(band for band in SENTINEL2.bands if band != "B10"),
    10: ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"),
}

_SENTINEL2_NAME = re.compile(r"^(?:B|band[ _]?)?0?(\d{1,2}|8A)$", re.IGNORECASE)


def canonical_band(description: str | None) -> str | None:
    """The canonical name of a band description ('b4', 'Band 4', 'B04' -> 'B04'; 'Red' -> 'red'), None if it is not known."""
    name = (description or "").strip()
    match = _SENTINEL2_NAME.match(name)
    if match:
        number = match.group(1).upper()
        candidate = "B8A" if number == "8A" else f"B{int(number):02d}"
        return candidate if candidate in SENTINEL2.bands else None
    return name.lower() if name.lower() in NASA_COARSE.bands else None


def sensor_of(bands: tuple[str, ...]) -> Sensor | None:
    """The sensor that has all these bands."""
    return next((sensor for sensor in SENSORS.values() if bands and set(bands) <= set(sensor.bands)), None)
