"""Where reduced precision helps: bfloat16 autocast on accelerators and on CPUs with bfloat16 instructions, float32 elsewhere."""

from functools import cache

import torch


def fast_autocast(device: torch.device) -> torch.autocast:
    """Autocast for convolutions and transformers. Not for the location encoder: sin(30 x) needs the digits."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu" or _cpu_has_bfloat16())


@cache
def _cpu_has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def choose_device(name: str) -> torch.device:
    """'auto' is CUDA where there is one, else the CPU."""
    return torch.device("cuda" if name == "auto" and torch.cuda.is_available() else "cpu" if name == "auto" else name)
