"""Where reduced precision helps: bfloat16 autocast on accelerators and on CPUs with bfloat16 instructions, float32 elsewhere.

In bfloat16 the features of a text depend on the other texts in its batch: the batch decides the order of rounding in sums.
"""

from functools import cache

import torch

FEW = 16  # take in float32 about as long as in bfloat16 (MiniLM on one core of a Xeon: .17 s and .14 s; 64 take .95 s and .34 s)
BFLOAT16_TOLERANCE = 2**-8  # of each element of a unit vector between two batches, or to float32; its cosine to itself is > .9999


def fast_autocast(device: torch.device, count: int) -> torch.autocast:
    """Autocast for convolutions and transformers, over a batch of ``count``. A batch of at most ``FEW`` is computed in float32, so
    that a question has one answer: its vectors do not depend on the batch beyond 1e-6.

    Not for the location encoder: sin(30 x) needs the digits.
    """
    if count <= FEW:  # a branch, since torch.compile cannot pass on a size that it does not know
        return torch.autocast(device.type, torch.bfloat16, enabled=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu" or _cpu_has_bfloat16())


@cache
def _cpu_has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def choose_device(name: str) -> torch.device:
    """'auto' is CUDA where there is one, else the CPU."""
    return torch.device("cuda" if name == "auto" and torch.cuda.is_available() else "cpu" if name == "auto" else name)
