"""Cyclic: whose turn it is, when the location encoder learns, and a slow teacher that holds it back."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from index.errors import CheckpointError, ConfigError
from tests.train.small_models import articles, batch, gradients, model, tiles, values
from tests.train.small_worlds import tiny_config
from train.checkpoint import MODEL_FILE, Card, save_model
from train.model import build_model
from train.objective.architectures.cyclic import Cyclic
from train.text.articles import ArticleBatch

BOTH = ("articles", "tiles")
LOCATIONS = "encoders.locations.linear.weight"


def turns(built: Cyclic, steps: int) -> str:
    """The first letter of whose turn it is, step by step."""
    return "".join(name[0] for step in range(steps) for name in built.active(step, BOTH))


def learn(built: Cyclic, steps: int, modalities: Any = BOTH) -> list[dict[str, Any]]:
    """Steps as the loop makes them; returns the weights before each and at the end, by name."""
    optimizer = torch.optim.AdamW(built.parameters(), lr=0.05, weight_decay=0.1)
    weights = []
    for step in range(steps):
        weights.append({name: value.clone() for name, value in built.state_dict().items()})
        optimizer.zero_grad()
        built([batch(modality, 4, step) for modality in built.active(step, modalities)], step)["total"].backward()
        optimizer.step()
    return [*weights, {name: value.clone() for name, value in built.state_dict().items()}]


def moved(weights: list[dict[str, Any]], name: str) -> list[bool]:
    return [not torch.equal(a[name], b[name]) for a, b in itertools.pairwise(weights)]


def fixed(**options: Any) -> Any:
    """With a location encoder that is fixed from the start; its checkpoint is read by ``load_pretrained`` alone."""
    return model("cyclic", location="fixed", location_checkpoint="somewhere", **options)


def test_the_turn_changes_when_the_records_of_a_modality_have_been_seen_once() -> None:
    built = model("cyclic")
    built.plan({"articles": 3, "tiles": 2})
    assert turns(built, 12) == "aaattaaattaa"


def test_or_every_so_many_steps_whatever_there_is_of_it() -> None:
    for swap_every, expected in ((1, "atatatat"), (3, "aaatttaa")):
        built = model("cyclic", swap_every=swap_every)
        built.plan({"articles": 100, "tiles": 2})
        assert turns(built, 8) == expected


def test_a_single_modality_always_has_its_turn() -> None:
    built = model("cyclic", swap_every=2)
    built.plan({"tiles": 3})
    assert turns(built, 5) == "ttttt"


def test_the_loss_of_a_turn_is_that_of_imagebind_for_this_modality() -> None:
    options = {"temperature": 0.1, "gps_queue": 5, "uniform_negatives": 3}
    for each in (articles(), tiles()):
        ours = values(model("cyclic", **options)([each], 0))
        assert ours == values(model("imagebind", **options)([each], 0))
        assert set(ours) == {each.modality, "total"}


def test_the_other_tower_and_its_temperature_rest() -> None:
    weights = learn(model("cyclic"), 4)
    for name in ("encoders.articles.linear.weight", "contrasts.articles.log_scale"):
        assert moved(weights, name) == [True, False, True, False]
    for name in ("encoders.tiles.linear.weight", "contrasts.tiles.log_scale"):
        assert moved(weights, name) == [False, True, False, True]
    assert moved(weights, LOCATIONS) == [True] * 4


def test_a_fixed_location_encoder_gets_no_gradient_and_does_not_move() -> None:
    """Not even by weight decay; places of the queue and from anywhere included."""
    built = fixed(gps_queue=5, uniform_negatives=3, teacher_decay=0.5)
    assert not any(moved(learn(built, 4), LOCATIONS))
    built.zero_grad()
    losses = built([articles()], 4)
    losses["total"].backward()
    assert LOCATIONS not in gradients(built)
    assert "encoders.articles.linear.weight" in gradients(built)
    assert set(losses) == {"articles", "total"}  # nothing drifts


def test_a_location_encoder_that_is_fixed_after_the_first_turn_moves_in_it_only() -> None:
    built = model("cyclic", location="fixed_after_first", uniform_negatives=3)
    built.plan({"articles": 2, "tiles": 1})
    weights = learn(built, 7)
    assert moved(weights, LOCATIONS) == [True, True, False, False, False, False, False]
    assert moved(weights, "encoders.articles.linear.weight") == [True, True, False, True, True, False, True]
    assert moved(weights, "encoders.tiles.linear.weight") == [False, False, True, False, False, True, False]


def test_the_teacher_follows_by_its_decay_and_never_gets_a_gradient() -> None:
    """teacher <- 0.75 teacher + 0.25 student, with the student as it is when the step begins."""
    built = model("cyclic", teacher_decay=0.75)
    assert not any(parameter.requires_grad for parameter in built.teacher.parameters())
    weights = learn(built, 5)
    expected = weights[0][LOCATIONS]
    for before, after in itertools.pairwise(weights):
        expected = 0.75 * expected + 0.25 * before[LOCATIONS]
        torch.testing.assert_close(after["teacher.linear.weight"], expected)
        assert not torch.equal(after["teacher.linear.weight"], after[LOCATIONS])
    assert not [name for name in gradients(built) if name.startswith("teacher")]


def test_the_teacher_rests_while_a_model_is_only_tried_out_and_once_places_are_fixed() -> None:
    built = model("cyclic", teacher_decay=0.5)
    with torch.no_grad():
        built.encoders["locations"].linear.weight.mul_(-1)
    before = built.teacher.linear.weight.clone()
    built.eval()([articles()], 0)
    torch.testing.assert_close(built.teacher.linear.weight, before, rtol=0, atol=0)
    after_first = model("cyclic", teacher_decay=0.5, location="fixed_after_first")
    losses = after_first([tiles()], 1)
    assert set(losses) == {"tiles", "total"}


def test_the_drift_is_the_mean_of_1_minus_cosine_at_the_batch_and_as_many_places_anywhere() -> None:
    """Evaluation keeps the teacher where it is. Turned by 90 degrees about the axis, places on the equator drift by 1, the poles by
    0, and the mean over the sphere of cos(angle) = sin^2(lat) is 1/3."""
    built = model("cyclic", teacher_decay=0.5, teacher_weight=3.0).eval()
    with torch.no_grad():
        built.teacher.linear.weight.copy_(torch.eye(3))
        built.encoders["locations"].linear.weight.copy_(torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    lat = torch.tensor([0.0, 90.0], dtype=torch.float64).repeat(750)
    many = ArticleBatch(torch.ones(1500, 1, 5), torch.ones(1500, 1, dtype=torch.bool), lat, torch.zeros(1500))
    losses = values(built([many], 0))
    assert losses["teacher"] == pytest.approx((1 / 2 + 2 / 3) / 2, abs=0.015)
    assert losses["total"] == pytest.approx(losses["articles"] + 3 * losses["teacher"], rel=1e-6)


def test_a_teacher_that_agrees_costs_nothing_whatever_dropout_does_to_its_pupil() -> None:
    assert values(model("cyclic", teacher_decay=0.9)([articles()], 0))["teacher"] == pytest.approx(0, abs=1e-6)
    built = model("cyclic", teacher_decay=0.9, dropout=0.5)
    seen = []
    built.teacher.register_forward_hook(lambda module, inputs, output: seen.append((inputs, output)))
    built.train()([articles()], 0)
    (((lat, lon), output),) = seen
    torch.testing.assert_close(output, built.teacher.eval()(lat, lon))


def test_the_drift_pulls_the_location_encoder_back_to_its_teacher() -> None:
    built = model("cyclic", teacher_decay=0.99, teacher_weight=1.0)
    with torch.no_grad():
        built.encoders["locations"].linear.weight.add_(torch.tensor([[0, 0.5, 0], [0, 0, 0.5], [0.5, 0, 0]]))
    optimizer = torch.optim.SGD(built.encoders["locations"].parameters(), lr=0.5)
    drifts = []
    for step in range(30):
        optimizer.zero_grad()
        losses = built.eval()([articles()], 2 * step)
        losses["teacher"].backward()
        optimizer.step()
        drifts.append(float(losses["teacher"].detach()))
    assert drifts[-1] < drifts[0] / 5


def test_where_the_teacher_looks_depends_on_seed_and_step_alone() -> None:
    def looked_at(step: int, **options: Any) -> list[float]:
        built, seen = model("cyclic", teacher_decay=0.9, **options), []
        built.teacher.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].tolist()))
        built([articles(4)], step)
        (lat,) = seen
        return lat[4:]

    assert looked_at(2) == looked_at(2)
    assert looked_at(2) != looked_at(4)
    assert looked_at(2) != looked_at(2, seed=1)
    assert len(looked_at(2)) == 4


def test_where_it_does_not_learn_the_location_encoder_drops_nothing_out() -> None:
    """The towers learn to point at its vectors, so they must be the same in every step."""
    first, later = model("cyclic", dropout=0.5, location="fixed_after_first"), fixed(dropout=0.5)
    lat, lon = articles().lat, articles().lon
    assert not torch.equal(first.train().locate(lat, lon, 0), first.locate(lat, lon, 0)), "it learns, with dropout"
    for built, step in ((first, 1), (later, 0)):
        assert torch.equal(built.train().locate(lat, lon, step), built.eval().locate(lat, lon, step))
    assert later.train().encoders["articles"].training


def save_trained(folder: Path, **location: Any) -> None:
    """A finished checkpoint of a model whose weights are their own thing."""
    config = tiny_config(seed=5, **location)
    save_model(folder, build_model(config).state_dict(), Card(config=config, trained_on={"articles": 4}, placebind_version="0"))


def cyclic_config(folder: Path, **options: Any) -> Any:
    return tiny_config(architecture={"name": "cyclic", "options": {"location_checkpoint": str(folder), **options}})


def test_the_location_encoder_of_a_checkpoint_is_taken_over_and_so_does_the_teacher(tmp_path: Path) -> None:
    save_trained(tmp_path)
    trained = load_file(tmp_path / MODEL_FILE)
    built = build_model(cyclic_config(tmp_path, location="fixed", teacher_decay=0.9))
    assert isinstance(built, Cyclic)
    assert built.teacher is not None
    for name, value in built.encoders["locations"].state_dict().items():
        torch.testing.assert_close(value, trained[f"encoders.locations.{name}"], rtol=0, atol=0)
        torch.testing.assert_close(built.teacher.state_dict()[name], value, rtol=0, atol=0)
    fresh = build_model(tiny_config()).encoders["articles"].state_dict()
    for name, value in built.encoders["articles"].state_dict().items():
        torch.testing.assert_close(value, fresh[name], rtol=0, atol=0)
    assert built.encoders["locations"].training


def test_when_a_run_is_gone_on_with_its_checkpoint_is_not_read_again(tmp_path: Path) -> None:
    build_model(cyclic_config(tmp_path / "nothing here"), pretrained=False)
    with pytest.raises(CheckpointError, match="nothing here"):
        build_model(cyclic_config(tmp_path / "nothing here"))


@pytest.mark.parametrize(
    "location",
    [
        {"name": "wrap", "options": {"hidden": 8}},
        {"name": "sh_siren", "options": {"degrees": 5, "hidden": 32}},
        {"name": "sh_siren", "options": {"degrees": 6, "hidden": 32, "w0_first": 30.0}},
        {"name": "sh_residual_siren", "options": {"degrees": 6, "hidden": 32}},
    ],
    ids=["another name", "another size", "another frequency", "another name with the same tensors"],
)
def test_another_location_encoder_than_the_one_asked_for_is_refused_in_one_line(location: dict[str, Any], tmp_path: Path) -> None:
    save_trained(tmp_path, location=location)
    with pytest.raises(CheckpointError, match=r"not the configured one.*--location") as caught:
        build_model(cyclic_config(tmp_path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    save_file({"some": torch.zeros(1)}, tmp_path / MODEL_FILE)
    with pytest.raises(CheckpointError, match="not a PlaceBind checkpoint") as caught:
        build_model(cyclic_config(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_location_encoder_that_never_learns_needs_a_checkpoint() -> None:
    with pytest.raises(ConfigError, match="location_checkpoint"):
        model("cyclic", location="fixed")


@pytest.mark.parametrize("options", [{"teacher_decay": 1.0}, {"swap_every": -1}, {"location": "sometimes"}, {"teacher_weight": -1}])
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        model("cyclic", **options)


def test_the_vectors_of_places_are_those_of_the_encoder() -> None:
    built: nn.Module = model("cyclic")
    bound = built.encode(articles(), 0)
    expected = F.normalize(built.encoders["locations"](bound.lat, bound.lon), dim=1)
    torch.testing.assert_close(bound.locations, expected)
