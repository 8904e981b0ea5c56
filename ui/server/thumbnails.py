"""Tiles of the catalogue as small pictures in true colour.

Lance row -> its red, green and blue, stretched and shrunk -> PNG for ``/api/v1/thumbnails/``, transparent where there is no data.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from index.extras import extra
from index.imagery.pixels import decode_pixels
from index.imagery.sensors import SENSORS, Sensor
from index.store.catalogue import Catalogue
from retrieval.heat.colours import rgba_png

DARKEST_PERCENT, BRIGHTEST_PERCENT = 2, 98
LEAST_SPAN = 0.25  # of the sensor's white: a calm sea stays calm instead of showing the noise of the instrument
_COLUMNS = ("sensor", "bands", "dtype", "height", "width", "pixels")
Colours = npt.NDArray[np.uint8]


def thumbnail(catalogue: Catalogue, id_: str, side_px: int) -> bytes:
    """A PNG whose longer side is ``side_px``. ``id_`` has 32 hexadecimal digits; raises ``NotHereError`` if no tile has it."""
    (row,) = catalogue.rows("tiles", [id_], _COLUMNS).to_pylist()
    pixels = decode_pixels(row["pixels"], (len(row["bands"]), row["height"], row["width"]), row["dtype"])
    return rgba_png(_shrunk(true_colour(pixels, row["bands"], SENSORS.get(row["sensor"])), side_px))


def true_colour(pixels: npt.NDArray[Any], bands: list[str], sensor: Sensor | None) -> Colours:
    """[C, H, W] in stored units -> RGBA [H, W, 4]. A tile without all three colours shows its first band in grey."""
    shown = [bands.index(band) for band in sensor.rgb] if sensor and set(sensor.rgb) <= set(bands) else [0, 0, 0]
    values = pixels[shown]
    has_data = values.any(axis=0)
    rgba = np.zeros((*has_data.shape, 4), dtype=np.uint8)
    if has_data.any():
        rgba[..., :3] = (_stretched(values, has_data, sensor) * 255).round().transpose(1, 2, 0)
        rgba[..., 3] = 255 * has_data
    return rgba


def _stretched(values: npt.NDArray[Any], has_data: Any, sensor: Sensor | None) -> npt.NDArray[np.floating]:
    """[3, H, W] in 0 .. 1: bytes as they are, reflectances from the 2nd to the 98th percentile of what has data. One stretch for
    the three colours, which keeps their balance."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) / 255
    low, high = np.percentile(values[:, has_data], (DARKEST_PERCENT, BRIGHTEST_PERCENT))
    if sensor:
        high = max(high, low + LEAST_SPAN * sensor.white / sensor.scale)
    return np.clip((values.astype(np.float32) - low) / max(high - low, 1), 0, 1)


def _shrunk(rgba: Colours, side_px: int) -> Colours:
    image = extra("PIL.Image").fromarray(rgba)
    scale = side_px / max(image.size)
    return np.asarray(image.resize([max(1, round(side * scale)) for side in image.size]))
