"""Contrast across processes: every process sees the rows of all, and gradients return to the process that owns the row."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if world_size() > 1 else 0


def gather_rows(rows: Tensor) -> Tensor:
    """[b, ...] of each process -> [processes * b, ...], process 0 first. All processes must have equally many rows."""
    return _Gather.apply(rows) if world_size() > 1 else rows


class _Gather(torch.autograd.Function):
    """The gradient of a row is the sum of those from all processes; the one behind torch's own all_gather is deprecated."""

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        context.count = len(rows)
        gathered = [torch.empty_like(rows) for _ in range(world_size())]
        dist.all_gather(gathered, rows.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)  # the tensor may be shared with another gradient
        dist.all_reduce(total)
        return total[rank() * context.count :][: context.count]
