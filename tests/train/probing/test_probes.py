"""Scores by hand and by slow loops; what guards an evaluation: a leaked feature fails in blocks, shuffled labels score nothing."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifierCV, RidgeCV
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.preprocessing import MinMaxScaler

from index.errors import ConfigError
from index.geo import great_circle_km, uniform_on_sphere, unit_xyz
from train.probing.probes import ALPHAS, MIND_ALPHAS, MIND_BETAS, RIDGE_PARTS, _chunked_penalties, predict, score_folds
from train.probing.splits import LEAST_BLOCKS, Block, Fold, Random, blocks_of, held_out_together, interval_blocks
from train.probing.tasks._task import Labelled

ALONE = np.arange(10_000)  # every point a group of its own


def rows(*numbers):
    return np.array(numbers, dtype=np.int64)


def fold(train, test, name="fold"):
    return Fold(name, rows(*train), rows(*test))


def score(kind, points, features, split, probe="ridge"):
    folds = split.folds(points)
    groups = held_out_together(points, split)
    predicted = [predict(probe, kind, features, points.target, each, groups) for each in folds]
    return score_folds(kind, points.target, folds, predicted, blocks_of(points.lat, points.lon), pooled=split.pooled)


def world(count=1500, seed=0):
    return uniform_on_sphere(count, np.random.default_rng(seed))


# The protocol


def test_ridge_scales_by_the_training_rows_and_chooses_its_penalty_among_consecutive_thirds_of_them():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5)).astype(np.float32)
    features[50:] *= 100  # what is asked about must not change the scale
    target = features[:, 0] + rng.normal(size=60)
    train, test = np.arange(50), np.arange(50, 60)
    low, high = features[train].astype(float).min(axis=0), features[train].astype(float).max(axis=0)
    scaled = (features.astype(float) - low) / (high - low)
    errors = {
        alpha: np.mean([
            r2_score(target[train][held], Ridge(alpha).fit(scaled[train][kept], target[train][kept]).predict(scaled[train][held]))
            for kept, held in KFold(3).split(train)
        ])
        for alpha in (0.1, 1.0, 10.0)
    }  # fmt: skip
    best = max(errors, key=errors.__getitem__)
    expected = Ridge(best).fit(scaled[train], target[train]).predict(scaled[test])
    np.testing.assert_allclose(predict("ridge", "regression", features, target, Fold("", train, test), ALONE), expected)


def test_ridge_has_the_penalties_and_parts_of_ranges_code():
    """RidgeCV(alphas=(0.1, 1.0, 10.0), cv=3) and RidgeClassifierCV(..., cv=10): range/utils/evaluate.py of mvrl/RANGE."""
    assert ALPHAS == (0.1, 1.0, 10.0)
    assert RIDGE_PARTS == {"regression": 3, "classification": 10}


@pytest.mark.parametrize(("count", "dim", "classes"), [(300, 40, 5), (120, 200, 12), (60, 7, 2)])
def test_the_ridge_in_closed_form_says_what_scikit_learns_says(count, dim, classes):
    rng = np.random.default_rng(dim)
    features = rng.normal(size=(count + 50, dim)).astype(np.float32)
    features[:, 0] = 3.0  # a column without any spread
    one = fold(range(count), range(count, count + 50))
    numbers = features @ rng.normal(size=dim) + rng.normal(size=count + 50)
    names = np.array([f"class {number}" for number in np.minimum(rng.geometric(0.3, count + 50), classes)])
    scaled = MinMaxScaler().fit(features[:count].astype(float))
    known, asked = scaled.transform(features[:count].astype(float)), scaled.transform(features[count:].astype(float))
    expected = RidgeCV(alphas=ALPHAS, cv=RIDGE_PARTS["regression"]).fit(known, numbers[:count]).predict(asked)
    np.testing.assert_allclose(predict("ridge", "regression", features, numbers, one, ALONE), expected, rtol=1e-6)
    parts = min(RIDGE_PARTS["classification"], np.unique(names[:count], return_counts=True)[1].max())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier = RidgeClassifierCV(alphas=ALPHAS, cv=parts).fit(known, names[:count])
    assert predict("ridge", "classification", features, names, one, ALONE).tolist() == classifier.predict(asked).tolist()


def test_prefix_reads_no_further_than_it_pays():
    """Sixteen columns that tell the label everywhere, and a hundred that tell where a point is, which says nothing elsewhere."""
    lat, lon = world(1200)
    rng = np.random.default_rng(0)
    _, block = np.unique(blocks_of(lat, lon, 20.0), return_inverse=True)
    general = rng.normal(size=(1200, 16))
    by_heart = np.eye(block.max() + 1)[block] @ rng.normal(size=(block.max() + 1, 112)) * 2
    features = np.concatenate([general, by_heart], axis=1).astype(np.float32)
    points = Labelled(lat, lon, general.sum(axis=1) + 4 * rng.normal(size=block.max() + 1)[block], "invented")
    by_probe = {
        probe: score("regression", points, features, Block(size_deg=20), probe).score for probe in ("ridge", "prefix", "chunked")
    }
    first = score("regression", points, features[:, :16], Block(size_deg=20)).score
    assert by_probe["prefix"] == pytest.approx(first, abs=0.05)
    assert min(by_probe["prefix"], by_probe["chunked"]) > by_probe["ridge"] + 0.05


def test_the_penalty_of_a_chunk_is_beta_times_that_of_the_one_before_it():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(90, 130)).astype(np.float32)
    target = features[:, 0] + 0.1 * rng.normal(size=90)
    one = fold(range(80), range(80, 90))
    penalties = _chunked_penalties(130)
    assert len(penalties) == len(MIND_ALPHAS) * len(MIND_BETAS)
    assert {tuple(np.unique((each / each[0]).round(6))) for each in penalties} == {
        tuple(sorted({1.0, b, b * b})) for b in MIND_BETAS
    }
    assert all(len(np.unique(part)) == 1 for each in penalties for part in np.split(each, [64, 128]))
    # By hand: the same choice among the same parts, each fit as plain ridge on columns divided by the root of their penalty.
    known, asked = features[:80].astype(float), features[80:].astype(float)
    mean, scale = known.mean(axis=0), known.std(axis=0, ddof=1)
    known, asked = (known - mean) / scale, (asked - mean) / scale
    errors = []
    for penalty in penalties:
        root = np.sqrt(penalty)
        parts = [
            r2_score(target[held], Ridge(1.0).fit(known[kept] / root, target[kept]).predict(known[held] / root))
            for kept, held in GroupKFold(3).split(known, groups=np.arange(80) // 4)
        ]
        errors.append(np.mean(parts))
    root = np.sqrt(penalties[int(np.argmax(errors))])
    expected = Ridge(1.0).fit(known / root, target[:80]).predict(asked / root)
    np.testing.assert_allclose(
        predict("chunked", "regression", features, target, one, np.arange(90) // 4), expected, rtol=1e-4, atol=1e-5
    )


def test_inverse_distance_weighs_fifty_neighbours_by_their_kilometres():
    lat, lon = world(80)
    places = unit_xyz(lat, lon).astype(np.float32)
    target = np.random.default_rng(0).normal(size=80)
    one = fold(range(79), [79])
    away = great_circle_km(lat[79:], lon[79:], lat[:79], lon[:79])[0]
    near = np.argsort(away)[:50]
    expected = np.average(target[near], weights=1 / away[near])
    assert predict("idw", "regression", places, target, one, ALONE)[0] == pytest.approx(expected, rel=1e-3)
    places[78] = places[79]
    assert predict("idw", "regression", places, target, one, ALONE)[0] == pytest.approx(target[78], abs=0.02), (
        "ten metres off at least"
    )


def test_five_neighbours_are_averaged_or_vote():
    features = np.array([[0], [1], [2], [3], [4], [100], [2]], dtype=np.float32)
    one = fold(range(6), [6])
    assert predict("knn", "regression", features, np.array([1.0, 2, 3, 4, 5, 99, 0]), one, ALONE).tolist() == [3.0]
    assert predict("knn", "classification", features, np.array(["a", "b", "b", "b", "a", "a", "?"]), one, ALONE).tolist() == ["b"]


def test_the_network_learns_what_no_line_can():
    rng = np.random.default_rng(0)
    features = rng.uniform(-1, 1, size=(120, 2)).astype(np.float32)
    one = fold(range(100), range(100, 120))
    target = features[:, 0] * features[:, 1] * 10.0
    assert r2_score(target[100:], predict("mlp", "regression", features, target, one, ALONE)) > 0.8
    assert r2_score(target[100:], predict("ridge", "regression", features, target, one, ALONE)) < 0.3
    same_sign = np.where(target > 0, "yes", "no")
    assert (predict("mlp", "classification", features, same_sign, one, ALONE) == same_sign[100:]).mean() > 0.85


def test_a_probe_that_does_not_exist_is_refused_with_the_choices():
    with pytest.raises(ConfigError, match="ridge, prefix, chunked, knn, idw, mlp"):
        predict("lasso", "regression", np.zeros((4, 1), dtype=np.float32), np.zeros(4), fold([0, 1, 2], [3]), ALONE)


# Scores


def test_r2_and_accuracy_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    target, said = 1000 + rng.normal(size=40), 1000 + rng.normal(size=40)
    one, blocks = fold([], range(40)), np.arange(40) % 7
    found = score_folds("regression", target, [one], [said], blocks, pooled=False)
    assert found.score == pytest.approx(r2_score(target, said))
    assert found.balanced is None
    classes, answers = rng.choice(list("aab"), 40), rng.choice(list("ab"), 40)
    found = score_folds("classification", classes, [one], [answers], blocks, pooled=False)
    assert found.score == pytest.approx((classes == answers).mean())
    assert found.balanced == pytest.approx(balanced_accuracy_score(classes, answers))


def test_a_score_is_the_mean_of_the_folds_or_that_of_all_their_points():
    target = np.array([0.0, 1, 10, 11, 10, 11])
    said = [np.array([0.5, 0.5]), np.array([10.0, 11, 10, 11])]
    folds = [fold([], [0, 1]), fold([], [2, 3, 4, 5])]
    blocks = np.arange(6)
    assert score_folds("regression", target, folds, said, blocks, pooled=False).folds == pytest.approx((0.0, 1.0))
    assert score_folds("regression", target, folds, said, blocks, pooled=False).score == pytest.approx(0.5)
    everything = r2_score(target, np.concatenate(said))
    assert score_folds("regression", target, folds, said, blocks, pooled=True).score == pytest.approx(everything)
    names = np.array(["a", "a", "a", "b", "b", "b"])
    answers = [np.array(["a", "a"]), np.array(["b", "a", "a", "b"])]
    assert score_folds("classification", names, folds, answers, blocks, pooled=False).score == pytest.approx((1 + 1 / 4) / 2)
    assert score_folds("classification", names, folds, answers, blocks, pooled=True).score == pytest.approx(3 / 6)


def test_the_interval_is_that_of_drawing_blocks_one_by_one():
    rng = np.random.default_rng(2)
    target, blocks = rng.normal(size=90), rng.integers(0, 24, 90) * 5
    said = target + 0.5 * rng.normal(size=90)
    found = score_folds("regression", target, [fold([], range(90))], [said], blocks, pooled=False)
    slow = []
    for _ in range(2000):
        drawn = np.concatenate([np.flatnonzero(blocks == block) for block in rng.choice(np.unique(blocks), len(np.unique(blocks)))])
        slow.append(r2_score(target[drawn], said[drawn]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, (0.025, 0.975))), abs=0.03)
    assert found.low < found.score < found.high


def test_saying_every_point_ten_times_does_not_narrow_the_interval():
    """Neighbours are not independent: drawn point by point, the interval would shrink to a third."""
    rng = np.random.default_rng(3)
    target, blocks = rng.normal(size=80), np.arange(80)
    said = target + rng.normal(size=80)
    once = score_folds("regression", target, [fold([], range(80))], [said], blocks, pooled=True)
    target, said, blocks = (np.repeat(each, 10) for each in (target, said, blocks))
    often = score_folds("regression", target, [fold([], range(800))], [said], blocks, pooled=True)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


@pytest.mark.parametrize("constant", [3.0, 0.1, 1e9 + 0.1])
def test_a_fold_whose_labels_are_all_the_same_has_no_score_and_spoils_neither_mean_nor_interval(constant):
    rng = np.random.default_rng(0)
    target = np.concatenate([np.full(30, constant), constant + rng.normal(size=40)])
    said = target + 0.5 * rng.normal(size=70)
    flat, whole = fold([], range(30)), fold([], range(30, 70))
    alone = score_folds("regression", target, [whole], [said[30:]], np.arange(70), pooled=False)
    both = score_folds("regression", target, [flat, whole], [said[:30], said[30:]], np.arange(70), pooled=False)
    assert np.isnan(both.folds[0])
    assert both.score == pytest.approx(alone.score)
    assert alone.low - 0.1 < both.low < both.score < both.high < alone.high + 0.1
    assert np.isnan(score_folds("regression", target, [flat], [said[:30]], np.arange(70), pooled=False).score)


def test_too_few_blocks_give_no_interval():
    rng = np.random.default_rng(0)
    target = rng.normal(size=400)
    said = target + 0.5 * rng.normal(size=400)
    for count, told in ((LEAST_BLOCKS - 1, False), (LEAST_BLOCKS, True)):
        found = score_folds("regression", target, [fold([], range(400))], [said], np.arange(400) % count, pooled=False)
        assert np.isfinite(found.score)
        assert np.isfinite([found.low, found.high]).all() == told


@pytest.mark.parametrize(
    ("split", "side_deg", "size_deg"),
    [(Random(), 120, 10.0), (Block(size_deg=2.0), 120, 2.0), (Random(), 8, 1.0), (Block(size_km=50.0), 8, 1.0)],
    ids=["of the world", "split by smaller blocks", "of a region", "of a region, split by km"],
)
def test_the_interval_is_drawn_from_blocks_of_the_size_of_the_task(split, side_deg, size_deg):
    rng = np.random.default_rng(0)
    points = Labelled(rng.uniform(0, side_deg / 2, 3000), rng.uniform(0, side_deg, 3000), np.zeros(3000), "invented")
    found = interval_blocks(points, split)
    assert len(np.unique(found)) >= LEAST_BLOCKS
    np.testing.assert_array_equal(found, blocks_of(points.lat, points.lon, size_deg))


@pytest.mark.parametrize(("blocks", "neighbours"), [(LEAST_BLOCKS, 1), (LEAST_BLOCKS, 8), (60, 8)])
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_of_invented_worlds_the_interval_of_95_percent_holds_the_truth_in_92_to_98(kind, blocks, neighbours):
    """Neighbours are right or wrong together; the truth is the score over all the blocks there could be."""
    rng, held, worlds = np.random.default_rng(0), 0, 400
    place = np.repeat(np.arange(blocks), neighbours)
    for _ in range(worlds):
        if kind == "classification":
            target, said, truth = np.ones(len(place)), (rng.random(blocks) < 0.7)[place].astype(float), 0.7
        else:
            target = rng.normal(size=len(place))
            said, truth = target - 0.6 * rng.normal(size=blocks)[place], 1 - 0.6**2
        found = score_folds(kind, target, [fold([], range(len(place)))], [said], place, pooled=True)
        held += found.low <= truth <= found.high
    assert 0.92 <= held / worlds <= 0.98


# What guards an evaluation


def test_a_feature_that_knows_the_neighbourhood_shines_at_random_and_is_caught_by_the_blocks():
    """Labels by chance for each cell of 5 degrees, features that name the cell: a model that has learnt the places by heart."""
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(0, 60, 1500), rng.uniform(0, 90, 1500)
    names, cell = np.unique(blocks_of(lat, lon, 5.0), return_inverse=True)
    points = Labelled(lat, lon, rng.normal(size=len(names))[cell], "invented")
    leaked = np.eye(len(names), dtype=np.float32)[cell]
    assert score("regression", points, leaked, Random()).score > 0.85
    assert score("regression", points, leaked, Block()).score < 0.05


def test_an_honest_feature_is_not_caught_by_the_blocks():
    lat, lon = world()
    points = Labelled(lat, lon, 30 - 0.5 * np.abs(lat), "invented")
    honest = np.abs(lat)[:, None].astype(np.float32)
    assert score("regression", points, honest, Random()).score > 0.99
    assert score("regression", points, honest, Block(size_deg=20)).score > 0.99


@pytest.mark.parametrize("split", [Random(), Block()], ids=lambda split: split.name)
def test_shuffled_labels_score_nothing(split):
    lat, lon = world()
    rng = np.random.default_rng(4)
    features = np.stack([lat, lon, np.abs(lat)], axis=1).astype(np.float32)
    temperature = Labelled(lat, lon, rng.permutation(np.abs(lat)), "shuffled")
    assert -0.05 < score("regression", temperature, features, split).score < 0.02
    half = Labelled(lat, lon, rng.permutation(np.where(np.arange(len(lat)) % 2, "wet", "dry")), "shuffled")
    found = score("classification", half, features, split)
    assert found.score == pytest.approx(0.5, abs=0.06)
    assert found.balanced == pytest.approx(0.5, abs=0.06)
