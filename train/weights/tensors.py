"""Tensors in a safetensors file as memory-mapped arrays of numpy: opening reads the header, and only what is used is read."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import CheckpointError, one_line

Arrays = dict[str, npt.NDArray[Any]]
_TYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def mapped_tensors(path: Path) -> Arrays:
    """All tensors by name, to be read only. Raises ``CheckpointError`` for another file, and for a type that numpy does not have
    (bfloat16)."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(length))
        content = np.memmap(path, np.uint8, "r", offset=8 + length)
        return {name: _tensor(content, said) for name, said in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error, MemoryError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors ({one_line(error)}); copy the file again") from None


def _tensor(content: npt.NDArray[np.uint8], said: dict[str, Any]) -> npt.NDArray[Any]:
    first, last = said["data_offsets"]
    return np.asarray(content[first:last].view(_TYPES[said["dtype"]]).reshape(said["shape"]))
