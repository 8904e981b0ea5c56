"""Tiles without torch: prepared as every image tower has them, then the tower of their sensor as a graph."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from index.errors import InputError
from train.image.prepared import BandInput, known_sensor, prepared
from train.image.taken import taken
from train.queries.encoders import Shown, Vectors, unit
from train.queries.light.exported import Sensor
from train.queries.light.graph import Graph
from train.queries.light.side_by_side import side_by_side
from train.weights.tensors import Arrays

CHUNK = 64


class LightTiles:
    def __init__(self, folder: Path, said: dict[str, Sensor], weights: Arrays) -> None:
        self.said = said
        self._graphs = {sensor: Graph(folder / f"tiles_{sensor}.onnx", weights) for sensor in said}

    def vectors(self, tiles: Sequence[Shown]) -> Vectors:
        found: list[Vectors] = [np.empty(0, np.float32)] * len(tiles)
        for sensor in dict.fromkeys(tile.sensor for tile in tiles):
            rows = [row for row, tile in enumerate(tiles) if tile.sensor == sensor]
            made = side_by_side(partial(self._of, sensor, [tiles[row] for row in rows]), len(rows), CHUNK)
            for row, vector in zip(rows, np.concatenate(made), strict=True):
                found[row] = vector
        return unit(np.stack(found))

    def _of(self, sensor: str, tiles: Sequence[Shown], part: slice) -> Vectors:
        """Of some of the tiles, all of one sensor. Raises ``InputError`` for a sensor that the model has no tower for."""
        if sensor not in self.said:
            raise InputError(f"this model has no tower for sensor {sensor}; it has {', '.join(self.said)}")
        tiles, said = tiles[part], self.said[sensor]
        wanted = BandInput(said.bands, said.mean, said.std, said.white)
        pairs = [prepared(tile.pixels, tile.bands, known_sensor(sensor), wanted, said.size_px) for tile in tiles]
        pixels, present = (np.stack(each) for each in zip(*pairs, strict=True))
        context = np.stack([taken(tile.level, tile.date) for tile in tiles])
        return self._graphs[sensor].run(pixels=pixels, present=present, context=context)
