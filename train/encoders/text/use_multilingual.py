"""Text tower: the multilingual Universal Sentence Encoder (Yang et al. 2020, arXiv:1907.04307; Apache-2.0), frozen, under the
trainable head of ``train.text.text_head``.

It reads sixteen languages, and a sentence lies near its translation. ``train.text.use`` has the weights and runs them with NumPy.

Shapes: texts -> features [N, 512]; passages [B, S, 512], present [B, S] -> [B, dim].
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from train.text.text_head import HeadOptions
from train.text.text_tower import TextTower
from train.text.use import FEATURE_DIM, LANGUAGES, SCRIPTS, WEIGHTS_SHA256, backbone


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
        """[N, 512]. The package cuts batches itself."""
        vectors: npt.NDArray[np.float32] = self._backbone.encode(texts)
        return vectors

    @cached_property
    def _backbone(self) -> Any:
        return backbone()
