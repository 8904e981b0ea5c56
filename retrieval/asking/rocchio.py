"""Relevance feedback: what a user said of the first hits becomes further parts of the query."""

import math
from collections.abc import Sequence
from dataclasses import replace

from index.errors import InputError
from retrieval.asking.parts import Part, Subject
from retrieval.asking.query import Query


def rocchio(
    query: Sequence[Part],
    relevant: Sequence[Subject] = (),
    irrelevant: Sequence[Subject] = (),
    *,
    alpha: float = 1.0,
    beta: float = 0.75,
    gamma: float = 0.15,
) -> Query:
    """The query alpha * ``query`` + beta * mean(``relevant``) - gamma * mean(``irrelevant``), each a vector of unit norm.

    Rocchio 1971, Relevance feedback in information retrieval (The SMART Retrieval System, chapter 14). The defaults are those of
    Manning, Raghavan and Schütze 2008, section 9.1.1: what is relevant lies close together and says more than what is not. Weights
    inside ``query`` are shares of alpha. Raises ``InputError`` for a factor below 0 and where nothing is left to ask for.
    """
    if not all(math.isfinite(each) and each >= 0 for each in (alpha, beta, gamma)):
        raise InputError(f"alpha, beta and gamma must be at least 0, got {alpha}, {beta} and {gamma}")
    total = sum(abs(part.weight) for part in query)
    parts = [replace(part, weight=alpha * part.weight / total) for part in query if alpha]
    parts += [Part(each, beta / len(relevant)) for each in relevant if beta]
    parts += [Part(each, -gamma / len(irrelevant)) for each in irrelevant if gamma]
    return Query(tuple(parts))
