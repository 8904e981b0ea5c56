"""Probes that read a label from frozen features, by the protocols of the field, with scores and intervals.

ridge   RANGE (arXiv:2502.19781, as in its published code): features to [0, 1] by the training rows, ridge regression or ridge
        classification, the penalty .1, 1 or 10 chosen by cross-validation within the training rows, in 3 parts or 10
prefix  MIND's truncation (arXiv:2609.25454): features standardised by the training rows, ridge on the first 16, 32, 64, ... of
        them; the width and one of 21 penalties (1e-4 to 1e6) are chosen together
chunked MIND's chunked penalty: the penalty of a column is alpha * beta^j, j the number of its chunk, and chunks end at 64, 128,
        256, ...; alpha of the 21, and beta 1, 3, 10, 100 or 1,000
knn     the mean or the majority of the five nearest training points in the space of the features
idw     CoordBench's floor: the 50 nearest training points, weighted by 1 / distance; reads unit vectors of places only
mlp     SatCLIP (arXiv:2311.17179, its example on air temperature): three hidden layers of 64 ReLU, Adam at .001, the whole
        training set at a time, up to 3,000 steps; ours are standardised, and no two layers share weights by accident

What prefix and chunked choose, they choose by holding out ``groups`` of the training rows, of the kind that the split holds out:
blocks or continents. Consecutive rows would tell them little about places far from any label.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from index.errors import ConfigError
from index.extras import extra
from index.geo import chord_km
from train.probing.ridge import ridge_predictions
from train.probing.splits import LEAST_BLOCKS, Fold, Rows
from train.probing.tasks._task import Kind

Probe = Literal["ridge", "prefix", "chunked", "knn", "idw", "mlp"]
PROBES: tuple[Probe, ...] = get_args(Probe)
ALPHAS = (0.1, 1.0, 10.0)
RIDGE_PARTS: dict[Kind, int] = {"regression": 3, "classification": 10}
MIND_ALPHAS = tuple(10.0 ** (half / 2) for half in range(-8, 13))
MIND_BETAS = (1.0, 3.0, 10.0, 100.0, 1000.0)
FIRST_WIDTH, FIRST_CHUNK = 16, 64  # of those that follow, each is twice as wide
INNER_PARTS = 3
LEAST_SCALE = 1e-6  # of a column that is standardised
NEIGHBOURS = 5
IDW_NEIGHBOURS, IDW_LEAST_KM = 50, 0.01
MLP_LAYERS, MLP_STEPS, MLP_RATE = (64, 64, 64), 3_000, 1e-3
RESAMPLES = 1_000
LEAST_SPREAD = 1e-12  # of labels, as a share of their squares: less is what rounding leaves of labels that are all the same
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Score:
    """R2 of a regression, or the share of a classification that is right, with its 95 % interval; ``balanced`` is the mean over
    classes, None for a regression. ``folds``: the score of each fold; ``resampled`` [RESAMPLES]: of each draw of the blocks, the
    same draws for every score of a task and split, so two of them can be compared pairwise."""

    score: float
    low: float
    high: float
    balanced: float | None
    folds: tuple[float, ...]
    resampled: npt.NDArray[np.float64]
    blocks: int


def predict(name: str, kind: Kind, features: npt.NDArray[np.float32], target: Values, fold: Fold, groups: Rows) -> Values:
    """The predictions of a probe, trained on the training rows, for the fold's test rows [T]; ``groups`` [N], see above.

    Raises ``ConfigError`` naming the choices.
    """
    train, asked = features[fold.train].astype(np.float64), features[fold.test].astype(np.float64)
    labels = target[fold.train]
    if name == "ridge":
        low, span = train.min(axis=0), np.ptp(train, axis=0)
        span[span == 0] = 1.0
        penalties = [np.full(train.shape[1], alpha) for alpha in ALPHAS]
        return ridge_predictions(kind, (train - low) / span, labels, (asked - low) / span, _parts(kind, labels), penalties)
    if name in ("prefix", "chunked"):
        mean, scale = train.mean(axis=0), np.maximum(train.std(axis=0, ddof=1), LEAST_SCALE)
        penalties = (_prefix_penalties if name == "prefix" else _chunked_penalties)(train.shape[1])
        parts = _inner_parts(groups[fold.train])
        return ridge_predictions(kind, (train - mean) / scale, labels, (asked - mean) / scale, parts, penalties)
    estimator = _estimator(name, kind, len(labels))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")  # the steps are the protocol
        estimator.fit(train, labels)
    found: Values = estimator.predict(asked)
    return found


def score_folds(
    kind: Kind, target: Values, folds: list[Fold], predicted: list[Values], blocks: npt.NDArray[np.int64], *, pooled: bool
) -> Score:
    """The score of each fold's predictions, their mean (``pooled``: the score of all of them together) and its interval.

    The interval is a bootstrap over ``blocks`` [N] of the globe: neighbours are not independent, and drawing points one by one
    would make it too narrow. It says how much the score depends on where was asked, not on what was trained. With fewer than
    ``LEAST_BLOCKS`` of them it is not a number. A fold whose labels are all the same has no R2 and does not count.
    """
    centre = float(target.mean()) if kind == "regression" else None  # sums of squares lose digits far from zero
    sums = [_sums(target[fold.test], each, blocks[fold.test], centre) for fold, each in zip(folds, predicted, strict=True)]
    by_fold = tuple(float(_score(kind, each.totals(np.ones((1, len(each.blocks))))[0])) for each in sums)
    known = np.unique(np.concatenate([each.blocks for each in sums]))
    weights = block_draws(len(known))
    drawn = np.stack([each.totals(weights[:, np.searchsorted(known, each.blocks)]) for each in sums])
    whole = np.stack([each.totals(np.ones((1, len(each.blocks))))[0] for each in sums])
    score = _score(kind, whole.sum(axis=0)) if pooled else _mean(np.array(by_fold))
    resampled = _score(kind, drawn.sum(axis=0)) if pooled else _mean(_score(kind, drawn))
    balanced = _balanced(target, folds, predicted, pooled=pooled) if kind == "classification" else None
    return Score(float(score), *interval_of(resampled, len(known)), balanced, by_fold, resampled, len(known))


def interval_of(resampled: npt.NDArray[np.float64], blocks: int) -> tuple[float, float]:
    """The 95 % interval of a value from its resamples [RESAMPLES]; two NaN for fewer than ``LEAST_BLOCKS`` blocks.

    Where blocks are few, .025 to .975 of the resamples would hold the truth too seldom. The quantiles lie as far out as Student's
    for so many blocks: the expanded percentile interval (Hesterberg 2015, arXiv:1411.5279)."""
    from scipy.stats import norm, t

    if blocks < LEAST_BLOCKS or not np.isfinite(resampled).any():
        return np.nan, np.nan
    outside = float(norm.cdf(-np.sqrt(blocks / (blocks - 1)) * t.ppf(0.975, blocks - 1)))
    low, high = np.nanquantile(resampled, (outside, 1 - outside))
    return float(low), float(high)


def block_draws(blocks: int) -> npt.NDArray[np.int64]:
    """How often a bootstrap draws each of so many blocks, [RESAMPLES, blocks]: the same draws for every score."""
    return np.random.default_rng(0).multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)


def _parts(kind: Kind, labels: Values) -> list[Rows]:
    """RANGE's parts: consecutive rows, or for classes such that each part has its share of every class."""
    selection = extra("sklearn.model_selection")
    if kind == "regression":
        return [held for _, held in selection.KFold(RIDGE_PARTS[kind]).split(labels)]
    most = int(np.unique(labels, return_counts=True)[1].max())  # scikit-learn refuses more parts than the largest class has points
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # RANGE's parts lack some classes too
        return [held for _, held in selection.StratifiedKFold(min(RIDGE_PARTS[kind], most)).split(labels, labels)]


