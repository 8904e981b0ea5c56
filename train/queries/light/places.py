"""Places without torch: what numpy reads of the Earth there, then the location encoder's network as a graph."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.threads import once
from train.nets import earth
from train.queries.encoders import Vectors, unit
from train.queries.light.exported import Places
from train.queries.light.graph import Graph
from train.queries.light.side_by_side import side_by_side
from train.weights.tensors import Arrays

CHUNK = 4096  # places at once: the hidden layers of more would take hundreds of megabytes


class LightPlaces:
    def __init__(self, folder: Path, said: Places, weights: Arrays) -> None:
        self.said, self._weights = said, weights
        self._graph = Graph(folder / "locations.onnx", weights)

    def vectors(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors:
        lats, lons = (np.atleast_1d(np.asarray(each, np.float64)) for each in (lat, lon))
        made = side_by_side(lambda part: self._chunk(lats[part], lons[part]), max(1, len(lats)), CHUNK)
        return unit(np.concatenate(made))

    def _chunk(self, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        if not self.said.inputs:
            return self._graph.run(lat=lat, lon=lon)
        made = {
            "look": lambda: self._pictures.look(lat, lon),
            "zonal": lambda: earth.zonal(lat),
            "waves": lambda: earth.harmonics(lat, lon, self.said.degrees),
        }
        return self._graph.run(**{name: np.ascontiguousarray(made[name](), np.float32) for name in self.said.inputs})

    @once
    def _pictures(self) -> earth.Pyramid:
        return earth.Pyramid(self._weights["pixels"])
