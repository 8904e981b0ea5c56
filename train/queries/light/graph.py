"""One network as an ONNX graph whose weights are inputs: they are views of mapped files, so that opening copies nothing.

onnxruntime would copy weights that are part of a graph, and those that it is given as initialisers (125 MB and a quarter of a
second for MiniLM). As inputs they stay where they are; the fusions that need constants are not missed.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import CheckpointError, one_line
from index.threads import once
from train.weights.tensors import Arrays

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
         "tensor(int64)": np.int64, "tensor(bool)": np.bool_}  # fmt: skip
FEW = 16  # records at once: one thread is quicker than waking the others


class Graph:
    """``weights`` by the names of the graph's inputs; those that differ in type are converted once, as half precision is."""

    def __init__(self, path: Path, weights: Arrays) -> None:
        self.path, self._weights = path, weights

    def run(self, count: int, **inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The only output, for ``count`` records: a few by one thread, more by all. What a graph does not read it is not given."""
        session = self._alone if count <= FEW else self._together
        read = {name: inputs[name] for name in self._inputs if name in inputs}
        result: npt.NDArray[np.float32] = session.run(None, {**read, **self._constants})[0]
        return result

    @once
    def _alone(self) -> Any:
        return open_session(self.path, 1)

    @once
    def _together(self) -> Any:
        return open_session(self.path, int(os.environ.get("OMP_NUM_THREADS") or 0))  # 0: a thread for each core

    @once
    def _constants(self) -> Mapping[str, npt.NDArray[Any]]:
        wanted = {name: TYPES[kind] for name, kind in self._inputs.items() if name in self._weights}
        return {name: np.ascontiguousarray(self._weights[name], kind) for name, kind in wanted.items()}

    @once
    def _inputs(self) -> Mapping[str, str]:
        return {each.name: each.type for each in self._alone.get_inputs()}


def open_session(path: Path, threads: int) -> Any:
    """Threads do not spin while they wait, which would take the time of others on a busy machine. Raises ``CheckpointError``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  # its errors have no base of their own
        raise CheckpointError(f"{path} is no readable graph ({one_line(error)}); run `placebind export-encoder` again") from None
