"""Encoders small enough to follow by hand, batches for them, and what the losses must be, as loops over all pairs."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from index.registry import load
from train.batching.batches import Batch
from train.image.context import UNKNOWN
from train.image.tiles import TileBatch, TileGroup
from train.objective.architecture import Architecture
from train.text.articles import ArticleBatch

RADIUS_KM = 6371.0088
ARCHITECTURES = ("imagebind", "cyclic", "fused")
LAT, LON = (10.0, 10.5, -60.0, 45.0, 80.0, 10.0), (20.0, 20.0, 179.0, -100.0, 0.0, 20.0)  # two near each other, two at one place


class Globe(nn.Module):
    """A location encoder: a matrix on the unit vector of the place."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return self.dropout(self.linear(xyz(lat, lon).float()))


class Words(nn.Module):
    """A text tower: a matrix on the features of the whole text."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Tensor, present: Tensor) -> Tensor:
        return self.linear(self.dropout(parts[:, 0]))


class Colours(nn.Module):
    """An image tower: a matrix on the mean of each of three bands."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor:
        return self.linear(self.dropout(pixels.mean(dim=(2, 3)) * present))


def model(architecture: str, *, dropout: float = 0.0, seed: int = 0, **options: Any) -> Any:
    """One of the architectures over the encoders above; their weights depend on nothing but ``dropout``."""
    torch.manual_seed(0)
    encoders = nn.ModuleDict({"locations": Globe(dropout), "articles": Words(dropout), "tiles": Colours(dropout)})
    built: Architecture = load("train.objective.architectures", architecture).build(encoders=encoders, seed=seed, **options)
    built.plan({"articles": 1, "tiles": 1})
    return built


def articles(n: int = 6, first: int = 0) -> ArticleBatch:
    """Records ``first`` to ``first + n`` of endless articles, of which every sixth lies at the same place."""
    rows = range(first, first + n)
    parts = torch.stack([torch.randn(1, 5, generator=torch.Generator().manual_seed(100 + row)) for row in rows])
    return ArticleBatch(parts, torch.ones(n, 1, dtype=torch.bool), *_places(rows))


def tiles(n: int = 4, first: int = 0) -> TileBatch:
    """The same for tiles, which lie where the articles lie."""
    rows = range(first, first + n)
    pixels = torch.stack([torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(200 + row)) for row in rows])
    group = TileGroup("rgb", torch.arange(n), pixels, torch.ones(n, 3), UNKNOWN.expand(n, -1))
    return TileBatch([group], *_places(rows))


def batch(modality: str, n: int, first: int = 0) -> Batch:
    return articles(n, first) if modality == "articles" else tiles(n, first)


def gradients(of: nn.Module) -> dict[str, Tensor]:
    """What each parameter that has a gradient is told; a copy."""
    return {name: parameter.grad.clone() for name, parameter in of.named_parameters() if parameter.grad is not None}


def values(losses: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(loss.detach()) for name, loss in losses.items()}


def xyz(lat: Tensor, lon: Tensor) -> Tensor:
    """Unit vectors [N, 3] in float64."""
    phi, theta = torch.deg2rad(lat.double()), torch.deg2rad(lon.double())
    return torch.stack([phi.cos() * theta.cos(), phi.cos() * theta.sin(), phi.sin()], dim=1)


def haversine_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between (lat, lon) and (lat, lon)."""
    (lat, lon), (other_lat, other_lon) = (tuple(map(math.radians, each)) for each in (a, b))
    half = math.sin((other_lat - lat) / 2) ** 2 + math.cos(lat) * math.cos(other_lat) * math.sin((other_lon - lon) / 2) ** 2
    return 2 * RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))


def kernel(km: float, falloff_km: float, shape: str = "exponential") -> float:
    """How right a key at that distance is, between 0 and 1."""
    if falloff_km == 0:
        return float(km == 0)
    return math.exp(-km / falloff_km) if shape == "exponential" else math.exp(-((km / falloff_km) ** 2) / 2)


def slow_info_nce(
    queries: Tensor, keys: Tensor, scales: Sequence[Any], weights: Sequence[Sequence[float]], itself: Sequence[int] | None = None
) -> Tensor:
    """-1/B sum_i sum_j w_ij / sum_j w_ij log(exp(s_i q_i k_j) / sum_j exp(s_i q_i k_j)), j over all keys but query i itself."""
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(queries)):
        others = [j for j in range(len(keys)) if itself is None or j != itself[i]]
        grown = {j: torch.exp(scales[i] * sum(queries[i, d] * keys[j, d] for d in range(queries.shape[1]))) for j in others}
        whole, right = sum(grown.values()), sum(weights[i][j] for j in others)
        for j in others:
            total = total - weights[i][j] / right * torch.log(grown[j] / whole)
    return total / len(queries)


def slow_sigmoid(
    queries: Tensor,
    keys: Tensor,
    scales: Sequence[Any],
    bias: Any,
    weights: Sequence[Sequence[float]],
    itself: Sequence[int] | None = None,
) -> Tensor:
    """-1/B sum_ij w_ij log sigmoid(l_ij) + (1 - w_ij) log sigmoid(-l_ij), l_ij = s_i q_i k_j + bias, without query i itself."""
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(queries)):
        for j in range(len(keys)):
            if itself is not None and j == itself[i]:
                continue
            logit = scales[i] * sum(queries[i, d] * keys[j, d] for d in range(queries.shape[1])) + bias
            yes, no = 1 / (1 + torch.exp(-logit)), 1 / (1 + torch.exp(logit))
            total = total - weights[i][j] * torch.log(yes) - (1 - weights[i][j]) * torch.log(no)
    return total / len(queries)


def _places(rows: range) -> tuple[Tensor, Tensor]:
    return tuple(torch.tensor([each[row % len(LAT)] for row in rows], dtype=torch.float64) for each in (LAT, LON))
