"""Several rankings of the same records merged by reciprocal ranks: BM25 and cosines are not comparable, ranks are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from index.errors import InputError

Key = TypeVar("Key", str, int)  # an id, or a row of a snapshot
K = 60  # of Cormack et al.: damps the advantage of the very first ranks, so two good ranks beat an excellent one


@dataclass(frozen=True, slots=True)
class Fused(Generic[Key]):
    """``score`` is the sum of weight / (60 + rank); ``ranks``: in each ranking, from 1, None where it was not found."""

    key: Key
    score: float
    ranks: tuple[int | None, ...]


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[Key]], weights: Sequence[float] | None = None, k: int = K
) -> list[Fused[Key]]:
    """All records of the rankings (each best first), the best of all first; equal scores by best rank, then by key.

    Cormack, Clarke and Büttcher 2009, Reciprocal rank fusion outperforms Condorcet and individual rank learning methods,
    doi:10.1145/1571941.1572114. Raises ``InputError`` if weights do not match or are negative, or a record is twice in a ranking.
    """
    weights = [1.0] * len(rankings) if weights is None else list(weights)
    if len(weights) != len(rankings) or not all(weight >= 0 for weight in weights):
        raise InputError(f"{len(rankings)} rankings need as many weights of at least 0, got {weights}")
    rank_of = [{key: rank for rank, key in enumerate(ranking, start=1)} for ranking in rankings]
    if any(len(ranks) != len(ranking) for ranks, ranking in zip(rank_of, rankings, strict=True)):
        raise InputError("a record is twice in one ranking; remove the worse one")
    fused = [_fuse(key, [ranks.get(key) for ranks in rank_of], weights, k) for key in set().union(*rank_of)]
    return sorted(fused, key=lambda each: (-each.score, min(rank for rank in each.ranks if rank), each.key))


def _fuse(key: Key, ranks: Sequence[int | None], weights: Sequence[float], k: int) -> Fused[Key]:
    shares = [weight / (k + rank) for rank, weight in zip(ranks, weights, strict=True) if rank is not None]
    return Fused(key, sum(sorted(shares)), tuple(ranks))  # sorted, so the order of the rankings cannot change a tie
