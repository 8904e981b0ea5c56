"""A shared space made by hand: every text, place, image and record has the vector that a test gives it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.records import Modality, Place, Tile
from retrieval.asking.parts import Encoders, Item
from retrieval.asking.photo import Photo
from tests.worlds import unit


class HandSpace(Encoders):
    """Encoders that look vectors up. Keys are texts, places, items, or for an image the value of its first pixel."""

    def __init__(self, vectors: Mapping[str | Place | Item | int, Sequence[float]]) -> None:
        self._vectors = vectors

    def embed_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if not all(text.strip() for text in texts):
            raise InputError("the query text is empty; say what to look for")
        return self._look_up(texts)

    def embed_places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.float32]:
        pairs = zip(np.atleast_1d(lat).tolist(), np.atleast_1d(lon).tolist(), strict=True)
        return self._look_up([Place(lat=each[0], lon=each[1]) for each in pairs])

    def embed_images(self, images: Sequence[Tile | Photo]) -> npt.NDArray[np.float32]:
        return self._look_up([int(image.pixels.flat[0]) for image in images])

    def embed_records(self, modality: Modality, ids: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._look_up([Item(modality, id_) for id_ in ids])

    def _look_up(self, keys: Sequence[Any]) -> npt.NDArray[np.float32]:
        return unit([self._vectors[key] for key in keys])
