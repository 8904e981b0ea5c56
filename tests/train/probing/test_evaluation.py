"""The matrix: what is encoded once, what is kept when it is stopped, what is reported as not run, and what the rows say."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import r2_score
from threadpoolctl import threadpool_info, threadpool_limits

from index.errors import ConfigError, InputError
from index.geo import uniform_on_sphere, unit_xyz
from index.places.continents import NAMES
from index.registry import names
from train.probing.evaluation import FLOORS, Plan, evaluate, features_of, parts_of, tasks_of
from train.probing.features.lonlat import LonLat
from train.probing.paired import ABOVE_FLOORS, difference_of
from train.probing.probes import interval_of, predict
from train.probing.results import JSON_FILE, PROTOCOL, RESULTS_FILE, ResultsFolder, Row, averaged, row_of
from train.probing.splits import Block, Continent, Random
from train.probing.tasks._task import REGISTRY as TASKS
from train.probing.tasks._task import Labelled, Task, TaskUnavailableError

LAT, LON = uniform_on_sphere(120, np.random.default_rng(0))


@dataclass
class Counted:
    """Features that count how often they are asked for; ``fails`` of the asked is refused, as a network that runs out of memory."""

    name: str = "counted"
    digest: str = "counted"
    probe: str = ""
    fails: int = -1
    asked: list = field(default_factory=list)

    def encode(self, lat, lon):
        self.asked.append(len(lat))
        if len(self.asked) - 1 == self.fails:
            raise MemoryError
        return np.stack([np.abs(lat), lon], axis=1).astype(np.float32)


def task(name="warmth", target=None, kind="regression", lat=LAT, lon=LON, load=None):
    target = 30 - 0.5 * np.abs(lat) if target is None else np.asarray(target)
    labelled = Labelled(lat, lon, target, "invented", dropped=2)
    return Task(name, kind, "degrees", "nowhere", "none", "nobody", load or (lambda: labelled))


def unavailable():
    raise TaskUnavailableError("absent: its labels are not here; put absent.csv into the folder of --labels")


AT_RANDOM = (Random(),)
ROW = Row(
    task="warmth", kind="regression", unit="", metric="R2", features="x", dim=1, probe="ridge", split="random", score=0.5, low=0.4,
    high=0.6, balanced=None, folds=(0.5,), points=4, dropped=0, classes=None, unseen=0.0, seconds=1.0, blocks=24,
    source="invented", predictions="none.parquet", labels_digest="c", features_digest="x", protocol=PROTOCOL,
)  # fmt: skip


def run(folder, tasks=None, features=None, splits=AT_RANDOM, **more):
    plan = Plan(tasks or [task()], [LonLat(), Counted()] if features is None else features, splits, **more)
    return evaluate(plan, folder, workers=1)


def test_a_row_says_what_was_asked_and_how_it_went(tmp_path):
    found = run(tmp_path, features=[LonLat(), Counted()])
    bad, good = found.rows
    assert (bad.features, good.features) == ("lonlat", "counted")
    assert good.score > 0.999 > 0.3 > bad.score
    assert (good.task, good.metric, good.unit, good.probe, good.split) == ("warmth", "R2", "degrees", "ridge", "random")
    assert (good.points, good.dropped, good.dim, good.classes, good.balanced) == (120, 2, 2, None, None)
    assert len(good.folds) == 5
    assert good.score == pytest.approx(np.mean(good.folds))
    assert good.low <= good.score <= good.high
    assert found.not_run == []


def test_the_predictions_of_a_row_are_kept_point_by_point_with_their_residuals(tmp_path):
    (row,) = run(tmp_path, features=[Counted()], splits=[Block(size_deg=30)]).rows
    kept = pq.read_table(tmp_path / "predictions" / row.predictions).to_pydict()
    assert sorted(kept["lat"]) == sorted(LAT.tolist()), "no point is asked about twice, so that of all there is one"
    np.testing.assert_allclose(np.subtract(kept["predicted"], kept["target"]), kept["residual"])
    by_fold = [
        r2_score(*(np.array(kept[name])[np.array(kept["fold"]) == fold] for name in ("target", "predicted")))
        for fold in dict.fromkeys(kept["fold"])
    ]
    assert by_fold == pytest.approx(list(row.folds))


def test_of_a_random_split_the_predictions_of_one_fold_are_kept_and_of_a_classification_what_is_wrong(tmp_path):
    side = np.where(LON > 0, "east", "west")
    (row,) = run(tmp_path, [task("side", side, "classification")], [LonLat()]).rows
    kept = pq.read_table(tmp_path / "predictions" / row.predictions).to_pandas()
    assert len(kept) == 24
    assert set(kept["fold"]) == {"seed 0"}
    assert (kept["residual"] == (kept["target"] != kept["predicted"])).all()
    assert 1 - kept["residual"].mean() == pytest.approx(row.folds[0])
    assert (row.metric, row.classes) == ("accuracy", 2)


def test_what_is_finished_is_not_done_again_and_points_are_encoded_once(tmp_path):
    counted = Counted()
    tasks = [task(), task("cold", np.abs(LAT))]
    first = run(tmp_path, tasks, [counted], [Random(), Block(size_deg=30)])
    assert counted.asked == [120], "two tasks at the same points, two splits, one encoding"
    before = (tmp_path / RESULTS_FILE).stat().st_mtime_ns
    again = run(tmp_path, tasks, [counted], [Random(), Block(size_deg=30)])
    assert again.rows == first.rows
    assert (tmp_path / RESULTS_FILE).stat().st_mtime_ns == before
    run(tmp_path, [task(target=LAT)], [counted])
    assert counted.asked == [120], "other labels at the same points"
    run(tmp_path, [task(lat=-LAT)], [counted])
    assert counted.asked == [120, 120]


def test_a_stopped_run_keeps_its_rows_and_goes_on(tmp_path, monkeypatch):
    asked = []

    def stops_at_the_eighth_fold(*arguments):
        asked.append(arguments)
        if len(asked) == 8:
            raise KeyboardInterrupt
        return predict(*arguments)

    monkeypatch.setattr("train.probing.evaluation.predict", stops_at_the_eighth_fold)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, features=[LonLat(), Counted()])
    assert [row.features for row in ResultsFolder(tmp_path).rows.values()] == ["lonlat"]
    assert not list(tmp_path.rglob("*.partial*"))
    asked.clear()
    monkeypatch.setattr("train.probing.evaluation.predict", lambda *arguments: asked.append(arguments) or predict(*arguments))
    assert len(run(tmp_path, features=[LonLat(), Counted()]).rows) == 2
    assert len(asked) == 5, "the folds of the second row, and none of the first"


def test_features_that_fail_leave_nothing_half_written(tmp_path):
    with pytest.raises(MemoryError):
        run(tmp_path, features=[Counted(fails=0)])
    assert not list(tmp_path.rglob("*.np*"))
    with pytest.raises(InputError, match="some NaN"):
        run(tmp_path, features=[Broken()])


class Broken(Counted):
    def encode(self, lat, lon):
        return np.full((len(lat), 2), np.nan, dtype=np.float32)


def test_labels_that_cannot_be_had_are_reported_and_the_others_run(tmp_path):
    found = run(tmp_path, [task("absent", load=unavailable), task()], [LonLat()])
    assert [row.task for row in found.rows] == ["warmth"]
    ((what, why),) = [(each.what, each.why) for each in found.not_run]
    assert what == "absent"
    assert why.startswith("its labels are not here; put absent.csv")
    said = json.loads((tmp_path / JSON_FILE).read_text())
    assert said["not_run"] == [{"what": "absent", "why": why}]
    assert said["rows"][0]["score"] == found.rows[0].score
    assert said["tasks"]["warmth"]["licence"] == "none"


def test_a_split_that_asks_for_classes_nobody_has_seen_is_not_run(tmp_path):
    """Continents held out one by one, and the question is which continent: every answer must be wrong."""
    lat, lon = np.repeat([48.0, 9.0, -10.0], 40) + np.tile(np.linspace(0, 2, 40), 3), np.repeat([9.0, 8.0, -55.0], 40)
    names = np.repeat(["Europe", "Africa", "South America"], 40)
    labelled = Labelled(lat, lon, names, "invented")
    vars(labelled)["continent"] = np.array([NAMES.index(name) for name in names])  # without asking two hundred thousand towns
    named = task("continent", kind="classification", load=lambda: labelled)
    found = run(tmp_path, [named], [LonLat()], [Random(), Continent()])
    assert [row.split for row in found.rows] == ["random"]
    ((what, why),) = [(each.what, each.why) for each in found.not_run]
    assert what == "continent, continent"
    assert "100% of the test points" in why


def test_the_share_of_points_of_unseen_classes_is_said(tmp_path):
    names = np.where(LON > 0, "east", "west").astype("U20")
    names[:12] = [f"only here {number}" for number in range(12)]
    (row,) = run(tmp_path, [task("side", names, "classification")], [LonLat()]).rows
    assert 0.05 < row.unseen < 0.15
    assert row.score < 1 - row.unseen + 1e-9


def test_xyz_is_asked_by_its_neighbours_whatever_probe_asks_the_others(tmp_path):
    features, _ = features_of(["xyz", "lonlat"])
    assert [(row.features, row.probe) for row in run(tmp_path, features=features).rows] == [("xyz", "knn"), ("lonlat", "ridge")]
    assert {row.probe for row in run(tmp_path, features=features, probe="knn").rows} == {"knn"}
    assert len(ResultsFolder(tmp_path).rows) == 3


def test_a_task_of_one_region_has_an_interval_drawn_from_blocks_of_its_own_size(tmp_path):
    """Within 8 degrees there are four blocks of 10 degrees at the most: too few to draw an interval from."""
    lat, lon = np.random.default_rng(0).uniform(41, 49, (2, 400))
    (row,) = run(tmp_path, [task(lat=lat, lon=lon, target=lat + lon)], [LonLat()]).rows
    assert np.isfinite([row.low, row.high]).all()


def test_large_tasks_are_cut(tmp_path):
    (row,) = run(tmp_path, features=[LonLat()], max_points=50).rows
    assert row.points == 50


def test_several_processes_give_what_one_gives(tmp_path):
    plan = Plan([task()], [LonLat(), Counted()], [Random(), Block(size_deg=30)])
    one, two = (evaluate(plan, tmp_path / str(workers), workers=workers) for workers in (1, 2))
    assert [row.score for row in one.rows] == [row.score for row in two.rows]


def test_one_process_is_of_one_thread_as_several_are(tmp_path, monkeypatch):
    threads = []

    def counting(*arguments):
        threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return predict(*arguments)

    monkeypatch.setattr("train.probing.evaluation.predict", counting)
    with threadpool_limits(2):
        run(tmp_path, features=[LonLat()])
    assert set(threads) == {1}


def test_a_damaged_table_is_refused(tmp_path):
    (tmp_path / RESULTS_FILE).write_bytes(b"no table")
    with pytest.raises(InputError, match="choose another --out"):
        run(tmp_path)


def test_names_with_options_are_read():
    assert parts_of("geoclip:weights=/a/b,label=x+sh:degrees=10") == [
        ("geoclip", {"weights": "/a/b", "label": "x"}),
        ("sh", {"degrees": "10"}),
    ]
    for wrong in ("sh:10", ":degrees=3", "sh:=3", ""):
        with pytest.raises(InputError, match="NAME"):
            parts_of(wrong)


def test_features_are_built_by_name_and_what_is_not_here_is_reported():
    made, not_run = features_of([*FLOORS, "xyz+sh:degrees=3", "geoclip:weights=nowhere", "tte"])
    assert [each.name for each in made] == ["lonlat", "sh10", "sh40", "xyz", "idw", "xyz + sh3"]
    assert [each.what for each in not_run] == ["geoclip:weights=nowhere", "tte"]
    with pytest.raises(InputError, match="two features"):
        features_of(["xyz+xyz+xyz"])
    with pytest.raises(ConfigError, match="no component named 'resnet'"):
        features_of(["resnet"])
    with pytest.raises(ConfigError, match="degrees"):
        features_of(["sh:degrees=many"])
    (with_default,), _ = features_of(["sh"], {"sh": {"degrees": 7}})
    assert with_default.name == "sh7"


def test_tasks_are_built_by_name_and_look_where_they_are_told(tmp_path):
    first, second = tasks_of(["land_sea", "coordbench:table=usavars_x,column=y"], folder=tmp_path)
    assert (first.name, second.name) == ("land_sea", "coordbench/usavars_x.y")
    with pytest.raises(ConfigError, match="weather"):
        tasks_of(["weather"])


def test_every_table_has_the_floors_that_learn_nothing():
    assert FLOORS == ("lonlat", "sh:degrees=10", "sh:degrees=40", "xyz", "idw")


# Floors that cannot be fooled: an Earth with a picture that everyone may look at, and a field that none of the pictures shows


@dataclass
class Model:
    """``encode`` turns the picture at a place into features; ``twins``: what they are compared with."""

    name: str
    columns: Callable
    twins: tuple[str, ...] = ()
    probe: str = ""

    @property
    def digest(self):
        return self.name

    @property
    def compared(self):
        return {"learning adds": self.twins} if self.twins else {}

    def encode(self, lat, lon):
        return self.columns(lat, lon).astype(np.float32)


def picture(lat, lon):
    """[N, 6]: smooth waves, the same for everyone."""
    phases = np.random.default_rng(0).normal(size=(6, 3))
    return np.sin(3 * unit_xyz(lat, lon) @ phases.T)


def hidden_field(lat, lon):
    return np.sin(4 * unit_xyz(lat, lon) @ np.array([0.3, -0.8, 0.5]) + 1)


def mixed(seed):
    """What a network of random weights makes of the picture."""
    weights = np.random.default_rng(seed).normal(size=(6, 40)) / np.sqrt(6)
    return lambda lat, lon: np.tanh(picture(lat, lon) @ weights)


TWINS = [Model(f"twin {seed}", mixed(seed)) for seed in range(3)]
NAMES_OF_TWINS = tuple(twin.name for twin in TWINS)


def judged(folder, learnt, split):
    """The verdict on a model: what learning adds on a task that asks for the picture and for the hidden field."""
    lat, lon = uniform_on_sphere(1500, np.random.default_rng(5))
    noise = np.random.default_rng(6).normal(size=1500)
    asked = picture(lat, lon) @ np.array([1.0, 0.5, -1, 0, 0.3, 0.7]) + 1.5 * hidden_field(lat, lon) + 0.3 * noise
    model = Model("model", learnt, NAMES_OF_TWINS)
    found = run(folder, [task("field", asked, lat=lat, lon=lon)], [*TWINS, model], [split])
    (difference,) = found.differences
    return difference


@pytest.mark.parametrize("split", [Random(), Block(size_deg=20)], ids=lambda split: split.name)
def test_a_model_that_copies_its_inputs_adds_nothing(tmp_path, split):
    verdict = judged(tmp_path, mixed(7), split)
    assert verdict.row.score > 0.3, "it scores well all the same"
    assert abs(verdict.difference) < 0.02
    assert verdict.verdict != "adds"


@pytest.mark.parametrize("split", [Random(), Block(size_deg=20)], ids=lambda split: split.name)
def test_a_model_that_has_learnt_the_hidden_field_gets_its_share(tmp_path, split):
    def columns(lat, lon):
        return np.concatenate([mixed(7)(lat, lon), hidden_field(lat, lon)[:, None]], axis=1)

    verdict = judged(tmp_path, columns, split)
    assert verdict.verdict == "adds"
    assert verdict.title == "learning adds"
    floor = np.mean([row.score for row in verdict.others])
    assert verdict.difference == pytest.approx(verdict.row.score - floor)
    assert verdict.low < verdict.difference < verdict.high
    assert verdict.high - verdict.low < verdict.row.high - verdict.row.low + max(row.high - row.low for row in verdict.others)


def test_what_has_forgotten_a_part_of_the_picture_harms(tmp_path):
    assert judged(tmp_path, lambda lat, lon: mixed(7)(lat, lon)[:, :3], Random()).verdict == "harms"


def test_a_comparison_waits_for_all_that_it_is_made_with(tmp_path):
    model = Model("model", mixed(7), NAMES_OF_TWINS)
    assert run(tmp_path, features=[*TWINS[:2], model]).differences == []
    (difference,) = run(tmp_path, features=[TWINS[2], model]).differences
    assert [row.features for row in difference.others] == ["twin 0", "twin 1", "twin 2"]


def test_a_model_is_also_compared_with_the_best_floor_paired_by_the_same_draws(tmp_path):
    floors = [Model("sh10", lambda lat, lon: picture(lat, lon)[:, :1]), Model("idw", picture, probe="knn")]
    better_twin = Model("model-untrained0", lambda lat, lon: np.abs(lat)[:, None])
    model = Model("model", mixed(7), NAMES_OF_TWINS)
    found = run(tmp_path, features=[*floors, better_twin, *TWINS, model])
    learning, above = found.differences
    scores = {row.features: row for row in found.rows}
    best = max(floors, key=lambda each: scores[each.name].score)
    assert scores["model-untrained0"].score > scores[best.name].score, "a twin is none of the other floors"
    assert (learning.title, above.title, [row.features for row in above.others]) == ("learning adds", ABOVE_FLOORS, [best.name])
    folder = ResultsFolder(tmp_path)
    drawn = folder.resampled(scores["model"]) - folder.resampled(scores[best.name])
    assert (above.low, above.high) == interval_of(drawn, above.row.blocks)
    known = {row.key: row for row in found.rows}
    stored = json.loads((tmp_path / JSON_FILE).read_text())["differences"]
    assert [difference_of(each, known) for each in stored] == [learning, above], "JSON has them whole"


def test_only_twins_are_averaged_not_features_that_share_a_name():
    scores = {"a-untrained0": 0.1, "a-untrained1": 0.3, "b-untrained0": 0.7, "geoclip-1": 0.5, "geoclip-2": 0.5}
    rows = [replace(ROW, features="same", features_digest=digest, score=score) for digest, score in scores.items()]
    assert [(row.features_digest, pytest.approx(row.score)) for row in averaged(rows)] == [
        ("a-untrained", 0.2), ("b-untrained", 0.7), ("geoclip-1", 0.5), ("geoclip-2", 0.5),
    ]  # fmt: skip


def test_a_row_of_an_older_version_names_no_comparisons():
    older = asdict(ROW)
    del older["compared"]
    assert row_of(older) == ROW


def test_what_two_side_by_side_add_to_each_is_said_with_its_interval(tmp_path):
    features, _ = features_of(["lonlat", "sh:degrees=5", "lonlat+sh:degrees=5"])
    found = run(tmp_path, features=features)
    assert [each.title for each in found.differences] == ["adds to lonlat", "adds to sh5"]
    scores = {row.features: row.score for row in found.rows}
    assert found.differences[0].difference == pytest.approx(scores["lonlat + sh5"] - scores["lonlat"])


def test_the_interval_of_a_difference_is_that_of_drawing_the_blocks_for_both(tmp_path):
    (difference,) = run(tmp_path, features=[*TWINS, Model("model", mixed(7), NAMES_OF_TWINS)]).differences
    folder = ResultsFolder(tmp_path)
    drawn = folder.resampled(difference.row) - np.mean([folder.resampled(row) for row in difference.others], axis=0)
    assert (difference.low, difference.high) == interval_of(drawn, difference.row.blocks)
    assert (difference.low, difference.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=1e-3)


def test_a_row_whose_draws_are_gone_is_computed_again(tmp_path):
    (row,) = run(tmp_path, features=[Counted()]).rows
    (tmp_path / "resampled" / f"{row.key.short}.npy").unlink()
    assert ResultsFolder(tmp_path).rows == {}
    assert run(tmp_path, features=[Counted()]).rows[0].score == row.score


def test_a_suite_is_all_of_its_tasks_and_no_part_of_the_others(tmp_path):
    first, *suite = tasks_of(["land_sea", "coordbench"], folder=tmp_path)
    assert (first.name, len(suite), len({task.name for task in suite})) == ("land_sea", 78, 78)
    assert "coordbench" not in names(TASKS), "all tasks are those of the registry"
