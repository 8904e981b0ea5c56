"""Configuration: defaults < TOML file < settings < flags, errors in one line, and every option spelt out in the end."""

import json
from pathlib import Path

import pytest

from index.errors import ConfigError
from train.config import TrainConfig
from train.encoders.image import multispectral


def toml(folder: Path, text: str) -> Path:
    file = folder / "run.toml"
    file.write_text(text)
    return file


def message(*args: object, **flags: object) -> str:
    """The one line with which these settings are refused."""
    with pytest.raises(ConfigError) as caught:
        TrainConfig.load(*args, **flags)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_without_any_word_from_the_user_the_defaults_hold() -> None:
    config = TrainConfig.load()
    assert (config.steps, config.dim, config.seed) == (400, 256, 0)
    assert [part.name for part in (config.architecture, config.location, config.text, config.image)] == [
        "imagebind",
        "sh_siren",
        "minilm",
        "multispectral",
    ]


def test_a_file_beats_the_defaults_a_setting_the_file_and_a_flag_all(tmp_path: Path) -> None:
    file = toml(tmp_path, "steps = 10\nseed = 1\ntile_batch = 7\n")
    assert TrainConfig.load(file).steps == 10
    assert TrainConfig.load(file, ("steps=20",)).steps == 20
    config = TrainConfig.load(file, ("steps=20", "seed=2"), steps=30)
    assert (config.steps, config.seed, config.tile_batch, config.article_batch) == (30, 2, 7, 1024)


def test_a_flag_that_was_not_given_changes_nothing(tmp_path: Path) -> None:
    assert TrainConfig.load(toml(tmp_path, "steps = 10"), steps=None, seed=5) == TrainConfig.load(steps=10, seed=5)


def test_of_two_settings_of_one_key_the_later_holds() -> None:
    assert TrainConfig.load(settings=("steps=3", "steps=4")).steps == 4


def test_a_setting_reaches_into_a_table_of_the_file_and_leaves_the_rest_of_it(tmp_path: Path) -> None:
    file = toml(tmp_path, '[location]\nname = "sh_siren"\n[location.options]\ndegrees = 12\nhidden = 64\n')
    options = TrainConfig.load(file, ("location.options.hidden=96",)).location.options
    assert (options["degrees"], options["hidden"]) == (12, 96)


def test_an_option_can_be_set_without_repeating_the_name_of_the_default_part() -> None:
    config = TrainConfig.load(settings=("location.options.degrees=30",))
    assert config.location.name == "sh_siren"
    assert config.location.options["degrees"] == 30


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("steps=7", "steps", 7),
        ("learning_rate=2.5e-4", "learning_rate", 2.5e-4),
        ("device=cpu", "device", "cpu"),
        ('device="cpu"', "device", "cpu"),
    ],
)
def test_settings_are_toml_values_and_bare_words_are_strings(setting: str, key: str, value: object) -> None:
    assert getattr(TrainConfig.load(settings=(setting,)), key) == value


def test_a_value_may_contain_an_equals_sign() -> None:
    assert "'a=b'" in message(None, ("steps=a=b",))


@pytest.mark.parametrize("how", ["file", "setting", "flag"])
def test_an_unknown_key_is_refused_with_the_known_ones_wherever_it_comes_from(how: str, tmp_path: Path) -> None:
    if how == "file":
        text = message(toml(tmp_path, "stepps = 3"))
        assert "run.toml" in text
    else:
        text = message(None, ("stepps=3",)) if how == "setting" else message(stepps=3)
    assert "'stepps'" in text
    assert all(known in text for known in ("steps", "learning_rate", "architecture"))


def test_an_unknown_option_of_a_part_is_refused_with_the_options_that_it_has() -> None:
    text = message(None, ("location.name=sh_siren", "location.options.degres=9"))
    assert "'degres'" in text
    assert "sh_siren" in text
    assert "degrees, hidden, depth" in text


