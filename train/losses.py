"""Contrastive objectives. Each takes one modality's vectors and the location vectors of the same places, in the same order."""

import torch
import torch.nn.functional as F
from torch import Tensor

from index.geo import MEAN_RADIUS_KM


def info_nce(vectors: Tensor, locations: Tensor, scale: Tensor, targets: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018, arXiv:1807.03748), 1/2 [CE(Z G^T) + CE(G Z^T)].

    ``vectors`` and ``locations`` are [B, D] of unit norm, row i of both from the same place; ``scale`` = 1/temperature.
    ``targets`` [B, B], each row summing to 1 and symmetric up to that normalisation, spreads the label over places that
    are as good as right; without it row i's only positive is i. Needs batches in which the rest really are negatives.
    """
    logits = scale * vectors @ locations.T
    if targets is None:
        labels = torch.arange(len(vectors), device=vectors.device)
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def geodesic_targets(lat: Tensor, lon: Tensor, falloff_km: float) -> Tensor:
    """Soft labels [B, B]: exp(-d/falloff) over great-circle distance d in km, rows normalised (the kernel of PIGEON, Haas et al.
    2023, arXiv:2307.05845). Neighbours in a batch stop being false negatives."""
    distances_km = _distances_km(lat, lon).fill_diagonal_(0)  # rounding leaves some millimetres
    return F.softmax(-distances_km / falloff_km, dim=1)


def _distances_km(lat: Tensor, lon: Tensor) -> Tensor:
    phi, theta = torch.deg2rad(lat.double()), torch.deg2rad(lon.double())
    xyz = torch.stack([phi.cos() * theta.cos(), phi.cos() * theta.sin(), phi.sin()], dim=1)
    half_chord = torch.sqrt(torch.clamp(2 - 2 * xyz @ xyz.T, min=0)) / 2
    return (2 * MEAN_RADIUS_KM * torch.arcsin(half_chord.clamp(max=1))).float()
