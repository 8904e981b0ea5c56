"""Text tower: all-MiniLM-L6-v2, frozen, next to a learnt table of words (train/text/word_bag.py), under the head of
``train.text.text_head``.

The meaning of a text comes from MiniLM, the place that it names from its words. Shapes: texts -> features [N, 384 + words],
MiniLM's vector and the ids of the words; passages [B, S, 384 + words], present [B, S] -> [B, dim].
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from train.encoders.text.minilm import FEATURE_DIM, MiniLM
from train.text.text_head import HeadOptions, TextHead
from train.text.word_bag import WordBag, hashed_words

READING = "words in order"  # in every index: until 2026-11-30 the words with the lowest ids were read of a long text


class Options(HeadOptions):
    hidden: int = Field(1024, ge=1, description="units of the head's hidden layer")
    bits: int = Field(16, ge=4, le=22, description="the table has 2^bits rows; words that fall into one row share it")
    word_dim: int = Field(64, ge=1, description="size of a word's vector")
    words: int = Field(128, ge=1, description="different words that are read of a text, from its beginning")
    word_dropout: float = Field(0.3, ge=0, lt=1, description="share of the words that are not read in training")


def build(**options: Any) -> "MiniLMWords":
    return MiniLMWords(Options.parse(options, where="minilm_words"))


class MiniLMWords(MiniLM):
    def __init__(self, options: Options) -> None:
        TextHead.__init__(self, FEATURE_DIM + options.word_dim, options)
        self.options = options
        self.bag = WordBag(options.bits, options.word_dim, options.word_dropout, like=FEATURE_DIM)

    @property
    def feature_key(self) -> str:  # type: ignore[override]
        return f"{MiniLM.feature_key}_words{self.options.bits}x{self.options.words}_in_order"

    @property
    def feature_dim(self) -> int:  # type: ignore[override]
        return FEATURE_DIM + self.options.words

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """[N, 384 + words]: a unit vector, then ids."""
        if not texts:
            return np.empty((0, self.feature_dim), np.float32)
        return np.concatenate([super().features(texts), hashed_words(texts, self.options.bits, self.options.words)], axis=1)

    def forward(self, passages: Tensor, present: Tensor) -> Tensor:
        passages = passages[:, : self.passages]
        meaning, ids = passages[..., :FEATURE_DIM], passages[..., FEATURE_DIM:]
        ids = ids.masked_fill(~present[:, : self.passages, None], -1)
        return super().forward(torch.cat([meaning, self.bag(ids)], dim=-1), present[:, : self.passages])