def test_an_unknown_part_is_refused_with_the_choices() -> None:
    text = message(None, ("text.name=shakespeare",))
    assert "shakespeare" in text
    assert "minilm" in text


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("steps=0", "steps"),
        ("dim=many", "dim"),
        ("learning_rate=-1", "learning_rate"),
        ("article_batch=1", "article_batch"),
        ("location=sh_siren", "location"),
        ("nonsense", "key=value"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(setting: str, said: str) -> None:
    assert said in message(None, (setting,))


def test_an_option_out_of_range_is_refused_by_name() -> None:
    text = message(None, ("image.name=multispectral", "image.options.size_px=33"))
    assert "size_px" in text
    assert "33" in text


@pytest.mark.parametrize("settings", [("dim=5", "dim.x=3"), ("device=cpu", "device.index=0")])
def test_a_key_inside_of_a_plain_value_is_refused(settings: tuple[str, str]) -> None:
    assert settings[1].split(".")[0] in message(None, settings)


@pytest.mark.parametrize("device", ["banana", "gpu"])
def test_a_device_that_does_not_exist_is_refused_before_anything_is_built(device: str) -> None:
    assert device in message(device=device)


@pytest.mark.parametrize("content", [b"steps = ", b"steps = 3\nsteps = 4", b"\xff\xfe\x00"])
def test_a_file_that_is_not_toml_is_refused_by_its_name(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    assert "broken.toml" in message(file)


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    assert "nowhere.toml" in message(tmp_path / "nowhere.toml")


def test_every_option_of_every_part_is_spelt_out_and_knows_the_dimension() -> None:
    config = TrainConfig.load(dim=48)
    assert config.location.options == {"degrees": 20, "hidden": 512, "depth": 2, "w0_first": 10.0, "dim": 48}
    assert config.text.options == {"hidden": 512, "dropout": 0.2, "pool": "whole", "sentences": 8, "dim": 48}
    assert set(config.image.options) == set(multispectral.Options.model_fields)
    assert config.image.options["dim"] == 48
    assert config.architecture.options == {
        "loss": "info_nce",
        "temperature": 0.07,
        "target_falloff_km": 150.0,
        "matryoshka": [],
        "gps_queue": 0,
        "uniform_negatives": 0,
        "loss_chunk": 0,
        "article_weight": 1.0,
        "tile_weight": 1.0,
    }


def test_a_part_named_by_a_flag_keeps_the_options_that_were_given_for_it(tmp_path: Path) -> None:
    file = toml(tmp_path, '[location]\nname = "voronoi"\n[location.options]\nsites = 64\n')
    assert TrainConfig.load(file, location="voronoi").location.options["sites"] == 64
    assert TrainConfig.load(file, ("location.options.sites=32",), location="voronoi").location.options["sites"] == 32


def test_a_part_named_by_a_flag_gets_the_options_that_were_given_for_no_part_in_particular() -> None:
    config = TrainConfig.load(settings=("architecture.options.temperature=0.2",), architecture="fused")
    assert (config.architecture.name, config.architecture.options["temperature"]) == ("fused", 0.2)


def test_a_part_named_by_a_flag_drops_the_options_of_another(tmp_path: Path) -> None:
    file = toml(tmp_path, '[location]\nname = "sh_siren"\n[location.options]\ndegrees = 12\n')
    assert TrainConfig.load(file, location="voronoi") == TrainConfig.load(location="voronoi")
    given = ("location.name=sh_siren", "location.options.degrees=12")
    assert TrainConfig.load(settings=given, location="voronoi") == TrainConfig.load(location="voronoi")


def test_dashes_and_underscores_name_the_same_part(tmp_path: Path) -> None:
    """Also in the configuration that goes into the checkpoint: with two spellings a run would not find its own state again."""
    file = toml(tmp_path, '[location]\nname = "sh-siren"\n[location.options]\ndegrees = 12\n')
    config = TrainConfig.load(file, location="sh_siren")
    assert config == TrainConfig.load(file) == TrainConfig.load(file, location="sh-siren")
    assert (config.location.name, config.location.options["degrees"]) == ("sh_siren", 12)


@pytest.mark.parametrize("part", ["location", "text", "image"])
def test_a_part_cannot_have_a_dimension_of_its_own(part: str) -> None:
    text = message(None, (f"{part}.options.dim=64",))
    assert all(word in text for word in (f"{part}.options.dim", "64", "256", "dim=64"))
    assert TrainConfig.load(settings=(f"{part}.options.dim=64", "dim=64")).dim == 64


def test_the_parts_of_a_hybrid_have_dimensions_of_their_own() -> None:
    """They are what is joined into the one dimension of the space."""
    parts = "[{name='sh_siren', options={dim=8}}, {name='voronoi', options={dim=4}}]"
    config = TrainConfig.load(settings=("dim=16", f"location.options.parts={parts}"), location="hybrid")
    assert [part["options"]["dim"] for part in config.location.options["parts"]] == [8, 4]
    assert config.resolved() == config


@pytest.mark.parametrize(
    ("settings", "said"), [(("encode_chunk=8", "devices=2"), "encode_chunk"), (("device=cuda:1", "devices=2"), "device=cuda:1")]
)
def test_what_does_not_go_together_is_refused_before_anything_is_built(settings: tuple[str, ...], said: str) -> None:
    text = message(None, settings)
    assert said in text
    assert "devices" in text


def test_batches_and_modalities_can_be_told_by_file(tmp_path: Path) -> None:
    file = toml(tmp_path, 'modalities = ["articles"]\n[sampling]\ncells = "one_each"\ncell_km = 50\n')
    config = TrainConfig.load(file)
    assert (config.modalities, config.sampling.cells, config.sampling.cell_km) == (("articles",), "one_each", 50)
    assert "bananas" in message(None, ("modalities=['bananas']",))


def test_resolving_twice_and_a_round_trip_through_json_change_nothing() -> None:
    config = TrainConfig.load(settings=("dim=32", "image.name=multispectral", "image.options.sensors=['nasa_coarse']"))
    assert config.resolved() == config
    again = TrainConfig(**json.loads(config.model_dump_json()))
    assert again == config
    assert again.model_dump_json() == config.model_dump_json()


def test_a_configuration_cannot_be_changed_once_it_is_made() -> None:
    config = TrainConfig.load()
    with pytest.raises(ValueError, match="frozen"):
        config.steps = 3  # type: ignore[misc]


def test_a_teacher_is_the_first_of_the_teachers_in_a_file_and_in_settings(tmp_path: Path) -> None:
    file = toml(tmp_path, '[teacher]\nname = "xyz"\nweight = 0.5\n[[teachers]]\nname = "sh"\n')
    assert [(each.name, each.weight) for each in TrainConfig.load(file).teachers] == [("xyz", 0.5), ("sh", 0.3)]
    assert [each.weight for each in TrainConfig.load(file, ("teacher.weight=0.7",)).teachers] == [0.7, 0.3]
    assert [each.name for each in TrainConfig.load(settings=("teacher.name=lonlat",)).teachers] == ["lonlat"]


def test_an_older_configuration_without_a_teacher_has_none() -> None:
    assert TrainConfig(teacher=None).teachers == ()  # type: ignore[call-arg]


def test_teachers_that_are_no_list_and_unknown_ones_are_refused() -> None:
    assert "teachers: Input should be a valid tuple" in message(settings=("teachers=3",))
    assert "teacher" in message(settings=("teachers=3", "teacher.name=sh"))
    assert "nobody" in message(settings=("teachers=[{name='sh'}, {name='nobody'}]",))
