"""One network as an ONNX graph whose weights are inputs: they are views of mapped files, so that opening copies nothing.

onnxruntime would copy weights that are part of a graph, and those that it is given as initialisers (125 MB and a quarter of a
second for MiniLM). As inputs they stay where they are; the fusions that need constants are not missed.
"""

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


class Graph:
    """``weights`` by the names of the graph's inputs; those that differ in type are converted once, as half precision is."""

    def __init__(self, path: Path, weights: Arrays) -> None:
        self.path, self._weights = path, weights

    def run(self, **inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The only output, by one thread; many threads may ask (``side_by_side``). What a graph does not read it is not given."""
        read = {name: inputs[name] for name in self._inputs if name in inputs}
        result: npt.NDArray[np.float32] = self._session.run(None, {**read, **self._constants})[0]
        return result

    @once
    def _session(self) -> Any:
        return open_session(self.path)

    @once
    def _constants(self) -> Mapping[str, npt.NDArray[Any]]:
        wanted = {name: TYPES[kind] for name, kind in self._inputs.items() if name in self._weights}
        return {name: np.ascontiguousarray(self._weights[name], kind) for name, kind in wanted.items()}

    @once
    def _inputs(self) -> Mapping[str, str]:
        return {each.name: each.type for each in self._session.get_inputs()}


def open_session(path: Path) -> Any:
    """Raises ``CheckpointError``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  # its errors have no base of their own
        raise CheckpointError(f"{path} is no readable graph ({one_line(error)}); run `placebind export-encoder` again") from None
