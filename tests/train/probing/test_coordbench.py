"""CoordBench: the published suite by its names, and any column of any of its tables."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from index.errors import ConfigError, InputError
from index.geo import uniform_on_sphere
from tests.worlds import write_parquet
from train.probing.evaluation import Plan, evaluate
from train.probing.features.lonlat import LonLat
from train.probing.splits import Random
from train.probing.suite import suite_means
from train.probing.tasks._coordbench import HUB, OF_EVERY_TABLE, TARGETS, build, tasks
from train.probing.tasks._files import NOT_PINNED
from train.probing.tasks._task import Labelled, Task, TaskUnavailableError

HERE = {"lat": 10.0, "lon": 20.0}


def put(folder, table, rows):
    path = folder / "data" / table / "data.parquet"
    path.parent.mkdir(parents=True)
    write_parquet(path, [HERE | row for row in rows])


def one(dataset, folder):
    (task,) = tasks({"folder": folder}, {"dataset": dataset})
    return task


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache: nothing that an earlier run has downloaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


# The suite


def test_the_suite_has_the_52_data_sets_and_78_targets_of_33_tables_of_the_paper():
    assert len(TARGETS) == 78
    assert len({target.dataset for target in TARGETS}) == 52
    assert len({target.table for target in TARGETS}) == 33
    families = Counter(target.dataset.partition("-")[0] for target in TARGETS if not target.dataset.startswith("pdfm"))
    expected = {
        "satclip": 6,
        "california": 1,
        "sustainbench": 6,
        "places": 12,
        "mosaiks": 7,
        "worldclim": 2,
        "soilgrids": 2,
        "dm": 15,
    }
    assert families == expected


def test_a_suite_without_its_tables_says_for_each_where_it_is_to_be_had_and_that_it_is_not_pinned(tmp_path, cache):
    for task in tasks({"folder": tmp_path}, {}):
        with pytest.raises(TaskUnavailableError) as said:
            task.load()
        assert str(said.value).startswith(f"{task.name}: its labels are not here; put data/")
        assert f"{HUB}/resolve/main/data/" in str(said.value)
        assert NOT_PINNED in str(said.value)
        assert "\n" not in str(said.value)


def test_a_data_set_with_several_targets_is_a_task_for_each():
    found = [task.name for task in tasks({}, {"dataset": "pdfm-conus27"})]
    assert len(found) == 27
    assert "coordbench/pdfm-conus27.tree_cover" in found


def test_a_data_set_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ConfigError, match=r"no data set 'mosaiks'; choose one of: .*mosaiks-income"):
        tasks({}, {"dataset": "mosaiks"})
    with pytest.raises(ConfigError, match="unknown setting 'dataset'"):
        tasks({}, {"dataset": "country", "absent": "3"})


@pytest.mark.parametrize(
    ("dataset", "table", "labels", "targets"),
    [
        ("satclip-country", "satclip_country", {"country": [0, 7, 0]}, ["7"]),
        ("satclip-biome", "satclip_ecoregion", {"biome_class_index": [-1, 3, 0]}, ["3", "0"]),
        ("mosaiks-treecover", "usavars_treecover", {"treecover": [-999.0, 30.0, 0.0]}, [30.0, 0.0]),
        ("mosaiks-income", "usavars_income", {"income": [-999.0, math.e - 1, 0.0]}, [1.0, 0.0]),
        ("places-asthma", "cdc_places", {"casthma_crudeprev": [9.5, None, float("nan")], "cancer_crudeprev": [1, 2, 3]}, [9.5]),
        ("dm-glance", "dm_glance", {"label": [1, 4, 1]}, ["1", "4", "1"]),
        ("dm-aster_ged", "dm_aster_ged", {"label": [0.5, 0.75, 1.0]}, [0.5, 0.75, 1.0]),
    ],
)
def test_labels_are_dropped_and_logged_as_in_the_suites_own_code(dataset, table, labels, targets, tmp_path):
    put(tmp_path, table, [dict(zip(labels, row, strict=True)) for row in zip(*labels.values(), strict=True)])
    found = one(dataset, tmp_path).load()
    assert found.target.tolist() == (targets if isinstance(targets[0], str) else pytest.approx(targets))
    assert found.dropped == 3 - len(targets)


def test_a_label_without_a_logarithm_is_dropped_and_counted(tmp_path):
    put(tmp_path, "usavars_housing", [{"housing": value} for value in (-999.0, -5.0, 0.0)])
    found = one("mosaiks-housing", tmp_path).load()
    assert (found.target.tolist(), found.dropped) == ([0.0], 2)


# Columns


def test_a_column_is_found_by_a_part_of_its_name_that_no_other_has(tmp_path):
    put(tmp_path, "pdfm_conus27", [{"Median_Income_Household": 50.0, "night_lights_log10": 2.0}])
    wanted = {"coordbench/pdfm-conus27.Median_Income": 50.0, "coordbench/pdfm-conus27.night_lights": 2.0}
    found = {
        task.name: task.load().target[0] for task in tasks({"folder": tmp_path}, {"dataset": "pdfm-conus27"}) if task.name in wanted
    }
    assert found == wanted


def test_the_only_number_of_a_table_is_its_label_whatever_its_name(tmp_path):
    every_table = {name: None for name in OF_EVERY_TABLE if name not in HERE} | {"timestamp": 1}
    put(tmp_path, "usavars_housing", [{**every_table, "price": np.e - 1, "place": "here"}])
    assert one("mosaiks-housing", tmp_path).load().target.tolist() == pytest.approx([1.0])


@pytest.mark.parametrize("row", [{"price": 1.0, "rooms": 2.0}, {"housing_1": 1.0, "housing_2": 2.0}, {"place": "here"}])
def test_a_label_is_not_guessed_where_several_columns_or_none_could_be_it(row, tmp_path):
    put(tmp_path, "usavars_housing", [row])
    with pytest.raises(InputError, match=f"no column housing, .*; it has .*{next(iter(row))}"):
        one("mosaiks-housing", tmp_path).load()


def test_any_column_of_any_table_can_be_asked_for_with_its_own_sign_for_no_label(tmp_path):
    (tmp_path / "coordbench").mkdir()
    write_parquet(tmp_path / "coordbench" / "usavars_x.parquet", [{**HERE, "landcover": value} for value in (3, -999, 4)])
    (task,) = tasks({"folder": tmp_path}, {"table": "usavars_x", "column": "landcover", "kind": "classification", "absent": "-999"})
    assert task.name == "coordbench/usavars_x.landcover"
    assert task.load().target.tolist() == ["3", "4"]
    by_path = build(path=tmp_path / "coordbench" / "usavars_x.parquet", column="landcover", absent="-999")
    assert by_path.load().target.tolist() == [3.0, 4.0]
    with pytest.raises(ConfigError, match="table"):
        build(table="../secret")


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="cannot be read as a table"):
        build(path=tmp_path / "broken.parquet").load()


def test_the_mean_of_the_suite_is_over_data_sets_and_no_r2_counts_below_minus_one(tmp_path):
    lat, lon = uniform_on_sphere(100, np.random.default_rng(0))

    def named(name, target, kind="regression"):
        return Task(name, kind, "", "", "", "", lambda: Labelled(lat, lon, target, "invented"))

    noise = np.random.default_rng(1).normal(size=100)
    tasks = [
        named("coordbench/one.a", lat + 1),
        named("coordbench/one.b", noise),
        named("coordbench/two.c", lon + 2),
        named("other", lat),
    ]
    tasks.append(named("coordbench/three.d", np.where(lat > 0, "n", "s"), "classification"))
    rows = evaluate(Plan(tasks, [LonLat()], [Random()]), tmp_path, workers=1).rows
    scores = {row.task: row.score for row in rows}
    worse = [replace(row, score=-7.0) if row.task == "coordbench/one.b" else row for row in rows]
    numbers, classes = suite_means(worse)
    assert (numbers.datasets, classes.datasets) == (2, 1)
    assert numbers.score == pytest.approx(((scores["coordbench/one.a"] - 1) / 2 + scores["coordbench/two.c"]) / 2)
    assert classes.score == scores["coordbench/three.d"]
