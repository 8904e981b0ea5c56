"""Two processes on one machine learn what one process would learn: rows gathered with gradients, gradients averaged by DDP."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor, nn

from index.records import Modality
from index.store.catalogue import Catalogue
from tests.train.small_models import ARCHITECTURES, batch, gradients, model, values
from train.checkpoint import MODEL_FILE
from train.config import TrainConfig
from train.curve.history import History
from train.loop import train
from train.objective.distributed import gather_rows, rank, world_size

PROCESSES, STEPS, LEARNING_RATE = 2, 3, 0.1
SIZES: dict[Modality, int] = {"articles": 6, "tiles": 4}
ROUNDED = 1e-4  # gradients are up to 6, and weights that are one rounding apart move them by up to 6e-5
BOTH: tuple[Modality, ...] = ("articles", "tiles")
EVERYTHING = {"gps_queue": 5, "uniform_negatives": 3, "matryoshka": [2], "loss_chunk": 2}
CASES: dict[str, tuple[str, dict[str, Any], tuple[Modality, ...]]] = {
    "imagebind": ("imagebind", {}, BOTH),
    "imagebind, articles only": ("imagebind", {}, ("articles",)),
    "imagebind, everything": ("imagebind", EVERYTHING, BOTH),
    "imagebind, siglip": ("imagebind", {"loss": "siglip", **EVERYTHING}, BOTH),
    "cyclic": ("cyclic", {}, BOTH),
    "cyclic, everything": ("cyclic", {"teacher_decay": 0.5, **EVERYTHING}, BOTH),
    "cyclic, fixed after first": ("cyclic", {"location": "fixed_after_first", **EVERYTHING}, BOTH),
    "fused": ("fused", {}, BOTH),
    "fused, tiles only": ("fused", {}, ("tiles",)),
    "fused, everything": ("fused", EVERYTHING, BOTH),
    "fused, siglip": ("fused", {"loss": "siglip"}, BOTH),
    "fused, asymmetric": ("fused", {"form": "asymmetric", **EVERYTHING}, BOTH),
}


def learn(case: str) -> list[dict[str, Any]]:
    """Three steps of this process's share of the batches; losses (mean of the processes), gradients and state after each."""
    architecture, options, modalities = CASES[case]
    built = model(architecture, temperature=0.2, **options)
    network: nn.Module = built
    if world_size() > 1:
        network = nn.parallel.DistributedDataParallel(built, find_unused_parameters=True, broadcast_buffers=False)
    optimizer = torch.optim.SGD(built.parameters(), lr=LEARNING_RATE)
    found = []
    for step in range(STEPS):
        shares = {modality: SIZES[modality] // world_size() for modality in modalities}
        batches = [batch(each, shares[each], SIZES[each] * step + rank() * shares[each]) for each in built.active(step, modalities)]
        optimizer.zero_grad()
        losses = network(batches, step)
        losses["total"].backward()
        means = {name: _mean(value) for name, value in values(losses).items()}
        found.append(
            {"losses": means, "gradients": gradients(built), "state": {k: v.clone() for k, v in built.state_dict().items()}}
        )
        optimizer.step()
    return found


def _mean(value: float) -> float:
    total = torch.tensor(value, dtype=torch.float64)
    if world_size() > 1:
        dist.all_reduce(total)
    return float(total) / world_size()


def gathered() -> dict[str, Tensor]:
    """Rows numbered through all processes, and the gradient of sum_p sum_i (p + 1) (i + 1) row_i, p the process."""
    rows = (torch.arange(3.0) + 3 * rank())[:, None].requires_grad_()
    everyone = gather_rows(rows)
    weights = torch.arange(1.0, 7.0)[:, None] * (rank() + 1)
    (everyone * weights).sum().backward()
    assert rows.grad is not None
    numbers = gather_rows(torch.arange(2) + 2 * rank())
    return {"rows": everyone.detach(), "gradient": rows.grad, "numbers": numbers}


def other_gradient() -> Tensor:
    """What is told to a summand of gathered rows, whose gradient is the very tensor that goes back through the gathering first."""
    rows, other = torch.ones(2, 1, requires_grad=True), torch.ones(2 * world_size(), 1, requires_grad=True)
    summand = other * 1
    ((gather_rows(rows) + summand) * torch.ones_like(summand)).sum().backward()
    assert other.grad is not None
    return other.grad


def work(process: int, port: int, folder: str) -> None:
    """What each of the processes does."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=process, world_size=PROCESSES)
    found = {"gathered": gathered(), "other": other_gradient(), "cases": {case: learn(case) for case in CASES}}
    torch.save(found, Path(folder) / f"{process}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes found, started once for all tests."""
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.start_processes(work, (port, str(folder)), nprocs=PROCESSES, start_method="spawn")
    return [torch.load(folder / f"{process}.pt", weights_only=True) for process in range(PROCESSES)]


def test_one_process_alone_gathers_nothing() -> None:
    rows = torch.ones(2, 1)
    assert (world_size(), rank()) == (1, 0)
    assert gather_rows(rows) is rows


def test_every_process_has_the_rows_of_all_and_their_gradients_find_home(together: list[dict[str, Any]]) -> None:
    """Row i is wanted (1 + 2) (i + 1) times: by both processes, whose weights are 1 and 2."""
    for process, found in enumerate(together):
        assert found["gathered"]["rows"][:, 0].tolist() == [0, 1, 2, 3, 4, 5]
        assert found["gathered"]["numbers"].tolist() == [0, 1, 2, 3]
        assert found["gathered"]["gradient"][:, 0].tolist() == [3.0 * (i + 1) for i in range(3 * process, 3 * process + 3)]


def test_a_gradient_that_others_hold_too_is_left_alone(together: list[dict[str, Any]]) -> None:
    for found in together:
        assert found["other"].tolist() == [[1.0]] * 4


@pytest.mark.parametrize("case", CASES)
def test_two_processes_give_the_losses_gradients_and_state_of_one(case: str, together: list[dict[str, Any]]) -> None:
    alone = learn(case)
    for found in together:
        for step in range(STEPS):
            ours, theirs = found["cases"][case][step], alone[step]
            assert ours["losses"] == pytest.approx(theirs["losses"], rel=2e-6, abs=1e-6)
            told = {name: gradient for name, gradient in ours["gradients"].items() if gradient.any()}
            assert told.keys() == {name for name, gradient in theirs["gradients"].items() if gradient.any()}
            for name, gradient in told.items():
                torch.testing.assert_close(
                    gradient,
                    theirs["gradients"][name],
                    rtol=1e-5,
                    atol=ROUNDED,
                    msg=lambda text, where=f"step {step}, {name}": f"{where}: {text}",
                )
            for name, value in theirs["state"].items():
                torch.testing.assert_close(ours["state"][name], value, rtol=1e-5, atol=LEARNING_RATE * ROUNDED, equal_nan=True)


RUN = """
steps = 4
learning_rate = 1e-4  # Adam makes whole steps of gradients that are nothing but rounding; these must stay below what is compared
validate_every = 2
save_every = 2
warmup_steps = 2
dim = 16
article_batch = 12
tile_batch = 6
sentence_share = 0.0  # the features of whole texts are in the catalogue
device = "cpu"
[location]
options = {degrees = 6, hidden = 32}
[text]
options = {hidden = 32, dropout = 0.0}
[image]
options = {trunk = "test_convnext", size_px = 32, drop_path = 0.0}
"""

# Gradients of half a batch are rounded otherwise than those of a whole one, which in bfloat16 shows at once.
COMMAND = """
import train.precision
train.precision._cpu_has_bfloat16 = lambda: False
from ui.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def runs(encoded_regions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of all three architectures in two processes, as the command line starts them."""
    folder = tmp_path_factory.mktemp("two")
    shutil.copytree(encoded_regions, folder / "catalogue")
    (folder / "run.toml").write_text(RUN)
    (folder / "command.py").write_text(COMMAND)
    names = [part for name in ARCHITECTURES for part in ("--architecture", name)]
    paths = ["--catalogue", folder / "catalogue", "--config", folder / "run.toml", "--out", folder / "out"]
    command = [sys.executable, folder / "command.py", "train", "--compare", "--devices", str(PROCESSES), "--json", *names, *paths]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Starting with 2 processes" in done.stderr
    assert [row["architecture"] for row in json.loads(done.stdout)] == list(ARCHITECTURES)  # said once, not by each process
    return folder


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_run_on_two_devices_is_the_run_on_one(
    architecture: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve articles and six tiles a step, six and three for each process: curve, validation and weights."""
    monkeypatch.setattr("train.precision._cpu_has_bfloat16", lambda: False)
    config = TrainConfig.load(runs / "run.toml", architecture=architecture)
    alone = train(config, Catalogue.open(runs / "catalogue"), tmp_path / "out")
    (folder,) = (runs / "out").glob(f"{architecture}-*")
    curve = [{name: pytest.approx(value, rel=1e-5, abs=1e-5) for name, value in row.items()} for row in alone.history]
    assert History.open(folder, before=99).rows == curve
    ours, theirs = load_file(folder / MODEL_FILE), load_file(tmp_path / "out" / MODEL_FILE)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
