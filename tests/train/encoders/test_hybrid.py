"""The hybrid of any encoders: what it puts together, how its options are spelt out, and what it passes on to its parts."""

from pathlib import Path
from typing import Any

import pytest
import torch

from index.errors import CheckpointError, ConfigError
from index.registry import resolve
from train.config import TrainConfig
from train.encoders.location import hybrid, sh_siren

SMALL = [
    {"name": "sh_siren", "options": {"degrees": 5, "hidden": 8, "dim": 3}},
    {"name": "wrap", "options": {"hidden": 8, "blocks": 1, "dim": 4}},
]
LAT, LON = torch.tensor([48.2, -33.9, 90.0]).double(), torch.tensor([16.4, 151.2, 7.0]).double()


def built(parts: list[dict[str, Any]] = SMALL, **options: int) -> hybrid.Hybrid:
    torch.manual_seed(0)
    return hybrid.build(parts=parts, **({"hidden": 16, "dim": 6} | options))


def test_it_is_the_network_of_its_parts_side_by_side() -> None:
    encoder = built()
    first, second = encoder.parts
    beside = torch.cat([first(LAT, LON), second(LAT, LON)], dim=1)
    assert beside.shape == (3, 3 + 4)
    torch.testing.assert_close(encoder(LAT, LON), encoder.network(beside))


def test_every_part_is_the_encoder_of_that_name_and_learns() -> None:
    encoder = built()
    assert [type(part).__name__ for part in encoder.parts] == ["SphericalHarmonicsSiren", "Wrap"]
    encoder(LAT, LON).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in encoder.parts.parameters())


def test_a_hybrid_may_be_part_of_a_hybrid() -> None:
    encoder = built([{"name": "hybrid", "options": {"parts": SMALL, "dim": 5}}, SMALL[0]])
    assert encoder(LAT, LON).shape == (3, 6)


def test_the_options_of_the_parts_are_spelt_out_in_full() -> None:
    options = resolve("train.encoders.location", "hybrid", {"parts": [{"name": "sh_siren", "options": {"degrees": 5}}]})
    expected = sh_siren.Options(degrees=5).model_dump(mode="json")
    assert options.model_dump(mode="json")["parts"] == [{"name": "sh_siren", "options": expected}]
    again = hybrid.Options.parse(options.model_dump(mode="json"), where="a checkpoint")
    assert again == options


def test_the_default_parts_are_spelt_out_too() -> None:
    assert [set(part.options) >= {"dim", "hidden"} for part in hybrid.Options().parts] == [True, True]


def test_a_training_configuration_can_ask_for_it(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        '[location]\nname = "hybrid"\noptions.parts = [{name = "wrap"}, {name = "sh_siren", options = {degrees = 40}}]\n'
    )
    location = TrainConfig.load(file, dim=64).location
    assert location.options["dim"] == 64
    wrap, harmonics = location.options["parts"]
    assert wrap["options"]["blocks"] == 4
    assert harmonics["options"]["degrees"] == 40


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([{"name": "voronoy"}], "no component named 'voronoy'; choose one of: .*voronoi"),
        ([{"name": "wrap", "options": {"degrees": 3}}], "train.encoders.location.wrap: unknown setting 'degrees'"),
        ([{"name": "wrap", "colour": 3}], "unknown setting 'parts.0.colour'"),
        ([], "parts"),
    ],
)
def test_an_unknown_part_or_option_is_named(parts: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        hybrid.build(parts=parts)


def test_parts_with_published_weights_read_them_when_told_and_not_before(tmp_path: Path) -> None:
    missing = tmp_path / "no_such.pth"
    encoder = built([*SMALL, {"name": "geoclip_rff", "options": {"weights": str(missing)}}])
    with pytest.raises(CheckpointError, match="no_such"):
        encoder.load_pretrained()
