"""RANGE (Dhakal et al. 2025, arXiv:2502.19781): what a place looks like, estimated from articles or tiles of similar places.

A memory of M records: places, keys k_i (the location encoder at their places, of unit length) and values v_i [D] (vectors
of the text or image itself). A query q, of unit length, gets

    RANGE     softmax(15 q.k) V,                                              then q
    RANGE+    0.5 softmax(12 q.k) V + 0.5 softmax(40 x.x_i) V,                then q

concatenated, x being points on the unit sphere; temperatures and the half are those of its published code. RANGE's values are the
features of an image network and its keys SatCLIP's; ours are the vectors in the index of a catalogue and the same model's keys.

A record at the exact place of a test point may be retrieved, and a text may state the label (the demo's articles name the Koeppen
class and the height of the nearest airfield): no split holds that out. The same applies to a model trained on such texts.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from index.errors import CatalogueError, ModelMismatchError
from index.geo import unit_xyz
from index.settings import Settings
from index.store.catalogue import Catalogue
from index.store.vectors import read_embeddings
from train.probing.features._features import Degrees, Features, FeaturesUnavailableError, Vectors
from train.probing.features.placebind import build as placebind

TEMPERATURE, SEMANTIC_TEMPERATURE, GEOGRAPHIC_TEMPERATURE, BETA = 15.0, 12.0, 40.0, 0.5
_CHUNK = 1024  # queries at a time: 1024 x 100,000 weights are 0.4 GB


class Options(Settings):
    checkpoint: Path = Field(description="folder of the model that the catalogue is indexed with")
    catalogue: Path = Field(description="folder of the catalogue")
    modality: Literal["articles", "tiles"] = Field("articles", description="the modality to retrieve")
    plus: bool = Field(True, description="RANGE+, which also uses nearness on the globe")
    label: str = Field("", description="the model's name in tables")


def build(**options: Any) -> "Range":
    """Raises ``FeaturesUnavailableError`` if the catalogue is not indexed with the model."""
    chosen = Options.parse(options, where="range")
    base = placebind(checkpoint=chosen.checkpoint, label=chosen.label)
    try:
        found = read_embeddings(Catalogue.open(chosen.catalogue), chosen.modality)
        if found.model_digest != base.checkpoint.digest_of(chosen.modality):
            raise ModelMismatchError(f"{chosen.catalogue} is indexed with another model than {chosen.checkpoint}")
    except (CatalogueError, ModelMismatchError) as error:
        raise FeaturesUnavailableError(f"nothing to retrieve from: {error}") from None
    name = f"{base.name.removesuffix(' output')} range{'+' if chosen.plus else ''} {chosen.modality}"
    return Range(base, found.places[:, 0], found.places[:, 1], found.vectors, plus=chosen.plus, name=name)


class Range:
    """Retrieval from given ``values`` [M, D] at places [M], the keys being ``base`` there."""

    probe = ""

    def __init__(
        self, base: Features, lat: Degrees, lon: Degrees, values: Vectors, *, plus: bool = True, name: str = "range"
    ) -> None:
        self.base, self.values, self.plus, self.name = base, values, plus, name
        self.lat, self.lon = lat, lon
        memory = hashlib.sha256(np.ascontiguousarray(values).tobytes() + np.stack([lat, lon]).tobytes()).hexdigest()
        self.digest = hashlib.sha256(f"range|{plus}|{base.digest}|{memory}".encode()).hexdigest()

    def encode(self, lat: Degrees, lon: Degrees) -> Vectors:
        """[N, D + base's D]: the retrieved values, then the base's own unit vector."""
        queries, keys = _unit(self.base.encode(lat, lon)), _unit(self.base.encode(self.lat, self.lon))
        points, places = unit_xyz(lat, lon), unit_xyz(self.lat, self.lon)
        retrieved = [self._retrieve(queries[rows], keys, points[rows], places) for rows in _parts(len(queries))]
        return np.concatenate([np.concatenate(retrieved), queries], axis=1).astype(np.float32)

    def _retrieve(self, queries: Vectors, keys: Vectors, points: Degrees, places: Degrees) -> Vectors:
        if not self.plus:
            return _softmax(TEMPERATURE * queries @ keys.T) @ self.values
        alike = _softmax(SEMANTIC_TEMPERATURE * queries @ keys.T) @ self.values
        near = _softmax(GEOGRAPHIC_TEMPERATURE * points @ places.T) @ self.values
        mixed: Vectors = BETA * alike + (1 - BETA) * near
        return mixed


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, count, _CHUNK))


def _unit(vectors: Vectors) -> Vectors:
    found: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def _softmax(logits: Any) -> Any:
    from scipy.special import softmax

    return softmax(logits, axis=1)
