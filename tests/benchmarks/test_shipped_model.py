"""How the shipped model is put together of what was trained apart."""

from pathlib import Path

import pytest
import torch

from benchmarks.shipped_model import TOWER, go_between
from tests.conftest import World
from train.checkpoint import Checkpoint, save_model


@pytest.mark.parametrize(("share", "moved"), [(0.0, 0.0), (0.25, 0.5), (1.0, 2.0)])
def test_a_model_between_two_has_the_tower_between_theirs_and_all_else_of_the_second(
    world: World, tmp_path: Path, share: float, moved: float
) -> None:
    before = Checkpoint.open(world.checkpoint)
    weights = {name: each + 2 if name.startswith(TOWER) else each for name, each in before.weights().items()}
    save_model(tmp_path / "after", weights, before.card)
    go_between(before, Checkpoint.open(tmp_path / "after"), share, tmp_path / "between")
    between = Checkpoint.open(tmp_path / "between").weights()
    assert between.keys() == weights.keys()
    for name, was in before.weights().items():
        torch.testing.assert_close(between[name], was + moved if name.startswith(TOWER) else was)
