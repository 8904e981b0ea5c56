"""Weights that others trained: read from a file without running any code in it, and checked before they are copied."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from index.errors import CheckpointError, one_line
from index.files import file_sha256

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
_WRAPPINGS = ("state_dict", "model")  # the keys under which training scripts store the weights among other things
# The exceptions that readers of weights raise for other files.
UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    pickle.UnpicklingError,
    SafetensorError,
)


def names_a_file(weights: str) -> bool:
    """Whether an option ``weights`` is the path of a file rather than a published name; nothing is looked up."""
    return weights.endswith(SUFFIXES)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by name, on the CPU. Raises ``CheckpointError`` for a file with other content.

    safetensors, or PyTorch's format with only tensors in it (``weights_only``): no code of the file is run.
    """
    if not path.is_file():
        raise CheckpointError(f"no pretrained weights at {path}; put the file there, or name another in the option `weights`")
    try:
        found = _load(path)
    except UNREADABLE as error:
        remedy = "expected a state dict as .safetensors, or as PyTorch saves it, with tensors only"
        raise CheckpointError(f"{path} cannot be read as weights ({one_line(error)}); {remedy}") from None
    for key in _WRAPPINGS:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise CheckpointError(f"{path} holds a {type(found).__name__} that is not a state dict; expected tensors by name")
    return {str(name).removeprefix("module."): tensor for name, tensor in found.items()}  # DistributedDataParallel's prefix


def _load(path: Path) -> object:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


@torch.no_grad()
def copy_weights(
    target: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path, *, optional: frozenset[str] = frozenset()
) -> None:
    """Copy ``found`` (read from ``path``) into the tensors of ``target``, in place.

    Raises ``CheckpointError``, and copies nothing, unless names and shapes are the same; ``optional`` ones may be missing.
    """
    missing = sorted(target.keys() - found.keys() - optional)
    surplus = sorted(found.keys() - target.keys())
    shared = target.keys() & found.keys()
    misfits = sorted(name for name in shared if target[name].shape != found[name].shape)
    problem = ""
    if missing:
        problem = f"lacks {len(missing)} of the network's {len(target)} tensors, for example {missing[0]}"
    elif surplus:
        problem = f"holds {len(surplus)} tensors that the network does not have, for example {surplus[0]}"
    elif misfits:
        name = misfits[0]
        problem = f"has {name} of shape {tuple(found[name].shape)}, expected {tuple(target[name].shape)}"
    if problem:
        raise CheckpointError(f"{path} {problem}; give the file of the named network, or name the network of the file")
    for name in shared:
        target[name].copy_(found[name])


def weights_sha256(path: Path) -> str:
    """In hexadecimal. Raises ``CheckpointError`` where there is no such file."""
    try:
        return file_sha256(path)
    except OSError:
        raise CheckpointError(f"no pretrained weights at {path}; put the file there, or name another in `weights`") from None


def unknown_sha256() -> Tensor:
    """A buffer [32] for the digest of the file behind a frozen network: the checkpoint holds it instead of the network."""
    return torch.zeros(32, dtype=torch.uint8)


def sha256_in(buffer: Tensor) -> str:
    """The digest in hexadecimal, '' while unknown."""
    digest = bytes(buffer.tolist())
    return digest.hex() if any(digest) else ""


def note_sha256(buffer: Tensor, digest: str) -> None:
    buffer.copy_(torch.tensor(list(bytes.fromhex(digest)), dtype=torch.uint8))


def table_name(*parts: Any) -> str:
    """The parts as one name that a table of the catalogue can have."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", "_".join(str(part) for part in parts))
