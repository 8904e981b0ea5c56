"""Settings are frozen, know their keys, and complain in one line."""

import pytest
from pydantic import Field, ValidationError

from index.errors import ConfigError, PlaceBindError
from index.settings import Settings


class Camera(Settings):
    bands: int = Field(3, ge=1)
    name: str = "pinhole"


class Satellite(Settings):
    height_km: float
    camera: Camera = Camera()


def test_defaults_are_filled_in() -> None:
    assert Satellite.parse({"height_km": 786}, where="satellite").camera == Camera(bands=3, name="pinhole")


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Camera().bands = 4  # type: ignore[misc]


def test_a_misspelt_key_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ConfigError) as refused:
        Camera.parse({"band": 4}, where="camera.toml")
    assert str(refused.value) == "camera.toml: unknown setting 'band' (known: bands, name)"


def test_a_misspelt_key_inside_a_part_is_named_with_its_path() -> None:
    with pytest.raises(ConfigError, match=r"satellite: unknown setting 'camera\.band'"):
        Satellite.parse({"height_km": 786, "camera": {"band": 4}}, where="satellite")


def test_a_wrong_value_is_shown_with_its_key_and_what_was_expected() -> None:
    with pytest.raises(ConfigError, match=r"satellite: camera\.bands: .*greater than or equal to 1, got 0"):
        Satellite.parse({"height_km": 786, "camera": {"bands": 0}}, where="satellite")


def test_all_problems_are_told_in_one_line() -> None:
    with pytest.raises(ConfigError) as refused:
        Satellite.parse({"height": "high", "camera": {"bands": "many"}}, where="satellite")
    message = str(refused.value)
    assert "\n" not in message
    for expected in ("height_km", "unknown setting 'height'", "camera.bands", "'many'"):
        assert expected in message


def test_a_config_error_is_one_of_the_errors_that_the_command_line_prints() -> None:
    with pytest.raises(PlaceBindError):
        Camera.parse({"bands": None}, where="camera")
