"""Checkpoints with settings next to the weights, such as PyTorch Lightning's, read for their tensors and plain values.

No class or function that they name is ever called.
"""

from collections import OrderedDict
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from index.errors import CheckpointError, one_line
from train.weights.pretrained import UNREADABLE


class _Nothing:
    """Stands for an object of any class that a checkpoint names: accepts any arguments and does nothing with them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


def read_lightning(path: Path, settings: str = "hyper_parameters") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors by name, entries under ``settings`` by name), on the CPU. Raises ``CheckpointError`` for any other file.

    Lightning pickles hyper-parameters, which may be objects of any class, next to the weights. Those objects come back empty.
    """
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}; put the file there, or name another in the option `weights`")
    try:
        with _stand_ins(path):
            found = torch.load(path, map_location="cpu", weights_only=True)
        tensors = {str(name): tensor for name, tensor in found["state_dict"].items() if isinstance(tensor, Tensor)}
        return tensors, dict(found.get(settings, {}))
    except UNREADABLE as error:
        remedy = f"expected a checkpoint with `state_dict` and `{settings}`"
        raise CheckpointError(f"{path} cannot be read as a checkpoint ({_reason(error)}); {remedy}") from None


def _stand_ins(path: Path) -> AbstractContextManager[None]:
    """Lets ``torch.load`` continue at unknown names, with a dictionary or with nothing in place of what they name."""
    unknown = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    pairs: list[Any] = [(OrderedDict if name.endswith("Dict") else _Nothing, name) for name in unknown]
    return torch.serialization.safe_globals(pairs)


def _reason(error: Exception) -> str:
    """The error's last line, without PyTorch's surrounding advice to load the file anyway and run what is in it."""
    message, _, _ = str(error).partition("Check the documentation of torch.load")
    lines = message.strip().splitlines() or [type(error).__name__]
    return one_line(ValueError(lines[-1]))
