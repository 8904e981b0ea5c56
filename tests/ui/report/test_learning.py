"""What learning adds, on the report: differences with their verdicts in a chart and in words, and maps of where it helps."""

import re
from dataclasses import replace

import pytest

from index.errors import InputError
from tests.ui.report.reports import (
    MADE,
    OURS,
    SIDE,
    WARMTH,
    Read,
    against,
    floor,
    ours,
    peer,
    twins,
    write_predictions,
    write_results,
)
from train.probing.paired import ABOVE_FLOORS
from ui.report import REPORT_FILE, write_report
from ui.report.added import difference_chart, in_words
from ui.report.chart import x_of
from ui.report.errors import drawn_rows
from ui.report.found import read_folder
from ui.report.helped import helped

LEARNING = "learning adds"
NAN = float("nan")
BLOCK, SIDE_BLOCK = (replace(row, split="block-10deg") for row in (WARMTH, SIDE))


def report(folder):
    return Read(write_report(folder, (), MADE).read_text(encoding="utf-8"))


def block_folder(folder, row, target, own, untrained):
    """A model and its twins on one task, blocks held out, with what they predicted."""
    names = [f"twin{number}.parquet" for number in range(3)]
    model = ours(row, 0.7, predictions="own.parquet")
    three = [replace(twin, predictions=name) for twin, name in zip(twins(row, 0.5), names, strict=True)]
    write_predictions(folder, "own.parquet", target, own)
    for name, predicted in zip(names, untrained, strict=True):
        write_predictions(folder, name, target, predicted)
    return write_results(folder, [*three, model], differences=[against(LEARNING, model, three, 0.1, 0.3)])


def warm_folder(folder):
    twin = [22.0, 10.0, 10.0, 10.0]
    return block_folder(folder, BLOCK, [10.0] * 4, [9.0, 10.0, 15.0, 10.0], [twin, twin, [16.0, 10.0, 10.0, 10.0]])


@pytest.mark.parametrize(
    ("digest", "kind"),
    [
        ("lonlat", "floor"), ("xyz", "floor"), ("idw", "floor"), ("sh40", "floor"), (f"{OURS}-inputs", "floor"),
        (f"{OURS}-output-untrained2", "floor"), (f"{OURS}-hidden", "ours"), (OURS, "ours"), (f"geoclip-{OURS}", "peer"),
        (f"concat-{OURS}", "joined"), ("shapes", "peer"),
    ],
)  # fmt: skip
def test_a_column_is_a_floor_ours_a_peer_or_joined_by_its_digest(digest, kind, tmp_path):
    found = read_folder(write_results(tmp_path, [replace(WARMTH, features_digest=digest)]))
    (column,) = found.columns.values()
    assert column.kind == kind


def test_three_twins_are_one_column_with_their_mean(tmp_path):
    page = report(write_results(tmp_path, [*twins(WARMTH, 0.5), ours(WARMTH, 0.7)], differences=[]))
    assert page.tables[1] == [
        ["task", "", "model hidden, untrainedfloor", "model hiddenours"],
        ["warmth", "R²", "0.500 ±0.010", "0.700 ±0.010"],
    ]


def test_a_folder_of_an_older_version_has_a_report_without_what_learning_adds(tmp_path):
    page = report(write_results(tmp_path, [floor(WARMTH, 0.5), ours(WARMTH, 0.7)]))
    assert "What learning adds" not in page.words
    assert page.having("section")[0]["id"] == "scores"


def test_what_learning_adds_is_the_first_section_in_words_for_each_split_and_column(tmp_path):
    cold, wet = replace(WARMTH, task="cold"), replace(WARMTH, task="wet")
    model, three = ours(WARMTH, 0.7), twins(WARMTH, 0.5)
    pair = replace(ours(WARMTH, 0.9), features="geoclip + model hidden", features_digest=f"concat-{'f' * 64}")
    rows = [
        model,
        *three,
        ours(cold, 0.4),
        *twins(cold, 0.5),
        ours(wet, 0.5),
        *twins(wet, 0.5),
        floor(WARMTH, 0.6),
        pair,
        peer(WARMTH, 0.8),
    ]
    compared = [
        against(LEARNING, model, three, 0.1, 0.3), against(ABOVE_FLOORS, model, [floor(WARMTH, 0.6)], -0.1, 0.3),
        against(LEARNING, ours(cold, 0.4), twins(cold, 0.5), -0.2, -0.05),
        against(LEARNING, ours(wet, 0.5), twins(wet, 0.5), NAN, NAN),
        against("adds to geoclip", pair, [peer(WARMTH, 0.8)], 0.05, 0.15),
    ]  # fmt: skip
    page = report(write_results(tmp_path, rows, differences=compared))
    assert page.having("section")[0]["id"] == "what-learning-adds"
    words = " ".join(page.words.split())
    for sentence in (
        "Learning adds on 1 of 3 tasks, harms on 1; for 0 the interval includes no difference; 1 with too few blocks",
        "The model is above the best other floor on 0 of 1 task, below it on 0; for 1 the interval includes no difference.",
    ):
        assert sentence in words
    assert "geoclip + model hidden adds to geoclip on 1 of 1 task, harms on 0;" in words
    assert [each["aria-label"] for each in page.having("svg") if each.get("class") == "chart"][:2] == [
        "What model hidden adds", "What geoclip + model hidden adds",
    ]  # fmt: skip


