"""A drawing of Leaflet.draw as an area to filter by: map -> here -> ``Filter.parse`` of the question on the page."""

from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_SIDE_DEG = 90.0  # a ``Region`` takes the shorter way round, which from 180 degrees on is not the one that was drawn
DECIMALS = 5  # a metre; addresses stay short


def area_of(drawing: Mapping[str, Any]) -> dict[str, Any]:
    """GeoJSON of a drawn polygon, brought back to one turn of the globe.

    Leaflet repeats the world with continuing longitudes: the area is moved by whole turns until its middle is within 180 degrees,
    and cut to one turn. Long sides get corners in between.
    """
    [ring] = drawing["coordinates"]
    lon, lat = np.array(ring, dtype=np.float64)[:, :2].T
    middle = (lon.min() + lon.max()) / 2
    lon = np.clip(lon, middle - 180, middle + 180) - 360 * np.rint(middle / 360)
    corners = [[float(lon[0]), float(lat[0])]]
    for before, after in zip(np.column_stack([lon, lat])[:-1], np.column_stack([lon, lat])[1:], strict=True):
        pieces = max(1, int(np.ceil(abs(after[0] - before[0]) / MOST_SIDE_DEG)))
        corners += [(before + (after - before) * step / pieces).tolist() for step in range(1, pieces + 1)]
    return {"type": "Polygon", "coordinates": [np.round(corners, DECIMALS).tolist()]}
