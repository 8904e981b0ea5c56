"""A tower for each sensor: each tile goes through its own, and what cannot be is refused."""

from typing import Any

import pytest
import torch

from index.errors import ConfigError, InputError
from index.imagery.sensors import SENSORS
from tests.train.encoders.tiny_towers import stored_tile
from train.encoders.image import by_sensor
from train.encoders.image.by_sensor import BySensor
from train.image.context import context_of

TOWERS = {
    "nasa_coarse": {"name": "multispectral", "options": {"trunk": "test_convnext", "size_px": 32}},
    "sentinel2": {"name": "spectral", "options": {"width": 8, "hidden": 16}},
}


def build(**towers: Any) -> BySensor:
    torch.manual_seed(0)
    return by_sensor.build(towers=towers or TOWERS, dim=5).eval()


def test_a_tile_is_read_by_the_tower_of_its_sensor_alone() -> None:
    tower = build()
    context = context_of("L2A", "2021-07-03")[None]
    for sensor, inner in tower.towers.items():
        bands = SENSORS[sensor].bands
        pixels = stored_tile(len(bands))
        image, present = tower.prepare(pixels, bands, sensor)
        own = inner.prepare(pixels, bands, sensor)
        assert torch.equal(image, own[0])
        assert torch.equal(present, own[1])
        more = [context] if sensor == "sentinel2" else []
        assert torch.equal(tower(image[None], present[None], sensor, context), inner(image[None], present[None], sensor, *more))


def test_each_tower_has_a_stem_for_its_own_sensor_only_and_the_settings_say_all_of_it() -> None:
    tower = build()
    assert tower.sensors == ["sentinel2", "nasa_coarse"]
    assert [inner.sensors for inner in tower.towers.values()] == [["nasa_coarse"], ["sentinel2"]]
    assert tower.options.towers["sentinel2"].options["dropout"] == 0.1, "a default of today is not that of a later version"


@pytest.mark.parametrize(
    ("towers", "why"),
    [
        ({"landsat": {"name": "spectral"}}, "there is no sensor landsat; expected sentinel2, nasa_coarse"),
        ({"sentinel2": {"name": "spectral", "options": {"colour": 3}}}, "colour"),
    ],
)
def test_what_cannot_be_is_refused(towers: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        build(**towers)


def test_a_tile_of_a_sensor_without_a_tower_is_refused() -> None:
    tower = build(sentinel2=TOWERS["sentinel2"])
    bands = SENSORS["nasa_coarse"].bands
    with pytest.raises(InputError, match="no tower for sensor nasa_coarse; it has sentinel2"):
        tower.prepare(stored_tile(len(bands)), bands, "nasa_coarse")
