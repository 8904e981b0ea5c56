"""Where towers compute in bfloat16: over many things at a time, where the device is quicker for it."""

import pytest
import torch

from train import precision
from train.precision import FEW, fast_autocast

CPU = torch.device("cpu")


def linear_in(count: int) -> torch.dtype:
    layer, batch = torch.nn.Linear(4, 4), torch.ones(count, 4)
    with fast_autocast(CPU, count):
        found: torch.dtype = layer(batch).dtype
    return found


def test_a_few_are_computed_in_float32_and_more_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: True)
    assert [linear_in(count) for count in (1, FEW, FEW + 1)] == [torch.float32, torch.float32, torch.bfloat16]


def test_a_processor_without_bfloat16_computes_everything_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: False)
    assert linear_in(100 * FEW) == torch.float32
