"""A transformer's block (Vaswani et al. 2017, arXiv:1706.03762) with tensor names as in timm's vision transformers.

timm's own block takes no mask per record in all the versions that we allow, and has another epsilon in its norms.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Tokens [B, N, width] and which of them may be attended to [B, N] -> tokens [B, N, width]; norms come first."""

    def __init__(self, width: int, heads: int, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = Feedforward(width, mlp_ratio * width)

    def forward(self, tokens: Tensor, there: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens), there)
        return tokens + self.mlp(self.norm2(tokens))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor, there: Tensor) -> Tensor:
        query, key, value = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=there[:, None, None])
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Feedforward(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))
