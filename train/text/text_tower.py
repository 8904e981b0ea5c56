"""The base of the text towers: a frozen backbone's features of strings, computed once and cached, under the trainable head."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from index.errors import CheckpointError
from train.precision import choose_device, fast_autocast
from train.text.text_head import HeadOptions, TextHead
from train.weights.pretrained import note_sha256, sha256_in, unknown_sha256


class TextTower(TextHead):
    """``features`` turns strings into what ``forward`` takes as passages [B, S, F]. A tower defines how in ``encode``.

    The backbone is neither trained nor saved: a tower hides it from ``nn.Module``.
    """

    feature_dim: int

    @property
    def feature_key(self) -> str:
        """Names the backbone and its exact weights: cached features are read only under the same key."""
        raise NotImplementedError

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Frozen features [N, F] float32, unit norm.

        Features of at most ``FEW`` texts have full float32 precision. Features of more are within ``BFLOAT16_TOLERANCE`` where
        bfloat16 is quicker. A cached feature and that of the same text as a question are thus equally close (train/precision.py).
        """
        if not texts:
            return np.empty((0, self.feature_dim), dtype=np.float32)
        device = choose_device("auto")
        with torch.inference_mode(), fast_autocast(device, len(texts)):
            vectors = np.asarray(self.encode(list(texts), device), dtype=np.float32)
        normalised: npt.NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normalised

    def encode(self, texts: list[str], device: torch.device) -> Any:
        """The backbone's features of the texts: an array [N, F] of any norm. Gradients are off and autocast is set already."""
        raise NotImplementedError


class PublishedTextTower(TextTower):
    """A tower over a backbone that its options name by file, folder or published name.

    The checkpoint holds the SHA-256 of the backbone's files, and only those are accepted afterwards. ``name`` identifies the
    backbone and holds only characters that a table's name may have.
    """

    name: str
    file_sha256: Tensor

    def __init__(self, feature_dim: int, options: HeadOptions) -> None:
        super().__init__(feature_dim, options)
        self.feature_dim = feature_dim
        self.register_buffer("file_sha256", unknown_sha256())

    @property
    def feature_key(self) -> str:
        if not self._known_sha256():
            self.check_files()
        return f"{self.name}_{self._known_sha256()[:16]}"

    def load_pretrained(self) -> None:
        """Record which files a new model is trained with."""
        self.check_files()

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.check_files()
        return super().features(texts)

    def check_files(self) -> None:
        """Raises ``CheckpointError`` unless the backbone's files are there and are those that the model was trained with."""
        found, known = self.found_sha256(), self._known_sha256()
        if not known:
            note_sha256(self.file_sha256, found)
        elif found != known:
            raise CheckpointError(
                f"the files of the text backbone {self.name} have SHA-256 {found[:8]}…, this model was trained on features of "
                f"{known[:8]}…; put those files at the place that its option names"
            )

    def found_sha256(self) -> str:
        """The SHA-256 of the backbone's files on this machine, in hexadecimal."""
        raise NotImplementedError

    def _known_sha256(self) -> str:
        return sha256_in(self.file_sha256)
