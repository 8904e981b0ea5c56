"""Texts without torch: frozen parts side by side, then the head of the model as a graph."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from train.queries.encoders import Vectors, unit
from train.queries.light.exported import Texts
from train.queries.light.graph import Graph
from train.text import minilm, use
from train.text.hashed_words import WordIds
from train.text.passages import passages_of
from train.weights.tensors import Arrays, mapped_tensors

Features = npt.NDArray[np.float32]


class Part(Protocol):
    def features(self, texts: Sequence[str]) -> Features: ...


class LightTexts:
    def __init__(self, folder: Path, said: Texts, weights: Arrays) -> None:
        self.said = said
        made: dict[str, Part] = {"minilm": MiniLM(folder / "minilm.onnx"), "use": Use(), "words": WordIds(said.bits, said.words)}
        self._parts = [made[name] for name in said.parts]
        self._head = Graph(folder / "articles.onnx", weights)

    def vectors(self, wholes: Sequence[str], texts: Sequence[str]) -> Vectors:
        split = passages_of(wholes, texts, self.said.passages - 1)
        strings = [passage for passages in split for passage in passages]
        found = np.concatenate([part.features(strings) for part in self._parts], axis=1)
        present = np.arange(self.said.passages)[None, :] < np.array([len(passages) for passages in split])[:, None]
        features = np.zeros((*present.shape, found.shape[1]), np.float32)
        features[present] = found
        return unit(self._head.run(len(wholes), passages=features, present=present))


class MiniLM:
    """Features [N, 384] of unit norm."""

    def __init__(self, graph: Path) -> None:
        self._file = graph

    def features(self, texts: Sequence[str]) -> Features:
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
        vectors = np.empty((len(texts), minilm.FEATURE_DIM), np.float32)
        for start in range(0, len(order), minilm.BATCH):
            rows = order[start : start + minilm.BATCH]
            cut = self._tokenizer.encode_batch([texts[row] for row in rows])
            pieces, mask = (np.array([getattr(each, name) for each in cut], np.int64) for name in ("ids", "attention_mask"))
            vectors[rows] = self._graph.run(len(rows), pieces=pieces, mask=mask)
        return unit(vectors)

    @cached_property
    def _tokenizer(self) -> Any:
        return minilm.tokenizer()

    @cached_property
    def _graph(self) -> Graph:
        return Graph(self._file, mapped_tensors(minilm.weights_file()))


class Use:
    """Features [N, 512] of unit norm."""

    def features(self, texts: Sequence[str]) -> Features:
        return unit(self._backbone.encode(list(texts)))

    @cached_property
    def _backbone(self) -> Any:
        return use.backbone()
