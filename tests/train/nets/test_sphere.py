"""Unit vectors as tensors are those of numpy."""

import numpy as np
import torch

from index.geo import unit_xyz
from train.nets.sphere import sphere_xyz


def test_unit_vectors_are_those_of_index_geo() -> None:
    lat, lon = np.array([0.0, 0, 90, -90, 48.2, -33]), np.array([0.0, 180, 77, 0, 16.4, -70])
    found = sphere_xyz(torch.from_numpy(lat).float(), torch.from_numpy(lon).float())
    assert found.dtype == torch.float64
    expected = unit_xyz(lat.astype(np.float32), lon.astype(np.float32))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-15)
