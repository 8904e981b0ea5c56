"""A text tower of frozen backbones side by side, next to a learnt table of words (train/text/word_bag.py), under the head.

The meaning of a text comes from the backbones, the place that it names from its words. Shapes: texts -> features [N, F + words],
the backbones' unit vectors and the ids of the words; passages [B, S, F + words], present [B, S] -> [B, dim].
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from train.protocols import FrozenTexts
from train.text.hashed_words import WordIds
from train.text.text_head import HeadOptions, TextHead
from train.text.word_bag import WordBag


class WordOptions(HeadOptions):
    hidden: int = Field(1024, ge=1, description="units of the head's hidden layer")
    bits: int = Field(16, ge=4, le=22, description="the table has 2^bits rows; words that fall into one row share it")
    word_dim: int = Field(64, ge=1, description="size of a word's vector")
    words: int = Field(128, ge=1, description="different words that are read of a text, from its beginning")
    word_dropout: float = Field(0.3, ge=0, lt=1, description="share of the words that are not read in training")


class WordsBeside(TextHead):
    """``meaning_dim`` is what the backbones give together; a tower says in ``backbones`` which they are."""

    def __init__(self, options: WordOptions, meaning_dim: int) -> None:
        super().__init__(meaning_dim + options.word_dim, options)
        self.options, self.meaning_dim = options, meaning_dim
        self.bag = WordBag(options.bits, options.word_dim, options.word_dropout, like=meaning_dim)

    def backbones(self) -> tuple[FrozenTexts, ...]:
        raise NotImplementedError

    @cached_property
    def parts(self) -> tuple[FrozenTexts, ...]:
        """The backbones and the ids of the words, each with a cache of its own: towers that share one share its features. A tuple,
        which hides their weights from ``nn.Module``."""
        return (*self.backbones(), WordIds(self.options.bits, self.options.words))

    @property
    def feature_key(self) -> str:
        return "_".join(part.feature_key for part in self.parts)

    @property
    def feature_dim(self) -> int:
        return self.meaning_dim + self.options.words

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """[N, F + words]: unit vectors, then ids."""
        if not texts:
            return np.empty((0, self.feature_dim), np.float32)
        return np.concatenate([part.features(texts) for part in self.parts], axis=1)

    def forward(self, passages: Tensor, present: Tensor) -> Tensor:
        passages = passages[:, : self.passages]
        meaning, ids = passages[..., : self.meaning_dim], passages[..., self.meaning_dim :]
        ids = ids.masked_fill(~present[:, : self.passages, None], -1)
        return super().forward(torch.cat([meaning, self.bag(ids)], dim=-1), present[:, : self.passages])
