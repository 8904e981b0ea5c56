"""The trainable half of every text tower: passages of a text, as features of a frozen backbone, -> one vector of the shared space.

The passages of a text are the whole of it (part 0) and, with ``pool="attention"``, its sentences: a backbone reads a few hundred
tokens at most and blends them, so the telling sentence of a long article is lost in the whole. EcoWikiRS (Zermatten et al. 2025,
arXiv:2504.19742) weights the sentences in its loss, WINCEL, by how near each is to its paired image. An index has no such partner,
and here texts and images are unpaired: a learnt query weights them instead (pooling by multi-head attention of Lee et al. 2019,
arXiv:1810.00825).
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings

SKIP_GAIN = 4.0  # gives the unit-norm features as much weight at the start as the head's standardised ones
MOST_HEADS = 8


class HeadOptions(Settings):
    """The options of the head of any text tower; a tower's ``Options`` add its own."""

    hidden: int = Field(512, ge=1, description="units of the head's hidden layer")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of the head's inputs and hidden units that are dropped in training")
    pool: Literal["whole", "attention"] = Field("whole", description="read the whole text only, or its sentences as well")
    sentences: int = Field(8, ge=1, description="how many sentences are read next to the whole text; with pool = attention")
    dim: int = Field(256, ge=2, description="dimension of the shared space")


class TextHead(nn.Module):
    """Passages [B, S, F] of texts, present [B, S] bool -> [B, dim], not normalised. ``passages`` is the S that the tower wants.

    ``present`` says which passages a text has; part 0, the whole text, is always there. Absent passages are not read, and with
    ``pool="whole"`` only part 0 is. The linear path keeps texts together that the backbone finds similar; without it a small corpus
    makes the head forget what words mean.
    """

    def __init__(self, feature_dim: int, options: HeadOptions) -> None:
        super().__init__()
        self.dim = options.dim
        self.passages = 1 if options.pool == "whole" else 1 + options.sentences
        self.skip = nn.Linear(feature_dim, options.dim)
        self.head = nn.Sequential(
            nn.LayerNorm(feature_dim),
            nn.Dropout(options.dropout),
            nn.Linear(feature_dim, options.hidden),
            nn.GELU(),
            nn.Dropout(options.dropout),
            nn.Linear(options.hidden, options.dim),
        )
        self.attention = SentenceAttention(feature_dim) if options.pool == "attention" else None

    def forward(self, passages: Tensor, present: Tensor) -> Tensor:
        pooled = passages[:, 0]
        if self.attention is not None:
            pooled = pooled + self.attention(passages, present)
        return self.skip(SKIP_GAIN * pooled) + self.head(pooled)


class SentenceAttention(nn.Module):
    """Passages [B, S, F], present [B, S] bool -> [B, F]: what a learnt query finds in the passages that are present, in any order.

    Its last layer starts at zero: at first the tower reads only the whole text, and learns what the sentences add to it.
    """

    def __init__(self, feature_dim: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(feature_dim))
        self.standardise = nn.LayerNorm(feature_dim)  # elements of a unit vector are too small for a softmax to choose by
        self.attend = nn.MultiheadAttention(feature_dim, math.gcd(feature_dim, MOST_HEADS), batch_first=True)
        nn.init.zeros_(self.attend.out_proj.weight)

    def forward(self, passages: Tensor, present: Tensor) -> Tensor:
        standardised = self.standardise(passages.masked_fill(~present[..., None], 0))  # 0 x NaN would be NaN
        asked = self.query.expand(len(passages), 1, -1)
        found, _ = self.attend(asked, standardised, standardised, key_padding_mask=~present, need_weights=False)
        return found[:, 0]
