"""softmax(tau_k <g, s_k>) E over very many sites s_k on the sphere, skipping those too far away to count.

How many sites count follows from tau: at tau 45 the softmax is a bell of 8.5 degrees, which holds 99.9 % of its weight within 32
degrees, some 310 of 4,096 even sites, but 1,260 of 16,384. A fixed number of neighbours that is right for one is wrong for the
other (the 256 nearest of 16,384 leave a quarter of the weight out), and temperatures are learned. So the parameter is not a number
of sites but the share of the weight that may be left out, and a bound on that share decides.

Points are sorted into caps around the points of a Fibonacci lattice. For each cap, sites are dropped that together stay below the
given share anywhere in the cap, and the rest is a dense softmax of few points over few sites. The dropped sites depend on
a point's own place, never on the rest of the batch.
"""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from index.geo import fibonacci_sphere, unit_xyz

CAPS = 64  # more caps leave out more sites but need more and smaller products: 32 to 128 perform alike
BISECTIONS = 10  # halvings of the interval in which a cap's threshold lies


class Group(NamedTuple):
    """The points of one cap and the sites that count for them, both as row numbers."""

    points: Tensor
    sites: Tensor


def soft_mix(points: Tensor, sites: Tensor, tau: Tensor, tokens: Tensor, left_out: float) -> Tensor:
    """softmax over k of (tau_k <points_b, sites_k>) times ``tokens``: [B, D] in the dtype of ``tokens``.

    ``points`` [B, 3] and ``sites`` [K, 3] are unit vectors, ``tau`` [K] positive, ``tokens`` [K, D]. Each softmax lacks at most the
    share ``left_out``, and the rest is renormalised; 0 uses all sites. Differentiable in all four; memory beyond inputs and
    gradients is that of one cap. Not in half precision: a logit of 45 would be off by 0.1.
    """
    dtype = torch.promote_types(tokens.dtype, torch.float32)
    directions = sites.to(dtype) * tau.to(dtype)[:, None]
    with torch.autocast(points.device.type, enabled=False):
        if left_out == 0:
            return (torch.softmax(points.to(dtype) @ directions.T, dim=-1) @ tokens.to(dtype)).to(tokens.dtype)
        groups = _grouped(points.detach(), directions.detach(), left_out)
        return _GroupedMix.apply(points.to(dtype), directions, tokens.to(dtype), groups).to(tokens.dtype)


class _GroupedMix(torch.autograd.Function):
    """softmax(points directions^T) tokens, group by group. The backward pass recomputes the softmax instead of storing it."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, directions: Tensor, tokens: Tensor, groups: list[Group]) -> Tensor:
        ctx.save_for_backward(points, directions, tokens)
        ctx.groups = groups
        mixed = tokens.new_empty(len(points), tokens.shape[1])
        for rows, sites in groups:
            mixed[rows] = torch.softmax(points[rows] @ directions[sites].T, dim=-1) @ tokens[sites]
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        points, directions, tokens = ctx.saved_tensors
        of_points, of_directions, of_tokens = (torch.zeros_like(each) for each in (points, directions, tokens))
        for rows, sites in ctx.groups:
            near, there = directions[sites], points[rows]
            weights = torch.softmax(there @ near.T, dim=-1)
            of_tokens[sites] += weights.T @ gradient[rows]
            of_weights = gradient[rows] @ tokens[sites].T
            of_logits = weights * (of_weights - (weights * of_weights).sum(-1, keepdim=True))
            of_directions[sites] += of_logits.T @ there
            of_points[rows] = of_logits @ near
        return of_points, of_directions, of_tokens, None


@torch.no_grad()
def _grouped(points: Tensor, directions: Tensor, left_out: float) -> list[Group]:
    centres, radius = _caps(CAPS)
    centres = centres.to(points.device)
    cap = (points.to(centres.dtype) @ centres.T).argmax(dim=-1)
    order = cap.argsort()
    used, sizes = torch.unique_consecutive(cap[order], return_counts=True)
    counts = sites_that_count(centres[used], radius, directions.to(centres.dtype), left_out)
    near = counts.nonzero()[:, 1].split(counts.sum(dim=-1).tolist())
    return [Group(rows, kept) for rows, kept in zip(order.split(sizes.tolist()), near, strict=True)]


def sites_that_count(centres: Tensor, radius: float, directions: Tensor, left_out: float) -> Tensor:
    """Which sites to keep for the points within ``radius`` (rad) of each centre: [C, K] bool. ``directions`` [K, 3] is tau_k s_k.

    For any point of the cap, the dropped sites together have at most the share ``left_out`` of its softmax.
    """
    at_most = _largest_log_share(centres, radius, directions)
    share = at_most.exp()
    below = torch.full_like(at_most[:, :1], math.log(left_out / len(directions)))  # sites below this may all be left out
    above = torch.full_like(below, math.log(left_out))
    for _ in range(BISECTIONS):
        middle = (below + above) / 2
        allowed = torch.where(at_most < middle, share, 0).sum(dim=-1, keepdim=True) <= left_out
        below, above = torch.where(allowed, middle, below), torch.where(allowed, above, middle)
    return at_most >= below


def _largest_log_share(centres: Tensor, radius: float, directions: Tensor) -> Tensor:
    """A bound on the log softmax of each site over all points of each cap: [C, K].

    With d_k = tau_k s_k the log share of k at g is <g, d_k> - F(g), F = log sum exp of all. F is convex, so it lies above its
    tangent at the centre c, F(c) + <p, g - c>. It remains to maximise <g, d_k - p>: the length of d_k - p times the
    cosine of its angle to g, and g can come nearer to it than c by at most the radius.
    """
    logits = centres @ directions.T
    pull = torch.softmax(logits, dim=-1) @ directions  # p, the gradient of F at the centre
    level = (centres * pull).sum(dim=-1, keepdim=True)
    ahead = logits - level  # the part of d_k - p along the centre
    squared = directions.square().sum(dim=-1) - 2 * pull @ directions.T + pull.square().sum(dim=-1, keepdim=True)
    length, aside = squared.clamp(min=0).sqrt(), (squared - ahead**2).clamp(min=0).sqrt()
    highest = torch.where(ahead >= length * math.cos(radius), length, ahead * math.cos(radius) + aside * math.sin(radius))
    return highest + level - torch.logsumexp(logits, dim=-1, keepdim=True)


@cache
def _caps(count: int) -> tuple[Tensor, float]:
    """Centres [count, 3] in float64 and the radius (rad) within which each point of the sphere has its nearest centre."""
    from scipy.spatial import SphericalVoronoi

    centres = unit_xyz(*fibonacci_sphere(count))
    corners = SphericalVoronoi(centres).vertices  # the points farthest from all centres are among these
    farthest = np.arccos((corners @ centres.T).max(axis=1).min())
    return torch.from_numpy(centres), float(farthest) + 1e-6
