"""Checkpoints: what goes in comes out, what is damaged or foreign is refused with a remedy, and writing is all or nothing."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from index.errors import CheckpointError
from tests.disks import no_file_longer_than
from tests.train.small_worlds import tiny_config
from train.checkpoint import (
    MODEL_FILE,
    TRAINING_FILE,
    Card,
    Checkpoint,
    Origin,
    Progressed,
    TextConfidence,
    build_encoder,
    load_training,
    save_model,
    save_training,
)
from train.config import TrainConfig
from train.model import build_model

FULL = r"cannot write .*File too large.*; free some space there$"

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    return tiny_config(seed=3)


@pytest.fixture(scope="module")
def weights(config: TrainConfig) -> dict[str, Tensor]:
    return build_model(config).state_dict()


def card(config: TrainConfig, **facts: Any) -> Card:
    usual = {
        "trained_on": {"articles": 20, "tiles": 12},
        "origins": (Origin(modality="articles", source="wikipedia", licence="CC BY-SA 4.0", records=20),),
        "data_digest": "f00d",
        "sensors": ("nasa_coarse",),
        "figures": {"total": 1.5},
        "placebind_version": "0.1",
    }
    return Card(config=config, **{**usual, **facts})


def optimised(config: TrainConfig, steps: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """A model whose optimiser has a state for some of the weights: tiles were never seen."""
    model = build_model(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(steps):
        lat = torch.tensor([10.0 + step, -20.0])
        optimizer.zero_grad()
        model.encoders["locations"](lat, lat).square().sum().backward()
        optimizer.step()
    return model, optimizer


def progressed(model: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int, **more: Any) -> Progressed:
    usual = {"data_digest": "f00d", "best": None, "best_figures": {}, "waited": 0}
    return Progressed(step, model.state_dict(), optimizer.state_dict()["state"], **{**usual, **more})


def test_weights_configuration_and_card_come_back_as_they_were_saved(
    tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    written = card(config)
    save_model(tmp_path / "run", weights, written)
    opened = Checkpoint.open(tmp_path / "run")
    assert opened.card == written
    assert opened.path == tmp_path / "run" / MODEL_FILE
    assert opened.digest == hashlib.sha256(opened.path.read_bytes()).hexdigest()
    for modality in ("locations", "articles", "tiles"):
        encoder = opened.encoder(modality, CPU)
        assert not encoder.training
        for name, tensor in encoder.state_dict().items():
            torch.testing.assert_close(tensor, weights[f"encoders.{modality}.{name}"], rtol=0, atol=0)


def test_a_calibrated_checkpoint_has_the_same_weights_another_digest_and_its_own_temperature(
    tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    save_model(tmp_path, weights, card(config))
    before = Checkpoint.open(tmp_path)
    assert before.temperature == before.learnt_temperature == pytest.approx(float((-weights["contrasts.articles.log_scale"]).exp()))
    fitted = TextConfidence(temperature=0.03, least_cosine=0.4, articles=5, texts=20, figures={"whole_in_90%": 0.88})
    after = before.with_confidence(fitted)
    assert after == Checkpoint.open(tmp_path)
    assert after.digest != before.digest
    assert (after.temperature, after.learnt_temperature) == (0.03, before.learnt_temperature)
    assert after.card == card(config, confidence=fitted)
    with safe_open(after.path, framework="pt") as file:
        assert set(file.keys()) == set(weights)
        for name, tensor in weights.items():
            torch.testing.assert_close(file.get_tensor(name), tensor, rtol=0, atol=0)
    assert [path.name for path in tmp_path.iterdir()] == [MODEL_FILE]


def test_a_checkpoint_from_before_there_was_confidence_opens(
    tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    old = card(config).model_dump_json(exclude={"confidence"})
    kept = {name: each.contiguous() for name, each in weights.items()}
    save_file(kept, tmp_path / MODEL_FILE, metadata={"placebind": old})
    assert Checkpoint.open(tmp_path).card.confidence is None


def test_a_model_that_keeps_no_temperature_has_none(tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]) -> None:
    save_model(tmp_path, {name: each for name, each in weights.items() if "log_scale" not in name}, card(config))
    assert Checkpoint.open(tmp_path).temperature is None


def test_a_reopened_encoder_gives_the_vectors_of_the_one_that_was_saved(tmp_path: Path, config: TrainConfig) -> None:
    model = build_model(config).eval()
    save_model(tmp_path, model.state_dict(), card(config))
    torch.manual_seed(99)  # fresh weights of a reopened encoder must not matter
    opened = Checkpoint.open(tmp_path)
    lat, lon = torch.tensor([48.0, -77.0]), torch.tensor([16.0, 180.0])
    torch.testing.assert_close(opened.encoder("locations", CPU)(lat, lon), model.encoders["locations"](lat, lon), rtol=0, atol=0)
    words, present, pixels = torch.randn(3, 1, 384), torch.ones(3, 1, dtype=torch.bool), torch.randn(2, 4, 32, 32)
    read = [encoder(words, present) for encoder in (opened.encoder("articles", CPU), model.encoders["articles"])]
    torch.testing.assert_close(read[0], read[1], rtol=0, atol=0)
    seen = [
        encoders(pixels, torch.ones(2, 4), "nasa_coarse") for encoders in (opened.encoder("tiles", CPU), model.encoders["tiles"])
    ]
    torch.testing.assert_close(seen[0], seen[1], rtol=1e-3, atol=1e-3)


def test_the_digest_changes_with_a_weight_and_with_a_setting_and_with_nothing_else(
    tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    def digest(name: str, weights: dict[str, Tensor], config: TrainConfig) -> str:
        save_model(tmp_path / name, weights, card(config))
        return Checkpoint.open(tmp_path / name).digest

    changed = {name: tensor.clone() for name, tensor in weights.items()}
    changed["contrasts.articles.log_scale"] += 1e-6
    same, again = digest("same", weights, config), digest("again", weights, config)
    assert same == again
    assert len({same, digest("weights", changed, config), digest("config", weights, tiny_config(seed=4))}) == 3


def test_an_encoder_of_a_modality_that_was_not_trained_is_refused_but_locations_never(
    tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    save_model(tmp_path, weights, card(config, trained_on={"articles": 5}))
    opened = Checkpoint.open(tmp_path)
    with pytest.raises(CheckpointError, match=r"without tiles.*placebind train"):
        opened.encoder("tiles", CPU)
    assert opened.encoder("articles", CPU).dim == opened.encoder("locations", CPU).dim == 16


def test_weights_that_do_not_fit_their_configuration_are_refused(
    tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    lost = next(name for name in weights if name.startswith("encoders.articles."))
    short = {name: tensor for name, tensor in weights.items() if name != lost}
    save_model(tmp_path, short, card(config))
    with pytest.raises(CheckpointError, match="train it again") as caught:
        Checkpoint.open(tmp_path).encoder("articles", CPU)
    assert "\n" not in str(caught.value)
    save_model(tmp_path, weights, card(tiny_config(dim=8)))
    with pytest.raises(CheckpointError, match="train it again"):
        Checkpoint.open(tmp_path).encoder("locations", CPU)


@pytest.mark.parametrize("there", [True, False], ids=["empty folder", "no folder"])
def test_where_there_is_no_checkpoint_the_remedy_is_to_train(there: bool, tmp_path: Path) -> None:
    folder = tmp_path if there else tmp_path / "nowhere"
    with pytest.raises(CheckpointError, match=r"no finished checkpoint.*run `placebind train`"):
        Checkpoint.open(folder)


def test_an_unfinished_training_is_named_as_such(tmp_path: Path, config: TrainConfig) -> None:
    model, optimizer = optimised(config, 1)
    save_training(tmp_path, progressed(model, optimizer, 1), config)
    with pytest.raises(CheckpointError, match=r"interrupted.*same `placebind train` again"):
        Checkpoint.open(tmp_path)


def cut(size: int) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes()[:size])


def foreign(metadata: dict[str, str] | None) -> Callable[[Path], None]:
    return lambda path: save_file({"weight": torch.ones(3)}, path, metadata=metadata)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "empty": cut(0),
    "cut in the header": cut(100),
    "cut in the weights": cut(200_000),
    "one byte short": cut(-1),
    "text": lambda path: path.write_text("this is not a checkpoint"),
    "a pickle": lambda path: torch.save({"weight": torch.ones(3)}, path),
    "a huge header": lambda path: path.write_bytes(b"\xff" * 7 + b"\x00" + path.read_bytes()[8:]),
    "another program's": foreign(None),
    "another program's with metadata": foreign({"format": "pt"}),
    "a card that is no JSON": foreign({"placebind": "{"}),
    "a card that is a list": foreign({"placebind": "[1]"}),
    "a card that is null": foreign({"placebind": "null"}),
    "a card with an unknown field": foreign(
        {"placebind": '{"config": {}, "trained_on": {}, "placebind_version": "9", "colour": "red"}'}
    ),
    "a card of another version": foreign({"placebind": '{"config": {"unheard_of": 1}, "trained_on": {}}'}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_foreign_file_is_refused_in_one_line_with_the_remedy(
    damage: str, tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    save_model(tmp_path, weights, card(config))
    DAMAGE[damage](tmp_path / MODEL_FILE)
    with pytest.raises(CheckpointError, match="train it again") as caught:
        Checkpoint.open(tmp_path)
    assert "\n" not in str(caught.value)
    assert MODEL_FILE in str(caught.value)


def test_nothing_but_the_model_is_left_when_it_is_finished(tmp_path: Path, config: TrainConfig) -> None:
    model, optimizer = optimised(config, 1)
    save_training(tmp_path, progressed(model, optimizer, 1), config)
    assert [path.name for path in tmp_path.iterdir()] == [TRAINING_FILE]
    save_model(tmp_path, model.state_dict(), card(config))
    assert [path.name for path in tmp_path.iterdir()] == [MODEL_FILE]


def test_a_model_that_could_not_be_written_whole_leaves_the_old_one(
    tmp_path: Path, config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    save_model(tmp_path, weights, card(config))
    old = Checkpoint.open(tmp_path)
    with no_file_longer_than(100_000), pytest.raises(CheckpointError, match=FULL):
        save_model(tmp_path, {name: tensor + 1 for name, tensor in weights.items()}, card(config))
    assert Checkpoint.open(tmp_path) == old
    save_model(tmp_path, {name: tensor + 1 for name, tensor in weights.items()}, card(config))
    assert Checkpoint.open(tmp_path).digest != old.digest
    assert [path.name for path in tmp_path.iterdir()] == [MODEL_FILE]


def test_a_training_state_that_could_not_be_written_whole_leaves_the_old_one(tmp_path: Path, config: TrainConfig) -> None:
    model, optimizer = optimised(config, 2)
    save_training(tmp_path, progressed(model, optimizer, 2), config)
    with no_file_longer_than(100_000), pytest.raises(CheckpointError, match=FULL):
        save_training(tmp_path, progressed(model, optimizer, 3), config)
    resumed = load_training(tmp_path, config)
    assert resumed is not None
    assert resumed.step == 2


def test_a_training_state_comes_back_with_step_weights_and_optimiser(tmp_path: Path, config: TrainConfig) -> None:
    model, optimizer = optimised(config, 3)
    save_training(tmp_path, progressed(model, optimizer, 3), config)
    resumed = load_training(tmp_path, config)
    assert resumed is not None
    step, weights, state = resumed.step, resumed.weights, resumed.optimizer
    assert step == 3
    assert (resumed.data_digest, resumed.best, resumed.best_figures, resumed.waited) == ("f00d", None, {}, 0)
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in weights.items())
    expected = optimizer.state_dict()["state"]
    assert state.keys() == expected.keys()
    assert 0 < len(state) < len(list(model.parameters()))
    for number, values in expected.items():
        assert state[number].keys() == values.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(state[number][name], value) for name, value in values.items())


def test_what_early_stopping_waits_for_comes_back_too(tmp_path: Path, config: TrainConfig) -> None:
    """The best weights are others than the newest, and the figures the same to the last digit."""
    model, optimizer = optimised(config, 1)
    best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model, optimizer = optimised(config, 2)
    figures = {"val_articles_median_km": 1 / 3, "val_articles_recall_at_10": 0.1}
    save_training(tmp_path, progressed(model, optimizer, 2, best=best, best_figures=figures, waited=4), config)
    resumed = load_training(tmp_path, config)
    assert resumed is not None
    assert (resumed.best_figures, resumed.waited) == (figures, 4)
    assert resumed.best is not None
    assert resumed.best.keys() == resumed.weights.keys() == best.keys()
    assert all(torch.equal(tensor, best[name]) for name, tensor in resumed.best.items())
    assert any(not torch.equal(tensor, best[name]) for name, tensor in resumed.weights.items())


def test_without_an_interrupted_run_there_is_nothing_to_resume(tmp_path: Path, config: TrainConfig) -> None:
    assert load_training(tmp_path, config) is None


def test_the_state_of_a_run_with_other_settings_is_not_taken_up(tmp_path: Path, config: TrainConfig) -> None:
    model, optimizer = optimised(config, 1)
    save_training(tmp_path, progressed(model, optimizer, 1), config)
    for other in (tiny_config(seed=4), tiny_config(seed=3, learning_rate=5e-4), tiny_config(seed=3, steps=9)):
        with pytest.raises(CheckpointError, match=r"other settings.*--overwrite"):
            load_training(tmp_path, other)
        assert load_training(tmp_path, other, overwrite=True) is None


@pytest.mark.parametrize(
    "damage", ["empty", "cut in the header", "cut in the weights", "one byte short", "text", "another program's"]
)
def test_a_damaged_training_state_is_refused_with_the_remedy(damage: str, tmp_path: Path, config: TrainConfig) -> None:
    model, optimizer = optimised(config, 1)
    save_training(tmp_path, progressed(model, optimizer, 1), config)
    DAMAGE[damage](tmp_path / TRAINING_FILE)
    with pytest.raises(CheckpointError, match="--overwrite") as caught:
        load_training(tmp_path, config)
    assert "\n" not in str(caught.value)
    assert load_training(tmp_path, config, overwrite=True) is None


def test_an_encoder_is_built_with_all_its_options(config: TrainConfig) -> None:
    encoder = build_encoder(config, "locations")
    assert (encoder.degrees, encoder.dim) == (6, 16)
    assert build_encoder(config, "tiles").size_px == 32


def test_what_parts_start_from_is_not_read_where_a_state_follows_that_has_it_all(tmp_path: Path) -> None:
    """The files may be gone by then. In a new model they are asked for, and a missing one is an expected error."""
    options = {"location_checkpoint": str(tmp_path / "gone")}
    config = tiny_config(architecture={"name": "cyclic", "options": options})
    assert build_model(config, pretrained=False).encoders["locations"].dim == 16
    with pytest.raises(CheckpointError, match="gone"):
        build_model(config)


def test_the_weights_at_the_start_depend_on_the_seed_alone(config: TrainConfig, weights: dict[str, Tensor]) -> None:
    torch.manual_seed(12345)
    torch.rand(7)
    again, other = build_model(config).state_dict(), build_model(tiny_config(seed=4)).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in weights.items())
    assert any(not torch.equal(other[name], tensor) for name, tensor in weights.items())