def _inner_parts(groups: Rows) -> list[Rows]:
    """Whole groups in ``INNER_PARTS`` parts; of fewer groups than parts, consecutive rows."""
    selection = extra("sklearn.model_selection")
    enough = len(np.unique(groups)) >= INNER_PARTS
    parts = selection.GroupKFold(INNER_PARTS).split(groups, groups=groups) if enough else selection.KFold(INNER_PARTS).split(groups)
    return [held for _, held in parts]


def _prefix_penalties(dim: int) -> list[npt.NDArray[np.float64]]:
    widths = [*_doubled(FIRST_WIDTH, dim), dim]
    return [np.full(width, alpha) for width in widths for alpha in MIND_ALPHAS]


def _chunked_penalties(dim: int) -> list[npt.NDArray[np.float64]]:
    chunk = np.searchsorted(_doubled(FIRST_CHUNK, dim), np.arange(dim), side="right")
    betas = MIND_BETAS if dim > FIRST_CHUNK else MIND_BETAS[:1]
    return [alpha * beta**chunk for beta in betas for alpha in MIND_ALPHAS]


def _doubled(first: int, below: int) -> list[int]:
    """``first``, twice as much, and so on below ``below``."""
    return [first * 2**power for power in range(below.bit_length()) if first * 2**power < below]


