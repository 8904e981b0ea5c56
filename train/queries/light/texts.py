"""Texts without torch: frozen parts side by side, then the head of the model as a graph."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from index.threads import once
from train.queries.encoders import Vectors, unit
from train.queries.light.exported import Texts
from train.queries.light.graph import Graph
from train.queries.light.side_by_side import side_by_side
from train.text import minilm, use
from train.text.hashed_words import WordIds
from train.text.passages import passages_of
from train.weights.tensors import Arrays, mapped_tensors

CHUNK = 8  # texts at once: more are slower each, for what they take no longer fits into a core's cache
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
        found = self._features(strings)
        present = np.arange(self.said.passages)[None, :] < np.array([len(passages) for passages in split])[:, None]
        features = np.zeros((*present.shape, found.shape[1]), np.float32)
        features[present] = found
        return unit(self._head.run(passages=features, present=present))

    def _features(self, strings: Sequence[str]) -> Features:
        """[N, F], of all parts side by side. Strings of similar length go together, so that little is padded."""
        order = np.argsort([-len(each) for each in strings], kind="stable")

        def made(chunk: slice) -> Features:
            rows = [strings[row] for row in order[chunk]]
            return np.concatenate([part.features(rows) for part in self._parts], axis=1)

        found = np.concatenate(side_by_side(made, len(strings), CHUNK))
        features = np.empty_like(found)
        features[order] = found
        return features


class MiniLM:
    """Features [N, 384] of unit norm."""

    def __init__(self, graph: Path) -> None:
        self._file = graph

    def features(self, texts: Sequence[str]) -> Features:
        cut = self._tokenizer.encode_batch(texts)
        pieces, mask = (np.array([getattr(each, name) for each in cut], np.int64) for name in ("ids", "attention_mask"))
        return unit(self._graph.run(pieces=pieces, mask=mask))

    @once
    def _tokenizer(self) -> Any:
        return minilm.tokenizer()

    @once
    def _graph(self) -> Graph:
        return Graph(self._file, mapped_tensors(minilm.weights_file()))


class Use:
    """Features [N, 512] of unit norm. One thread at a time: the package limits the threads of the whole process meanwhile."""

    def __init__(self) -> None:
        self._turn = Lock()

    def features(self, texts: Sequence[str]) -> Features:
        with self._turn:
            return unit(self._backbone.encode(list(texts)))

    @once
    def _backbone(self) -> Any:
        return use.backbone()
