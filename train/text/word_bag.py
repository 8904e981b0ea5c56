"""The words of a text themselves: each is looked up in a hashed table, weighted and averaged. Reading names needs names.

A language model cuts a rare name into pieces and blends them: "Hajdúszoboszló" means next to nothing to it. A table of words knows
a name once it has seen it (the hashing trick, Weinberger et al. 2009, arXiv:0902.2206; averaged word vectors as in fastText, Joulin
et al. 2017, arXiv:1607.01759). Every word has a learnt weight, so that the telling words of a long text count.
"""

import torch
from torch import Tensor, nn

WEIGHT_GAIN = 4.0  # makes the weights of words learn as quickly as their vectors
ENOUGH = 0.05  # a text whose words weigh less than this says less


class WordBag(nn.Module):
    """Ids of words [..., K] (``train.text.hashed_words``) -> [..., dim], whose numbers are about as large as those of a unit
    vector of ``like`` numbers. In training a share of the words is not read."""

    def __init__(self, bits: int, dim: int, dropout: float, like: int) -> None:
        super().__init__()
        self.dropout = dropout
        self.vectors = nn.Parameter(torch.randn(2**bits, dim) * like**-0.5)
        self.weights = nn.Parameter(torch.zeros(2**bits))

    def forward(self, ids: Tensor) -> Tensor:
        there = ids >= 0
        if self.training:
            there = there & (torch.rand_like(ids) >= self.dropout)
        row, column = torch.nonzero(there.flatten(0, -2), as_tuple=True)
        words = ids.flatten(0, -2)[row, column].long()
        weight = (WEIGHT_GAIN * self.weights[words]).clamp(-8, 8).exp()
        starts = torch.searchsorted(row, torch.arange(there.flatten(0, -2).shape[0], device=ids.device))
        summed = nn.functional.embedding_bag(words, self.vectors, starts, mode="sum", per_sample_weights=weight)
        total = weight.new_zeros(len(summed)).index_add(0, row, weight) + ENOUGH
        return (summed / total[:, None]).unflatten(0, ids.shape[:-1])
