"""The adapter to torchgeo-bench, against a copy of the interface of its location encoders; the package is not installed."""

import importlib
import sys
from abc import ABC, abstractmethod
from types import ModuleType

import numpy as np
import pytest

from index.errors import ConfigError, InputError
from train.probing.features import xyz

LON, LAT = np.array([0.0, 90.0, -75.0, 20.0]), np.array([0.0, 0.0, 45.0, -90.0])


class LocationEncoder(ABC):
    """What torchgeo_bench.coordbench.models.LocationEncoder does with a subclass."""

    name = "location_encoder"

    def __init__(self, device="cpu", batch_size=8192):
        self.device, self.batch_size = device, batch_size

    @abstractmethod
    def _encode(self, lon, lat, year): ...

    def encode(self, lon, lat, year=None):
        starts = range(0, len(lon), self.batch_size)
        of_each = [slice(start, start + self.batch_size) for start in starts]
        return np.concatenate([self._encode(lon[at], lat[at], None if year is None else year[at]) for at in of_each])


@pytest.fixture
def build(monkeypatch):
    """A model by its target and keywords, as torchgeo_bench.config.presets.build_model makes one."""
    package, coordbench = ModuleType("torchgeo_bench"), ModuleType("torchgeo_bench.coordbench")
    coordbench.LocationEncoder = LocationEncoder
    monkeypatch.setitem(sys.modules, "torchgeo_bench", package)
    monkeypatch.setitem(sys.modules, "torchgeo_bench.coordbench", coordbench)
    monkeypatch.delitem(sys.modules, "benchmarks.coordbench_adapter", raising=False)
    module, _, symbol = "benchmarks.coordbench_adapter.PlaceBindEncoder".rpartition(".")
    yield lambda **kwargs: getattr(importlib.import_module(module), symbol)(**kwargs, device="cpu")
    sys.modules.pop("benchmarks.coordbench_adapter", None)


def test_any_features_are_a_location_encoder_that_takes_longitude_first(build):
    encoder = build(features="xyz", batch_size=3)
    assert isinstance(encoder, LocationEncoder)
    assert encoder.name == xyz.build().name
    found = encoder.encode(LON, LAT, np.full(4, 2021))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, xyz.build().encode(LAT, LON))


def test_a_checkpoint_of_ours_is_one_too(build, world):
    found = build(features=f"placebind:checkpoint={world.checkpoint},layer=hidden").encode(LON, LAT)
    assert found.shape[0] == 4
    assert np.isfinite(found).all()


def test_features_that_are_not_here_are_refused_with_the_remedy(build):
    with pytest.raises(InputError, match=r"sinr is not available: .*sinr:weights=FILE"):
        build(features="sinr")
    with pytest.raises(ConfigError, match="no component named 'resnet'"):
        build(features="resnet")
