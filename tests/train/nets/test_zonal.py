"""What the latitude alone says: Legendre polynomials against NumPy's, the same at every longitude by having none."""

import numpy as np
import torch
from numpy.polynomial import legendre

from train.nets.zonal import ZONAL, ZONAL_DEGREES, zonal


def test_it_is_the_distance_from_the_equator_and_the_polynomials_of_numpy() -> None:
    lat = np.linspace(-90, 90, 37)
    found = zonal(torch.from_numpy(lat)).numpy()
    assert found.shape == (37, ZONAL)
    np.testing.assert_allclose(found[:, :2], np.stack([np.abs(lat) / 90, (lat / 90) ** 2], axis=1))
    np.testing.assert_allclose(found[:, 2:], legendre.legvander(np.sin(np.radians(lat)), ZONAL_DEGREES - 1)[:, 1:], atol=1e-12)
