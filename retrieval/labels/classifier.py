"""A classifier on frozen vectors: logistic regression, balanced, its penalty chosen by blocks of the globe.

    classifier = Classifier.fit(vectors of the labels' positions, labels, background)
    classifier.probabilities(space.cells.vectors)        # [N, C]

Half of the weight is on each of two classes, whatever their share of the Earth is. So a probability of a half means that a place is
as much like the one as like the other, not that half of such places are one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.extras import extra
from retrieval.labels.labels import NO, YES, Labels
from train.probing.splits import enough_blocks

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

PENALTY = 0.1  # C of scikit-learn, of vectors scaled to a variance of 1 in the mean; chosen for few labels, docs/experiments.md
PENALTIES = (0.01, 0.1, 1.0, 10.0)
PARTS = 3  # blocks in so many parts choose the penalty
LEAST_TO_CHOOSE = 30  # labels
LEAST_TO_CALIBRATE = 20  # of each class
BACKGROUND = 1000  # random places that stand against a class that has no others


@dataclass(frozen=True)
class Classifier:
    """``classes`` in order of their names, those of + and − as ``YES``, ``NO``. ``notes`` say what was assumed."""

    classes: tuple[str, ...]
    notes: tuple[str, ...]
    mean: Vectors
    scale: float
    model: Any

    @classmethod
    def fit(cls, labels: Labels, vectors: Vectors, background: Vectors, *, plain: bool = False) -> Classifier:
        """``vectors`` [N, D] are those of the labels' places, ``background`` [B, D] those of random places: they say what is
        usual, and stand against a class that has no other. ``plain`` neither chooses a penalty nor calibrates.
        Raises ``InputError`` for shapes that do not fit, ``MissingExtraError`` without scikit-learn."""
        if vectors.ndim != 2 or len(vectors) != len(labels) or background.ndim != 2 or background.shape[1] != vectors.shape[1]:
            raise InputError(f"expected a vector for each of {len(labels)} labels, got {vectors.shape} beside {background.shape}")
        mean = background.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = float(np.sqrt(np.mean((background - mean) ** 2))) or 1.0
        names, notes = labels.classes, []
        blocks = None if plain else enough_blocks(*labels.places.T)
        if len(set(names)) == 1:
            other = NO if names[0] != NO else YES
            notes.append(f"all labels are '{names[0]}', so {len(background):,} random places count as '{other}'")
            vectors, names = np.concatenate([vectors, background]), names + [other] * len(background)
            blocks = None
        seen = (vectors - mean) / scale
        penalty = PENALTY if blocks is None or len(labels) < LEAST_TO_CHOOSE else _chosen(seen, np.array(names), blocks)
        model = _regression(penalty)
        if blocks is not None and min(Counter(names).values()) >= LEAST_TO_CALIBRATE:
            parts = list(_parts(blocks, np.array(names)))
            if parts:
                model = extra("sklearn.calibration").CalibratedClassifierCV(model, method="sigmoid", cv=parts)
        model.fit(seen, names)
        return cls(tuple(str(each) for each in model.classes_), tuple(notes), mean, scale, model)

    def probabilities(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """[N, C], each row sums to 1."""
        rows, found = 2**16, np.empty((len(vectors), len(self.classes)), np.float32)
        for start in range(0, len(vectors), rows):
            chunk = (np.asarray(vectors[start : start + rows], np.float32) - self.mean) / self.scale
            found[start : start + rows] = self.model.predict_proba(chunk)
        return found

    def predict(self, vectors: Vectors) -> list[str]:
        """The likeliest class of each."""
        return [self.classes[at] for at in self.probabilities(vectors).argmax(axis=1).tolist()]


def _regression(penalty: float) -> Any:
    return extra("sklearn.linear_model").LogisticRegression(C=penalty, class_weight="balanced", max_iter=500)


def _parts(blocks: npt.NDArray[np.int64], names: npt.NDArray[Any]) -> Any:
    """Training and test rows of whole blocks in ``PARTS`` parts, of which each trains on all classes."""
    everything = set(names)
    for train, test in extra("sklearn.model_selection").GroupKFold(PARTS).split(names, groups=blocks):
        if set(names[train]) == everything:
            yield train, test


def _chosen(seen: Vectors, names: npt.NDArray[Any], blocks: npt.NDArray[np.int64]) -> float:
    """The penalty with the most right answers in blocks, balanced by class; of equal ones the strongest."""
    parts = list(_parts(blocks, names))
    if not parts:
        return PENALTY

    def right(penalty: float) -> float:
        scores = []
        for train, test in parts:
            said = _regression(penalty).fit(seen[train], names[train]).predict(seen[test])
            scores += [float(np.mean(said[names[test] == each] == each)) for each in set(names[test])]
        return float(np.mean(scores))

    return max(PENALTIES, key=lambda penalty: (round(right(penalty), 6), -penalty))
