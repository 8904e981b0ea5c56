"""How far a classifier can be believed: whole blocks of the globe held out, beside what needs no vectors; and how few labels do.

Labels lie in clusters, so of labels held out at random the neighbours are known. Whole blocks are held out instead
(``train.probing.splits``). Without enough of them there is no figure, and a sentence says what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from index.extras import extra
from index.geo import unit_xyz
from retrieval.labels.classifier import Classifier, Vectors
from retrieval.labels.labels import Labels
from train.probing.splits import enough_blocks

FOLDS = 5
LEAST_OF_A_CLASS = 5
LEAST_BLOCKS = 20  # as in the evaluation of models: fewer say nothing
SHARES = (0.1, 0.25, 0.5, 1.0)  # of the labels, for the learning curve
Rows = npt.NDArray[np.int64]
Names = npt.NDArray[Any]
Predict = Callable[[Rows, Rows], Names]  # training rows, test rows -> classes


@dataclass(frozen=True)
class Verdict:
    """Shares of right answers with each class weighing the same, whole blocks held out: of the classifier, of the class of the
    nearest label (``nearest``) and of one class for all (``chance``). ``curve`` has that of the classifier by number of labels it
    learnt from. None where there are too few labels or blocks; ``sentence`` says it in words."""

    accuracy: float | None
    nearest: float | None
    chance: float
    labels: int
    blocks: int
    curve: tuple[tuple[int, float], ...]
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def verdict_of(labels: Labels, vectors: Vectors, background: Vectors) -> Verdict:
    """``vectors`` [N, D] are those of the labels' places, ``background`` as for ``Classifier.fit``."""
    names, places = np.array(labels.classes), labels.places
    counts, chance = Counter(labels.classes), 1 / max(2, len(set(labels.classes)))
    blocks = enough_blocks(*places.T)
    found = 0 if blocks is None else len(np.unique(blocks))
    if problem := _problem(counts, found):
        return Verdict(None, None, chance, len(labels), found, (), problem)
    assert blocks is not None
    folds = list(_folds(blocks))

    def learnt(train: Rows, test: Rows, plain: bool = False) -> Names:
        some = Labels(tuple(labels.examples_at(train)))
        return np.array(Classifier.fit(some, vectors[train], background, plain=plain).predict(vectors[test]))

    def nearest(train: Rows, test: Rows) -> Names:
        from scipy.spatial import cKDTree

        return np.asarray(names[train][cKDTree(unit_xyz(*places[train].T)).query(unit_xyz(*places[test].T))[1]])

    accuracy, floor = _score(folds, names, learnt), _score(folds, names, nearest)
    curve = tuple(_curve(folds, names, partial(learnt, plain=True), accuracy))
    return Verdict(accuracy, floor, chance, len(labels), found, curve, _sentence(accuracy, floor, chance, len(labels), found))


def _problem(counts: Counter[str], blocks: int) -> str:
    if len(counts) < 2:
        return "not measured: all labels are of one class; mark places that are none as well"
    few, count = min(counts.items(), key=lambda each: each[1])
    if count < LEAST_OF_A_CLASS:
        return f"not measured: '{few}' has {count} labels, {LEAST_OF_A_CLASS} of each class are needed"
    if blocks < LEAST_BLOCKS:
        return f"not measured: the labels lie in fewer than {LEAST_BLOCKS} blocks of the globe; mark places farther apart"
    return ""


def _sentence(accuracy: float, nearest: float, chance: float, labels: int, blocks: int) -> str:
    floor = max(nearest, chance)
    believed = (
        "believe it" if accuracy > floor + 0.1 else "it is hardly better than that" if accuracy > floor else "do not believe it"
    )
    return (
        f"{accuracy:.0%} right in blocks held out whole, each class weighing the same ({labels} labels, {blocks} blocks); the "
        f"nearest label alone has {nearest:.0%}, chance {chance:.0%}: {believed}"
    )


def _folds(blocks: Rows) -> Iterator[tuple[Rows, Rows]]:
    yield from extra("sklearn.model_selection").GroupKFold(FOLDS).split(blocks, groups=blocks)


def _score(folds: list[tuple[Rows, Rows]], names: Names, predict: Predict) -> float:
    """Right answers over all folds, each class weighing the same. A fold that lacks a class in training gets it wrong."""
    said = np.empty(len(names), dtype=names.dtype)
    for train, test in folds:
        said[test] = predict(train, test) if len(set(names[train])) > 1 else names[train][0]
    return float(np.mean([np.mean(said[names == each] == each) for each in set(names)]))


def _curve(folds: list[tuple[Rows, Rows]], names: Names, predict: Predict, whole: float) -> Iterator[tuple[int, float]]:
    order = np.random.default_rng(0).permutation(len(names))
    for share in SHARES:
        kept = np.sort(order[: round(share * len(names))])
        if share == 1.0:
            yield len(names), whole
        elif len(set(names[kept])) == len(set(names)) and len(kept) >= 2 * FOLDS:
            yield len(kept), _score([(np.intersect1d(train, kept), test) for train, test in folds], names, predict)
