"""Contrastive objectives over soft labels: how right each key is for each query decreases with the distance between them.

A loss takes unit vectors of queries [B, D] and keys [K, D] and ``Targets``, the labels [B, K], which are computed one block of rows
at a time. With ``chunk`` > 0 so are the logits, forwards and backwards: memory then grows with chunk x K instead of B x K, and
values and gradients are the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from index.geo import MEAN_RADIUS_KM
from train.nets.sphere import sphere_xyz

Kernel = Literal["exponential", "gaussian"]


@dataclass(frozen=True)
class Targets:
    """How right each of K keys is for each of B queries.

    exp(-d/r) ("exponential", the kernel of PIGEON, Haas et al. 2023, arXiv:2307.05845) or exp(-d^2/2r^2) ("gaussian") over the
    great-circle distance d, r = ``falloff_km``: neighbours in a batch stop being false negatives. With r = 0 only keys at the exact
    same place are right. ``places`` [B, 3] and ``key_places`` [K, 3] come from ``on_sphere``; ``itself`` [B] is the column of
    the query itself among the keys, which is then neither right nor wrong.
    """

    places: Tensor
    key_places: Tensor
    falloff_km: float
    kernel: Kernel = "exponential"
    itself: Tensor | None = None

    def log_weights(self, rows: slice) -> Tensor:
        """[b, K]: 0 for a fully right key, -inf for a wrong one."""
        distances = distances_km(self.places[rows], self.key_places)
        if self.falloff_km == 0:
            logs = torch.zeros_like(distances).masked_fill(distances > 0, -torch.inf)
        elif self.kernel == "exponential":
            logs = -distances / self.falloff_km
        else:
            logs = -(distances / self.falloff_km).square() / 2
        return logs if self.itself is None else logs.scatter(1, self.itself[rows, None], -torch.inf)


def info_nce(queries: Tensor, keys: Tensor, scale: Tensor, targets: Targets, *, chunk: int = 0) -> Tensor:
    """Mean over queries of the cross entropy between softmax(scale * Q K^T) and the targets, rows normalised (InfoNCE, van den
    Oord et al. 2018, arXiv:1807.03748). One direction: the symmetric form is the mean of this and of keys against queries.

    ``scale`` is 1/temperature, one number or one for each query [B, 1]. It needs batches in which distant records really are wrong.
    """
    scales = scale.expand(len(queries), 1)

    def of_rows(rows: slice, queries: Tensor, keys: Tensor, scales: Tensor) -> Tensor:
        logits = scales * (queries @ keys.T)
        if targets.itself is not None:
            logits = logits.scatter(1, targets.itself[rows, None], -torch.inf)
        labels = F.softmax(targets.log_weights(rows), dim=1).to(logits.dtype)
        log_shares = F.log_softmax(logits, dim=1)
        return -(labels * log_shares.masked_fill(labels == 0, 0)).sum()

    return _sum_over_rows(of_rows, queries, keys, scales, chunk) / len(queries)


def sigmoid_loss(queries: Tensor, keys: Tensor, scale: Tensor, bias: Tensor, targets: Targets, *, chunk: int = 0) -> Tensor:
    """SigLIP (Zhai et al. 2023, arXiv:2303.15343): every pair is a yes-or-no question, log sigmoid(+-(scale * cosine + bias)),
    summed over keys and averaged over queries. A target between 0 and 1 is the share of yes; both directions are the same."""
    scales = scale.expand(len(queries), 1)

    def of_rows(rows: slice, queries: Tensor, keys: Tensor, scales: Tensor) -> Tensor:
        logits = scales * (queries @ keys.T) + bias
        costs = F.binary_cross_entropy_with_logits(logits, targets.log_weights(rows).exp().to(logits.dtype), reduction="none")
        return (costs if targets.itself is None else costs.scatter(1, targets.itself[rows, None], 0.0)).sum()

    return _sum_over_rows(of_rows, queries, keys, scales, chunk) / len(queries)


def on_sphere(lat: Tensor, lon: Tensor) -> Tensor:
    """[N] WGS84 degrees -> unit vectors [N, 3] in float32: 0.4 m on the ground, computed in float64.

    Rounded to 6 mm first: the cosine of 90 degrees and the sine of 180 are not quite 0, and a pole or a place on the antimeridian
    would be a different place under each of its coordinates.
    """
    return sphere_xyz(lat, lon).round(decimals=9).float()


def distances_km(places: Tensor, others: Tensor) -> Tensor:
    """Great-circle distances [N, M] between unit vectors [N, 3] and [M, 3]; exactly 0 for the same vector, also in float32."""
    chords = torch.cdist(places, others, compute_mode="donot_use_mm_for_euclid_dist")  # with products, rounding would swamp 1 km
    return 2 * MEAN_RADIUS_KM * torch.arcsin((chords / 2).clamp(max=1))


def _sum_over_rows(of_rows: Callable[..., Tensor], queries: Tensor, keys: Tensor, scales: Tensor, chunk: int) -> Tensor:
    if not chunk or chunk >= len(queries):
        return of_rows(slice(None), queries, keys, scales)
    total = queries.new_zeros(())
    for start in range(0, len(queries), chunk):
        rows = slice(start, start + chunk)
        total = total + checkpoint(of_rows, rows, queries[rows], keys, scales[rows], use_reentrant=False)
    return total
