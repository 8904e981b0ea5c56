"""How high the ground is."""

import numpy as np
import pytest

from index.extras import is_installed
from index.places.elevation import elevation_m

pytestmark = pytest.mark.skipif(not is_installed("pvlib"), reason="needs pvlib")


@pytest.mark.parametrize(
    ("lat", "lon", "metres", "within"),
    [
        (-16.5, -68.15, 3_700, 300),  # La Paz
        (29.65, 91.1, 3_700, 400),  # Lhasa
        (31.5, 35.48, -430, 60),  # the Dead Sea
        (52.4, 4.8, 0, 30),  # Amsterdam
        (-29.9, -71.25, 50, 80),  # La Serena, beside a deep sea
        (68.0, 180.0, 300, 400),  # Chukotka, from both sides of the antimeridian
        (68.0, -180.0, 300, 400),
    ],
)
def test_the_ground_is_about_as_high_as_is_known(lat: float, lon: float, metres: float, within: float) -> None:
    assert elevation_m([lat], [lon])[0] == pytest.approx(metres, abs=within)


def test_the_sea_has_no_height_nor_has_land_under_an_ice_sheet() -> None:
    assert np.isnan(elevation_m([0.0, 40.0, -90.0, -75.0, 72.6, 76.5], [-30.0, 50.5, 0.0, 0.0, -38.0, -68.8])).all()
    assert np.isfinite(elevation_m([64.1, 78.2, 81.0], [-20.0, 15.6, -75.0])).all()  # Iceland, Svalbard, Ellesmere


@pytest.mark.skipif(not is_installed("airportsdata"), reason="needs airportsdata")
def test_airports_are_as_high_as_their_operators_say() -> None:
    import airportsdata

    rows = [each for each in airportsdata.load("IATA").values() if each["elevation"]]
    said = np.array([each["elevation"] * 0.3048 for each in rows])
    away = np.abs(elevation_m([each["lat"] for each in rows], [each["lon"] for each in rows]) - said)
    away = away[np.isfinite(away)]
    assert len(away) > 0.95 * len(rows)
    assert np.median(away) < 25
    assert np.quantile(away, 0.9) < 250