def _estimator(name: str, kind: Kind, count: int) -> Any:
    known = extra("sklearn.neighbors")
    neighbours = known.KNeighborsRegressor if kind == "regression" else known.KNeighborsClassifier
    if name == "knn":
        return neighbours(min(NEIGHBOURS, count))
    if name == "idw":
        return neighbours(min(IDW_NEIGHBOURS, count), weights=_inverse_km)
    if name == "mlp":
        return _mlp(kind, count)
    raise ConfigError(f"there is no probe '{name}'; choose {', '.join(PROBES)}")


def _inverse_km(chords: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / np.maximum(chord_km(chords), IDW_LEAST_KM)


def _mlp(kind: Kind, count: int) -> Any:
    make_pipeline, scaler = extra("sklearn.pipeline").make_pipeline, extra("sklearn.preprocessing").StandardScaler
    networks = extra("sklearn.neural_network")
    settings: dict[str, Any] = {
        "hidden_layer_sizes": MLP_LAYERS, "learning_rate_init": MLP_RATE, "alpha": 0.0, "batch_size": count,
        "max_iter": MLP_STEPS, "n_iter_no_change": MLP_STEPS, "random_state": 0,
    }  # fmt: skip
    if kind == "classification":
        return make_pipeline(scaler(), networks.MLPClassifier(**settings))
    scaled = extra("sklearn.compose").TransformedTargetRegressor(networks.MLPRegressor(**settings), transformer=scaler())
    return make_pipeline(scaler(), scaled)


@dataclass(frozen=True)
class _BlockSums:
    """The sums that a score needs of each block with test points, [B, 4] (see ``_sums``)."""

    blocks: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    def totals(self, weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """[R, 4] for R draws of the blocks, each of which says how often every block was drawn [R, B]."""
        return weights.astype(np.float64) @ self.values


def _sums(target: Values, predicted: Values, blocks: npt.NDArray[np.int64], centre: float | None) -> _BlockSums:
    """By block: points; then for a regression squared errors, labels, squared labels; for a classification the number right."""
    found, place = np.unique(blocks, return_inverse=True)
    one = np.ones(len(target))
    if centre is not None:
        columns = [one, (target - predicted) ** 2, target - centre, (target - centre) ** 2]
    else:
        columns = [one, (target == predicted).astype(np.float64), 0 * one, 0 * one]
    return _BlockSums(found, np.stack([np.bincount(place, column, len(found)) for column in columns], axis=1))


def _score(kind: Kind, totals: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From sums [..., 4] to scores [...]; NaN where nothing was drawn, or where all labels are the same."""
    points, first, labels, squares = np.moveaxis(totals, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "classification":
            return np.asarray(first / points)
        spread = squares - labels**2 / points
        return np.asarray(np.where(spread > LEAST_SPREAD * squares, 1 - first / spread, np.nan))


def _mean(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Over the folds [F, ...] that have a score; not a number where none has."""
    known = np.isfinite(scores)
    return np.asarray(np.where(known, scores, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan))


def _balanced(target: Values, folds: list[Fold], predicted: list[Values], *, pooled: bool) -> float:
    """Mean over the tested classes of the share that is right."""
    pairs = [(target[fold.test], each) for fold, each in zip(folds, predicted, strict=True)]
    if pooled:
        pairs = [(np.concatenate([true for true, _ in pairs]), np.concatenate([said for _, said in pairs]))]
    return float(np.mean([_mean_recall(true, said) for true, said in pairs]))


def _mean_recall(true: Values, said: Values) -> float:
    _, place = np.unique(true, return_inverse=True)
    right = np.bincount(place, true == said)
    return float((right / np.bincount(place)).mean())