def test_each_difference_is_where_it_is_in_the_colour_of_its_verdict_and_an_arrow_where_the_axis_ends(tmp_path):
    deep = replace(WARMTH, task="deep")
    model, three, lost = ours(WARMTH, 0.7), twins(WARMTH, 0.5), ours(deep, -5.0)
    compared = [against(LEARNING, model, three, 0.1, 0.3), against(LEARNING, lost, twins(deep, 0.5), -6.0, -5.0),
                against(ABOVE_FLOORS, model, [floor(WARMTH, 0.6)], -0.1, 0.3)]  # fmt: skip
    found = read_folder(write_results(tmp_path, [model, *three, lost, *twins(deep, 0.5), floor(WARMTH, 0.6)], differences=compared))
    drawn = difference_chart(found, found.differences, "model hidden")
    start, end, right = -0.6, 0.4, 76
    assert re.findall(r'<g class="(\w+ \w+)">', drawn) == ["first adds", "second even", "first harms"]
    across = [float(x) for x in re.findall(r'<circle cx="([^"]*)"', drawn)]
    assert across == [x_of(0.2, start, end, right), x_of(0.1, start, end, right)]
    assert f'd="M{x_of(0.1, start, end, right)} ' in drawn
    assert f'd="M{x_of(start, start, end, right) + 4} ' in drawn, "-5.5 is beyond the axis"
    assert "deep: learning adds -5.500 (-6.000 to -5.000)" in drawn
    assert "warmth: above the best floor +0.100 (-0.100 to +0.300), minus lonlat" in drawn
    assert re.findall(r'class="end said \w+">([^<]*)<', drawn) == ["+0.200", "−5.500"]


def test_the_sentence_counts_one_title(tmp_path):
    even = against("adds to geoclip", ours(WARMTH, 0.5), [peer(WARMTH, 0.5)], -0.1, 0.1)
    assert in_words([even], "pair") == "pair adds to geoclip on 0 of 1 task, harms on 0; for 1 the interval includes no difference."


def test_learning_helps_where_the_error_is_smaller_than_the_mean_of_the_twins(tmp_path):
    found = read_folder(warm_folder(tmp_path))
    points = helped(found, found.differences[0])
    assert points["residual"] == pytest.approx([(12 + 12 + 6) / 3 - 1, 0, -5, 0])


def test_of_a_classification_learning_helps_by_the_share_that_it_gets_right(tmp_path):
    untrained = [["w", "e", "e", "e"], ["w", "e", "e", "e"], ["e", "e", "e", "e"]]
    found = read_folder(block_folder(tmp_path, SIDE_BLOCK, ["e"] * 4, ["e", "w", "e", "e"], untrained))
    points = helped(found, found.differences[0])
    assert points["residual"] == pytest.approx([2 / 3, -1, 0, 0])


def test_the_map_of_where_learning_helps_stands_in_the_section_of_its_task_with_its_legend(tmp_path):
    page = report(warm_folder(tmp_path))
    text = (tmp_path / REPORT_FILE).read_text(encoding="utf-8")
    drawn = re.search(r'<svg [^>]*aria-label="Map of where learning helps and harms model hidden on warmth">', text)
    section = text.split('id="task-warmth"')[1]
    assert section.index("Where learning helps") < section.index("Errors")
    colours = re.findall(r'class="(h\d)" d=', text[drawn.start() :])
    assert colours == ["h1", "h3", "h5"], "worse, even, better"
    assert "learning helps in 33% and harms in 33% of 3 cells" in page.words


def test_a_map_of_learning_is_left_out_where_a_twin_has_no_predictions_and_refused_where_points_differ(tmp_path):
    folder = warm_folder(tmp_path)
    write_predictions(folder, "twin1.parquet", [10.0] * 4, [12.0] * 4, lat=[1.0, 2.0, 3.0, 4.0], lon=[0.0] * 4)
    with pytest.raises(InputError, match="expected the same points"):
        report(folder)
    (folder / "predictions" / "twin1.parquet").unlink()
    assert "Where learning helps" not in report(folder).words


def test_errors_are_drawn_of_the_best_floor_only_and_of_all_that_have_learnt(tmp_path):
    floors = [floor(WARMTH, 0.4), replace(floor(WARMTH, 0.6), features_digest="sh10", features="sh10")]
    found = read_folder(write_results(tmp_path, [*floors, *twins(WARMTH, 0.55), ours(WARMTH, 0.1), peer(WARMTH, 0.2)]))
    assert [row.features for row in drawn_rows(found, found.tasks[0], "random")] == ["sh10", "model hidden", "geoclip"]
