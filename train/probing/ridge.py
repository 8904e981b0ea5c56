"""Ridge in closed form, with a penalty for each column, chosen by cross-validation: for numbers, and for classes (a column each).

With one penalty for all columns it predicts what scikit-learn's RidgeCV and RidgeClassifierCV predict, which fit each part anew;
here a part's sums are taken from those of all rows, and only a Cholesky factor is computed for each candidate. A penalty of its own
for each column makes two more probes: columns left out (a prefix of nested dimensions), and columns that have to earn their weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from train.probing.tasks._task import Kind

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Values = npt.NDArray[Any]


def ridge_predictions(
    kind: Kind, features: Floats, target: Values, asked: Floats, parts: Sequence[Rows], penalties: Sequence[Floats]
) -> Values:
    """Answers [T] for the rows ``asked`` [T, D], learnt from ``features`` [N, D] with ``target`` [N]; both are scaled already.

    A penalty [W] is for the first W columns; the others are not read. Of several the one with the best mean score (R2, or the share
    that is right) over ``parts`` of the rows, each held out in turn, is used: the first of ties.
    """
    encoded = _Target.of(kind, target)
    sums = [_Sums.of(features[part], encoded.columns[part]) for part in parts]
    whole = reduce(_Sums.plus, sums)
    scores = np.zeros(len(penalties))
    widths = {len(penalty) for penalty in penalties}
    for part, own in zip(parts, sums, strict=True):
        rest, held_out = whole.plus(own, -1), features[part]
        centred = {width: rest.centred(width) for width in widths}
        scores += [encoded.score(part, centred[len(each)].one_of_many(each, encoded).answers(held_out)) for each in penalties]
    best = penalties[int(scores.argmax())]
    return whole.centred(len(best)).solved(best, encoded).answers(asked)


@dataclass(frozen=True)
class _Target:
    """Labels as columns [N, K]: one of numbers, or 0 and 1 for each class."""

    labels: Values
    classes: Values | None
    columns: Any

    @classmethod
    def of(cls, kind: Kind, target: Values) -> Self:
        if kind == "regression":
            return cls(target, None, target[:, None].astype(np.float64))
        classes, place = np.unique(target, return_inverse=True)
        ones = sparse.csr_matrix((np.ones(len(target)), (np.arange(len(target)), place)), shape=(len(target), len(classes)))
        return cls(target, classes, ones)

    def score(self, rows: Rows, answers: Values) -> float:
        true = self.labels[rows]
        if self.classes is not None:
            return float((true == answers).mean())
        spread = float(((true - true.mean()) ** 2).sum())
        return 1 - float(((true - answers) ** 2).sum()) / spread if spread else 0.0


@dataclass(frozen=True)
class _Sums:
    """Of rows [N, D] with targets [N, K]: all that a linear fit needs."""

    count: int
    rows: Floats
    target: Floats
    squares: Floats
    products: Floats

    @classmethod
    def of(cls, rows: Floats, target: Any) -> Self:
        products = np.asarray(target.T @ rows).T
        return cls(len(rows), rows.sum(axis=0), np.asarray(target.sum(axis=0)).ravel(), rows.T @ rows, products)

    def plus(self, other: "_Sums", times: int = 1) -> "_Sums":
        return _Sums(
            self.count + times * other.count, self.rows + times * other.rows, self.target + times * other.target,
            self.squares + times * other.squares, self.products + times * other.products,
        )  # fmt: skip

    def centred(self, width: int) -> "_Centred":
        mean, mean_target = self.rows[:width] / self.count, self.target / self.count
        matrix = self.squares[:width, :width] - self.count * np.outer(mean, mean)
        return _Centred(matrix, self.products[:width] - self.count * np.outer(mean, mean_target), mean, mean_target)


@dataclass(frozen=True)
class _Centred:
    """The normal equations of the first columns, which all penalties of these share: ``matrix`` [W, W], ``right`` [W, K]."""

    matrix: Floats
    right: Floats
    mean: Floats
    mean_target: Floats

    def solved(self, penalty: Floats, target: _Target) -> "_Linear":
        matrix = self.matrix.copy()
        matrix[np.diag_indices(len(penalty))] += penalty
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        return self._linear(cho_solve(factor, self.right, check_finite=False), target)

    def one_of_many(self, penalty: Floats, target: _Target) -> "_Linear":
        """The same, quicker where many are asked for that are each one number for all columns: they share an eigenbasis."""
        if np.ptp(penalty):
            return self.solved(penalty, target)
        values, vectors, right = self._eigen
        return self._linear(vectors @ (right / (values + penalty[0])[:, None]), target)

    @cached_property
    def _eigen(self) -> tuple[Floats, Floats, Floats]:
        values, vectors = np.linalg.eigh(self.matrix)
        return values, vectors, vectors.T @ self.right

    def _linear(self, weights: Floats, target: _Target) -> "_Linear":
        return _Linear(weights, self.mean_target - self.mean @ weights, target.classes)


@dataclass(frozen=True)
class _Linear:
    weights: Floats
    intercept: Floats
    classes: Values | None

    def answers(self, rows: Floats) -> Values:
        scores = rows[:, : len(self.weights)] @ self.weights + self.intercept
        return scores[:, 0] if self.classes is None else np.asarray(self.classes[scores.argmax(axis=1)])
