"""Learnable Voronoi sites (TTE, Cher et al., ECCV 2026, arXiv:2606.27514): capacity moves to where on Earth it is needed.

A place g on the unit sphere takes a softly weighted mean of the tokens of the sites around it, softmax_k(tau_k <g, s_k>) E, then
attends over a few tokens shared by the whole globe, so that similar places far apart can share a meaning, and passes through a
residual network. Sites s_k, their temperatures tau_k and tokens E are all learned. Seamless, and each pole is one place.

Ours: sites too far away to count are skipped (train/nets/spherical_softmax.py), so that 16,384 sites stay cheap. Tokens start at
unit scale; TTE's 0.02 is drowned by the later biases until the tokens have grown. Left out: TTE's image side of the shared tokens,
and the schedule of their temperature.
"""

import math
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from index.geo import fibonacci_sphere, unit_xyz
from index.settings import Settings
from train.nets.residual import ResidualNet
from train.nets.sphere import sphere_xyz
from train.nets.spherical_softmax import soft_mix


class Options(Settings):
    sites: int = Field(4096, ge=2, le=1_000_000, description="K; they start evenly spread over the sphere")
    site_dim: int = Field(384, ge=1, description="size of a site's token")
    tau: float = Field(45.0, gt=0, le=10_000, description="start of every site's temperature: a bell of 57/sqrt(tau) degrees")
    left_out: float = Field(1e-3, ge=0, lt=0.5, description="share of the softmax that skipped far sites may hold; 0 skips none")
    shared_tokens: int = Field(64, ge=1, description="tokens that all places attend over")
    gate: float = Field(0.5, ge=0, le=1, description="weight of the shared tokens against the sites' own")
    hidden: int = Field(512, ge=1)
    blocks: int = Field(2, ge=0, description="residual blocks of two layers each")
    dropout: float = Field(0.0, ge=0, lt=1, description="inside the blocks; TTE trains 300 epochs with 0.5")
    dim: int = Field(256, ge=2)


def build(**options: Any) -> "Voronoi":
    return Voronoi(Options.parse(options, where="voronoi"))


class Voronoi(nn.Module):
    """lat, lon [B] in WGS84 degrees -> [B, dim], not normalised."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.dim, self.left_out = options.dim, options.left_out
        spread = unit_xyz(*fibonacci_sphere(options.sites))
        self.directions = nn.Parameter(torch.from_numpy(spread).to(torch.get_default_dtype()))
        self.log_tau = nn.Parameter(torch.full((options.sites,), math.log(options.tau)))
        self.tokens = nn.Parameter(torch.randn(options.sites, options.site_dim))
        self.shared = SharedTokens(options.site_dim, options.hidden, options.shared_tokens, options.gate)
        self.network = ResidualNet(options.hidden, options.hidden, options.dim, options.blocks, options.dropout)

    @property
    def sites(self) -> Tensor:
        """Unit vectors [K, 3]: ``directions`` may leave the sphere in training, these never do."""
        return nn.functional.normalize(self.directions, dim=-1)

    def hidden(self, lat: Tensor, lon: Tensor) -> Tensor:
        """[B, hidden]: what the last linear layer reads."""
        mixed = soft_mix(sphere_xyz(lat, lon), self.sites, self.log_tau.exp(), self.tokens, self.left_out)
        return self.network.body(self.shared(mixed))

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.network.head(self.hidden(lat, lon))


class SharedTokens(nn.Module):
    """[B, in_dim] -> [B, out_dim]: attention over ``count`` tokens that are the same for all places, mixed with the input.

    The attention has a linear layer for its keys (one logit per token, over a learned temperature) as in TTE, not a product with
    projected tokens; the tokens are its values, orthonormal at the start.
    """

    def __init__(self, in_dim: int, out_dim: int, count: int, gate: float) -> None:
        super().__init__()
        self.gate = gate
        self.logits = nn.Linear(in_dim, count)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(0.5)))
        self.tokens = nn.Parameter(nn.functional.normalize(nn.init.orthogonal_(torch.empty(count, out_dim)), dim=-1))
        self.own = nn.Linear(in_dim, out_dim)
        self.norm = nn.LayerNorm(out_dim)

    def forward(self, mixed: Tensor) -> Tensor:
        attention = torch.softmax(self.logits(mixed) / self.log_temperature.exp(), dim=-1)
        return self.norm((1 - self.gate) * self.own(mixed) + self.gate * attention @ self.tokens)
