"""The curve of a run on disk: every figure as it was, holes where there was none, and no row twice after a resume."""

import csv
from pathlib import Path

from train.curve.history import HISTORY_FILE, History

ROWS = [
    {"step": 0, "total": 1 / 3},
    {"step": 1, "total": 0.1 + 0.2, "val_articles_median_km": 1e-17},
    {"step": 2, "total": float("inf")},
]


def written(folder: Path, rows: list[dict[str, float]]) -> History:
    history = History.open(folder)
    for row in rows:
        history.add(row)
    history.save()
    return history


def test_any_program_can_read_the_curve(tmp_path: Path) -> None:
    """One head, one row a step, an empty cell where a step was not validated; steps are whole numbers."""
    written(tmp_path, ROWS[:2])
    with (tmp_path / HISTORY_FILE).open(newline="") as stream:
        head, *rows = csv.reader(stream)
    assert head == ["step", "total", "val_articles_median_km"]
    assert rows == [["0", "0.3333333333333333", ""], ["1", "0.30000000000000004", "1e-17"]]


def test_a_run_that_goes_on_finds_its_figures_to_the_last_digit(tmp_path: Path) -> None:
    written(tmp_path, ROWS)
    assert History.open(tmp_path, before=3).rows == ROWS


def test_rows_of_steps_that_come_again_are_forgotten(tmp_path: Path) -> None:
    written(tmp_path, ROWS)
    history = History.open(tmp_path, before=2)
    assert history.rows == ROWS[:2]
    history.add({"step": 2, "total": 5.0})
    history.save()
    assert [row["total"] for row in History.open(tmp_path, before=9).rows] == [1 / 3, 0.1 + 0.2, 5.0]


def test_a_run_from_the_beginning_forgets_the_curve_of_the_one_before_it(tmp_path: Path) -> None:
    written(tmp_path, ROWS)
    assert History.open(tmp_path).rows == []
    assert (tmp_path / HISTORY_FILE).exists()  # until it has something of its own to say
    written(tmp_path, [{"step": 0, "tiles": 2.0}])
    assert (tmp_path / HISTORY_FILE).read_text().split() == ["step,tiles", "0,2.0"]


def test_a_step_that_went_wrong_is_kept_as_it_was(tmp_path: Path) -> None:
    """Not a number is a figure, not a hole."""
    written(tmp_path, [{"step": 0, "total": float("nan"), "articles": 0.0}])
    (row,) = History.open(tmp_path, before=1).rows
    assert row["total"] != row["total"]
    assert row["articles"] == 0.0


def test_a_folder_that_is_not_there_yet_is_made_and_no_half_file_is_left(tmp_path: Path) -> None:
    written(tmp_path / "new" / "run", ROWS)
    assert [path.name for path in (tmp_path / "new" / "run").iterdir()] == [HISTORY_FILE]
